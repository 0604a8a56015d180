"""
A run as a picture: one self-contained page of HTML, with a lane a node and time running down.

A message is an arrow from where it was sent to where it was handled or delivered; one that was lost is a stub with a cross. A node
that was down is hatched, one that stood still is shaded; other faults are marked at the edge. Under the pointer is what was sent. A
click on an event shows only what led to it: the messages before it, as far back as they go.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from attrs import define, field

from .trace import Event

LANE: Final = 170
ROW: Final = 22
TOP: Final = 60
LEFT: Final = 110
EVENTS_MAX: Final = 3000
"""Events that are drawn; of a longer run the last ones."""


@define
class _Drawing:
    """Where everything is, row by row: time is not to scale, since most of it is waiting."""

    lanes: dict[str, int]
    shapes: list[str] = field(factory=list[str])
    causes: dict[int, list[int]] = field(factory=dict[int, list[int]])

    def x(self, node: str) -> int:
        return LEFT + LANE // 2 + LANE * self.lanes[node]


def diagram(events: Sequence[Event], title: str) -> str:
    """
    The page.

    Args:
        events: Of a run whose trace was kept.
        title: What is said above the picture: the violation.
    """
    shown = [event for event in events if event.kind != "resumed" and not event.what.endswith("Supervisor")][-EVENTS_MAX:]
    lanes = {node: place for place, node in enumerate(dict.fromkeys(event.node for event in shown if event.node))}
    drawing = _Drawing(lanes)
    height = TOP + ROW * (len(shown) + 2)
    _draw_faults(drawing, shown)
    _draw_events(drawing, shown)
    heads = "".join(
        f'<line class="life" x1="{drawing.x(node)}" x2="{drawing.x(node)}" y1="{TOP - 18}" y2="{height}"/>'
        f'<text class="head" x="{drawing.x(node)}" y="{TOP - 28}">{escape(node)}</text>'
        for node in lanes
    )
    width = LEFT + LANE * len(lanes) + 260
    picture = f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{heads}{"".join(drawing.shapes)}</svg>'
    page = Path(__file__).with_name("diagram.html").read_text(encoding="utf-8")
    return page.replace("__TITLE__", escape(title)).replace("__CAUSES__", json.dumps(drawing.causes)).replace("__PICTURE__", picture)


def _draw_faults(drawing: _Drawing, events: Sequence[Event]) -> None:
    """Bars for nodes that are down or stand still."""
    began: dict[tuple[str, str], int] = {}
    ends = {"restart": "crash", "resume": "pause"}
    for row, event in enumerate(events):
        if event.kind == "fault" and event.what in ("crash", "pause"):
            began[event.node, event.what] = row
        elif event.kind == "fault" and event.what in ends:
            start = began.pop((event.node, ends[event.what]), 0)
            _bar(drawing, event.node, ends[event.what], start, row)
    for (node, what), start in began.items():
        _bar(drawing, node, what, start, len(events))


def _bar(drawing: _Drawing, node: str, what: str, start: int, end: int) -> None:
    y = TOP + ROW * start
    drawing.shapes.append(
        f'<rect class="{what}" x="{drawing.x(node) - 14}" y="{y}" width="28" height="{ROW * (end - start)}"><title>{what}</title></rect>'
    )


def _draw_events(drawing: _Drawing, events: Sequence[Event]) -> None:
    sent: dict[int, tuple[int, Event]] = {}
    last_step: dict[str, int] = {}
    for row, event in enumerate(events):
        y = TOP + ROW * row
        drawing.shapes.append(f'<text class="time" x="{LEFT - 14}" y="{y + 4}">{event.time:.4f} s</text>')
        drawing.causes[row] = []
        about = sent.get(event.number)
        if event.node in last_step:
            drawing.causes[row].append(last_step[event.node])
        if event.kind == "sent":
            sent[event.number] = row, event
        elif event.kind in ("delivered", "dropped") and about is not None:
            drawing.causes[row] = [about[0]]
            _arrow(drawing, about, row, event)
        if event.kind in ("delivered", "step", "timer", "client"):
            last_step[event.node] = row
        _mark(drawing, row, event, about)


def _arrow(drawing: _Drawing, about: tuple[int, Event], row: int, event: Event) -> None:
    start, sent = about
    x1, y1, x2, y2 = drawing.x(sent.node), TOP + ROW * start, drawing.x(event.node), TOP + ROW * row
    if event.kind == "dropped" and event.node == sent.node:
        x2, y2 = x1 + LANE // 4, y1 + ROW // 2
    what = escape(f"{sent.what} {sent.text}" + (f": {event.text}" if event.kind == "dropped" else ""))
    ending = "url(#cross)" if event.kind == "dropped" else "url(#head)"
    drawing.shapes.append(
        f'<line class="message {event.kind}" data-row="{row}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" marker-end="{ending}">'
        f"<title>{what}</title></line>"
    )


def _mark(drawing: _Drawing, row: int, event: Event, about: tuple[int, Event] | None) -> None:
    y = TOP + ROW * row
    text = event.text or (about[1].text if about is not None and event.kind == "step" else "")
    whole = escape(f"{event.kind} {event.what} {event.path} {text}".strip())
    if not event.node:
        drawing.shapes.append(f'<text class="note" x="{LEFT}" y="{y + 4}">{escape(event.what)} {escape(event.text)}</text>')
        return
    x = drawing.x(event.node)
    drawing.shapes.append(f'<circle class="{event.kind}" data-row="{row}" cx="{x}" cy="{y}" r="5"><title>{whole}</title></circle>')
    if event.kind in ("step", "fault", "client", "sent"):
        label = text if text.startswith(event.what) or "reply to" in event.path else f"{event.what} {text}"
        shortened = label if len(label) <= 34 else f"{label[:33]}…"
        drawing.shapes.append(f'<text class="label {event.kind}" data-row="{row}" x="{x + 10}" y="{y + 4}">{escape(shortened)}</text>')
