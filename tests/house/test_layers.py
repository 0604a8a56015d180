"""
The rules of the house, held by reading the rooms' imports instead of running them.

A room stands above all that it imports, and there is no circle: between rooms over every import, between files over
those that run. The checker is a function from folders to complaints, so that it is itself tried on a planted house.
"""

import ast
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "trouper"

LOWEST = frozenset({"errors"})
UP_TO_ACTORS = LOWEST | {"mailbox", "registry", "supervision", "actors"}
UP_TO_SYSTEM = UP_TO_ACTORS | {"events", "system"}

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "mailbox": LOWEST,
    "registry": LOWEST,
    "supervision": LOWEST | {"mailbox"},
    "actors": UP_TO_ACTORS - {"actors"},
    "events": UP_TO_ACTORS,
    "system": UP_TO_SYSTEM - {"system"},
    "testing": UP_TO_SYSTEM,
    "simulation": UP_TO_SYSTEM,
    "persistence": UP_TO_SYSTEM,
}

LINES_A_FILE_MAX = 450

TYPE_CHECKING_NAMES = ("TYPE_CHECKING", "typing.TYPE_CHECKING")

Module = tuple[str, ...]


@frozen
class Import:
    """One import of one name: by which file, where, of which module, and whether it runs."""

    file: Path
    line: int
    importer: Module
    module: Module
    runs: bool
    relative: bool

    @property
    def place(self) -> str:
        return f"{'/'.join(self.importer)} ({self.file.name}:{self.line})"


def modules_of(package: Path) -> dict[Module, Path]:
    """Every module of every room under *package*, by its name below the package: () is the facade."""
    files = (file for room in sorted(package.iterdir()) if room.is_dir() for file in sorted(room.rglob("*.py")))
    named = {file.relative_to(package).with_suffix("").parts: file for file in files}
    return {name[:-1] if name[-1] == "__init__" else name: file for name, file in named.items()}


def imports_of(package: Path) -> list[Import]:
    """Every import that a room makes of the package or, by mistake, of a room as a module of its own."""
    modules = modules_of(package)
    return [found for name, file in modules.items() for found in _imports_in(file, name, modules, package.name)]


def _imports_in(file: Path, importer: Module, modules: Mapping[Module, Path], package: str) -> Iterator[Import]:
    home = importer if file.name == "__init__.py" else importer[:-1]
    rooms = {name[0] for name in modules if name}
    for node, runs in _statements(ast.parse(file.read_text(encoding="utf-8")), runs=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = tuple(alias.name.split("."))
                if parts[0] == package or parts[0] in rooms:
                    yield Import(file, node.lineno, importer, parts[1:] if parts[0] == package else parts, runs, relative=False)
        else:
            named = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = home[: len(home) - (node.level - 1)] + named
            elif named[:1] == (package,):
                base = named[1:]
            elif rooms.issuperset(named[:1]):
                base = named
            else:
                continue
            for alias in node.names:
                target = (*base, alias.name) if (*base, alias.name) in modules else base
                yield Import(file, node.lineno, importer, target, runs, relative=bool(node.level))


def _statements(tree: ast.AST, *, runs: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, runs
        elif isinstance(node, ast.If) and ast.unparse(node.test) in TYPE_CHECKING_NAMES:
            for branch, branch_runs in ((node.body, False), (node.orelse, runs)):
                yield from _statements(ast.Module(branch, []), runs=branch_runs)
        else:
            yield from _statements(node, runs=runs)


def complaints_about(package: Path, may_import: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wrong with the imports of the rooms under *package*; nothing when the rules hold."""
    imports = imports_of(package)
    rooms = {name[0] for name in modules_of(package)}
    found = [f"{room}/ has no floor: add it to MAY_IMPORT and to the docs" for room in sorted(rooms - may_import.keys())]
    for one in imports:
        room, target = one.importer[0], ".".join(one.module)
        if not one.module:
            found.append(f"{one.place} imports the facade, which stands above every room")
        elif one.module[0] != room:
            if one.module[0] not in may_import.get(room, frozenset()):
                found.append(f"{one.place} imports {target}, which is no floor below {room}")
            if any(part.startswith("_") for part in one.module):
                found.append(f"{one.place} imports {target}, which is private to {one.module[0]}")
        if not one.relative:
            found.append(f"{one.place} imports {target} absolutely, which could load a second copy")
    between_rooms = {(one.importer[0], one.module[0]) for one in imports if one.module and one.module[0] != one.importer[0]}
    between_files = {(".".join(one.importer), ".".join(one.module)) for one in imports if one.runs and one.module}
    found += [f"a circle of rooms: {circle}" for circle in _circle(between_rooms)]
    found += [f"a circle of files: {circle}" for circle in _circle(between_files)]
    return found


def _circle(edges: set[tuple[str, str]]) -> list[str]:
    graph = graphlib.TopologicalSorter[str]()
    for importer, imported in sorted(edges):
        graph.add(importer, imported)
    try:
        graph.prepare()
    except graphlib.CycleError as error:
        return [" <- ".join(error.args[1])]
    return []


def _plant(package: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        file = package / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return package


def test_every_room_stands_above_all_that_it_imports_and_nothing_goes_round() -> None:
    """Floors are kept, rooms are entered by their front door, imports between rooms are relative, and there is no circle."""
    assert {one.module[:1] for one in imports_of(PACKAGE)} >= {("errors",), ("mailbox",)}, "the checker is blind: it would pass anything"
    assert complaints_about(PACKAGE, MAY_IMPORT) == []


def test_no_file_outgrows_one_concept() -> None:
    """A file of more than 450 lines holds more than one concept."""
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in modules_of(PACKAGE).values()}
    assert {str(file.relative_to(PACKAGE)): count for file, count in lines.items() if count > LINES_A_FILE_MAX} == {}


def test_the_facade_only_re_exports() -> None:
    """`trouper` itself defines nothing: after its docstring it holds imports of rooms' public names, each `X as X`."""
    first, *rest = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(first, ast.Expr)
    assert rest
    for node in rest:
        assert isinstance(node, ast.ImportFrom), f"line {node.lineno} is no re-export"
        assert node.level == 1, f"line {node.lineno} imports from outside the package"
        assert node.module, f"line {node.lineno} imports from the facade itself"
        assert not any(part.startswith("_") for part in node.module.split(".")), f"line {node.lineno} reaches behind a room's door"
        for alias in node.names:
            assert alias.name == alias.asname, f"line {node.lineno}: write '{alias.name} as {alias.name}'"


def test_a_sound_house_has_no_complaints(tmp_path: Path) -> None:
    """Imports downwards, within a room, of the standard library, and a circle of files for typing only are all fine."""
    house = _plant(
        tmp_path / "house",
        {
            "low/__init__.py": "from .base import X as X\n",
            "low/base.py": "import ast\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .other import Y\nclass X: ...\n",
            "low/other.py": "from .base import X\nclass Y(X): ...\n",
            "high/__init__.py": "from .door import D as D\n",
            "high/door.py": "from ..low import X, other\nfrom ..low.base import X as Z\nclass D(X): ...\n",
        },
    )
    assert complaints_about(house, {"low": frozenset(), "high": frozenset({"low"})}) == []


def test_an_upward_import_is_seen_wherever_it_hides(tmp_path: Path) -> None:
    """A room that imports one above it is named, also when the import is in a function or for typing only."""
    house = _plant(
        tmp_path / "house",
        {
            "low/__init__.py": "",
            "low/late.py": "def f():\n    from ..high import H\n",
            "low/typed.py": "import typing\nif typing.TYPE_CHECKING:\n    from ..high.hall import H\n",
            "high/__init__.py": "from .hall import H as H\n",
            "high/hall.py": "class H: ...\n",
        },
    )
    assert complaints_about(house, {"low": frozenset(), "high": frozenset({"low"})}) == [
        "low/late (late.py:2) imports high, which is no floor below low",
        "low/typed (typed.py:3) imports high.hall, which is no floor below low",
    ]


def test_a_circle_of_rooms_is_seen_also_when_one_side_of_it_is_for_typing_only(tmp_path: Path) -> None:
    """Two rooms that import each other are a circle, whatever the table of floors allows."""
    house = _plant(
        tmp_path / "house",
        {
            "one/__init__.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..two import T\n",
            "two/__init__.py": "from ..one import O\n",
        },
    )
    both_ways = {"one": frozenset({"two"}), "two": frozenset({"one"})}
    assert [one.split(":")[0] for one in complaints_about(house, both_ways)] == ["a circle of rooms"]


def test_a_circle_of_files_is_seen_unless_one_side_of_it_never_runs(tmp_path: Path) -> None:
    """Two files of one room that import each other at run time are a circle, also from within a function."""
    files = {"one/__init__.py": "", "one/a.py": "from .b import B\n", "one/b.py": "def f():\n    from . import a\n"}
    assert complaints_about(_plant(tmp_path / "runs", files), {"one": frozenset()}) == ["a circle of files: one.a <- one.b <- one.a"]
    files["one/b.py"] = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from . import a\nelse:\n    import ast\n"
    assert complaints_about(_plant(tmp_path / "typed", files), {"one": frozenset()}) == []


def test_back_doors_second_copies_and_the_facade_are_seen(tmp_path: Path) -> None:
    """A private module of another room, an absolute import and an import of the facade are refused; so is a room without a floor."""
    house = _plant(
        tmp_path / "house",
        {
            "low/__init__.py": "",
            "low/_own.py": "",
            "high/__init__.py": "from ..low import _own\nfrom house.low import X\nimport low\nfrom .. import Y\nimport house\n",
            "attic/__init__.py": "",
        },
    )
    assert complaints_about(house, {"low": frozenset(), "high": frozenset({"low"})}) == [
        "attic/ has no floor: add it to MAY_IMPORT and to the docs",
        "high (__init__.py:1) imports low._own, which is private to low",
        "high (__init__.py:2) imports low absolutely, which could load a second copy",
        "high (__init__.py:3) imports low absolutely, which could load a second copy",
        "high (__init__.py:4) imports the facade, which stands above every room",
        "high (__init__.py:5) imports the facade, which stands above every room",
        "high (__init__.py:5) imports  absolutely, which could load a second copy",
    ]
