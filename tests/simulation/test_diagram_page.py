"""The picture of a run as a page: what is in it, and what a browser makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trouper.simulation import Violation, run_once
from trouper.simulation.causality import cone_of
from trouper.simulation.diagram import diagram_of, first_difference
from trouper.simulation.diagram_page import page_of
from trouper.simulation.diagram_text import text_of
from trouper.simulation.files import load, recording_of, save
from trouper.simulation.nearest import NothingPasses, nearest_passing
from trouper.simulation.shiviz import LINE, shiviz_of
from trouper.system.cli import main

drawn: Any = import_module("drawn")
KNOWN, few_pings, always_too_few = drawn.KNOWN, drawn.few_pings, drawn.always_too_few
first_failing, known, outcome_of = drawn.first_failing, drawn.known, drawn.outcome_of

PROTOCOLS = Path(__file__).parent / "protocols"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


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


# As a page


def test_a_page_needs_nothing_from_elsewhere_and_says_what_broke() -> None:
    """No element refers to anything; the violation is in the header in words; the data has every message and span."""
    text = page_of(known())
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
    page = _Page(page_of(diagram_of(outcome_of(events, Violation("always", "<i>", "</div>", 0.6)), "<u>")))
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
    failing = first_failing()
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
    failing = first_failing()
    file = tmp_path / "run.json"
    save(recording_of(failing, f"{drawn.__file__}:few_pings"), file)
    assert failing.digest == load(file).digest
    assert main(["diagram", str(file)]) == 0
    assert "drawn" in capsys.readouterr().out
    assert "many_were_seen" in _Page((tmp_path / "run.html").read_text(encoding="utf-8")).texts["strong"]
    assert main(["diagram", str(file), "--against-passing", "-o", str(tmp_path / "two.html")]) == 0
    assert len(json.loads(_Page((tmp_path / "two.html").read_text(encoding="utf-8")).texts["runs"])["runs"]) == 2
    capsys.readouterr()
    assert main(["diagram", str(file), "--text", "--against", str(file)]) == 0
    assert "at the end many_were_seen is broken" in capsys.readouterr().out
    assert main(["diagram", str(file), "--shiviz"]) == 0
    assert capsys.readouterr().out.startswith(LINE)


# In a browser


def _chromium(folder: Path, *arguments: str) -> str:
    """What a browser without a window says."""
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]
    shown = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=5000"]
    command = [str(CHROMIUM), *shown, *quiet, *arguments]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True).stdout


def _in_chromium(page: Path, folder: Path, where: str = "") -> tuple[dict[str, str], str]:
    """What the page's script says of itself, and the document that it made."""
    document = _chromium(folder, "--dump-dom", page.as_uri() + where)
    body = re.search(r"<body[^>]*>", document)
    assert body is not None
    return {name: unescape(text) for name, text in re.findall(r'data-([\w-]+)="([^"]*)"', body[0])}, document


@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium")
def test_a_browser_draws_every_message_bar_and_band_without_an_error(tmp_path: Path) -> None:
    """Each message sent has an arrow or a stub; the violation has its line and its words; a cone is what Python says it is."""
    diagram = known()
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
    failing = first_failing()
    passing = nearest_passing(few_pings, recording_of(failing, "few_pings"))
    one = diagram_of(run_once(few_pings, failing.seed, keeps_states=True), "few_pings")
    file = tmp_path / "two.html"
    file.write_text(page_of(one, diagram_of(passing, "passing")), encoding="utf-8")
    said, document = _in_chromium(file, tmp_path)
    assert "error" not in said
    assert said["ready"] == "yes"
    assert int(said["arrows"]) + int(said["stubs"]) >= len(one.messages)
    assert 'id="differs"' in document
    assert "many_were_seen does not hold at the end" in document
    assert "the other run (passes)" in document


DRIVER = """
<script>
{
  const fire = (node, kind) =>
    node.dispatchEvent(new MouseEvent(kind, { bubbles: true, clientX: 40, clientY: 40 }));
  const press = (node, key) => node.dispatchEvent(new KeyboardEvent("keydown", { bubbles: true, key }));
  const said = document.body.dataset, mark = (turn) => svg.querySelector(`.mark[data-turn="${turn}"]`);
  said.chainAtFirst = [...svg.querySelectorAll(".chain")].map((one) => one.dataset.message).join();
  said.lostIsBright = [...svg.querySelectorAll('[data-message="3"]')].every((one) => !one.classList.contains("dim"));
  fire(mark(3), "mousemove");
  said.tip = tip.hidden ? "" : tip.textContent;
  fire(mark(3), "mouseleave");
  said.tipIsGone = tip.hidden;
  fire(mark(8), "click");
  said.coneOfAnswer = view.cone.size;
  said.dimmed = svg.querySelectorAll(".mark.dim").length;
  said.chainOfAnswer = [...svg.querySelectorAll(".chain")].map((one) => one.dataset.message).join();
  press(mark(8), "ArrowDown");
  said.focused = document.activeElement.dataset.turn;
  said.tipOfFocus = tip.textContent;
  press(document, "Escape");
  said.dimmedAfterEscape = svg.querySelectorAll(".mark.dim").length;
  byId("type-filter").lastElementChild.querySelector("input").click(); // Tick, which is all of a mark
  said.marksWithoutType = svg.querySelectorAll(".mark").length;
  fire(byId("what"), "click");
  said.legend = byId("legend").offsetHeight > 50;
  const pixels = overview.getContext("2d").getImageData(0, 0, overview.width, overview.height).data;
  said.overview = new Set(pixels).size > 3;
}
</script>
</body>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium")
def test_a_browser_answers_the_mouse_and_the_keyboard(tmp_path: Path) -> None:
    """What broke is in the light at first; pointing and focus tell, a click shows the cone, Escape ends it, a filter filters."""
    diagram = known()
    file = tmp_path / "driven.html"
    file.write_text(page_of(diagram).replace("</body>", DRIVER), encoding="utf-8")
    said, _ = _in_chromium(file, tmp_path)
    assert said.get("error") is None
    assert said["chain-at-first"] == ""  # b broke it by a step of its own
    assert said["lost-is-bright"] == "true"
    assert said["tip"].startswith("b at 0.200000 s")
    assert "Question(text=" in said["tip"]
    assert said["tip-is-gone"] == "true"
    assert int(said["cone-of-answer"]) == len(cone_of(diagram.causes, 8))
    assert int(said["dimmed"]) > 3
    assert said["chain-of-answer"] == "1,2"
    assert said["focused"] == "10"
    assert said["tip-of-focus"].startswith("a at 0.400000 s")
    assert said["dimmed-after-escape"] == "0"
    assert int(said["marks-without-type"]) == 10
    assert said["legend"] == "true"
    assert said["overview"] == "true"


@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium")
def test_a_screenshot_shows_lanes_messages_and_what_broke(tmp_path: Path) -> None:
    """Also in a narrow window; what is to be seen does not compress as an empty page does."""
    file, picture = tmp_path / "known.html", tmp_path / "known.png"
    file.write_text(page_of(known()), encoding="utf-8")
    _chromium(tmp_path, f"--screenshot={picture}", "--window-size=640,600", "--hide-scrollbars", file.as_uri())
    written = picture.read_bytes()
    assert (int.from_bytes(written[16:20]), int.from_bytes(written[20:24])) == (640, 600)  # of a PNG
    assert len(written) > 55_000  # an empty page takes 3,000 bytes, one whose script fails 34,000, this one 82,000


def test_a_file_that_no_module_path_leads_to_can_be_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Messages of its classes, in replies too, cross the simulated network as those of any module do."""
    target, file = f"{PROTOCOLS / 'lock_release.py'}:broken", tmp_path / "run.json"
    assert main(["simulate", target, "--seeds", "50", "--stop", "--record", str(file), "--quiet"]) == 1
    assert "always one_is_inside" in capsys.readouterr().out
    assert main(["diagram", str(file), "--text", "--cone"]) == 0
    assert "BROKEN HERE: always one_is_inside" in capsys.readouterr().out
