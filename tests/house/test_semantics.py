"""
docs/semantics.md and docs/simulation-guarantees.md are contracts: each promise has its number and a test that proves it, and what
the pages link to is there.

Whether a test proves its promise is for its readers to say; that it exists, this file says.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = [ROOT / "docs" / "semantics.md", ROOT / "docs" / "simulation-guarantees.md"]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

PROMISE = re.compile(r"^### Promise (\d+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@frozen
class Promise:
    """A promise of the page: its number, and the tests that it links, as (file, name)."""

    number: int
    text: str
    proofs: tuple[tuple[str, str], ...]


def promises_of(page: str) -> list[Promise]:
    """The promises that *page* makes, in its order."""
    return [
        Promise(int(number), text, tuple((target, name.strip("`")) for name, target in LINK.findall(text) if "/tests/" in target))
        for number, text in PROMISE.findall(page)
    ]


@cache
def names_of_tests_in(file: Path) -> frozenset[str]:
    """The names of the test functions in *file*, those in classes included."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(function.name for function in functions if function.name.startswith("test_"))


def anchors_of(page: Path) -> set[str]:
    """What may stand behind ``#`` in a link to *page*: its headings as the forges spell them."""
    headings = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


PROMISES = {page: promises_of(page.read_text(encoding="utf-8")) for page in CONTRACTS}


@pytest.mark.parametrize("page", CONTRACTS, ids=lambda page: page.stem)
def test_the_promises_are_numbered_without_a_gap(page: Path) -> None:
    """1, 2, 3, and so on, each once: a promise can be cited by its number."""
    assert [promise.number for promise in PROMISES[page]] == list(range(1, len(PROMISES[page]) + 1))
    assert len(PROMISES[page]) >= 21


@pytest.mark.parametrize(
    ("page", "promise"),
    [
        pytest.param(page, promise, id=f"{page.stem}-promise-{promise.number}")
        for page, promises in PROMISES.items()
        for promise in promises
    ],
)
def test_every_promise_links_to_a_test_that_exists(page: Path, promise: Promise) -> None:
    """A promise without a test is a wish. A link names the file and the function in it."""
    assert promise.proofs, f"promise {promise.number} links no test"
    for target, name in promise.proofs:
        file = (page.parent / target).resolve()
        assert file.is_file(), f"promise {promise.number} links {target}, which is not there"
        assert name in names_of_tests_in(file), f"promise {promise.number} links {name}, which {target} has not"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    """Files, and headings in them. Links out of the repository are not looked at."""
    for _, target in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page.name} links {target}, which is not there"
        assert not anchor or anchor in anchors_of(linked), f"{page.name} links {target}: no such heading"


def test_a_promise_is_read_with_its_number_and_its_proofs() -> None:
    """What the tests above rest on: text up to the next heading, several links, and other links passed over."""
    page = (
        "# Page\n\n### Promise 1\n\nSee [2](#promise-2).\n\nProved by: [`test_a`](../tests/x/test_x.py),\n[test_b](../tests/y.py)\n\n"
        "## More\n\n### Promise 3\n\nNothing.\n"
    )
    first, third = promises_of(page)
    assert (first.number, first.proofs) == (1, (("../tests/x/test_x.py", "test_a"), ("../tests/y.py", "test_b")))
    assert (third.number, third.proofs) == (3, ())
