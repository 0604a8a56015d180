"""
Every order, as far as orders differ: a depth-first search with dynamic partial-order reduction.

Two orders of one run differ only if they order two steps that depend on each other (see `footprints`). After each run the search looks for
races: pairs of dependent steps that were not made to happen in this order by what was between them. For each it has a run made in which
they happen the other way round, and no other runs. That is source-set dynamic partial-order reduction (Abdulla, Aronsson, Jonsson and
Sagonas, POPL 2014), after Flanagan and Godefroid (POPL 2005). Sleep sets (Godefroid 1996) keep what was tried at one moment from being
tried again while nothing has happened that it depends on.

What runs need not come to (a crash, or a timer that an answer calls off) has no race that would show it: it is tried at every moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import define, field

from .any_order import Option
from .footprints import Footprint
from .search import START, Search

START_OPTION: Final = (Option(START, is_sudden=False),)


@define(eq=False)
class _Moment:
    """
    One moment of the runs that are being made: what could happen, what does, and what is still to be tried.

    Args:
        options: What may happen.
        key: What does.
        sleep: What need not be tried here, with what it would touch.
    """

    # Invariant: key is in todo; tried and todo have nothing in common but key.

    options: tuple[Option, ...]
    key: str
    sleep: dict[str, Footprint]
    todo: dict[str, None]
    tried: dict[str, None] = field(factory=dict[str, None])
    values: list[int] = field(factory=list[int])
    sizes: list[int] = field(factory=list[int])
    fixed: int = 0
    footprint: Footprint = field(factory=Footprint)
    union: Footprint = field(factory=Footprint)
    causes: frozenset[int] = frozenset()
    before: int = 0
    """The steps that have led to this one, as bits."""

    def is_sudden(self) -> bool:
        """Whether nothing leads to what happens."""
        return any(option.is_sudden for option in self.options if option.key == self.key)

    def left(self) -> int:
        """How many runs are known to be left from here."""
        keys = sum(key not in self.sleep and key not in self.tried and key != self.key for key in self.todo)
        return keys + sum(size - 1 - value for size, value in zip(self.sizes, self.values, strict=True))

    def advance(self) -> bool:
        """Goes on to what is to be tried next. False: nothing is left."""
        while self.values:
            if self.values[-1] + 1 < self.sizes[-1]:
                self.values[-1] += 1
                self.fixed = len(self.values)
                return True
            self.values.pop()
            self.sizes.pop()
        self.fixed = 0
        self.tried[self.key] = None
        self.sleep[self.key] = self.union
        for key in self.todo:
            if key not in self.tried and key not in self.sleep:
                self.key = key
                self.union = Footprint()
                return True
        return False


class OrderSearch(Search):
    """
    Makes one run of each class of orders that differ.

    Args:
        reduces: Whether orders that do not differ are left out; without this, every order is tried.
    """

    def __init__(self, *, reduces: bool = True) -> None:
        super().__init__()
        self._reduces = reduces
        self._moments: list[_Moment] = []
        self._at = -1
        self._drawn = 0
        self._fresh = 0

    @property
    def left(self) -> int:
        """How many runs are known to be left: at least so many will be made."""
        return sum(moment.left() for moment in self._moments)

    def begin(self) -> None:
        """A run begins, up to the last moment as the one before."""
        self._at = -1
        self._fresh = max(0, len(self._moments) - 1)
        for moment in self._moments:
            moment.fixed = len(moment.values)
        self.pick(START_OPTION)

    def value(self, n: int, label: str) -> int:  # noqa: ARG002
        """See `Search.value`."""
        moment = self._moments[self._at]
        place = self._drawn
        self._drawn += 1
        if place < moment.fixed:
            return moment.values[place]
        moment.values.append(0)
        moment.sizes.append(n)
        return 0

    def pick(self, options: Sequence[Option]) -> int:
        """What this run is for, and beyond that the first that is not left out."""
        self._at += 1
        self._drawn = 0
        if self._at < len(self._moments):
            key = self._moments[self._at].key
            return next(index for index, option in enumerate(options) if option.key == key)
        sleep = self._sleep()
        awake = [index for index, option in enumerate(options) if option.key not in sleep]
        if not awake:
            self.is_cut = True
            return -1
        chosen = awake[0]
        todo = {options[chosen].key: None}
        todo.update({options[index].key: None for index in awake if options[index].is_sudden or not self._reduces})
        self._moments.append(_Moment(tuple(options), options[chosen].key, sleep, todo))
        return chosen

    def _sleep(self) -> dict[str, Footprint]:
        if not self._reduces or not self._moments:
            return {}
        last = self._moments[-1]
        return {key: touches for key, touches in last.sleep.items() if key != last.key and not touches.depends_on(last.footprint)}

    def made(self, footprint: Footprint, causes: frozenset[int]) -> None:
        """See `any_order.Explorer`."""
        moment = self._moments[self._at]
        moment.footprint = footprint
        moment.union.update(footprint)
        moment.causes = causes

    def advance(self) -> bool:
        """A run has ended: what is to be tried next. False: all has been."""
        if self._reduces:
            for index in range(self._fresh, len(self._moments)):
                self._find_races(index)
        while self._moments:
            if self._moments[-1].advance():
                return True
            self._moments.pop()
        return False

    # Races

    def _find_races(self, index: int) -> None:
        """The steps that raced with this one: it depends on them, and nothing between makes it come after them."""
        moments = self._moments
        moment = moments[index]
        before = 0
        races: list[int] = []
        for cause in moment.causes:
            before |= moments[cause].before | 1 << cause
        for at in range(index - 1, -1, -1):
            other = moments[at]
            if before >> at & 1 or not (other.key == moment.key or other.footprint.depends_on(moment.footprint)):
                continue
            before |= other.before | 1 << at
            if other.key != moment.key:
                races.append(at)
        moment.before = before
        if not moment.is_sudden():
            for at in races:
                if at and not moments[at].is_sudden():
                    self._reverse(at, index)

    def _reverse(self, earlier: int, index: int) -> None:
        """Has something tried at the moment of *earlier* that leads to the step *index* without it."""
        moments = self._moments
        moment = moments[earlier]
        firsts: list[str] = []  # of the steps that do not need the earlier one, those that could be the next
        seen = 0
        for at in (*(at for at in range(earlier + 1, index) if not moments[at].before >> earlier & 1), index):
            if not moments[at].before & seen:
                firsts.append(moments[at].key)
            seen |= 1 << at
        possible = [option.key for option in moment.options if option.key in firsts]
        if any(key in moment.todo or key in moment.sleep for key in possible):
            return
        for key in possible[:1] or [option.key for option in moment.options]:
            moment.todo[key] = None
