"""Where an actor sets messages aside until it wants them back: bounded, in order, and emptied at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

from attrs import define, field

from .capacity import is_slot_count
from .envelope import message_type
from .errors import StashFull


@final
@define(eq=False)
class StashBuffer:
    """
    Holds up to *limit* set-aside items of one actor, messages and asks alike.

    Args:
        limit: How many items, at least 1.

    Raises:
        TypeError: The limit is no int.
        ValueError: The limit is less than 1.
    """

    limit: int = field(validator=is_slot_count)

    # Invariant: at most self.limit items.
    _items: list[Any] = field(factory=list[Any], init=False)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def push(self, item: object, path: str) -> None:
        """Set *item* aside for the actor at *path*. Raises StashFull beyond the limit; then it was not set aside."""
        if len(self._items) >= self.limit:
            raise StashFull(path, self.limit, message_type(item))
        self._items.append(item)

    def drain(self) -> list[Any]:
        """Remove and return everything, in the order in which it was set aside."""
        drained, self._items = self._items, []
        return drained

    def discard(self, item: object) -> bool:
        """Remove *item* itself (by identity), such as an ask that was given up. Returns whether it was here."""
        for index, stashed in enumerate(self._items):
            if stashed is item:
                del self._items[index]
                return True
        return False
