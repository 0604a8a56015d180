"""
Where the rooms live: real folders at the root, one committed link each in src/trouper, and never in the standard library's way.

What only a checkout has, such as the rooms at the root, is not tested from an sdist, in which the links have become folders.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "trouper"

NO_ROOMS = {"src", "tests", "examples", "benchmarks", "docs", "build", "dist"}

in_a_checkout = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an sdist has no links and no rooms at its root")


def _rooms() -> set[str]:
    return {file.parent.name for file in ROOT.glob("*/*.py")} - NO_ROOMS


def _python(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs *code* in a fresh interpreter that, as by default, looks for modules in *cwd* first."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH"}}
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False)


@in_a_checkout
def test_every_room_has_its_link_and_every_link_its_room() -> None:
    """src/trouper holds the facade, the entry point, the typing marker and one link a room: nothing of it is a copy."""
    assert "mailbox" in _rooms()
    assert {entry.name for entry in PACKAGE.iterdir() if entry.is_symlink()} == _rooms()
    assert {entry.name for entry in PACKAGE.iterdir() if not entry.is_symlink()} - {"__pycache__"} == {
        "__init__.py",
        "__main__.py",
        "py.typed",
    }
    for room in _rooms():
        assert (PACKAGE / room).readlink() == Path("..", "..", room)


@in_a_checkout
@pytest.mark.skipif(shutil.which("git") is None, reason="this machine has the checkout but no git to ask")
def test_git_stores_the_links_as_links() -> None:
    """A link that was committed as a file or a folder would leave the package without its rooms in the next clone."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage", "src/trouper"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    modes = {line.split("\t")[1].removeprefix("src/trouper/"): line.split()[0] for line in listed.splitlines()}
    assert {name for name, mode in modes.items() if mode == "120000"} == _rooms()


@in_a_checkout
def test_the_root_is_no_package_and_hides_none() -> None:
    """An `__init__.py` or a folder `trouper` at the root would be found before the installed package."""
    assert not (ROOT / "__init__.py").exists()
    assert not (ROOT / "trouper").exists()
    assert all((ROOT / room / "__init__.py").is_file() for room in _rooms())


def test_outside_the_checkout_mailbox_is_the_standard_library_s(tmp_path: Path) -> None:
    """Installing trouper takes no name from anybody: in an empty folder `import mailbox` finds the standard library's."""
    found = _python("import mailbox; print(mailbox.__file__)", tmp_path)
    assert found.returncode == 0, found.stderr
    assert Path(found.stdout.strip()).resolve().parent == Path(sysconfig.get_path("stdlib")).resolve()


@in_a_checkout
def test_in_the_checkout_a_stray_import_of_mailbox_says_what_it_has_found() -> None:
    """From the root `import mailbox` fails at once and names the right module, instead of half a second copy loading."""
    found = _python("import mailbox", ROOT)
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].lower().startswith("importerror: this is trouper.mailbox")


def test_trouper_leaves_no_room_at_the_top_level(tmp_path: Path) -> None:
    """The tests run without the root on their path, so that a room is only ever `trouper.<room>`."""
    assert ROOT not in {Path(entry).resolve() for entry in sys.path}
    stray = _python("import actors", tmp_path)
    assert "ModuleNotFoundError: No module named 'actors'" in stray.stderr
