"""
The comparison with other libraries, without the libraries: the table, its marks, what the results gain, and how a peer's lines are read.

No peer is installed here. The scripts stand in a folder of benchmarks/, which no test finds by itself.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "benchmarks" / "peers"
sys.path.append(str(PEERS))
COMPARING = importlib.import_module("comparing")
ENVIRONMENTS = importlib.import_module("environments")
PROCESSES = importlib.import_module("processes")
SETTINGS = importlib.import_module("settings")

MARKS_OF_PYKKA = "bsT"


def peer(name: str) -> Any:
    return next(peer for peer in SETTINGS.PEERS if peer.name == name)


def column(name: str, cells: dict[str, Any]) -> Any:
    return COMPARING.Column(peer(name), cells, PROCESSES.Versions("1.2.3", "3.11.7"))


def cell(*multiples: float) -> Any:
    """A cell measured in as many rounds, with a bare loop of 50 ns."""
    return COMPARING.Cell([50e-9 * multiple for multiple in multiples], [50e-9] * len(multiples))


def comparison(*columns: Any, rows: tuple[str, ...] = ("tell_nowait_def", "publish_def", "restart")) -> Any:
    return COMPARING.Comparison(columns, rows, 3, "3.11.7")


def small() -> Any:
    """Ours beside pykka, which has no restart, and asyncio.Queue, which fails in one row."""
    ours = column("trouper", {"tell_nowait_def": cell(3, 5, 4), "publish_def": cell(2, 2, 2), "restart": cell(30, 30, 31)})
    pykka = column("pykka", {"tell_nowait_def": cell(41, 39, 40), "publish_def": cell(100, 90, 110)})
    queue = column(
        "asyncio-queue", {"tell_nowait_def": cell(10, 10, 10), "publish_def": COMPARING.Cell(failure="publish_def: nothing came for 60 s")}
    )
    return comparison(ours, pykka, queue)


def test_the_table_holds_medians_marks_and_why_a_figure_is_missing() -> None:
    """A cell is the median of the multiples; a heading carries the marks of its column; the legend explains what is used, and no more."""
    table = COMPARING.markdown(small())
    assert f"| trouper | pykka ({MARKS_OF_PYKKA}) | asyncio.Queue (as) |" in table
    assert "| tell without waiting, plain handler | x4.0 | x40.0 | x10.0 |" in table
    assert re.search(r"\| a fact to 100, one delivery, plain handlers \| x2\.0 \| x100 \| failed \[(\d)\] \|", table)
    assert re.search(r"^- \[\d\] publish_def: nothing came for 60 s$", table, re.MULTILINE)
    missing = peer("pykka").missing["restart"]
    number = re.search(rf"^- \[(\d)\] {re.escape(missing)}$", table, re.MULTILINE)
    assert number is not None
    assert f"| failure to the next message handled | x30.0 | [{number[1]}] | [{number[1]}] |" in table
    for letter, mark in SETTINGS.MARKS.items():
        assert (f"- {letter}: {mark.text}" in table) == (letter in "abslT")


def test_the_second_table_holds_the_time_and_the_spread_of_each_figure() -> None:
    """The spread is that of the rounds, and every peer says its version and its mailboxes."""
    table = COMPARING.markdown(small())
    assert "| tell without waiting, plain handler | 200 ns, x3.0-5.0 | 2 us, x39.0-41.0 | 500 ns, x10.0-10.0 |" in table
    assert "| pykka | 1.2.3, Python 3.11.7 | unbounded, its only kind |" in table


def test_a_mark_of_a_single_row_stands_in_its_cell() -> None:
    """A queue told in a loop is marked where facts are published, and not where messages are told."""
    queue = column("asyncio-queue", {"tell_nowait_def": cell(10), "publish_def": cell(20)})
    table = COMPARING.markdown(comparison(queue, rows=("tell_nowait_def", "publish_def")))
    assert "| tell without waiting, plain handler | x10.0 |" in table
    assert "| a fact to 100, one delivery, plain handlers | x20.0 l |" in table


def test_a_peer_that_was_not_run_has_no_column_but_a_reason() -> None:
    """What is not on the machine is said in the table of versions."""
    absent = COMPARING.Column(peer("otp"), absent="Erlang is not on this machine")
    table = COMPARING.markdown(comparison(column("trouper", {"restart": cell(30)}), absent, rows=("restart",)))
    assert "| failure to the next message handled | x30.0 |" in table
    assert "| OTP | not run: Erlang is not on this machine |" in table


def test_bytes_are_no_multiple_and_say_how_many_actors_were_weighed() -> None:
    """Memory stands in bytes, with a footnote where it was not a hundred thousand actors, and with what else was weighed."""
    pykka = column("pykka", {SETTINGS.BYTES: COMPARING.Cell([19_107.84])})
    otp = column("otp", {SETTINGS.BYTES: COMPARING.Cell([2_852.1], note="hibernated: 811 B")})
    table = COMPARING.markdown(comparison(pykka, otp, rows=(SETTINGS.BYTES,)))
    assert "| bytes of an idle actor | 19,108 B [1] | 2,852 B [2] |" in table
    assert "- [1] 2,000 threads" in table
    assert "- [2] hibernated: 811 B" in table


def test_the_text_for_a_terminal_says_the_same() -> None:
    """Every figure, and every sentence of the legend."""
    text = COMPARING.text(small())
    assert re.search(r"tell without waiting, plain handler\n  trouper +x4\.0 +200 ns, x3\.0-5\.0\n  pykka \(bsT\) +x40\.0 ", text)
    assert "failed [" in text
    for line in COMPARING.grids(small())[3]:
        assert line in text


def test_the_page_changes_between_its_markers_only(tmp_path: Path) -> None:
    """What stands before and after stays; a second run replaces the first; a page that is not there is begun."""
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\nBefore.\n\n<!-- peers -->\nstale\n<!-- /peers -->\n\nAfter.\n", encoding="utf-8")
    COMPARING.write_page(page, small())
    COMPARING.write_page(page, small())
    written = page.read_text(encoding="utf-8")
    assert written.startswith("# Performance\n\nBefore.\n\n<!-- peers -->\n")
    assert written.endswith("\n<!-- /peers -->\n\nAfter.\n")
    assert "stale" not in written
    assert written.count("x40.0 ") == 1
    fresh = tmp_path / "fresh.md"
    COMPARING.write_page(fresh, small())
    assert fresh.read_text(encoding="utf-8").startswith("# Performance\n\n<!-- peers -->\n")


@pytest.mark.parametrize(
    "before", ["# Performance\n", "<!-- peers -->\n", "<!-- /peers -->\n<!-- peers -->\n", "<!-- peers --><!-- /peers -->" * 2]
)
def test_a_page_without_one_pair_of_markers_is_left_alone(tmp_path: Path, before: str) -> None:
    """Nothing is guessed about where a table belongs."""
    page = tmp_path / "performance.md"
    page.write_text(before, encoding="utf-8")
    with pytest.raises(ValueError, match="markers"):
        COMPARING.write_page(page, small())
    assert page.read_text(encoding="utf-8") == before


def test_the_results_gain_the_peers_and_keep_the_rest(tmp_path: Path) -> None:
    """A row keeps its own figures, and the peers that were not run this time; a peer says what it does less of; new rows are added."""
    file = tmp_path / "results.json"
    ours = {
        "work": "tell_nowait_def",
        "multiple_of_bare": 3.9,
        "rate": 5e6,
        "unit": "messages/s",
        "peers": {"ray": {"multiple_of_bare": 9.0}},
    }
    other = {"work": "bytes_idle_1m", "multiple_of_bare": None, "rate": 700.0, "unit": "bytes"}
    file.write_text(json.dumps([ours, other]), encoding="utf-8")
    COMPARING.write_results(file, small())
    written = json.loads(file.read_text(encoding="utf-8"))
    rows = {row["work"]: row for row in written}
    assert list(rows) == ["tell_nowait_def", "bytes_idle_1m", "publish_def", "restart"]
    assert rows["bytes_idle_1m"] == other
    told = rows["tell_nowait_def"]
    assert {name: told[name] for name in ("multiple_of_bare", "rate", "unit")} == {
        "multiple_of_bare": 3.9,
        "rate": 5e6,
        "unit": "messages/s",
    }
    assert told["peers"].keys() == {"ray", "pykka", "asyncio-queue"}
    assert told["peers"]["pykka"] == {
        "multiple_of_bare": 40.0,
        "rate": 500_000.0,
        "version": "1.2.3",
        "does_less": [SETTINGS.MARKS["b"].text, SETTINGS.MARKS["s"].text],
    }
    assert rows["publish_def"]["peers"].keys() == {"pykka"}, "what failed has no figure"
    assert rows["restart"] == {"work": "restart", "multiple_of_bare": 30.0, "rate": pytest.approx(666_666.667), "unit": "operations/s"}


def test_the_results_are_written_where_there_are_none(tmp_path: Path) -> None:
    """The comparison needs no run of the benchmarks before it."""
    COMPARING.write_results(tmp_path / "results.json", small())
    rows = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert [row["work"] for row in rows] == ["tell_nowait_def", "publish_def", "restart"]


def test_a_line_of_a_peer_is_a_row() -> None:
    """Seconds with their bare loop, bytes without one, and what else was found."""
    line = '{"work": "tell_def", "operations": 100, "seconds_each": 2e-7, "bare_seconds": 5e-8}\n'
    assert PROCESSES.row_from(line, "tell_def") == PROCESSES.Row("tell_def", 100, 2e-7, 5e-8, None)
    weighed = '{"work": "bytes_idle_100k", "operations": 10, "bytes_each": 510.5, "note": "hibernated: 8 B"}'
    assert PROCESSES.row_from(weighed, "bytes_idle_100k") == PROCESSES.Row("bytes_idle_100k", 10, 510.5, None, "hibernated: 8 B")
    assert PROCESSES.versions_from('{"version": "4.5.0", "python": "3.11.7"}') == PROCESSES.Versions("4.5.0", "3.11.7")
    assert PROCESSES.versions_from('{"version": "25", "python": null}') == PROCESSES.Versions("25", None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("Starting the cluster", "is not JSON .*Starting the cluster"),
        ("[1, 2]", "is not a JSON object"),
        ('{"work": "ask_def", "operations": 1, "seconds_each": 1.0}', "line of tell_def was due"),
        ('{"work": "tell_def", "operations": 1}', '"seconds_each" of tell_def'),
        ('{"work": "tell_def", "operations": 0, "seconds_each": 1.0}', '"operations" of tell_def'),
        ('{"work": "tell_def", "operations": 1, "seconds_each": "1"}', '"seconds_each" of tell_def'),
        ('{"work": "tell_def", "operations": 1, "seconds_each": NaN}', '"seconds_each" of tell_def'),
        ('{"work": "tell_def", "operations": 1, "seconds_each": 1.0, "bare_seconds": -1}', '"bare_seconds" of tell_def'),
    ],
)
def test_a_line_that_is_no_row_is_refused_with_the_line(line: str, said: str) -> None:
    """A library that prints into the figures, or a program with a mistake, is seen at once."""
    with pytest.raises(PROCESSES.BadLine, match=said):
        PROCESSES.row_from(line, "tell_def")


def test_a_first_line_without_versions_is_refused() -> None:
    """What ran is part of the result."""
    with pytest.raises(PROCESSES.BadLine, match='"version" and "python"'):
        PROCESSES.versions_from('{"work": "tell_def"}')


VERSIONS = '{"version": "1", "python": null}'
TOLD = '{"work": "tell_def", "operations": 1, "seconds_each": 1.0, "bare_seconds": 1.0}'


@pytest.mark.parametrize(
    ("script", "rows", "failure"),
    [
        (f"echo '{VERSIONS}'; echo '{TOLD}'; sleep 600", 1, "nothing came for 1 s"),
        (f"echo '{VERSIONS}'; echo '{TOLD}'; echo 'no room' >&2; exit 3", 1, "no room"),
        (f"echo '{VERSIONS}'; exit 3", 0, "ended with 3"),
        (f"echo '{VERSIONS}'; echo hello", 0, "a line is not JSON (Expecting value): hello"),
    ],
)
def test_a_peer_that_hangs_or_fails_keeps_the_rows_before(script: str, rows: int, failure: str) -> None:
    """It is ended, what it had measured counts, and the reason is a sentence."""
    outcome = PROCESSES.run_process(["/bin/sh", "-c", script], ["tell_def", "ask_def"], {"PATH": "/usr/bin:/bin"}, 1.0)
    assert [row.work for row in outcome.rows] == ["tell_def"][:rows]
    assert outcome.versions == PROCESSES.Versions("1", None)
    assert outcome.failure == failure


def test_a_peer_that_measures_everything_has_no_failure() -> None:
    """And its rows come in their order."""
    script = f"echo '{VERSIONS}'; echo '{TOLD}'"
    outcome = PROCESSES.run_process(["/bin/sh", "-c", script], ["tell_def"], {"PATH": "/usr/bin:/bin"}, 60.0)
    assert (outcome.failure, len(outcome.rows)) == (None, 1)


@pytest.mark.parametrize("one", SETTINGS.PEERS, ids=lambda one: one.name)
def test_every_peer_has_a_program_that_measures_the_rows_it_is_said_to_have(one: Any) -> None:
    """A row is measured or its absence is explained; marks are known; versions are pinned."""
    suffix = {"python": ".py", "erlang": ".erl", "elixir": ".exs"}[one.language]
    program = (PEERS / one.folder / "main").with_suffix(suffix).read_text(encoding="utf-8")
    assert one.missing.keys() <= SETTINGS.ROWS.keys()
    assert set(one.marks).union(*one.row_marks.values()) <= SETTINGS.MARKS.keys()
    if one.name != "trouper":
        for row in SETTINGS.ROWS.keys() - one.missing.keys() - {SETTINGS.BYTES}:
            assert f'"{row}"' in program, f"{one.name} has no {row}"
    if one.needs_environment and one.language == "python":
        for line in (PEERS / one.folder / "requirements.txt").read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line), line


@pytest.mark.parametrize(("name", "package"), [("otp", "erlang-base"), ("elixir-registry", "elixir")])
def test_what_is_not_on_the_machine_is_said_with_how_to_install_it(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The comparison goes on without the BEAM."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ENVIRONMENTS.NotHere, match=f"apt-get install {package}"):
        ENVIRONMENTS.command_of(peer(name), 1)


def test_a_python_that_is_too_old_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The one that runs this serves if it is new enough; if there is none, the way to name one is said."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv("PEERS_PYTHON", raising=False)
    assert ENVIRONMENTS.find_python((3, 11)) == sys.executable
    with pytest.raises(ENVIRONMENTS.NotHere, match=r"needs Python 3\.99 or newer.*PEERS_PYTHON"):
        ENVIRONMENTS.find_python((3, 99))
