"""The picture of a run: as data, as a page that a browser shows, as text, and as a log for ShiViz."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, frozen

from trouper import Actor, ActorRef, actor, handles
from trouper.simulation import Event, Faults, Outcome, Simulation, Violation, run_once
from trouper.simulation.causality import causes_of, cone_of, vector_clocks
from trouper.simulation.diagram import Diagram, cut_in_words, diagram_of, first_difference
from trouper.simulation.diagram_page import page_of
from trouper.simulation.diagram_text import text_of
from trouper.simulation.fields import changed_fields
from trouper.simulation.files import load, recording_of, save
from trouper.simulation.nearest import NothingPasses, nearest_passing
from trouper.simulation.shiviz import LINE, shiviz_of
from trouper.system.cli import main

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# A known run: a asks b, whose answer comes; c hears of nothing, since what b sends it is lost; a crashes, and c is cut off from b.
KNOWN = (
    Event(0.0, "step", "a", "/user/asker", "Go", "Go()", 0),
    Event(0.0, "sent", "a", "b/user/asked", "Question", "Question(text='<b>?')", 1),
    Event(0.1, "step", "c", "/user/other", "Tick", "Tick()", 0),
    Event(0.2, "delivered", "b", "/user/asked", "", "", 1),
    Event(0.2, "step", "b", "/user/asked", "Question", "", 1),
    Event(0.2, "state", "b", "/user/asked", "Asked", "Asked(count=1)", 0),
    Event(0.2, "sent", "b", "a reply to 1", "int", "42", 2),
    Event(0.2, "sent", "b", "c/user/other", "News", "News()", 3),
    Event(0.2, "dropped", "b", "/user/other", "", "network", 3),
    Event(0.3, "delivered", "a", "", "", "", 2),
    Event(0.3, "resumed", "a", "/user/asker", "", "", 0),
    Event(0.4, "fault", "a", "", "crash", "", 0),
    Event(0.5, "fault", "", "", "partition", "b>c, c>b", 0),
    Event(0.6, "step", "b", "/user/asked", "Question", "Question(text='again')", 0),
    Event(0.6, "state", "b", "/user/asked", "Asked", "Asked(count=2)", 0),
    Event(0.6, "sent", "b", "c@1/user/other", "News", "News()", 4),
    Event(0.6, "dropped", "b", "/user/other", "", "network", 4),
    Event(0.6, "sent", "b", "a/user/asker", "News", "News()", 5),
    Event(0.7, "dropped", "a", "/user/asker", "", "node is down", 5),
    Event(0.8, "fault", "a", "", "restart", "", 0),
    Event(0.9, "fault", "", "", "calm", "all faults end", 0),
    Event(0.9, "sent", "c", "a/user/asker", "News", "News()", 6),
)

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


def _outcome(events: Sequence[Event], violation: Violation | None) -> Outcome:
    seed = run_once(nothing, 7, strategy="fifo", keeps=True)
    return evolve(
        seed,
        violation=violation,
        digest="0123456789abcdef0123",
        seconds=0.9,
        mix={},
        fired={"crash": 1},
        message_types={},
        events=list(events),
    )


def nothing(sim: Simulation) -> None:
    """A run without an event."""
    sim.duration = 0.0


def _known() -> Diagram:
    return diagram_of(_outcome(KNOWN, Violation("always", "never_twice", "b was asked twice", 0.6)), "known")


@frozen
class Ping:
    number: int


@define(eq=False)
class Player(Actor[Ping]):
    """Sends pings back, and forgets with a crash how many there were."""

    other: ActorRef[Any]
    seen: int = 0

    def on_start(self) -> None:
        self.context.after(0.01, Ping(0))

    @handles(Ping)
    def ping(self, ping: Ping) -> None:
        self.seen += 1
        self.other.tell_nowait(Ping(ping.number + 1))


def few_pings(sim: Simulation) -> None:
    """Somebody sees too few pings under most seeds, and enough if there are no faults."""
    for name, other in (("a", "b"), ("b", "a")):
        sim.node(name, actor(Player, sim.ref(other, "/user/player"), name="player"))
    sim.duration = 0.5

    def many_were_seen() -> bool:
        """Both saw a hundred."""
        return all(player.seen > 100 for player in sim.actors(Player))

    sim.at_the_end(many_were_seen)
    sim.faults(Faults.swarm(duplication=False))


def always_too_few(sim: Simulation) -> None:
    """Not even the calmest run passes."""
    sim.duration = 0.1
    sim.faults(Faults.swarm())
    sim.at_the_end(lambda: False)


class _Page(HTMLParser):
    """What is in a page: its elements, what they refer to, and the texts of some."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        self._open.append(named.get("id") or tag)

    def handle_endtag(self, tag: str) -> None:
        del self._open[-1:]

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open[-1]] = self.texts.get(self._open[-1], "") + data


def _first_failing() -> Outcome:
    return next(outcome for seed in range(100) if (outcome := run_once(few_pings, seed)).violation is not None)


# As data


def test_the_cone_of_an_event_is_all_that_came_before_it_on_its_lane_and_along_messages() -> None:
    """The answer to a has the question and what led to it in its cone, and neither what c did nor what was lost."""
    diagram = _known()
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
    crash, partition = _known().spans
    assert (crash.kind, crash.lane, crash.begin, crash.end) == ("crash", "a", 10, 17)
    assert (partition.kind, partition.text, partition.end) == ("partition", "b | c", 18)
    faults = [Event(0.1 * place, "fault", "a", "", what, "", 0) for place, what in enumerate(("pause", "crash", "restart", "pause"))]
    spans = diagram_of(_outcome(faults, None), "faults").spans
    assert [(span.kind, span.begin, span.end) for span in spans] == [("pause", 0, 1), ("crash", 1, 2), ("pause", 3, None)]


def test_a_message_is_known_by_where_it_came_or_why_it_did_not() -> None:
    """Lost, cut off, down, and on its way at the end; a reply has the type of what it answers."""
    messages = {message.number: message for message in _known().messages}
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
    """An invariant at the last step, a client's at the client's last event, the judgment of a history at the last operation."""
    events = (*KNOWN[:11], Event(0.31, "client", "c", "", "read: done", "3", 0), *KNOWN[11:])

    def at(kind: str, name: str) -> Event:
        diagram = diagram_of(_outcome(events, Violation(kind, name, "", 0.9)), "known")
        assert diagram.broken_at is not None
        return diagram.events[diagram.broken_at]

    assert at("always", "x").text == "Question(text='again')"
    assert at("node", "a").what == "restart"
    assert at("linearizable", "Register").kind == "client"
    assert at("eventually", "x").number == 6


# As text


def test_a_diagram_as_text_is_drawn_line_by_line() -> None:
    """Columns for lanes, arrows where messages arrive, crosses where they are lost, the violation beneath its event."""
    drawn = "\n".join(line.rstrip() for line in text_of(_known()).split("\n"))
    assert drawn == TEXT
    assert "c/user/other handles" not in text_of(_known(), only_cone=True)


def test_text_marks_where_two_runs_part() -> None:
    """Before the first event in which they differ."""
    other = evolve(_known(), events=(*_known().events[:5], *_known().events[6:]))
    lines = text_of(_known(), other).splitlines()
    parted = next(place for place, line in enumerate(lines) if "from here on the two runs differ" in line)
    assert "#2 Question replied with 42" in lines[parted + 1]


# For ShiViz


def test_a_shiviz_log_is_parsed_by_its_own_expression() -> None:
    """Each event is one match with a host, a clock that counts the host, and words; clocks of a host go up by one."""
    expression, delimiter, log = shiviz_of(_known()).split("\n", 2)
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


# As a page


def test_a_page_needs_nothing_from_elsewhere_and_says_what_broke() -> None:
    """No element refers to anything; the violation is in the header in words; the data has every message and span."""
    text = page_of(_known())
    page = _Page(text)
    assert not any(name in attributes for _, attributes in page.elements for name in ("src", "href", "srcset", "data", "action"))
    assert "@import" not in text
    assert "fetch(" not in text
    assert not re.search(r"url\((?!#)", text)
    assert "never_twice" in page.texts["title"]
    header = page.texts["strong"] + page.texts["span"]
    assert "always never_twice" in header
    assert "b was asked twice" in header
    run = json.loads(page.texts["runs"])["runs"][0]
    assert [lane["name"] for lane in run["lanes"]] == ["a", "b", "c"]
    assert [message["number"] for message in run["messages"]] == [1, 2, 3, 4, 5, 6]
    assert [span[0] for span in run["spans"]] == ["crash", "partition"]
    assert run["events"][run["brokenAt"]][5] == "Question(text='again')"
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    assert ids >= set(re.findall(r'byId\("([\w-]+)"\)', page.texts["script"]))


def test_what_actors_say_cannot_break_the_page() -> None:
    """Tags in payloads, names and violations stay texts."""
    events = [event._replace(text="</script><script>alert('&')</script>") for event in KNOWN if event.kind != "state"]
    page = _Page(page_of(diagram_of(_outcome(events, Violation("always", "<i>", "</div>", 0.6)), "<u>")))
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not {"i", "u"} & {tag for tag, _ in page.elements}
    assert len(json.loads(page.texts["runs"])["runs"][0]["events"]) == len(events)


def test_the_same_run_gives_the_same_bytes() -> None:
    """In every form."""
    one, other = (diagram_of(run_once(few_pings, 3, keeps_states=True), "few_pings") for _ in range(2))
    assert page_of(one) == page_of(other)
    assert text_of(one) == text_of(other)
    assert shiviz_of(one) == shiviz_of(other)


# Two runs


def test_the_nearest_passing_run_begins_as_the_failing_one_and_passes() -> None:
    """The pictures of the two part somewhere after the beginning; the page has both."""
    failing = _first_failing()
    passing = nearest_passing(few_pings, recording_of(failing, "few_pings"))
    assert passing.violation is None
    one = diagram_of(run_once(few_pings, failing.seed, keeps_states=True), "few_pings")
    other = diagram_of(passing, "passing")
    parted = first_difference(one.events, other.events)
    assert parted is not None
    assert one.events[:parted] == other.events[:parted]
    data = json.loads(_Page(page_of(one, other)).texts["runs"])
    assert data["differs"] == parted
    assert [run["violation"] is None for run in data["runs"]] == [False, True]
    assert first_difference(one.events, one.events) is None
    assert first_difference(one.events, one.events[:-1]) == len(one.events) - 1


def test_there_is_no_passing_run_where_nothing_passes() -> None:
    """This is said, instead of showing any run."""
    failing = run_once(always_too_few, 1)
    with pytest.raises(NothingPasses, match="no passing run"):
        nearest_passing(always_too_few, recording_of(failing, "always_too_few"))


# The command line


def test_the_command_line_draws_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page beside the recording, or where it is wanted; text and logs on the terminal."""
    failing = _first_failing()
    file = tmp_path / "run.json"
    save(recording_of(failing, f"{__file__}:few_pings"), file)
    assert failing.digest == load(file).digest
    assert main(["diagram", str(file)]) == 0
    assert "drawn" in capsys.readouterr().out
    assert "many_were_seen" in _Page((tmp_path / "run.html").read_text(encoding="utf-8")).texts["strong"]
    assert main(["diagram", str(file), "--against-passing", "-o", str(tmp_path / "two.html")]) == 0
    assert len(json.loads(_Page((tmp_path / "two.html").read_text(encoding="utf-8")).texts["runs"])["runs"]) == 2
    capsys.readouterr()
    assert main(["diagram", str(file), "--text", "--against", str(file)]) == 0
    assert "BROKEN HERE: at the end many_were_seen" in capsys.readouterr().out
    assert main(["diagram", str(file), "--shiviz"]) == 0
    assert capsys.readouterr().out.startswith(LINE)


# In a browser


def _in_chromium(page: Path, folder: Path, where: str = "") -> tuple[dict[str, str], str]:
    """What the page's script says of itself, and the document that it made."""
    arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=5000",
        "--dump-dom",
    ]
    ended = subprocess.run(
        [str(CHROMIUM), *arguments, page.as_uri() + where], capture_output=True, text=True, encoding="utf-8", timeout=90, check=False
    )
    body = re.search(r"<body[^>]*>", ended.stdout)
    assert body is not None, ended.stderr
    return dict(re.findall(r'data-([\w-]+)="([^"]*)"', body[0])), ended.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium")
def test_a_browser_draws_every_message_bar_and_band_without_an_error(tmp_path: Path) -> None:
    """Each message sent has an arrow or a stub; the violation has its line and its words; a cone is what Python says it is."""
    diagram = _known()
    file = tmp_path / "known.html"
    file.write_text(page_of(diagram), encoding="utf-8")
    assert diagram.broken_at is not None
    said, document = _in_chromium(file, tmp_path, f"#event={diagram.broken_at}")
    assert "error" not in said
    assert said["ready"] == "yes"
    assert {name: int(said[name]) for name in ("events", "messages", "arrows", "stubs", "bars", "bands", "cone")} == {
        "events": 20,
        "messages": 6,
        "arrows": 2,
        "stubs": 4,
        "bars": 1,
        "bands": 1,
        "cone": len(cone_of(diagram.causes, diagram.broken_at)),
    }
    assert {int(number) for number in re.findall(r'data-message="(\d+)"', document)} == {1, 2, 3, 4, 5, 6}
    assert 'data-bar="crash"' in document
    assert 'id="broken"' in document
    assert "never_twice is broken here: b was asked twice" in document
    assert "partition: b | c" in document


@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium")
def test_a_browser_marks_where_two_runs_part(tmp_path: Path) -> None:
    """The line and the words beside it, for a run of many events."""
    failing = _first_failing()
    passing = nearest_passing(few_pings, recording_of(failing, "few_pings"))
    one = diagram_of(run_once(few_pings, failing.seed, keeps_states=True), "few_pings")
    file = tmp_path / "two.html"
    file.write_text(page_of(one, diagram_of(passing, "passing")), encoding="utf-8")
    said, document = _in_chromium(file, tmp_path)
    assert "error" not in said
    assert said["ready"] == "yes"
    assert int(said["arrows"]) + int(said["stubs"]) >= len(one.messages)
    assert 'id="differs"' in document
    assert "the other run (passes)" in document
