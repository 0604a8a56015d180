"""
The diagram as one HTML page, which needs nothing else: no network, no library, no other file.

The page is a template with its style and its scripts beside it, and the picture as JSON, which the scripts lay out and draw: filters, zoom
and cones change the layout, so it can't be done beforehand.
"""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from .diagram import Diagram, Message, first_difference
from .oracles import Violation

HERE = Path(__file__).parent


def page_of(diagram: Diagram, other: Diagram | None = None) -> str:
    """
    The page of a run.

    Guarantees:
        * The same diagrams give the same text.

    Args:
        diagram: The run.
        other: Another run of the same target to compare it with, such as one that passes: the first event in which they differ is
            marked, and the page can show either.
    """
    shown = [diagram] if other is None else [diagram, other]
    differs = None if other is None else first_difference(diagram.events, other.events)
    runs = {"runs": [_plain(one) for one in shown], "differs": differs}
    violation = diagram.violation
    head = "Nothing is broken." if violation is None else _headline(diagram, violation)
    return Template(_file("page.html")).substitute(
        title=escape(f"{diagram.title}: {'clean' if violation is None else violation.name}"),
        style=_file("page.css"),
        script="\n".join(_file(part) for part in ("page.js", "marks.js", "overview.js", "details.js")),
        verdict_class="clean" if violation is None else "broken",
        verdict_head=escape(head),
        verdict_text=escape("" if violation is None else violation.text),
        facts=" ".join(f"<span>{escape(name)} <b>{escape(text)}</b></span>" for name, text in {"": diagram.title, **diagram.facts}.items()),
        runs=json.dumps(runs, separators=(",", ":")).replace("<", "\\u003c"),
    )


def _headline(diagram: Diagram, violation: Violation) -> str:
    """What broke, when, where, and with which step."""
    said = f"Broken: {violation.kind} {violation.name}, at {violation.time:.6f} s"
    if diagram.broken_at is None:
        return f"{said}, with no single event to blame."
    event = diagram.events[diagram.broken_at]
    message = next((message for message in diagram.messages if message.number == event.number), None)
    sender = f" from {message.source}" if message is not None else ""
    does = {
        "step": f"{event.path} handles {event.what}{sender}",
        "resumed": f"{event.path} goes on",
        "client": f"it says {event.what}",
    }.get(event.kind, event.what)
    return f"{said}, on {event.node}, when {does}."


def _file(name: str) -> str:
    return (HERE / f"diagram_{name}").read_text(encoding="utf-8").rstrip("\n")


def _plain(diagram: Diagram) -> dict[str, Any]:
    lanes = {name: place for place, name in enumerate(diagram.lanes)}
    violation = diagram.violation
    return {
        "lanes": [{"name": name, "client": name in diagram.clients} for name in diagram.lanes],
        "events": [
            [event.time, event.kind, lanes.get(event.node, -1), event.path, event.what, event.text, event.number]
            for event in diagram.events
        ],
        "turns": diagram.turns,
        "causes": diagram.causes,
        "messages": [_plain_message(message, lanes) for message in diagram.messages],
        "spans": [[span.kind, lanes.get(span.lane, -1), span.text, span.begin, span.end] for span in diagram.spans],
        "changes": {str(place): [[one.path, one.changed, one.text] for one in changes] for place, changes in diagram.changes.items()},
        "violation": None if violation is None else [violation.kind, violation.name, violation.text, violation.time],
        "brokenAt": diagram.broken_at,
    }


def _plain_message(message: Message, lanes: dict[str, int]) -> dict[str, Any]:
    return {
        "number": message.number,
        "from": lanes[message.source],
        "to": lanes[message.target],
        "what": message.what,
        "text": message.text,
        "sent": message.sent,
        "arrivals": message.arrivals,
        "drops": message.drops,
        "replyTo": message.reply_to,
    }
