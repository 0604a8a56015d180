"""The stash: bounded, in order, and open to what was given up."""

from __future__ import annotations

import pickle

import pytest
from attrs import frozen

from trouper.errors import TrouperError
from trouper.mailbox import Envelope, MailboxFull, StashBuffer, StashFull


@frozen
class Pay:
    cents: int


class Ask(Envelope):
    __slots__ = ("message", "withdrawn")
    takes_slot = True
    lane = "user"

    def __init__(self, message: object) -> None:
        self.message = message
        self.withdrawn = False


def test_set_aside_messages_come_back_once_in_order() -> None:
    """`drain` gives everything in the order of `push`, and leaves nothing."""
    stash = StashBuffer(3)
    ask = Ask(Pay(2))
    for item in (Pay(1), ask, Pay(3)):
        stash.push(item, "/user/till")
    assert len(stash) == 3
    assert stash.drain() == [Pay(1), ask, Pay(3)]
    assert len(stash) == 0
    assert stash.drain() == []


def test_a_drained_list_is_not_changed_by_what_is_stashed_next() -> None:
    """While unstashed messages are on their way back, the stash may fill again."""
    stash = StashBuffer(2)
    stash.push(Pay(1), "/user/till")
    drained = stash.drain()
    stash.push(Pay(2), "/user/till")
    assert drained == [Pay(1)]


@pytest.mark.parametrize("item", [Pay(3), Ask(Pay(3))])
def test_beyond_the_limit_nothing_is_set_aside_and_the_error_names_the_message(item: object) -> None:
    """Two of two fit, the third raises StashFull with path, limit and the message's type, and changes nothing."""
    stash = StashBuffer(2)
    stash.push(Pay(1), "/user/till")
    stash.push(Pay(2), "/user/till")
    with pytest.raises(StashFull) as raised:
        stash.push(item, "/user/till")
    assert (raised.value.path, raised.value.limit, raised.value.message_type) == ("/user/till", 2, "Pay")
    assert stash.drain() == [Pay(1), Pay(2)]


def test_an_ask_that_was_given_up_leaves_the_stash_and_makes_room() -> None:
    """`discard` removes the very item, not an equal one, and says whether it was there."""
    stash = StashBuffer(2)
    first, equal = Pay(1), Pay(1)
    stash.push(first, "/user/till")
    stash.push(equal, "/user/till")
    assert stash.discard(equal)
    assert not stash.discard(equal)
    stash.push(Pay(2), "/user/till")
    assert stash.drain()[0] is first


@pytest.mark.parametrize("error", [MailboxFull("/user/bank/account-A-1", 64, "Deposit"), StashFull("/user/till", 64, "Deposit")])
def test_the_refusals_of_a_mailbox_pickle(error: TrouperError) -> None:
    """They cross processes with the same text."""
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == str(error)


def test_a_full_mailbox_says_what_happened_where_with_which_numbers_and_what_to_do() -> None:
    """The text is the one that the design fixes."""
    assert str(MailboxFull("/user/bank/account-A-1", 64, "Deposit")) == (
        "/user/bank/account-A-1 has 64 of 64 messages waiting, so Deposit was refused. "
        "Wait for room with 'await ref.tell(...)', or raise the limit: actor(..., mailbox=128)."
    )


def test_a_full_stash_says_what_happened_where_with_which_numbers_and_what_to_do() -> None:
    """Same manner."""
    assert str(StashFull("/user/till", 64, "Deposit")) == (
        "/user/till has set aside 64 of 64 messages, so Deposit was not stashed. "
        "Take them back with 'self.context.unstash_all()', or raise the limit: actor(..., stash=128)."
    )
