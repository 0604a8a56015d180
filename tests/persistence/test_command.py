"""`trouper journal` names what is broken in a file, prints what is in it, and changes nothing."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from trouper.persistence import Encoded, Entry, SqliteJournal
from trouper.system.cli import main


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Two identities, three events, a snapshot, and two facts."""
    file = tmp_path / "bank of Zürich #1.db"

    async def fill() -> None:
        with trio.fail_after(10):
            async with SqliteJournal(file) as journal:
                paid, fact = Encoded("paid", 2, b'{"cents":5}'), Encoded("announced", 1, b'{"to":"Z\xc3\xbcrich"}')
                await journal.append(Entry("account/A-1", 0, (paid, paid), "me", (fact,)))
                await journal.append(Entry("account/A-2", 0, (fact,), "me", (fact,)))
                await journal.save_snapshot("account/A-1", 2, Encoded("state", 1, b"{}"))

    trio.run(fill)
    return file


def damage(file: Path, *statements: str) -> None:
    """Changes the file as nobody should."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_check_says_that_a_sound_file_is_sound_and_does_not_touch_it(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the numbers of what there is."""
    before = journal.read_bytes()
    assert main(["journal", "check", str(journal)]) == 0
    assert capsys.readouterr().out == "3 events of 2 identities, 1 snapshot, 2 facts: no problems\n"
    assert journal.read_bytes() == before


def test_check_names_everything_that_is_broken(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An altered row, a missing one, a payload that is no JSON: each in a line of its own, and the exit code is 1."""
    damage(
        journal,
        "UPDATE events SET payload = x'7b7d' WHERE identity = 'account/A-2'",
        "DELETE FROM events WHERE identity = 'account/A-1' AND sequence = 1",
        "UPDATE snapshots SET version = 7",
        "UPDATE facts SET fact_offset = 5 WHERE fact_offset = 2",
    )
    assert main(["journal", "check", str(journal)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "event 1 of account/A-1 is missing: after 0 comes 2",
        "event 1 of account/A-2 (announced) is not what was written: its checksum does not match",
        "the snapshot after event 2 of account/A-1 (state) is not what was written: its checksum does not match",
        "fact 2 is missing: after 1 comes 5",
        "fact 5 (announced) is not what was written: its checksum does not match",
        "2 events of 2 identities, 1 snapshot, 2 facts: 5 problems",
    ]


def test_show_prints_the_events_of_one_identity_or_who_has_some(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line an event, with its number, time, type and data."""
    assert main(["journal", "show", str(journal), "account/A-1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2"]
    assert all(line.endswith('+00:00  paid v2  {"cents":5}') for line in lines)
    assert main(["journal", "show", str(journal)]) == 0
    assert [line.split()[1:] for line in capsys.readouterr().out.splitlines()] == [["2", "account/A-1"], ["1", "account/A-2"]]
    assert main(["journal", "show", str(journal), "nobody"]) == 1
    assert "has no events of 'nobody'" in capsys.readouterr().err


def test_export_prints_every_event_as_json_and_leaves_out_what_is_broken(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line an event, to be read by any program; what cannot be trusted is said, and the exit code is 1."""
    assert main(["journal", "export", str(journal)]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(event["identity"], event["sequence"], event["type"], event["version"]) for event in events] == [
        ("account/A-1", 1, "paid", 2),
        ("account/A-1", 2, "paid", 2),
        ("account/A-2", 1, "announced", 1),
    ]
    assert events[2]["event"] == {"to": "Zürich"}
    damage(journal, "UPDATE events SET type = 'refunded' WHERE sequence = 2")
    assert main(["journal", "export", str(journal)]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 2
    assert "event 2 of account/A-1 (refunded) is not what was written" in captured.err


def test_what_is_no_journal_is_said(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file, another database, a text, a newer schema: a line that says so, and the exit code is 1."""
    text = tmp_path / "diary.txt"
    text.write_text("Dear diary, " * 1000, encoding="utf-8")
    other = tmp_path / "recipes.db"
    damage(other, "CREATE TABLE recipes (name TEXT)")
    damage(journal, "UPDATE trouper_schema SET version = 99")
    for file, why in (
        (tmp_path / "nothing.db", "There is no file"),
        (text, "file is not a database"),
        (other, "it has no tables of a journal"),
        (journal, "has tables of version 99, and this trouper knows versions up to 1"),
    ):
        assert main(["journal", "check", str(file)]) == 1
        assert why in capsys.readouterr().err


def test_the_command_line_says_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """Its help names the commands; without one it is called wrongly."""
    with pytest.raises(SystemExit) as ended:
        main(["journal"])
    assert ended.value.code == 2
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "look at the file of a journal" in capsys.readouterr().out
