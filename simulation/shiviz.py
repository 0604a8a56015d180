"""
The trace as a log for ShiViz (Beschastnikh et al., "Debugging distributed systems", 2016), a viewer of logs with vector clocks.

ShiViz wants a regular expression for the log's lines. It stands in the first line of what is written here, as ShiViz's own
examples have it, and matches all others.
"""

from __future__ import annotations

import json
from typing import Final

from .causality import NETWORK, process_of, vector_clocks
from .diagram import Diagram

LINE: Final = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})"
"""ShiViz's expression: JavaScript's, whose named groups Python spells ``(?P<event>...)``."""


def shiviz_of(diagram: Diagram) -> str:
    """The log: the expression, an empty line, and two lines an event. Blanks in names of nodes become underscores."""
    events, messages = diagram.events, {message.number: message for message in diagram.messages}
    lines = [LINE, ""]
    for place, (event, clock) in enumerate(zip(events, vector_clocks(events, diagram.causes), strict=True)):
        words = [f"{event.time:.6f} s", event.kind]
        message = messages.get(event.number)
        if message is not None:
            words.append(f"#{message.number} {message.what} {message.source} to {message.target}: {message.text}")
        if event.kind not in {"sent", "delivered"}:
            words += [event.path, event.what, event.text]
        if place == diagram.broken_at:
            words.append(f"BROKEN: {diagram.violation}")
        hosts = {_host(name): count for name, count in clock.items()}
        lines += [" ".join(" ".join(words).split()), f"{_host(process_of(event) or NETWORK)} {json.dumps(hosts)}"]
    return "\n".join(lines) + "\n"


def _host(name: str) -> str:
    return "_".join(name.split())
