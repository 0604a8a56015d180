// Messages, events and the ends of the run, each drawn at its place.

function drawMessage(message, counts) {
  const { x, yOf, end, y } = placed, x1 = x.get(message.from), x2 = x.get(message.to), y1 = yOf(message.sent);
  if (placed.folds && !y.has(run.turns[message.sent])) return;
  const side = Math.sign(x2 - x1) || 1;
  const line = (path, ends, kind) => {
    if (placed.folds && kind === "arrived" && !y.has(run.turns[ends])) return;
    const dim = view.cone && !(view.cone.has(message.sent) && (kind === "dropped" || view.cone.has(ends))); // that it was lost may be the cause
    const isChain = !dim && kind === "arrived" && view.chain.has(message.number);
    const group = element("g", { class: dim ? "dim" : isChain ? "chain" : "", "data-message": message.number, "data-fate": kind }, svg);
    const drawn = { class: `arrow ${message.replyTo ? "reply" : ""} ${kind === "arrived" ? "" : "stub"}`, d: path, stroke: colourOf(message.what) };
    if (kind === "arrived") drawn["marker-end"] = `url(#head-${types.indexOf(message.what)})`;
    element("path", drawn, group);
    explain(element("path", { class: "hit", d: path }, group), () => messageDetails(message), () => select(ends === null ? message.sent : ends));
    counts[kind === "arrived" ? "arrows" : "stubs"] += 1;
    return group;
  };
  const curve = (place) => x1 === x2
    ? `M${x1},${y1} C${x1 + 40},${y1} ${x1 + 40},${yOf(place)} ${x2},${yOf(place)}` : `M${x1},${y1} L${x2},${yOf(place)}`;
  for (const place of message.arrivals) line(curve(place), place, "arrived");
  for (const [place, why] of message.drops) {
    const isOnTheWay = why.startsWith("lost") || why.startsWith("cut off");
    const change = side > 0 && byId("states").checked ? changeText(run.turns[message.sent]) : ""; // it stands to the right of the lane
    const reach = Math.max(70, change && (change.length + 4) * CHARACTER + 12);
    const toX = isOnTheWay ? x1 + side * Math.min(reach, Math.abs(x2 - x1) / 2) : x2 - side * 9, toY = isOnTheWay ? y1 + 12 : yOf(place);
    const group = line(`M${x1},${y1} L${toX},${toY}`, place, "dropped");
    if (!group) continue;
    element("path", { class: "cross", d: `M${toX - 4},${toY - 4} l8,8 M${toX + 4},${toY - 4} l-8,8` }, group);
    const text = isOnTheWay ? `${message.replyTo ? "reply " : ""}${message.what} to ${nameOf(message.to)} ${why}` : why;
    if (view.zoom > 0.6) {
      const where = isOnTheWay ? { x: toX + side * 8, y: toY + 4, "text-anchor": side < 0 ? "end" : "start" } : { x: x2 + 12, y: toY + 12 };
      element("text", { class: "why", ...where }, group, text);
    }
  }
  if (!message.arrivals.length && !message.drops.length) line(`M${x1},${y1} L${x1 + (x2 - x1) * .6},${Math.max(y1 + 10, end - 14)}`, null, "on its way");
}

function drawMark(turn, lastTime, laneWidth) {
  const { x, y, width } = placed, [time, kind, lane, , what, text] = run.events[turn], at = y.get(turn);
  const isDim = view.cone && !inCone(turn), isNetwork = lane < 0;
  const classes = ["mark", isDim ? "dim" : "", view.selected !== null && run.turns[view.selected] === turn ? "chosen" : "", view.found.has(turn) ? "found" : ""];
  const group = element("g", { class: classes.join(" "), "data-turn": turn, tabindex: turn === firstStop() ? 0 : -1 }, svg);
  if (at - lastTime >= 11) {
    element("text", { class: "time", x: GUTTER - 10, y: at + 4 }, group, time.toFixed(6));
    lastTime = at;
  }
  explain(group, () => turnDetails(turn), () => select(turn));
  walk(group, turn);
  if (isNetwork) {
    if (what === "calm") element("line", { class: "lane", x1: GUTTER, x2: width, y1: at, y2: at }, group);
    const isInItsBand = what !== "calm" && run.spans.some((span) => span[3] === turn || span[4] === turn);
    element("text", { class: "note", x: GUTTER + 28, y: at - 4 }, group, isInItsBand ? "" : what === "calm" || !text ? text || what : `${what}: ${text}`);
    return lastTime;
  }
  const label = labelOf(turn), change = byId("states").checked ? changeText(turn) : "", letters = Math.floor((laneWidth - 26) / (label.isClient ? 7.2 : CHARACTER));
  const lead = run.turnEvents.get(turn).find((place) => run.events[place][6] || run.events[place][1] === "step") ?? turn;
  const colour = label.isFault ? "#c9182b" : label.isClient ? "#0b63c4" : kind === "dropped" ? "#c9182b" : colourOf(typeOf(run.events[lead]));
  if (kind !== "dropped") element("circle", { cx: x.get(lane), cy: at, r: label.isClient || label.isFault ? 5 : kind === "sent" ? 3 : 4, fill: colour }, group);
  if (view.zoom <= 0.6) return lastTime;
  const words = { x: x.get(lane) + 12, y: at + 4, class: label.isClient ? "client-text" : label.isFault ? "fault-text" : "" };
  element("text", words, group, cutTo(label.text, letters));
  if (change) element("text", { class: "change", x: x.get(lane) + 12, y: at + 16 }, group, cutTo(`\u2192 ${change}`, letters));
  return lastTime;
}

function drawEnds() {
  const { x, yOf, width, end } = placed;
  if (DATA.differs !== null) {
    const at = DATA.differs < run.events.length ? yOf(DATA.differs) - 9 : end - 6;
    element("line", { id: "differs", class: "differs", x1: 0, x2: width, y1: at, y2: at }, svg);
    element("text", { class: "differs-text", x: width - 8, y: at - 4, "text-anchor": "end" }, svg, "from here on the two runs differ");
  }
  if (!run.violation) return;
  const [kind, name, text] = run.violation, isAtTheEnd = run.brokenAt === null, lane = isAtTheEnd ? -1 : run.events[run.brokenAt][2];
  const at = isAtTheEnd ? end - 46 : yOf(run.brokenAt);
  const below = at + (!isAtTheEnd && byId("states").checked && changeText(run.turns[run.brokenAt]) ? 26 : 14);
  element("line", { id: "broken", class: "broken-line", x1: 0, x2: width, y1: below, y2: below }, svg);
  const words = `\u2717 ${name} ${isAtTheEnd ? kind === "stuck" ? "is stuck" : "does not hold at the end" : "is broken here"}${text ? `: ${text.split("\n")[0]}` : ""}`;
  const wide = Math.min(width - GUTTER, words.length * 8 + 20);
  const left = Math.min(Math.max(GUTTER, (x.get(lane) ?? GUTTER) - 16), width - wide);
  element("rect", { class: "broken-box", x: left, y: below, width: wide, height: 24, rx: 3 }, svg);
  element("text", { class: "broken-text", x: left + 10, y: below + 17 }, svg, cutTo(words, Math.floor(wide / 7.8)));
  if (x.has(lane)) element("circle", { class: "ring", cx: x.get(lane), cy: at, r: 10 }, svg);
}
