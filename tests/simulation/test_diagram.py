"""The picture of a run: what happened is in it, and a browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from trouper.simulation import explore, run_once, shrink
from trouper.simulation.diagram import diagram
from trouper.simulation.files import recording_of, save
from trouper.system.cli import main

PROTOCOLS = Path(__file__).parent / "protocols"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _broken(name: str) -> Any:
    sys.path.insert(0, str(PROTOCOLS))
    try:
        return import_module(name).broken
    finally:
        sys.path.remove(str(PROTOCOLS))


def _page(folder: Path) -> Path:
    target = _broken("durability")
    found = explore(target, 1000, stops_at_first=True).first
    assert found is not None
    record, page = folder / "run.json", folder / "run.html"
    save(recording_of(shrink(target, found.draws, runs_max=200).after, f"{PROTOCOLS / 'durability.py'}:broken"), record)
    assert main(["diagram", str(record)]) == 0
    return page


def test_a_diagram_shows_nodes_messages_crashes_and_what_is_broken(tmp_path: Path) -> None:
    """One page without anything from elsewhere: a lane a node, an arrow a message, a bar for a crash, the violation above."""
    text = _page(tmp_path).read_text()
    assert {">client-1<", ">store<"} <= set(re.findall(r">[\w-]+<", text))
    assert 'class="message delivered"' in text
    assert 'class="crash"' in text
    assert "linearizable Register is broken" in text
    assert "http" not in text


def test_what_actors_say_cannot_break_the_page() -> None:
    """Texts are escaped, and of a long run the last events are drawn."""
    events = run_once(_broken("snapshot"), 1, keeps=True).events
    strange = [event._replace(text="<script>alert('&')</script>") for event in events] * 20
    text = diagram(strange, "<b>")
    assert text.count("<script>") == 1
    assert "&lt;b&gt;" in text
    assert text.count("<circle") <= 3000


@pytest.mark.skipif(CHROMIUM is None, reason="this machine has no Chromium")
def test_a_browser_shows_the_diagram(tmp_path: Path) -> None:
    """Chromium loads the page and runs its script without an error, and all events are in the document."""
    page = _page(tmp_path)
    arguments = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--enable-logging=stderr",
        "--dump-dom",
    ]
    ended = subprocess.run([str(CHROMIUM), *arguments, page.as_uri()], capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.count("<circle") == page.read_text().count("<circle")
    assert "Uncaught" not in ended.stderr
