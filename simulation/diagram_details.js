// What is said about an event or a message, and what can be done with the page.

const BEFORE_MAX = 25;

function tell(details, x, y) {
  tip.replaceChildren(html("pre", "", details));
  tip.hidden = false;
  tip.style.left = `${Math.min(x + 14, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(y + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

function explain(node, details, click) {
  node.addEventListener("mousemove", (event) => tell(details(), event.clientX, event.clientY));
  node.addEventListener("mouseleave", () => { tip.hidden = true; });
  node.addEventListener("click", (event) => { event.stopPropagation(); click(); });
}

// With the keyboard: what has the focus is told as what is pointed at, and arrows go to its neighbours.
function walk(group, turn) {
  group.addEventListener("focus", () => {
    const box = group.getBoundingClientRect();
    tell(turnDetails(turn), box.left + 14, box.bottom);
  });
  group.addEventListener("blur", () => { tip.hidden = true; });
  group.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter") { select(turn); focusOn(turn); }
    else if (step) focusOn(placed.turns[placed.turns.indexOf(turn) + step]);
    else return;
    event.preventDefault();
  });
}

// Where Tab comes to first.
function firstStop() {
  const wanted = view.selected ?? run.brokenAt, turn = wanted === null ? undefined : run.turns[wanted];
  return placed.y.has(turn) ? turn : placed.turns[0];
}

function focusOn(turn) {
  const mark = turn === undefined ? null : svg.querySelector(`.mark[data-turn="${turn}"]`);
  if (!mark) return;
  const at = placed.y.get(turn), top = scroller.scrollTop;
  if (at < top + 60 || at > top + scroller.clientHeight - 60) scroller.scrollTop = at - scroller.clientHeight / 2;
  mark.focus({ preventScroll: true });
}

function messageDetails(message) {
  const sent = run.events[message.sent][0];
  const kind = message.replyTo ? `reply to #${message.replyTo} (${message.what})` : message.what;
  const lines = [`#${message.number} ${kind}: ${nameOf(message.from)} \u2192 ${nameOf(message.to)}`, message.text, `sent at ${seconds(sent)}`];
  for (const place of message.arrivals) lines.push(`arrived at ${seconds(run.events[place][0])}, after ${((run.events[place][0] - sent) * 1000).toFixed(3)} ms`);
  for (const [place, why] of message.drops) lines.push(`dropped at ${seconds(run.events[place][0])}: ${why}`);
  if (!message.arrivals.length && !message.drops.length) lines.push("still on its way when the run ended");
  return lines.join("\n");
}

function eventWords(place) {
  const [, kind, lane, path, what, text, number] = run.events[place], message = run.byNumber.get(number), actor = path ? ` ${path}` : "";
  if (kind === "sent") return `sends to ${nameOf(message.to)}: ${asShown(message)} #${number}`;
  if (kind === "delivered") return `gets from ${nameOf(message.from)}: ${asShown(message)} #${number}`;
  if (kind === "dropped") return message ? `${asShown(message)} from ${nameOf(message.from)} is dropped: ${message.drops.find(([where]) => where === place)?.[1] ?? text} #${number}` : `dropped: ${text}`;
  if (kind === "step") return `${path} handles ${number && message ? message.what : text.startsWith(what) ? text : `${what} ${text}`}`;
  if (kind === "resumed") return `${path} goes on`;
  if (kind === "client") return `client: ${what} ${text}`;
  return lane < 0 ? `${what} ${text}` : `${what} ${text}${actor}`;
}

function turnDetails(turn) {
  const lines = [`${nameOf(run.events[turn][2])} at ${seconds(run.events[turn][0])}`];
  for (const place of run.turnEvents.get(turn)) lines.push(eventWords(place));
  for (const [path, , text] of changesOf(turn)) lines.push(`${path} is now ${text}`);
  return lines.join("\n");
}

function select(place) {
  view.selected = place;
  view.cone = place === null ? null : coneOf(place);
  view.chain = place === null ? new Set() : chainOf(place);
  const top = scroller.scrollTop;
  draw();
  if (place !== null && byId("fold").checked) scrollTo(place); else scroller.scrollTop = top;
  showPanel();
}

function scrollTo(place) {
  scroller.scrollTop = placed.yOf(place) - scroller.clientHeight * .7;
}

function listOf(turns, parent) {
  const list = html("ol", "", undefined, parent);
  for (const turn of turns) {
    const item = html("li", "", undefined, list);
    html("span", "when", `${run.events[turn][0].toFixed(6)} ${nameOf(run.events[turn][2])} `, item);
    const lead = run.turnEvents.get(turn).find((place) => run.events[place][1] !== "resumed") ?? turn;
    item.append(eventWords(lead));
    const change = changeText(turn);
    if (change) html("span", "state", ` \u2192 ${change}`, item);
    item.addEventListener("click", () => { select(turn); scrollTo(turn); });
  }
}

function statesAt(end) {
  const states = new Map();
  run.events.forEach((event, place) => {
    if (place > end) return;
    for (const [path, , text] of run.changes[place] || []) states.set(`${nameOf(event[2])}${path}`, text);
    if (event[1] === "fault" && event[4] === "crash") for (const key of states.keys()) if (key.startsWith(`${nameOf(event[2])}/`)) states.delete(key);
  });
  return [...states].sort();
}

function showPanel() {
  const panel = byId("panel");
  panel.replaceChildren();
  if (DATA.differs !== null) {
    html("h2", "", "Where the runs part", panel);
    html("p", "", `The first ${DATA.differs} events are the same. Then:`, panel);
    const kept = run;
    DATA.runs.forEach((one, index) => {
      run = one;
      const event = one.events[DATA.differs], which = index === view.run ? "this run" : "the other run";
      html("p", one.violation ? "bad" : "state", `${which} (${one.violation ? `breaks ${one.violation[1]}` : "passes"}):`, panel);
      html("pre", "", event ? `${seconds(event[0])} ${nameOf(event[2])} ${eventWords(DATA.differs)}` : "is over", panel);
    });
    run = kept;
  }
  const about = view.selected ?? run.brokenAt ?? run.events.length - 1;
  if (view.selected !== null) {
    html("h2", "", "Selected", panel);
    html("pre", "", turnDetails(run.turns[view.selected]), panel);
    html("p", "note", `${view.cone.size} of ${run.events.length} events may have led to it; the others are dimmed.`, panel);
  } else if (run.violation) {
    html("h2", "bad", `What broke: ${run.violation[1]}`, panel);
    html("p", "", run.violation[2] || "The oracle said no.", panel);
  } else html("p", "note", "Click an event to see what led to it. Hover for payloads.", panel);
  if (about < 0) return;
  const chain = view.selected === null && run.brokenAt === null ? [] : [...chainOf(about)].map((number) => run.byNumber.get(number));
  if (chain.length) {
    html("h2", "", "What led straight to it, the last first", panel);
    const list = html("ol", "", undefined, panel);
    list.id = "chain";
    for (const message of chain) {
      const item = html("li", "", undefined, list);
      html("span", "when", `${run.events[message.sent][0].toFixed(6)} `, item);
      html("b", "", `${nameOf(message.from)} \u2192 ${nameOf(message.to)} `, item);
      item.append(cutTo(asShown(message), 120));
      item.addEventListener("click", () => { select(message.sent); scrollTo(message.sent); });
    }
  }
  const isOfAll = view.selected === null && run.brokenAt === null; // what does not hold at the end may have to do with everything
  const cone = isOfAll ? run.events.keys() : coneOf(about), turns = [...new Set([...cone].map((place) => run.turns[place]))].sort((a, b) => b - a);
  html("h2", "", isOfAll ? "All events, the last first" : "All that may have led to it, the last first", panel);
  listOf(turns.filter((turn) => isOfAll || turn !== run.turns[about]).slice(0, BEFORE_MAX), panel);
  const states = statesAt(about);
  if (states.length) html("h2", "", view.selected === null && run.violation ? "How the actors were then" : "How the actors were after it", panel);
  for (const [who, text] of states) { html("p", "when", who, panel); html("pre", "state", text, panel); }
}

function chips(parent, names, hidden, colour) {
  for (const name of names) {
    const label = html("label", "chip", undefined, parent), box = html("input", "", undefined, label);
    box.type = "checkbox";
    box.checked = true;
    if (colour) html("span", "swatch", "", label).style.background = colour(name);
    label.append(name);
    box.addEventListener("change", () => { box.checked ? hidden.delete(name) : hidden.add(name); draw(); });
  }
}

function zoomBy(factor) {
  const where = scroller.scrollTop / Math.max(1, placed.end);
  view.zoom = Math.min(4, Math.max(.15, view.zoom * factor));
  draw();
  scroller.scrollTop = where * placed.end;
}

function show(index) {
  view.run = index;
  run = DATA.runs[index];
  byId("fold").checked = run.brokenAt !== null && run.events.length > FOLDED_FROM;
  view.selected = null;
  view.cone = run.brokenAt === null ? null : coneOf(run.brokenAt); // before anybody selects an event what is broken is in the light
  view.chain = run.brokenAt === null ? new Set() : chainOf(run.brokenAt);
  draw();
  showPanel();
}

function find(text) {
  const wanted = text.toLowerCase();
  view.found = new Set(!wanted ? [] : [...run.turnEvents.keys()].filter((turn) => turnDetails(turn).toLowerCase().includes(wanted)));
  draw();
  const first = placed.turns.find((turn) => view.found.has(turn));
  if (first !== undefined) scrollTo(first);
}

byId("to-broken").addEventListener("click", () => { byId("fold").checked = true; select(run.brokenAt); scrollTo(run.brokenAt); });
byId("clear").addEventListener("click", () => { byId("fold").checked = false; select(null); });
byId("what").addEventListener("click", () => { byId("legend").hidden = !byId("legend").hidden; draw(); });
byId("larger").addEventListener("click", () => zoomBy(1.25));
byId("smaller").addEventListener("click", () => zoomBy(.8));
byId("other-run").addEventListener("click", () => { show(1 - view.run); if (DATA.differs < run.events.length) scrollTo(DATA.differs); });
for (const id of ["by-time", "fold", "local", "states"]) byId(id).addEventListener("change", draw);
byId("find").addEventListener("change", (event) => find(event.target.value));
scroller.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoomBy(event.deltaY < 0 ? 1.15 : .87); } }, { passive: false });
scroller.addEventListener("scroll", () => { tip.hidden = true; drawOverview(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") byId("clear").click(); });
addEventListener("resize", draw);
byId("to-broken").hidden = DATA.runs[0].brokenAt === null;
byId("other-run").hidden = DATA.runs.length < 2;
chips(byId("lane-filter"), [...new Set(DATA.runs.flatMap((one) => one.lanes.map((lane) => lane.name)))], view.hiddenLanes, null);
chips(byId("type-filter"), types, view.hiddenTypes, colourOf);
show(0);
const asked = /^#event=(\d+)$/.exec(location.hash);
if (asked && Number(asked[1]) < run.events.length) { select(Number(asked[1])); scrollTo(view.selected); }
else if (DATA.differs !== null && DATA.differs < run.events.length) scrollTo(DATA.differs);
else if (run.violation && run.events.length) scrollTo(run.brokenAt ?? run.events.length - 1);
document.body.dataset.ready = "yes";
