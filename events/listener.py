"""Facts for code that is no actor: ``async with system.subscribe(OrderPlaced) as facts: async for fact in facts: ...``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar, final

import trio
from trio.lowlevel import enable_ki_protection as protected

from ..actors.cell import Cell
from ..actors.stream import OnFullFacts
from .stream import EventStream
from .subscription import Subscription

T = TypeVar("T")

_NUMBERS: Final = count(1)


@final
class Facts(Generic[T]):
    """
    A subscription held by code outside of actors, and the facts that wait in it.

    Guarantees:
        * Active from ``async with`` on: it gives the facts published after that, in each publisher's order, each once.
        * The iteration ends when the block is left or the system is down.

    Raises:
        RuntimeError: Iterated outside of its block, or entered twice.
        SubscriptionFull: By the iteration, with ``on_full="fail"``, once the facts before it are taken.
    """

    def __init__(
        self,
        stream: EventStream,
        fact_type: type[T],
        where: Callable[[T], bool] | None,
        on_full: OnFullFacts,
        capacity: int,
    ) -> None:
        self.subscriptions: dict[type[Any], Subscription | None] = {}
        self.sharing: Cell | None = None
        self.path: str = f"subscription-{next(_NUMBERS)}"
        self._stream = stream
        self._options = (fact_type, where, on_full, capacity)
        self._subscription = Subscription(self, fact_type, where, on_full, capacity)  # refuses bad options here, not at the block
        self._facts: deque[tuple[Subscription, T]] = deque()
        self._error: BaseException | None = None
        self._is_open = False  # the block was entered, once
        self._is_over = False
        self._wakeup = trio.lowlevel.ParkingLot()

    @property
    def dropped(self) -> int:
        """How many facts it was too slow for."""
        return self._subscription.dropped

    @protected
    async def __aenter__(self) -> Self:
        if self._is_open:
            raise RuntimeError("A subscription is entered once: call system.subscribe(...) again for another one.")
        await trio.lowlevel.checkpoint()
        self._is_open = True
        self._stream.listen(self, *self._options)
        self._subscription = self.subscriptions.get(self._options[0]) or self._subscription
        return self

    @protected
    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._stream.ignore(self)
        self.end()

    def __aiter__(self) -> Self:
        return self

    @protected
    async def __anext__(self) -> T:
        if not self._is_open:
            raise RuntimeError("Nothing is subscribed yet: 'async with system.subscribe(...) as facts: async for fact in facts: ...'.")
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._facts:
            if self._error is not None:
                raise self._error
            if self._is_over:
                raise StopAsyncIteration
            await self._wakeup.park()
        subscription, fact = self._facts.popleft()
        subscription.waiting.popleft()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return fact

    @protected
    def end(self) -> None:
        """No more facts come: what waits is still given, then the iteration ends."""
        self._is_over = True
        self._wakeup.unpark_all()

    def weigh(self, subscription: Subscription) -> None:
        """It shares nothing: what waits is counted."""

    def unshare(self) -> bool:
        """It shares nothing."""
        return False

    def take(self, subscription: Subscription, fact: Any) -> None:
        """Queues a fact."""
        subscription.waiting.append(fact)
        self._facts.append((subscription, fact))
        self._wakeup.unpark()

    def drop_oldest(self, subscription: Subscription) -> None:
        """Takes the oldest back."""
        subscription.waiting.popleft()
        self._facts.popleft()

    def fail(self, error: BaseException) -> None:
        """The subscription is over: the iteration raises *error* when it has given what waits, so what it gave has no gaps."""
        self._stream.ignore(self)
        self._error = error
        self._wakeup.unpark_all()
