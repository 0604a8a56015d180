"""The picture of a run as data, as text, and as a log for ShiViz."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

import pytest
from attrs import evolve

from trouper.simulation import Event, Violation, run_once
from trouper.simulation.causality import causes_of, cone_of, vector_clocks
from trouper.simulation.diagram import Diagram, cut_in_words, diagram_of
from trouper.simulation.diagram_text import text_of
from trouper.simulation.fields import changed_fields
from trouper.simulation.shiviz import LINE, shiviz_of

drawn: Any = import_module("drawn")
KNOWN, few_pings, known, outcome_of = drawn.KNOWN, drawn.few_pings, drawn.known, drawn.outcome_of

TEXT = """\
known, seed 7, strategy fifo, virtual time 0.900000 s, events 20, messages 6, faults 1 crash, trace 0123456789abcdef

     seconds  a     b     c
    0.000000  o     |     |       a/user/asker handles Go()
    0.000000  o     |     |       a sends to b: #1 Question(text='<b>?')
    0.100000  |     |     o       c/user/other handles Tick()
    0.200000  *----->     |       b gets from a: #1 Question(text='<b>?')
    0.200000  |     o     |       b sends to a: #2 Question replied with 42
    0.200000  |     o     |       b sends to c: #3 News()
    0.200000  |     o--x  |       #3 News() is dropped: lost on the network
    0.300000  <-----*     |       a gets from b: #2 Question replied with 42
    0.400000  !     |     |       a crash
    0.500000  :     |     |       network partition b>c, c>b
    0.600000  :     o     |       b/user/asked handles Question(text='again')
              :     |     |         /user/asked: count = 2
                    ^             BROKEN HERE: always never_twice is broken at 0.600000 s: b was asked twice
    0.600000  :     o     |       b sends to c: #4 News()
    0.600000  :     o--x  |       #4 News() is dropped: cut off by a partition
    0.600000  :     o     |       b sends to a: #5 News()
    0.700000  x-----*     |       #5 News() is dropped: node is down
    0.800000  !     |     |       a restart
    0.900000  |     |     |       network calm all faults end
    0.900000  |     |     o       c sends to a: #6 News()

always never_twice is broken at 0.600000 s: b was asked twice
"""


# As data


def test_the_cone_of_an_event_is_all_that_came_before_it_on_its_lane_and_along_messages() -> None:
    """The answer to a has the question and what led to it in its cone, and neither what c did nor what was lost."""
    diagram = known()
    answered = next(place for place, event in enumerate(diagram.events) if event.kind == "delivered" and event.number == 2)
    cone = cone_of(diagram.causes, answered)
    assert sorted(cone) == [0, 1, 3, 4, 5, answered]
    assert all(diagram.events[place].node != "c" for place in cone)
    lost = next(place for place, event in enumerate(diagram.events) if event.kind == "dropped")
    assert not any(lost in causes for causes in diagram.causes)


def test_vector_clocks_say_what_cones_say() -> None:
    """Of the events of nodes one is in the cone of another iff its clock is nowhere above the other's."""
    events = [event for event in run_once(few_pings, 5, keeps=True).events if event.kind != "state"][:200]
    causes = causes_of(events)
    clocks = vector_clocks(events, causes)
    ours = [place for place, event in enumerate(events) if event.kind != "dropped" and event.node]
    for place in ours:
        cone = cone_of(causes, place)
        below = {one for one in ours if all(count <= clocks[place].get(name, 0) for name, count in clocks[one].items())}
        assert below == cone


def test_every_fault_that_lasts_is_a_span_from_its_beginning_to_its_end() -> None:
    """A restart ends a crash, the end of all faults a partition; a crash ends a pause; what nothing ends lasts to the end."""
    crash, partition = known().spans
    assert (crash.kind, crash.lane, crash.begin, crash.end) == ("crash", "a", 10, 17)
    assert (partition.kind, partition.text, partition.end) == ("partition", "b | c", 18)
    faults = [Event(0.1 * place, "fault", "a", "", what, "", 0) for place, what in enumerate(("pause", "crash", "restart", "pause"))]
    spans = diagram_of(outcome_of(faults, None), "faults").spans
    assert [(span.kind, span.begin, span.end) for span in spans] == [("pause", 0, 1), ("crash", 1, 2), ("pause", 3, None)]


def test_a_message_is_known_by_where_it_came_or_why_it_did_not() -> None:
    """Lost, cut off, down, and on its way at the end; a reply has the type of what it answers."""
    messages = {message.number: message for message in known().messages}
    assert {number: [why for _, why in message.drops] for number, message in messages.items() if message.drops} == {
        3: ["lost on the network"],
        4: ["cut off by a partition"],
        5: ["node is down"],
    }
    assert [number for number, message in messages.items() if message.is_on_its_way] == [6]
    assert (messages[2].what, messages[2].reply_to, messages[2].source, messages[2].target) == ("Question", 1, "b", "a")
    assert messages[4].target == "c"


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ("", ""),
        ("a>b, b>a", "a | b"),
        ("a>b, a>c, b>a, c>a", "a | b, c"),
        ("a>b, a>c", "a to b, c"),
        ("a>c, b>c, c>a, c>b", "a, b | c"),
        ("b>a, b>c, a>b", "a | b; b to c"),
        ("c>a, c>b, c>d, a>c, b>c, d>c", "a, b, d | c"),
        ("a>b, b>a, b>c, c>b, a>c, c>a", "a | b, c; b | a, c; c | a, b"),
    ],
)
def test_a_partition_is_said_in_words(links: str, words: str) -> None:
    """Who is cut off from whom; both ways with a bar, one way with to."""
    assert cut_in_words(links) == words


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ("A(x=1, y='a, b')", "A(x=2, y='a, b')", "x = 2"),
        ("A(x=(1, 2), y={1: 2})", "A(x=(1, 3), y={1: 2})", "x = (1, 3)"),
        ("A(disk=Disk(term=1, vote='it\\'s (b'))", "A(disk=Disk(term=2, vote='it\\'s (b'))", "disk.term = 2"),
        ("A(x=1)", "A(x=1)", ""),
        ("A(x=1)", "B(x=1)", "B(x=1)"),
        ("A(x=None)", "A(x=B(y=1))", "x = B(y=1)"),
    ],
)
def test_a_change_of_state_is_told_by_its_fields(before: str, after: str, changed: str) -> None:
    """Fields within fields have their names joined; commas and brackets in values and texts do not confuse it."""
    assert changed_fields(before, after) == changed


def test_keeping_the_states_does_not_change_the_run() -> None:
    """The trace's hash is the same, and so are the events but for the states."""
    plain, told = run_once(few_pings, 3, keeps=True), run_once(few_pings, 3, keeps_states=True)
    assert plain.digest == told.digest
    assert [event for event in told.events if event.kind != "state"] == plain.events
    assert any(event.kind == "state" and "seen=3" in event.text for event in told.events)


def test_a_violation_is_marked_where_it_shows() -> None:
    """
    An invariant at the last step, a client's at the client's last event, the judgment of a history at the last operation. What did
    not hold at the end, no event has broken.
    """
    events = (*KNOWN[:11], Event(0.31, "client", "c", "", "read: done", "3", 0), *KNOWN[11:])

    def at(kind: str, name: str) -> Event | None:
        diagram: Diagram = diagram_of(outcome_of(events, Violation(kind, name, "", 0.9)), "known")
        return None if diagram.broken_at is None else diagram.events[diagram.broken_at]

    assert at("always", "x") == KNOWN[13]
    assert at("node", "a") == KNOWN[19]
    assert at("linearizable", "Register") == events[11]
    assert at("eventually", "x") is None
    assert at("stuck", "the run") is None


# As text


def test_a_diagram_as_text_is_drawn_line_by_line() -> None:
    """Columns for lanes, arrows where messages arrive, crosses where they are lost, the violation beneath its event."""
    drawn = "\n".join(line.rstrip() for line in text_of(known()).split("\n"))
    assert drawn == TEXT
    assert "c/user/other handles" not in text_of(known(), only_cone=True)


def test_text_marks_where_two_runs_part() -> None:
    """Before the first event in which they differ."""
    other = evolve(known(), events=(*known().events[:5], *known().events[6:]))
    lines = text_of(known(), other).splitlines()
    parted = next(place for place, line in enumerate(lines) if "from here on the two runs differ" in line)
    assert "#2 Question replied with 42" in lines[parted + 1]


# For ShiViz


def test_a_shiviz_log_is_parsed_by_its_own_expression() -> None:
    """Each event is one match with a host, a clock that counts the host, and words; clocks of a host go up by one."""
    expression, delimiter, log = shiviz_of(known()).split("\n", 2)
    assert (expression, delimiter) == (LINE, "")
    found = list(re.finditer(expression.replace("(?<", "(?P<"), log))
    assert len(found) == 20
    assert re.sub(expression.replace("(?<", "(?P<"), "", log).strip() == ""
    counts: dict[str, int] = {}
    for match in found:
        clock = json.loads(match["clock"])
        counts[match["host"]] = counts.get(match["host"], 0) + 1
        assert clock[match["host"]] == counts[match["host"]]
    assert set(counts) == {"a", "b", "c", "network"}
    assert any("BROKEN: always never_twice" in match["event"] for match in found)


def test_a_fault_of_any_name_is_a_bar_if_it_ends_and_a_moment_if_not() -> None:
    """Ends are found by name and words, or by name alone if they have none; what is known to last does so to the end of the run."""
    faults = [
        ("a", "cosmic rays", "many"),
        ("a", "cosmic rays", "few"),
        ("", "solar wind", "strong"),
        ("b", "hiccup", ""),
        ("b", "slow node", "0.01 s a turn"),
        ("b", "crash", "disk lost"),
        ("a", "cosmic rays ends", "many"),
        ("", "solar wind ends", ""),
        ("b", "restart", ""),
        ("a", "tea break ends", ""),
    ]
    events = [Event(place / 10, "fault", node, "", what, text, 0) for place, (node, what, text) in enumerate(faults)]
    spans = diagram_of(drawn.outcome_of(events, None), "faults").spans
    assert [(span.kind, span.lane, span.text, span.begin, span.end) for span in spans] == [
        ("cosmic rays", "a", "many", 0, 6),
        ("cosmic rays", "a", "few", 1, None),
        ("solar wind", "", "strong", 2, 7),
        ("slow node", "b", "0.01 s a turn", 4, None),
        ("crash", "b", "disk lost", 5, 8),
    ]
