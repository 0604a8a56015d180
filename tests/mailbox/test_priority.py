"""The order of a priority queue: by examples, and against a model that is too simple to be wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from attrs import define, field, frozen
from hypothesis import given
from hypothesis import strategies as st

from trouper.mailbox import Envelope, Lane, PriorityQueue, Queue, compact, evict_oldest, user_waiting


@frozen
class Job:
    urgency: int
    label: str = ""


class Enveloped(Envelope):
    __slots__ = ("message", "withdrawn")

    def __init__(self, message: object) -> None:
        self.message = message
        self.withdrawn = False


class Ask(Enveloped):
    __slots__ = ()
    takes_slot = True
    lane = "user"


class Fact(Enveloped):
    __slots__ = ()
    lane = "early"


class Death(Enveloped):
    __slots__ = ()
    lane = "late"


def urgency(job: Job) -> int:
    """The key: it knows jobs only, so that a fact or a death handed to it fails the test."""
    return job.urgency


def filled(*items: object) -> PriorityQueue:
    """A queue to which *items* were appended in turn."""
    queue = PriorityQueue(urgency)
    for item in items:
        queue.append(item)
    return queue


def dead_entries(queue: PriorityQueue) -> int:
    """How many entries of the heap stand for nothing."""
    return len(queue._heap) - len(queue._user)  # pyright: ignore[reportPrivateUsage]


def emptied(queue: Queue) -> list[Any]:
    """Everything, popped."""
    return [queue.popleft() for _ in range(len(queue))]


def test_the_smallest_key_comes_first_and_equal_keys_keep_their_order() -> None:
    """Stable, for bare messages and asks alike; an ask is ordered by the message that it carries."""
    ask = Ask(Job(1, "asked"))
    queue = filled(Job(2, "a"), Job(1, "b"), ask, Job(2, "c"), Job(1, "d"))
    assert emptied(queue) == [Job(1, "b"), ask, Job(1, "d"), Job(2, "a"), Job(2, "c")]


def test_messages_with_equal_keys_need_not_be_comparable() -> None:
    """Only keys are compared, never messages."""
    first, second = Job(1), Ask(Job(1))
    assert emptied(filled(first, second)) == [first, second]


def test_the_early_lane_overtakes_user_messages_and_keeps_its_order() -> None:
    """Facts and timer messages come before user messages, in the order of arrival; the key never sees them."""
    first, second = Fact("first"), Fact("second")
    assert emptied(filled(Job(1), first, Job(0), second)) == [first, second, Job(0), Job(1)]


def test_a_death_comes_after_what_was_queued_before_it_and_before_what_comes_when_that_is_gone() -> None:
    """A later and more urgent message may overtake it as long as something older waits, but not once nothing older is left."""
    death = Death("child")
    queue = filled(Job(5, "older"), death, Job(1, "newer, urgent"), Job(9, "newer"))
    assert emptied(queue) == [Job(1, "newer, urgent"), Job(5, "older"), death, Job(9, "newer")]


def test_a_death_is_due_at_once_when_no_user_message_is_older() -> None:
    """Then even the most urgent newer message comes after it."""
    death = Death("child")
    assert emptied(filled(death, Job(-100))) == [death, Job(-100)]


def test_several_deaths_keep_their_order() -> None:
    """Each waits for what was older than itself."""
    first, second = Death("first"), Death("second")
    assert emptied(filled(Job(5), first, Job(6), second)) == [Job(5), first, Job(6), second]


def test_a_death_becomes_due_when_the_last_older_message_is_evicted_or_withdrawn() -> None:
    """What will never be handled holds nothing back."""
    death, ask = Death("child"), Ask(Job(5))
    queue = filled(Job(4), ask, death, Job(1))
    assert evict_oldest(queue) == Job(4)
    ask.withdrawn = True
    assert compact(queue) == 1
    assert emptied(queue) == [death, Job(1)]


def test_what_is_put_in_front_comes_first_of_all() -> None:
    """Unstashed messages come before facts, deaths and urgent messages, the last put first."""
    fact, death = Fact("fact"), Death("child")
    queue = filled(fact, death, Job(0))
    queue.appendleft(Job(7))
    queue.extendleft([Job(9), Job(8)])
    assert emptied(queue) == [Job(8), Job(9), Job(7), fact, death, Job(0)]


def test_a_key_that_raises_leaves_the_queue_as_it_was() -> None:
    """The exception comes out of `append`, and nothing was queued."""
    queue = filled(Job(2), Job(1))
    with pytest.raises(AttributeError, match="urgency"):
        queue.append("no job")
    with pytest.raises(AttributeError, match="urgency"):
        queue.append(Ask("no job"))
    assert len(queue) == 2
    assert emptied(queue) == [Job(1), Job(2)]


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9)))
def test_a_key_that_cannot_be_compared_with_the_others_leaves_the_queue_as_it_was(before: list[int], after: list[int]) -> None:
    """A comparison that raises in the middle of the heap is undone too: the order holds for what follows."""

    def itself(message: object) -> object:
        return message

    queue = PriorityQueue(itself)
    for number in before:
        queue.append(number)
    with pytest.raises(TypeError, match="not supported between"):
        queue.append("text")
    for number in after:
        queue.append(number)
    assert emptied(queue) == sorted(before + after)


def test_keys_that_turn_out_incomparable_when_popped_cost_the_order_but_no_message() -> None:
    """`append` compares with few others only; what it could not notice must not break the runtime's pop."""

    def itself(message: object) -> object:
        return message

    queue = PriorityQueue(itself)
    messages = [(1, "a"), (2, None), (2, "b"), (2, None), (3, "c")]
    for message in messages:
        queue.append(message)
    assert sorted(map(repr, emptied(queue))) == sorted(map(repr, messages))
    assert not queue


def test_an_empty_queue_behaves_as_an_empty_deque() -> None:
    """False, no length, nothing to iterate, IndexError when popped, ValueError when something is removed."""
    queue = PriorityQueue(urgency)
    assert not queue
    assert len(queue) == 0
    assert list(queue) == []
    with pytest.raises(IndexError, match="empty PriorityQueue"):
        queue.popleft()
    with pytest.raises(ValueError, match="is not in this queue"):
        queue.remove(Job(1))


@pytest.mark.parametrize("item", [Job(1), Fact("fact"), Death("child")])
def test_any_single_item_makes_the_queue_true(item: object) -> None:
    """In whatever place it waits, in front too."""
    assert filled(item)
    in_front = PriorityQueue(urgency)
    in_front.appendleft(item)
    assert in_front


def test_remove_takes_the_very_item_from_wherever_it_waits() -> None:
    """By identity: an equal message stays; of the same message queued twice the longer waiting goes."""
    fact, death, first, equal = Fact("fact"), Death("child"), Job(1), Job(1)
    queue = filled(fact, death, first, equal)
    in_front = Job(1)
    queue.appendleft(in_front)
    for item in (equal, death, fact, in_front):
        queue.remove(item)
    assert [item is first for item in queue] == [True]
    with pytest.raises(ValueError, match="is not in this queue"):
        queue.remove(equal)
    queue.append(first)
    queue.append(Job(0))
    queue.remove(first)
    assert emptied(queue) == [Job(0), first]


def test_iterating_neither_changes_the_queue_nor_sees_later_changes() -> None:
    """The order is that of popping, as of the moment at which the iteration began."""
    death = Death("child")
    queue = filled(Job(2), death, Job(1))
    queue.appendleft(Job(3))
    seen: list[Any] = []
    for item in queue:
        seen.append(item)
        queue.clear()
    assert seen == [Job(3), Job(1), Job(2), death]
    assert not queue


def test_evicting_for_ever_does_not_let_dead_entries_pile_up() -> None:
    """A thousand evictions from a queue of ten leave its heap in proportion to what is queued."""
    queue = filled(*(Job(0) for _ in range(10)))
    for number in range(1000):
        queue.append(Job(number % 7))
        evict_oldest(queue)
        assert len(queue) == 10
        assert dead_entries(queue) <= 10 + 16
    while queue:
        queue.popleft()
        assert dead_entries(queue) <= len(queue) + 16


# The model: a list in the order of arrival, in which the next item is found by looking at all of them.


@define(eq=False)
class Model:
    """What a priority queue is meant to be, without any thought of speed."""

    front: list[Any] = field(factory=list[Any])
    waiting: list[Any] = field(factory=list[Any])

    @staticmethod
    def lane(item: object) -> Lane:
        return item.lane if isinstance(item, Envelope) else "user"

    def next(self) -> Any:
        if self.front:
            return self.front[0]
        for item in self.waiting:
            if self.lane(item) == "early":
                return item
        if self.lane(self.waiting[0]) == "late":
            return self.waiting[0]
        users = [item for item in self.waiting if self.lane(item) == "user"]
        return min(users, key=lambda item: urgency(item.message if isinstance(item, Envelope) else item))

    def popleft(self) -> Any:
        item = self.next()
        self.remove(item)
        return item

    def remove(self, item: object) -> None:
        for place in (self.front, self.waiting):
            for index, waiting in enumerate(place):
                if waiting is item:
                    del place[index]
                    return
        raise AssertionError("not in the model")

    def all(self) -> list[Any]:
        return self.front + self.waiting


def same(left: list[Any], right: list[Any]) -> bool:
    """The very same items in the same order."""
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["job", "ask"]), st.integers(0, 3)),
        st.tuples(st.sampled_from(["fact", "death", "pop", "evict", "compact"]), st.just(0)),
        st.tuples(st.sampled_from(["unstash", "withdraw", "remove"]), st.integers(0, 30)),
    ),
    max_size=80,
)


def holds_a_slot(item: object) -> bool:
    """Spelled out again, for the model."""
    return item.takes_slot and not item.withdrawn if isinstance(item, Envelope) else True


@given(steps)
def test_the_queue_is_the_model(taken: list[tuple[str, int]]) -> None:
    """Under any sequence of operations the queue pops, evicts, removes and compacts what the model does."""
    queue, model, labels = PriorityQueue(urgency), Model(), count()
    make: dict[str, Callable[[int], object]] = {
        "job": lambda number: Job(number, str(next(labels))),
        "ask": lambda number: Ask(Job(number)),
        "fact": Fact,
        "death": Death,
    }
    for step, number in taken:
        here = model.all()
        if step in make:
            item = make[step](number)
            queue.append(item)
            model.waiting.append(item)
        elif step == "unstash":
            item = Job(number)
            queue.appendleft(item)
            model.front.insert(0, item)
        elif step == "compact":
            gone = [item for item in here if isinstance(item, Envelope) and item.withdrawn]
            assert compact(queue) == len(gone)
            for item in gone:
                model.remove(item)
        elif step == "evict":
            slots = [item for item in here if holds_a_slot(item)]
            if slots:
                assert evict_oldest(queue) is slots[0]
                model.remove(slots[0])
            else:
                with pytest.raises(LookupError):
                    evict_oldest(queue)
        elif here:
            if step == "pop":
                assert queue.popleft() is model.popleft()
            elif step == "remove":
                chosen = here[number % len(here)]
                queue.remove(chosen)
                model.remove(chosen)
            else:
                chosen = here[number % len(here)]
                if isinstance(chosen, Enveloped):
                    chosen.withdrawn = True
        assert len(queue) == len(model.all())
        assert bool(queue) == bool(model.all())
        assert user_waiting(queue) == sum(map(holds_a_slot, model.all()))
    in_order = list(queue)
    assert same(in_order, [model.popleft() for _ in range(len(in_order))])
    assert same(in_order, emptied(queue))


@given(st.lists(st.sampled_from(["job", "ask", "withdrawn", "fact", "death"])))
def test_a_deque_gives_up_its_first_user_message_and_is_swept_of_what_was_given_up(kinds: list[str]) -> None:
    """Eviction and compaction treat a FIFO queue by the same rule, and keep the order of the rest."""
    make: dict[str, Callable[[], object]] = {
        "job": lambda: Job(0),
        "ask": lambda: Ask(Job(0)),
        "withdrawn": lambda: Ask(Job(0)),
        "fact": lambda: Fact(0),
        "death": lambda: Death(0),
    }
    items = [make[kind]() for kind in kinds]
    for item, kind in zip(items, kinds, strict=True):
        if isinstance(item, Enveloped):
            item.withdrawn = kind == "withdrawn"
    queue = deque(items)
    assert user_waiting(queue) == kinds.count("job") + kinds.count("ask")
    assert compact(queue) == kinds.count("withdrawn")
    kept = [item for item, kind in zip(items, kinds, strict=True) if kind != "withdrawn"]
    assert same(list(queue), kept)
    assert compact(queue) == 0
    while slots := [item for item in kept if holds_a_slot(item)]:
        assert evict_oldest(queue) is slots[0]
        kept = [item for item in kept if item is not slots[0]]
        assert same(list(queue), kept)
    with pytest.raises(LookupError, match="nothing in this queue holds a slot"):
        evict_oldest(queue)


def test_a_withdrawn_ask_is_never_evicted_since_it_holds_no_slot() -> None:
    """In both kinds of queue, the next message that holds a slot goes, and the withdrawn one stays for compaction."""
    for queue in (deque[Any](), PriorityQueue(urgency)):
        given_up = Ask(Job(0))
        given_up.withdrawn = True
        queue.append(given_up)
        queue.append(Job(1))
        assert evict_oldest(queue) == Job(1)
        assert list(queue) == [given_up]
