"""Names, groups, listeners and waiting: refs are plain strings here, since the registry does not care."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper.registry import NameTaken, Registrations, ServiceKey

PAYMENTS = ServiceKey[int]("payments")
REFUNDS = ServiceKey[int]("refunds")


def leftovers(books: Registrations[str]) -> dict[str, Any]:
    """Every book that is not empty."""
    return {attribute.name: book for attribute in fields(type(books)) if (book := getattr(books, attribute.name))}


def test_a_name_has_one_holder_and_whoever_asks_for_it_learns_who_that_is() -> None:
    """The second ref gets NameTaken with the first one's path, and nothing changes."""
    books = Registrations[str]()
    books.register("ledger", "/user/a")
    with pytest.raises(NameTaken) as raised:
        books.register("ledger", "/user/b")
    assert (raised.value.name, raised.value.holder) == ("ledger", "/user/a")
    assert books.lookup("ledger") == "/user/a"
    assert not books.registered("/user/b")


def test_registering_twice_is_once() -> None:
    """For names and keys; one unregistering undoes it, and the listener of the key heard of one change."""
    books = Registrations[str]()
    heard: list[tuple[str, ...]] = []
    books.on_change(PAYMENTS, heard.append)
    for _ in range(2):
        books.register("ledger", "/user/a")
        books.register(PAYMENTS, "/user/a")
    assert books.find(PAYMENTS) == ("/user/a",)
    assert heard == [("/user/a",)]
    books.unregister("ledger", "/user/a")
    books.unregister(PAYMENTS, "/user/a")
    assert books.lookup("ledger") is None
    assert books.find(PAYMENTS) == ()
    assert not books.registered("/user/a")


def test_a_key_lists_its_members_in_the_order_of_registration_and_the_same_tuple_until_it_changes() -> None:
    """A member that registers again keeps its place; one that left and came back is last."""
    books = Registrations[str]()
    for ref in ("c", "a", "b", "c"):
        books.register(PAYMENTS, ref)
    assert books.find(PAYMENTS) == ("c", "a", "b")
    assert books.find(PAYMENTS) is books.find(PAYMENTS)
    books.unregister(PAYMENTS, "c")
    assert books.find(PAYMENTS) == ("a", "b")
    books.register(PAYMENTS, "c")
    assert books.find(PAYMENTS) == ("a", "b", "c")


def test_a_name_and_a_key_of_the_same_text_have_nothing_to_do_with_each_other() -> None:
    """They are different books."""
    books = Registrations[str]()
    books.register("payments", "/user/a")
    books.register(PAYMENTS, "/user/b")
    assert books.lookup("payments") == "/user/a"
    assert books.find(PAYMENTS) == ("/user/b",)


def test_unregistering_what_is_not_registered_has_no_effect() -> None:
    """Not on a stranger, not on a name that another ref holds, not on a group that has no such member."""
    books = Registrations[str]()
    heard: list[tuple[str, ...]] = []
    books.on_change(PAYMENTS, heard.append)
    books.register("ledger", "/user/a")
    books.register("till", "/user/b")
    for ref in ("/user/b", "/user/stranger"):
        books.unregister("ledger", ref)
        books.unregister(PAYMENTS, ref)
    books.forget("/user/stranger")
    assert books.lookup("ledger") == "/user/a"
    assert heard == []


def test_a_dead_ref_is_nowhere_any_more_before_anybody_is_told() -> None:
    """`forget` frees all names and leaves all keys first: a listener that looks around finds no trace."""
    books = Registrations[str]()
    seen: list[tuple[tuple[str, ...], object, tuple[str, ...], tuple[str, ...], bool]] = []

    def look_around(members: tuple[str, ...]) -> None:
        seen.append((members, books.lookup("ledger"), books.find(PAYMENTS), books.find(REFUNDS), books.registered("/user/a")))

    for ref in ("/user/a", "/user/b"):
        books.register(PAYMENTS, ref)
        books.register(REFUNDS, ref)
    books.register("ledger", "/user/a")
    books.on_change(PAYMENTS, look_around)
    books.on_change(REFUNDS, look_around)
    books.forget("/user/a")
    assert seen == [(("/user/b",), None, ("/user/b",), ("/user/b",), False)] * 2
    books.register("ledger", "/user/c")
    assert books.lookup("ledger") == "/user/c"


def test_a_listener_hears_every_change_of_its_key_and_nothing_else() -> None:
    """Not at once, not of other keys, and not after it was removed; removing it twice is once."""
    books = Registrations[str]()
    books.register(PAYMENTS, "a")
    heard: list[tuple[str, ...]] = []
    remove = books.on_change(PAYMENTS, heard.append)
    assert heard == []
    books.register(REFUNDS, "b")
    books.register("ledger", "b")
    books.register(PAYMENTS, "b")
    books.unregister(PAYMENTS, "a")
    books.forget("b")
    assert heard == [("a", "b"), ("b",), ()]
    remove()
    remove()
    books.register(PAYMENTS, "c")
    assert len(heard) == 3


def test_the_same_function_may_listen_twice_and_is_removed_once_at_a_time() -> None:
    """A registration of a listener is its own thing, not the function."""
    books = Registrations[str]()
    heard: list[tuple[str, ...]] = []
    remove = books.on_change(PAYMENTS, heard.append)
    books.on_change(PAYMENTS, heard.append)
    books.register(PAYMENTS, "a")
    remove()
    books.register(PAYMENTS, "b")
    assert heard == [("a",), ("a",), ("a", "b")]


def test_a_listener_that_was_removed_by_another_one_is_not_called_any_more() -> None:
    """Even when the change came first."""
    books = Registrations[str]()
    heard: list[tuple[str, ...]] = []
    books.on_change(PAYMENTS, lambda members: remove())
    remove = books.on_change(PAYMENTS, heard.append)
    books.register(PAYMENTS, "a")
    assert heard == []


def test_a_listener_that_changes_the_group_leaves_nobody_with_an_old_state() -> None:
    """Those behind it are called with what holds then, so that the last thing heard is always true."""
    books = Registrations[str]()
    heard: list[tuple[str, ...]] = []

    def expel(members: tuple[str, ...]) -> None:
        if "intruder" in members:
            books.unregister(PAYMENTS, "intruder")

    books.on_change(PAYMENTS, expel)
    books.on_change(PAYMENTS, heard.append)
    books.register(PAYMENTS, "a")
    books.register(PAYMENTS, "intruder")
    assert set(heard) == {("a",)}


@pytest.mark.parametrize("name", ["", "bank/ledger", " ledger"])
def test_a_name_that_no_actor_may_have_cannot_be_registered(name: str) -> None:
    """The rules of names hold at the registry's door; looking up such a name finds nobody."""
    books = Registrations[str]()
    with pytest.raises(ValueError, match="A name must not"):
        books.register(name, "a")
    assert books.lookup(name) is None
    assert leftovers(books) == {}


def test_what_is_neither_a_name_nor_a_key_is_a_type_error() -> None:
    """Such as a spec handed in by mistake."""
    wrong: Any = 7
    with pytest.raises(TypeError, match="A name must be a str, not 7"):
        Registrations[str]().register(wrong, "a")


PLACES: list[str | ServiceKey[int]] = ["ledger", "till", PAYMENTS, REFUNDS]


@given(
    st.lists(st.tuples(st.sampled_from(["register", "unregister", "forget"]), st.sampled_from(PLACES), st.sampled_from("abc")), max_size=40)
)
def test_the_books_are_the_model(steps: list[tuple[str, str | ServiceKey[int], str]]) -> None:
    """Under any sequence of changes the books agree with one list a place, and are empty when the last ref is forgotten."""
    books = Registrations[str]()
    model: dict[str | ServiceKey[int], list[str]] = {place: [] for place in PLACES}
    for step, place, ref in steps:
        if step == "register":
            if isinstance(place, str) and model[place] and ref not in model[place]:
                with pytest.raises(NameTaken):
                    books.register(place, ref)
            else:
                books.register(place, ref)
                if ref not in model[place]:
                    model[place].append(ref)
        elif step == "unregister":
            books.unregister(place, ref)
            if ref in model[place]:
                model[place].remove(ref)
        else:
            books.forget(ref)
            for refs in model.values():
                if ref in refs:
                    refs.remove(ref)
        for key in (PAYMENTS, REFUNDS):
            assert books.find(key) == tuple(model[key])
        for name in ("ledger", "till"):
            assert books.lookup(name) == next(iter(model[name]), None)
        for known in "abc":
            assert books.registered(known) == any(known in refs for refs in model.values())
    for known in "abc":
        books.forget(known)
    assert leftovers(books) == {}


async def test_waiting_for_what_is_registered_takes_no_time_but_is_a_checkpoint(autojump_clock: MockClock) -> None:
    """As every async function of trio: it looks for cancellation first."""
    books = Registrations[str]()
    books.register("ledger", "/user/a")
    books.register(PAYMENTS, "/user/a")
    with trio.fail_after(1), trio.testing.assert_checkpoints():
        assert await books.wait_for("ledger") == "/user/a"
        assert await books.wait_for(PAYMENTS) == ("/user/a",)
    assert trio.current_time() == 0
    with trio.CancelScope() as scope:
        scope.cancel()
        await books.wait_for("ledger")
    assert scope.cancelled_caught


async def test_all_who_wait_are_woken_in_the_instant_of_the_registration(autojump_clock: MockClock) -> None:
    """Each of several tasks, for a name and for a key, at the virtual second at which the ref came; nothing is left behind."""
    books = Registrations[str]()
    got: list[tuple[object, float]] = []

    async def wait(place: str | ServiceKey[int]) -> None:
        found = await books.wait_for(place)
        got.append((found, trio.current_time()))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for place in ("ledger", "ledger", PAYMENTS, PAYMENTS):
                nursery.start_soon(wait, place)
            await trio.sleep(3)
            books.register("ledger", "/user/a")
            await trio.sleep(4)
            books.register(REFUNDS, "/user/c")
            books.register(PAYMENTS, "/user/b")
    assert got == [("/user/a", 3.0)] * 2 + [(("/user/b",), 7.0)] * 2
    books.forget("/user/a")
    books.forget("/user/b")
    books.forget("/user/c")
    assert leftovers(books) == {}


async def test_a_ref_that_is_gone_before_the_waiting_task_runs_is_not_returned(autojump_clock: MockClock) -> None:
    """What `wait_for` returns is registered at that moment, so the task waits for the next one."""
    books = Registrations[str]()
    got: list[object] = []

    async def wait_for_a_name() -> None:
        got.append(await books.wait_for("ledger"))

    async def wait_for_a_member() -> None:
        got.append(await books.wait_for(PAYMENTS))

    with trio.fail_after(20):
        for wait, place in ((wait_for_a_name, "ledger"), (wait_for_a_member, PAYMENTS)):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait)
                await wait_all_tasks_blocked()
                books.register(place, "/user/short-lived")
                books.forget("/user/short-lived")
                await wait_all_tasks_blocked()
                books.register(place, "/user/a")
    assert got == ["/user/a", ("/user/a",)]


async def test_giving_up_waiting_leaves_nothing_behind_and_disturbs_nobody(autojump_clock: MockClock) -> None:
    """One of two waiting tasks is cancelled: the other is still woken, and then the books are empty."""
    books = Registrations[str]()
    got: list[str] = []

    async def wait() -> None:
        got.append(await books.wait_for("ledger"))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            with trio.move_on_after(2) as scope:
                await books.wait_for("ledger")
            assert scope.cancelled_caught
            with trio.move_on_after(2):
                await books.wait_for(PAYMENTS)
            books.register("ledger", "/user/a")
    assert got == ["/user/a"]
    books.forget("/user/a")
    assert leftovers(books) == {}
