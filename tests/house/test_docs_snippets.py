"""
What the README and the docs show is run, block by block, so that it cannot grow old.

The ```python blocks of a page run in order in one module, as a reader would type them; a block that starts with the comment
`# not run` is only compiled. ```pycon blocks, ```doctest blocks and the examples in docstrings are checked against what they print.
"""

import doctest
import importlib
import re
import sys
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "trouper"

FENCED = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@frozen
class Block:
    """A fenced block of a page, and the line on which its text begins."""

    language: str
    line: int
    text: str


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of *page*, in order."""
    whole = page.read_text(encoding="utf-8")
    for match in FENCED.finditer(whole):
        yield Block(match["language"], whole.count("\n", 0, match.start("text")) + 1, textwrap.dedent(match["text"]))


def run_page(page: Path, module: ModuleType) -> int:
    """Runs what *page* shows, in the names of *module*, and returns how many blocks that was. A failure carries the page's own line."""
    ran = 0
    for block in blocks_of(page):
        if block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec", dont_inherit=True)
            if not block.text.startswith("# not run"):
                exec(code, vars(module))
                ran += 1
        elif block.language in {"pycon", "doctest"}:
            example = doctest.DocTestParser().get_doctest(block.text, vars(module), page.name, str(page), block.line - 1)
            report: list[str] = []
            failed = doctest.DocTestRunner(verbose=False).run(example, out=report.append, clear_globs=False).failed
            assert not failed, "".join(report)
            vars(module).update(example.globs)
            ran += 1
    return ran


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module for the blocks of one page: a class defined there has a home, so that it pickles and its annotations resolve."""
    made = ModuleType("page")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_snippet_of_the_docs_runs(page: Path, module: ModuleType) -> None:
    """Each block of the page runs as it stands, after those before it."""
    run_page(page, module)


@pytest.mark.parametrize(
    "file",
    [file for room in sorted(PACKAGE.iterdir()) for file in sorted(room.rglob("*.py")) if ">>> " in file.read_text(encoding="utf-8")],
    ids=lambda file: str(file.relative_to(PACKAGE)),
)
def test_every_example_in_a_docstring_is_true(file: Path) -> None:
    """What a docstring shows after `>>>` prints what the docstring says."""
    name = ".".join(["trouper", *file.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
    outcome = doctest.testmod(importlib.import_module(name))
    assert outcome.attempted
    assert not outcome.failed, "the report is in the captured output"


def test_the_blocks_of_a_page_share_their_names_in_order(tmp_path: Path, module: ModuleType) -> None:
    """A later block uses what an earlier one defined, indented or not; other languages and `# not run` are left alone."""
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n```python\nimport trio\nseen = []\n```\n\n```sh\nexit 1\n```\n\n"
        "- in a list:\n\n  ```python\n  async def main():\n      seen.append(1)\n  trio.run(main)\n  ```\n\n"
        "```python\n# not run: nobody has defined it\nundefined()\n```\n\n```pycon\n>>> total = sum(seen)\n>>> total\n1\n```\n\n"
        "```python\nassert total == 1\n```\n",
        encoding="utf-8",
    )
    assert run_page(page, module) == 4


@pytest.mark.parametrize(
    ("text", "line", "error"),
    [
        ("\n\n```python\nx = 1\nassert x == 2\n```\n", 5, AssertionError),
        ("```python\n# not run\nfor:\n```\n", 3, SyntaxError),
        ("```pycon\n>>> 1 + 1\n3\n```\n", 2, AssertionError),
    ],
)
def test_a_snippet_that_is_wrong_fails_at_its_line(
    tmp_path: Path, module: ModuleType, text: str, line: int, error: type[Exception]
) -> None:
    """A false assertion, a misspelled block that is not run, and an example with another output each fail, and say where."""
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(error) as failure:
        run_page(page, module)
    assert f'File "{page}", line {line}' in "".join(traceback.format_exception(failure.value))
