"""A node's disk: what outlives its crashes, if it was synced."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from attrs import frozen

from ..actors.cell import CURRENT
from .errors import DiskCorrupted, PowerLost
from .packing import is_unchanging

if TYPE_CHECKING:
    from .world import World

T = TypeVar("T")

DiskFate = Literal["kept", "torn", "lost"]
"""
What a crash does to a disk. kept: of what was not synced the first writes are kept, and the others lost. torn: so too, but one is lost at
least, and the first of the lost is torn. lost: nothing is left.
"""

DISK_FATES: Final[tuple[str, ...]] = get_args(DiskFate)


@frozen
class _Broken:
    """Stands for what is left of a value that was torn, and can't be cut."""


class Disk:
    """
    Keeps values by key for one node; made by `sim.disk(node)`, and handed to its actors as an argument of their specs.

    Guarantees:
        * What was written before a `sync` is there after every crash that does not lose the disk, and is read as it was when it was
          written, unless a torn write overwrote it.
        * Of what was written after the last one, a crash keeps the first writes, and loses the others: how many, is drawn.
        * Of a torn write of bytes or text the beginning is there, and behind it what was there before (if that was bytes or text too, and
          longer). What is neither can't be read any more: `read` raises DiskCorrupted until the key is written again.

    Args:
        world: The run.
        name: Of the node.

    Attributes:
        before_sync, after_sync: Called in the middle of a `sync`, while what was written is not safe yet, and when it is: there a
            node may crash.
    """

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self._thing = f"disk {name}"
        self._synced: dict[str, Any] = {}
        self._unsynced: list[tuple[str, Any]] = []
        self.before_sync: Callable[[], object] = nothing
        self.after_sync: Callable[[], object] = nothing

    def write(self, key: str, value: Any) -> None:
        """Writes a value, which is read at once, and may be lost until it is synced. What a dead node still writes is not."""
        if _comes_too_late():
            return
        self._world.touched(self._thing, "")
        self._unsynced.append((key, _copied(value)))

    def read(self, key: str, default: Any = None) -> Any:
        """
        The value that was written last.

        Raises:
            DiskCorrupted: That write was torn by a crash.
        """
        self._world.touched(self._thing, "")
        for written, value in reversed(self._unsynced):
            if written == key:
                return _copied(value)
        value = self._synced.get(key, default)
        if isinstance(value, _Broken):
            raise DiskCorrupted(self._name, key)
        return _copied(value)

    def sync(self) -> None:
        """All that was written is safe."""
        if _comes_too_late():
            return
        self._world.touched(self._thing, "")
        self.before_sync()
        if not _comes_too_late():
            self._synced.update(self._unsynced)
            self._unsynced.clear()
            self.after_sync()
        if _comes_too_late():
            raise PowerLost

    def content(self) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
        """What is safe, and what was written since."""
        return self._synced, self._unsynced

    def crash(self, fate: DiskFate = "kept") -> bool:
        """The node has crashed. Returns whether that did to the disk what *fate* says, beyond losing what was not synced."""
        if fate == "lost":
            self._unsynced.clear()
            self._synced.clear()
            self._note("all of it is lost")
            return True
        if not self._unsynced:
            return fate == "kept"
        count = len(self._unsynced)
        lost = self._world.tape.draw(count + 1, f"disk: {self._name}")
        if fate == "torn":
            lost = max(lost, 1)
        kept, losses = self._unsynced[: count - lost], self._unsynced[count - lost :]
        self._synced.update(kept)
        self._unsynced = []
        if lost:
            self._note(f"{lost} writes are lost")
        return fate == "kept" or self._tear(*losses[0])

    def _tear(self, key: str, value: Any) -> bool:
        if not isinstance(value, (bytes, str)):
            self._synced[key] = _Broken()
            self._note(f"the write of {key!r} is torn: it can't be read")
            return True
        if len(value) <= 1:
            return False  # it is written whole or not at all
        written = 1 + self._world.tape.draw(len(value) - 1, f"disk: {self._name}: torn")
        self._synced[key] = _overwritten(self._synced.get(key), value, written)
        self._note(f"the write of {key!r} is torn: {written} of {len(value)} are written")
        return True

    def _note(self, text: str) -> None:
        self._world.trace.add(self._world.now, "fault", self._name, "", "disk", text)


def nothing() -> None:
    """What happens at most syncs."""


def _overwritten(before: Any, value: Any, written: int) -> Any:
    """So much of *value*, in the place of the beginning of what was there before."""
    return value[:written] + (before[written:] if type(before) is type(value) else value[:0])


def _copied(value: T) -> T:
    """A copy that no change of the value shows in; the value itself if it cannot change."""
    return value if is_unchanging(value) else copy.deepcopy(value)


def _comes_too_late() -> bool:
    """Whether this is a handler or a task of a node that has crashed, which a shield has kept from its end."""
    current: Any = CURRENT.get()
    cell = getattr(current, "cell", current)
    return cell is not None and getattr(cell.dispatcher, "is_dead", False)
