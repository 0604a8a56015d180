// All of the run in a strip: where something happens, where faults are, what broke, and which part of it is seen.

const overview = byId("overview");

function drawOverview() {
  const height = overview.height = overview.clientHeight, wide = overview.width, ink = getComputedStyle(document.body);
  const context = overview.getContext("2d"), share = height / (placed.end + 10), each = wide / Math.max(1, placed.lanes.length);
  const column = new Map(placed.lanes.map((lane, index) => [lane, index * each]));
  const yOf = (place) => place === null ? height : placed.yOf(place) * share;
  for (const [kind, lane, , begin, last] of run.spans) {
    if (lane >= 0 && !column.has(lane)) continue;
    context.fillStyle = kind === "crash" ? "#c9182b88" : kind === "pause" ? "#b7791f88" : lane < 0 ? "#6b3fa033" : "#6b3fa066";
    context.fillRect(lane < 0 ? 0 : column.get(lane), yOf(begin), lane < 0 ? wide : each, Math.max(1, yOf(last) - yOf(begin)));
  }
  for (const turn of placed.turns) {
    const lane = run.events[turn][2];
    if (!column.has(lane)) continue;
    context.fillStyle = ink.getPropertyValue(inCone(turn) ? "--ink" : "--line");
    context.fillRect(column.get(lane) + each * .25, placed.y.get(turn) * share, Math.max(2, each * .5), 1);
  }
  context.fillStyle = ink.getPropertyValue("--bad");
  if (run.violation) context.fillRect(0, run.brokenAt === null ? height - 3 : yOf(run.brokenAt) - 1, wide, 3);
  context.strokeStyle = ink.getPropertyValue("--diff");
  context.strokeRect(1, scroller.scrollTop * share + 1, wide - 2, Math.max(6, scroller.clientHeight * share - 2));
}

function lookAt(event) {
  if (event.buttons === 1) scroller.scrollTop = event.offsetY / overview.clientHeight * (placed.end + 10) - scroller.clientHeight / 2;
}
overview.addEventListener("pointerdown", lookAt);
overview.addEventListener("pointermove", lookAt);
