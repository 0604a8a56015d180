"""Each example of one file tells the story that its docstring promises, and the same one in every run."""

from collections.abc import Callable
from random import Random
from typing import TypeAlias

Story: TypeAlias = Callable[[str], list[str]]


def test_an_account_pays_declines_crashes_and_starts_from_its_spec(story: Story) -> None:
    """The reply is paid or declined; a crash costs the state and not the ref; the ledger heard of what was paid before."""
    assert story("bank_account.py") == [
        "/user/bank/account-A-1 opens with 10000 cents",
        "  paid 9000 cents for rent",
        "  declined: 2000 cents for a lamp, but the balance is 1500 cents",
        "  paid 1500 cents for a book",
        "/user/bank/account-A-1 has 0 cents left",
        "  crash: -100 cents for nothing",
        "/user/bank/account-A-1 is back, behind the same ref, with the 10000 cents of its spec",
        "the ledger did not crash: it has heard of payments of 10500 cents",
    ]


def test_a_chat_goes_on_when_a_connection_crashes(story: Story) -> None:
    """Bytes that are no text end Bob's connection only; a client that hangs up has left normally; the end closes the sockets."""
    assert story("chat_room.py") == [
        "* Ann is here",
        "* Bob is here",
        "* Carla is here",
        "<Bob> good morning!",
        "<Ann> good morning, Bob",
        "* Bob has left (failed: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte)",
        "<Carla> what was that?",
        "* Carla has left (normal)",
        "The chat is closed, and Ann's socket with it: b''",
    ]


def test_a_circuit_breaker_opens_rests_tries_once_and_closes(story: Story) -> None:
    """Three failures open it; one trial that fails opens it again; one that succeeds closes it."""
    assert story("circuit_breaker.py") == [
        "  page 1: the text of page 1",
        "  page 2: the text of page 2",
        "  page 3: unavailable, the line is dead",
        "  page 4: unavailable, the line is dead",
        "  page 5: unavailable, the line is dead",
        "the breaker is open",
        "  page 6: unavailable, not even tried",
        "the breaker is half open",
        "  page 7: unavailable, the line is dead",
        "the breaker is open",
        "the breaker is half open",
        "  page 8: the text of page 8",
        "the breaker is closed",
        "  page 9: the text of page 9",
    ]


def test_philosophers_are_told_of_their_deadlock_and_a_waiter_prevents_it(story: Story) -> None:
    """The last to ask would close the circle and gives way; with a waiter all eat, and no two neighbours at once."""
    assert story("dining_philosophers.py") == [
        "Without a waiter, each with one fork in hand, asking for the other:",
        "  zhuangzi would wait for ever: zhuangzi -> plato -> hypatia -> kant -> weil -> zhuangzi. So zhuangzi gives way.",
        "  then the others could eat, one after the other: weil, kant, hypatia, plato",
        "With a waiter, who answers when there are two forks:",
        "  100 meals, 20 each, never more than 2 philosophers at once",
    ]


def test_a_tree_fails_from_one_machine_up_to_its_root(story: Story) -> None:
    """Who is restarted is what each strategy says; children that restart with their supervisor keep counting; the root's end comes out."""
    lines = story("failing_tree.py")
    tree = [line for line in lines if "handled" in line]
    assert [line for line in lines if line not in tree] == [
        "kitchen is one_for_one: who fails is restarted, alone",
        "  kitchen/oven failed: too hot -> restart",
        "  kitchen/oven is up again, restart 1",
        "hydraulics is one_for_all: who fails takes all the others along",
        "  hydraulics/valve failed: it leaks -> restart",
        "  hydraulics/pump is up again, restart 1",
        "  hydraulics/valve is up again, restart 1",
        "packaging is rest_for_one: who fails takes those along that were started after it",
        "  packaging/sorter failed: the belt is torn -> restart",
        "  packaging/sorter is up again, restart 1",
        "  packaging/packer is up again, restart 1",
        "kitchen has a budget, which the oven exceeds: that is a failure of the kitchen, and the plant restarts it",
        "  kitchen/oven failed: too hot again -> escalate",
        "  kitchen gives up: more than 1 restart in 60 s",
        "  kitchen/mixer is up again, restart 1",
        "  kitchen/oven is up again, restart 2",
        "  kitchen is up again, restart 1",
        "the kitchen once more, and the plant has a budget too: the whole tree is stopped",
        "  kitchen/oven failed: smoke -> restart",
        "  kitchen/oven is up again, restart 3",
        "system 'factory' failed:",
        "  RestartLimitReached: /user/plant gave up: its children needed more than max_restarts=1 restarts within 60.0 s",
        "  RestartLimitReached: /user/plant/kitchen gave up: its children needed more than max_restarts=1 restarts within 60.0 s",
        "  RuntimeError: fire",
    ]
    restarts = {line.split()[-8]: int(line.split()[-1]) for line in tree}
    assert restarts["oven"] == 2
    assert {name for name, number in restarts.items() if number} == {"kitchen", "mixer", "oven", "pump", "valve", "sorter", "packer"}


def test_a_rate_limiter_grants_a_burst_then_one_a_tick_and_refuses_the_rest(story: Story) -> None:
    """Three tokens, four may wait, three of ten are refused; later there are tokens again."""
    assert story("rate_limiter.py") == [
        "Ten at once; 3 tokens, one more every 20 ms, 4 may wait:",
        *[f"  caller {number:>2} went ahead at once" for number in (1, 2, 3)],
        "  caller  4 went ahead after 1 tick",
        *[f"  caller {number:>2} went ahead after {number - 3} ticks" for number in (5, 6, 7)],
        *[f"  caller {number:>2} was refused: 4 waited already" for number in (8, 9, 10)],
        "A while later there are tokens again: caller 11 went ahead at once",
    ]


def test_who_answers_in_time_is_gathered_and_the_others_are_named(story: Story) -> None:
    """The slow one and the one that crashed hold nobody up."""
    assert story("scatter_gather.py") == [
        "Asked 5 suppliers for a kettle, with 100 ms for all of them:",
        "  copper inc    38.90",
        "  anvil & co    49.90",
        "  brass bros    52.90",
        "  /user/market/dawdle: no answer in time",
        "  /user/market/error: no price for a kettle",
        "The cheapest that answered: copper inc",
    ]


def test_a_ring_elects_the_largest_number_with_as_many_messages_as_the_algorithm_needs(story: Story) -> None:
    """
    Chang and Roberts: a number travels to the next larger one, the largest all round. The count of the runtime's own
    statistics is what that comes to, so none was lost and none was sent twice.
    """
    numbers = list(range(1, 1_001))
    Random(1979).shuffle(numbers)
    twice = numbers * 2
    votes = sum(next((hops for hops in range(1, 1_000) if twice[place + hops] > number), 1_000) for place, number in enumerate(numbers))
    assert story("token_ring.py") == [
        "1,000 nodes in a ring, each of which knows one other",
        "/user/node-1000 was elected: 1,000 is the largest number",
        "the token came home after 50,000 hops, 50 times round",
        f"the election took {votes:,} messages, {votes / 1_000:.1f} a node, and not 1,000: small numbers end early",
    ]


def test_a_pool_holds_its_producer_back_and_loses_one_job_to_a_crash(story: Story) -> None:
    """The bound is the sum of the mailboxes and of what is in hand; who does not wait is refused with what to do about it."""
    refusal = (
        "/user/pool has 2 of 2 messages waiting, so Job was refused. "
        "Wait for room with 'await ref.tell(...)', or raise the limit: actor(..., mailbox=4)."
    )
    assert story("worker_pool.py") == [
        "3 workers with room for 2 jobs each, 60 jobs, and a producer that tells them as fast as it may:",
        "  never more than 12 jobs waited or were worked on: 2 + 1 at the pool, 3 * (2 + 1) at its workers",
        "60 more jobs, from a producer that cannot wait, and has to do something else with what is refused:",
        f"  {refusal}",
        "119 of 120 jobs are done; 1 worker was restarted, and lost the job that it had in hand: {13}",
    ]
