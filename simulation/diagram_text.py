"""
The diagram as text, for a terminal: a column a lane, a line an event, the words at the right.

A message is drawn where it arrives, from the column of its sender to that of its receiver; where it is lost, as far as it came.
"""

from __future__ import annotations

from typing import Final

from .causality import cone_of
from .diagram import Diagram, Message, first_difference
from .trace import Event

COLUMN_MIN: Final = 6
"""Characters a lane."""

TEXT_MAX: Final = 100
"""Characters of a message that are shown."""


def text_of(diagram: Diagram, other: Diagram | None = None, *, only_cone: bool = False) -> str:
    """
    The diagram as lines of text. ``o`` is something that happens, ``>`` and ``<`` end an arrow, ``x`` a lost one, ``!`` is a fault; a lane
    that is down is ``:``, one that is paused ``=``.

    Args:
        diagram: The run.
        other: A run to compare it with: where they part is marked.
        only_cone: Leaves out what cannot have led to what is broken.
    """
    return _Text(diagram, other).all(only_cone)


class _Text:
    def __init__(self, diagram: Diagram, other: Diagram | None) -> None:
        self._diagram = diagram
        self._differs = None if other is None else first_difference(diagram.events, other.events)
        self._width = max(COLUMN_MIN, *(len(name) + 2 for name in diagram.lanes)) if diagram.lanes else COLUMN_MIN
        self._columns = {name: place * self._width for place, name in enumerate(diagram.lanes)}
        self._messages = {message.number: message for message in diagram.messages}
        self._still: dict[str, str] = {}

    def all(self, only_cone: bool) -> str:
        diagram = self._diagram
        violation = diagram.violation
        lines = [", ".join([diagram.title, *(f"{name} {text}" for name, text in diagram.facts.items())]), ""]
        lines.append(f"{'seconds':>12}  {''.join(name.ljust(self._width) for name in diagram.lanes)}")
        shown = cone_of(diagram.causes, diagram.broken_at) if only_cone and diagram.broken_at is not None else range(len(diagram.events))
        for place, event in enumerate(diagram.events):
            self._pass_fault(event)
            if place == self._differs:
                lines.append(f"{'':12}  {'~' * self._width * len(diagram.lanes)}  from here on the two runs differ")
            if place in shown and not self._is_told_with_its_delivery(place):
                lines.append(f"{event.time:12.6f}  {self._lanes(event)}  {self._words(event)}".rstrip())
            lines += [
                f"{'':12}  {self._idle()}    {change.path}: {change.changed}" for change in diagram.changes.get(place, ()) if change.changed
            ]
            if place == diagram.broken_at and violation is not None:
                mark = "^".rjust(self._columns.get(event.node, 0) + 1).ljust(self._width * len(diagram.lanes))
                lines.append(f"{'':12}  {mark}  BROKEN HERE: {violation}")
        lines += ["", f"{violation}" if violation is not None else "Nothing is broken."]
        return "\n".join(lines) + "\n"

    def _is_told_with_its_delivery(self, place: int) -> bool:
        events = self._diagram.events
        return events[place].kind in {"step", "resumed"} and self._diagram.turns[place] != place and events[place - 1].kind == "delivered"

    def _pass_fault(self, event: Event) -> None:
        if event.kind != "fault":
            return
        if event.what in {"crash", "pause"}:
            self._still[event.node] = ":" if event.what == "crash" else "="
        elif event.what in {"restart", "resume"}:
            self._still.pop(event.node, None)

    def _idle(self) -> str:
        return "".join(self._still.get(name, "|").ljust(self._width) for name in self._diagram.lanes)

    def _lanes(self, event: Event) -> str:
        lanes = list(self._idle())
        message = self._messages.get(event.number)
        if event.kind == "delivered" and message is not None:
            self._draw(lanes, message, is_lost=False)
        elif event.kind == "dropped" and message is not None:
            self._draw(lanes, message, is_lost=True, stops_early=event.text == "network")
        elif event.node in self._columns:
            lanes[self._columns[event.node]] = "!" if event.kind == "fault" else "o"
        return "".join(lanes)

    def _draw(self, lanes: list[str], message: Message, *, is_lost: bool, stops_early: bool = False) -> None:
        begin, end = self._columns[message.source], self._columns[message.target]
        if begin == end:
            lanes[end] = "x" if is_lost else "o"
            return
        step = 1 if begin < end else -1
        if stops_early:
            end = begin + step * (self._width // 2)
        for column in range(begin, end, step):
            lanes[column] = "+" if lanes[column] in "|:=" else "-"
        lanes[begin] = "o" if stops_early else "*"
        lanes[end] = "x" if is_lost else ">" if step > 0 else "<"

    def _words(self, event: Event) -> str:
        message = self._messages.get(event.number)
        if event.kind == "sent" and message is not None:
            return f"{event.node} sends to {message.target}: {_shown(message)}"
        if event.kind == "delivered" and message is not None:
            return f"{event.node} gets from {message.source}: {_shown(message)}"
        if event.kind == "dropped" and message is not None:
            why = next((why for place, why in message.drops if self._diagram.events[place] is event), event.text)
            return f"{_shown(message)} is dropped: {why}"
        if event.kind == "step":
            said = event.text[:TEXT_MAX]
            return f"{event.node}{event.path} handles {said if said.startswith(event.what) else f'{event.what} {said}'.rstrip()}"
        if event.kind == "resumed":
            return f"{event.node}{event.path} goes on"
        return " ".join(part for part in (event.node or "network", event.what, event.text[:TEXT_MAX]) if part)


def _shown(message: Message) -> str:
    text = message.text[:TEXT_MAX]
    return f"#{message.number} {message.what} replied with {text}" if message.reply_to else f"#{message.number} {text}"
