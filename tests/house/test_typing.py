"""
The type checkers find the mistakes that they are promised to find, and only those.

Each file of tests/typing is written for a checker to read, not to run. A line that ends in `# expect-error` must be an error
to mypy and to pyright, one that ends in `# expect-error: mypy` or `# expect-error: pyright` to that one alone; every other line
must be clean.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

MARKED = re.compile(r"# expect-error(?:: (?P<checker>mypy|pyright))?$")

Place = tuple[str, int]


def expected(files: Sequence[Path], checker: str) -> set[Place]:
    """The lines that *checker* must complain about."""
    marks = {
        (file.name, number): MARKED.search(line)
        for file in files
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if "# expect-error" in line
    }
    unread = [f"{name}:{number}" for (name, number), mark in marks.items() if mark is None]
    assert not unread, f"a misspelled marker, or one that does not end its line: {unread}"
    return {place for place, mark in marks.items() if mark and mark["checker"] in {None, checker}}


def found_by_mypy(files: Sequence[Path]) -> dict[Place, str]:
    """What mypy --strict complains about in *files*. Without its cache, which remembers complaints under the place of an equal file."""
    options = ["--strict", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", os.devnull, "--output", "json"]
    ran = _run("mypy", *options, *map(str, files))
    complaints = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert ran.returncode == (1 if any(one["severity"] == "error" for one in complaints) else 0), ran.stdout + ran.stderr
    names = {file.name: file for file in files}
    return {
        (Path(one["file"]).name, one["line"]): one["message"]
        for one in complaints
        if one["severity"] == "error" and (ROOT / one["file"]).resolve() == names.get(Path(one["file"]).name)
    }


def found_by_pyright(files: Sequence[Path]) -> dict[Place, str]:
    """What pyright complains about in *files*, with the settings of pyproject.toml except which files they exclude."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pyright"]
    assert settings["typeCheckingMode"] == "strict"
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve() / "pyrightconfig.json"
        # An absolute path would be ignored.
        include, extra = ([os.path.relpath(path.resolve(), project.parent) for path in paths] for paths in (files, [ROOT / "src"]))
        project.write_text(json.dumps({**settings, "include": include, "exclude": [], "extraPaths": extra}), encoding="utf-8")
        ran = _run("pyright", "--pythonpath", sys.executable, "--outputjson", "--project", str(project))
    assert ran.returncode in {0, 1}, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files)
    return {
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1): one["message"]
        for one in report["generalDiagnostics"]
        if one["severity"] != "information"
    }


def _run(checker: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    command = [sys.executable, "-m", checker, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


CHECKERS: dict[str, Callable[[Sequence[Path]], dict[Place, str]]] = {"mypy": found_by_mypy, "pyright": found_by_pyright}


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_complains_about_the_marked_lines_and_no_other(checker: str) -> None:
    """Every planted mistake of tests/typing is an error where it stands, and everything right beside it is none."""
    files = sorted((ROOT / "tests" / "typing").glob("*.py"))
    marked = expected(files, checker)
    assert marked, "no line of tests/typing is marked: the test would prove nothing"
    found = CHECKERS[checker](files)
    assert {place: message for place, message in found.items() if place not in marked} == {}, f"{checker} complains where nothing is wrong"
    assert marked - found.keys() == set(), f"{checker} lets these mistakes pass"


def test_a_marker_is_for_both_checkers_or_for_the_one_that_it_names(tmp_path: Path) -> None:
    """A bare marker binds both; a name binds one; anything else is a mistake of the file, not an unmarked line."""
    file = tmp_path / "marked.py"
    file.write_text("a  # expect-error\nb  # expect-error: mypy\nc  # expect-error: pyright\nd\n", encoding="utf-8")
    assert expected([file], "mypy") == {("marked.py", 1), ("marked.py", 2)}
    assert expected([file], "pyright") == {("marked.py", 1), ("marked.py", 3)}
    file.write_text("a  # expect-error: mypi\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"marked\.py:1"):
        expected([file], "mypy")


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_sees_a_planted_mistake_and_nothing_beside_it(checker: str, tmp_path: Path) -> None:
    """The runner itself works: of a right and a wrong line it reports the wrong one, at its number."""
    file = tmp_path / "planted.py"
    file.write_text("right: int = 1\nwrong: int = 'one'\n", encoding="utf-8")
    assert set(CHECKERS[checker]([file])) == {("planted.py", 2)}
