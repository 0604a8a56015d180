"use strict";
// Lays the run out and draws it. Everything hangs on turns: a delivery, the step that handles it and what that step sends are one mark.

window.addEventListener("error", (error) => { document.body.dataset.error = error.message; });

const DATA = JSON.parse(document.getElementById("runs").textContent);
const COLOURS = ["#0b63c4", "#b34700", "#007a6c", "#8a3ab9", "#8f6a00", "#c2185b", "#4a5d23", "#3949ab", "#00838f", "#6d4c41"];
const GUTTER = 84, TOP = 30, CHARACTER = 6.1, REPEATED = 600;
const view = { run: 0, zoom: 1, selected: null, cone: null, hiddenTypes: new Set(), hiddenLanes: new Set(), found: new Set() };
const byId = (id) => document.getElementById(id);
const svg = byId("picture"), scroller = byId("scroll"), tip = byId("tip");
const types = [...new Set(DATA.runs.flatMap((run) => [...run.messages.map((one) => one.what),
  ...run.events.filter((event) => event[1] === "step" && !event[6]).map((event) => event[4])]))].sort();
const colourOf = (what) => COLOURS[Math.max(0, types.indexOf(what)) % COLOURS.length];
let run, placed;

for (const one of DATA.runs) {
  one.byNumber = new Map(one.messages.map((message) => [message.number, message]));
  one.turnEvents = new Map();
  one.turns.forEach((turn, place) => one.turnEvents.has(turn) ? one.turnEvents.get(turn).push(place) : one.turnEvents.set(turn, [place]));
}

function element(tag, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) made.setAttribute(name, attributes[name]);
  if (text !== undefined) made.textContent = text;
  return parent.appendChild(made);
}
function html(tag, className, text, parent) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return parent ? parent.appendChild(made) : made;
}
const seconds = (time) => `${time.toFixed(6)} s`;
const cutTo = (long, width) => {
  const text = compact(rounded(long), width);
  return text.length > width ? `${text.slice(0, Math.max(1, width - 1))}\u2026` : text;
};
const nameOf = (lane) => lane < 0 ? "network" : run.lanes[lane].name;
const rounded = (text) => text.replace(/\d+\.\d{7,}/g, (number) => String(Number(Number(number).toFixed(6))));
const compact = (text, width) => text.length > width ? text.replace(/\b\w+=/g, "") : text;
const asShown = (message) => message.replyTo ? `${message.what} \u21a9 ${message.text}` : message.text;

function coneOf(place) {
  const cone = new Set([place]), left = [place];
  while (left.length) for (const cause of run.causes[left.pop()]) if (!cone.has(cause)) { cone.add(cause); left.push(cause); }
  return cone;
}
const inCone = (turn) => !view.cone || run.turnEvents.get(turn).some((place) => view.cone.has(place));

function typeOf(event) {
  const message = run.byNumber.get(event[6]);
  return message ? message.what : event[4];
}
function isShown(place) {
  const [, kind, lane, , , , number] = run.events[place];
  if (kind === "client" || kind === "fault") return lane < 0 || !view.hiddenLanes.has(nameOf(lane));
  if (view.hiddenLanes.has(nameOf(lane))) return false;
  if ((kind === "step" && !number) || kind === "timer") return byId("local").checked && !view.hiddenTypes.has(run.events[place][4]);
  if (kind === "resumed") return byId("local").checked || run.turns[place] !== place;
  if (kind === "sent" && view.hiddenLanes.has(run.lanes[run.byNumber.get(number).to].name)) return false;
  return !view.hiddenTypes.has(typeOf(run.events[place]));
}
const messageShown = (message) => !view.hiddenTypes.has(message.what) &&
  ![message.from, message.to].some((lane) => view.hiddenLanes.has(run.lanes[lane].name));

// The words beside a mark: first what it is, then how the actor has changed.
function labelOf(turn) {
  const lines = [];
  let isClient = false, isFault = false;
  for (const place of run.turnEvents.get(turn)) {
    const [, kind, , , what, text, number] = run.events[place], message = run.byNumber.get(number);
    if (kind === "delivered" && message && !lines.length) lines.push(asShown(message));
    else if (kind === "step" && message && !lines.length) lines.push(`handles ${message.what}`);
    else if (kind === "step" && !number) lines.push(what === "Terminated" ? `Terminated: ${text}` : text || what);
    else if (kind === "client") { isClient = true; lines.push(text && text !== "None" ? `${what} ${text}` : what); }
    else if (kind === "fault" && what !== "partition" && what !== "heal") { isFault = true; lines.push(text ? `${what}: ${text}` : what); }
    else if (kind === "resumed" && !lines.length) lines.push("goes on");
  }
  return { text: lines.join(", "), isClient, isFault };
}
const changesOf = (turn) => run.turnEvents.get(turn).flatMap((place) => run.changes[place] || []);
const changeText = (turn) => changesOf(turn).map((one) => one[1]).filter(Boolean).join("; ");

function layOut() {
  const lanes = run.lanes.map((lane, index) => index).filter((index) => !view.hiddenLanes.has(run.lanes[index].name));
  const width = Math.max(scroller.clientWidth - 20, 400);
  const laneWidth = Math.max(150, (width - GUTTER) / Math.max(1, lanes.length)) * view.zoom;
  const x = new Map(lanes.map((lane, index) => [lane, GUTTER + 16 + laneWidth * index]));
  const folds = byId("fold").checked && view.cone;
  const turns = [...run.turnEvents.keys()].filter((turn) => run.turnEvents.get(turn).some(isShown) && (!folds || inCone(turn)));
  const gaps = turns.slice(1).map((turn, index) => run.events[turn][0] - run.events[turns[index]][0]).filter((gap) => gap > 0).sort((a, b) => a - b);
  const usual = gaps[gaps.length >> 1] || 1, y = new Map();
  let at = TOP, before = null;
  for (const turn of turns) {
    const time = run.events[turn][0], gap = before === null ? 0 : time - before;
    if (byId("by-time").checked) at = TOP + (time / usual) * 22 * view.zoom;
    else if (before !== null) at += (18 + Math.min(44, 9 * Math.log2(1 + gap / usual))) * view.zoom;
    y.set(turn, at);
    before = time;
    if (byId("states").checked && !byId("by-time").checked && changeText(turn) && view.zoom > 0.6) at += 12;
    if (run.brokenAt !== null && run.turns[run.brokenAt] === turn) at += 30;
  }
  const end = at + 74;
  const yOf = (place) => { // what is hidden still has a place in time: that of the next mark that is shown
    const turn = run.turns[place];
    if (y.has(turn)) return y.get(turn);
    const next = turns.find((one) => one > turn);
    return next === undefined ? end - 30 : y.get(next);
  };
  placed = { lanes, turns, x, y, yOf, laneWidth, end, width: Math.max(width, GUTTER + laneWidth * lanes.length), folds };
}

function draw() {
  layOut();
  const { lanes, x, yOf, end, width, laneWidth } = placed;
  const counts = { events: run.events.length, marks: placed.turns.length, messages: run.messages.length, arrows: 0, stubs: 0, bars: 0, bands: 0 };
  svg.replaceChildren();
  svg.setAttribute("width", width);
  svg.setAttribute("height", end + 10);
  drawPattern();
  byId("names").replaceChildren();
  byId("names").style.width = `${width}px`;
  for (const [kind, , text, begin, last] of run.spans) if (kind === "partition") {
    const top = yOf(begin), bottom = last === null ? end : yOf(last);
    element("rect", { class: "band", x: GUTTER, y: top, width: width - GUTTER, height: Math.max(4, bottom - top) }, svg);
    for (const edge of [top, bottom]) element("line", { class: "band-edge", x1: GUTTER, x2: width, y1: edge, y2: edge }, svg);
    for (let at = top; at < bottom; at += REPEATED) {
      element("text", { class: "band-text", x: GUTTER + 28, y: at - 4 }, svg, at === top ? `partition: ${text}` : `still cut: ${text}`);
    }
    element("text", { class: "band-text", x: GUTTER + 28, y: bottom - 4 }, svg, last === null ? "" : `healed: ${text}`);
    counts.bands += 1;
  }
  for (const lane of lanes) {
    element("line", { class: "lane", x1: x.get(lane), x2: x.get(lane), y1: 4, y2: end }, svg);
    const name = html("span", run.lanes[lane].client ? "client" : "", run.lanes[lane].name, byId("names"));
    name.style.left = `${Math.max(x.get(lane), GUTTER + 24)}px`;
  }
  for (const [kind, lane, , begin, last] of run.spans) if (kind !== "partition" && x.has(lane)) {
    const top = yOf(begin), height = Math.max(6, (last === null ? end : yOf(last)) - top);
    const bar = { "data-bar": kind, x: x.get(lane) - 8, y: top, width: 16, height, rx: 2, fill: kind === "crash" ? "url(#down)" : "url(#paused)" };
    element("rect", bar, svg);
    const word = kind === "crash" ? "DOWN" : kind === "pause" ? "PAUSED" : kind.toUpperCase();
    for (let at = top + Math.min(height / 2, 100); height > 50 && at < top + height - 20; at += 250) {
      element("text", { class: "bar-text", x: x.get(lane), y: at, transform: `rotate(-90 ${x.get(lane)} ${at}) translate(0 3)` }, svg, word);
    }
    counts.bars += 1;
  }
  for (const message of run.messages) if (messageShown(message)) drawMessage(message, counts);
  let lastTime = -99;
  for (const turn of placed.turns) lastTime = drawMark(turn, lastTime, laneWidth);
  drawEnds();
  for (const name in counts) document.body.dataset[name] = counts[name];
  document.body.dataset.cone = view.cone ? view.cone.size : "";
}

function drawPattern() {
  const defs = element("defs", {}, svg);
  for (const [id, colour] of [["down", "#c9182b"], ["paused", "#b7791f"]]) {
    const pattern = element("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
    element("rect", { width: 6, height: 6, fill: colour, opacity: .85 }, pattern);
    element("rect", { width: 2, height: 6, fill: "#fff", opacity: .25 }, pattern);
  }
  types.forEach((what, index) => {
    const marker = element("marker", { id: `head-${index}`, viewBox: "0 0 8 8", refX: 11, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, defs);
    element("path", { d: "M0,0 L8,4 L0,8 z", fill: colourOf(what) }, marker);
  });
}

function drawMessage(message, counts) {
  const { x, yOf, end, y } = placed, x1 = x.get(message.from), x2 = x.get(message.to), y1 = yOf(message.sent);
  if (placed.folds && !y.has(run.turns[message.sent])) return;
  const side = Math.sign(x2 - x1) || 1;
  const line = (path, ends, kind) => {
    if (placed.folds && ends !== null && !y.has(run.turns[ends])) return;
    const dim = view.cone && !(view.cone.has(message.sent) && (ends === null ? false : view.cone.has(ends)));
    const group = element("g", { class: `${dim ? "dim" : ""}`, "data-message": message.number, "data-fate": kind }, svg);
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
    const toX = isOnTheWay ? x1 + side * Math.min(70, Math.abs(x2 - x1) / 2) : x2 - side * 9, toY = isOnTheWay ? y1 + 12 : yOf(place);
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
  const group = element("g", { class: classes.join(" "), "data-turn": turn }, svg);
  if (at - lastTime >= 11) {
    element("text", { class: "time", x: GUTTER - 10, y: at + 4 }, group, time.toFixed(6));
    lastTime = at;
  }
  explain(group, () => turnDetails(turn), () => select(turn));
  if (isNetwork) {
    if (what === "calm") element("line", { class: "lane", x1: GUTTER, x2: width, y1: at, y2: at }, group);
    const isInItsBand = what === "partition" || what === "heal";
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
