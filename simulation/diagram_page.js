"use strict";
// Lays the run out and draws it. Everything hangs on turns: a delivery, the step that handles it and what that step sends are one mark.

window.addEventListener("error", (error) => { document.body.dataset.error = error.message; });

const DATA = JSON.parse(document.getElementById("runs").textContent);
const COLOURS = ["#0b63c4", "#b34700", "#007a6c", "#8a3ab9", "#8f6a00", "#c2185b", "#4a5d23", "#3949ab", "#00838f", "#6d4c41"];
const GUTTER = 84, TOP = 30, CHARACTER = 6.1, REPEATED = 600, FOLDED_FROM = 300;
const view = { run: 0, zoom: 1, selected: null, cone: null, chain: new Set(), hiddenTypes: new Set(), hiddenLanes: new Set(), found: new Set() };
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
// The messages that lead straight to an event: the one that it handles, the one that its sender handled when it sent it, and so on.
function chainOf(place) {
  const chain = new Set();
  for (let turn = run.turns[place]; turn !== undefined;) {
    const came = run.turnEvents.get(turn).map((one) => run.events[one]).find((event) => event[6] && (event[1] === "delivered" || event[1] === "step"));
    const message = came && run.byNumber.get(came[6]);
    if (message) chain.add(message.number);
    const [before] = run.causes[turn], isSaid = run.events[turn][1] === "client" && before !== undefined; // what a client says follows what it was told
    turn = message ? run.turns[message.sent] : isSaid ? run.turns[before] : undefined;
  }
  return chain;
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
  const usual = gaps[gaps.length >> 1] || 1, y = new Map(), all = [...run.turnEvents.keys()], folded = [];
  let at = TOP, before = null, passed = 0;
  for (const turn of turns) {
    let left = 0;
    while (all[passed] < turn) left += run.turnEvents.get(all[passed++]).length;
    passed += 1;
    const time = run.events[turn][0], gap = before === null ? 0 : time - before;
    if (byId("by-time").checked) at = TOP + (time / usual) * 22 * view.zoom;
    else if (before !== null) at += (18 + Math.min(44, 9 * Math.log2(1 + gap / usual))) * view.zoom;
    if (folds && left) folded.push([at - 11, left]);
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
  placed = { lanes, turns, x, y, yOf, laneWidth, end, width: Math.max(width, GUTTER + laneWidth * lanes.length), folds, folded };
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
  for (const [kind, lane, text, begin, last] of run.spans) if (lane < 0) {
    const top = yOf(begin), bottom = last === null ? end : yOf(last), isCut = kind === "partition", left = GUTTER + (isCut ? 28 : 300);
    element("rect", { "data-band": kind, class: isCut ? "band" : "worse", x: GUTTER, y: top, width: width - GUTTER, height: Math.max(4, bottom - top) }, svg);
    for (const edge of [top, bottom]) element("line", { class: "band-edge", x1: GUTTER, x2: width, y1: edge, y2: edge }, svg);
    for (let at = top; at < bottom; at += REPEATED) {
      const words = at === top ? `${kind}: ${text}` : isCut ? `still cut: ${text}` : `still ${kind}`;
      element("text", { class: "band-text", x: left, y: at - 4 }, svg, words);
    }
    element("text", { class: "band-text", x: left, y: bottom - 4 }, svg, last === null ? "" : isCut ? `healed: ${text}` : `${kind} ends`);
    counts.bands += 1;
  }
  for (const lane of lanes) {
    element("line", { class: "lane", x1: x.get(lane), x2: x.get(lane), y1: 4, y2: end }, svg);
    const name = html("span", run.lanes[lane].client ? "client" : "", run.lanes[lane].name, byId("names"));
    name.style.left = `${Math.max(x.get(lane), GUTTER + 24)}px`;
  }
  for (const [kind, lane, text, begin, last] of run.spans) if (x.has(lane)) {
    const top = yOf(begin), height = Math.max(6, (last === null ? end : yOf(last)) - top), isStill = kind === "crash" || kind === "pause";
    const middle = isStill ? x.get(lane) : x.get(lane) - 18; // a slow node may be paused too: what does not stop it stands beside its lane
    const fill = kind === "crash" ? "url(#down)" : kind === "pause" ? "url(#paused)" : "url(#worse)";
    const bar = element("rect", { "data-bar": kind, x: middle - 8, y: top, width: 16, height, rx: 2, fill }, svg);
    element("title", {}, bar, `${kind}${text ? `: ${text}` : ""}`);
    const word = kind === "crash" ? "DOWN" : kind === "pause" ? "PAUSED" : kind.toUpperCase();
    for (let at = top + Math.min(height / 2, 100); height > 50 && at < top + height - 20; at += 250) {
      element("text", { class: "bar-text", x: middle, y: at, transform: `rotate(-90 ${middle} ${at}) translate(0 3)` }, svg, word);
    }
    counts.bars += 1;
  }
  for (const message of run.messages) if (messageShown(message)) drawMessage(message, counts);
  let lastTime = -99;
  for (const turn of placed.turns) lastTime = drawMark(turn, lastTime, laneWidth);
  for (const [at, count] of placed.folded) element("text", { class: "folded", x: GUTTER + 28, y: at + 3 }, svg, `\u22ee ${count} more`);
  drawEnds();
  drawOverview();
  for (const name in counts) document.body.dataset[name] = counts[name];
  document.body.dataset.cone = view.cone ? view.cone.size : "";
}

function drawPattern() {
  const defs = element("defs", {}, svg);
  for (const [id, colour] of [["down", "#c9182b"], ["paused", "#b7791f"], ["worse", "#6b3fa0"]]) {
    const pattern = element("pattern", { id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
    element("rect", { width: 6, height: 6, fill: colour, opacity: .85 }, pattern);
    element("rect", { width: 2, height: 6, fill: "#fff", opacity: .25 }, pattern);
  }
  types.forEach((what, index) => {
    const marker = element("marker", { id: `head-${index}`, viewBox: "0 0 8 8", refX: 11, refY: 4, markerWidth: 10, markerHeight: 10, markerUnits: "userSpaceOnUse", orient: "auto" }, defs);
    element("path", { d: "M0,0 L8,4 L0,8 z", fill: colourOf(what) }, marker);
  });
}
