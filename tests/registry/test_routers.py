"""Routers and groups: many actors behind one ref."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import define, evolve, field, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorRef,
    ActorSpec,
    AskFailed,
    AskStopped,
    AskTimeout,
    Counts,
    DeadLetter,
    Deadlock,
    MailboxFull,
    NoRoutee,
    Request,
    ServiceKey,
    Unhandled,
    actor,
    group,
    handles,
    open_system,
    router,
    supervisor,
)
from trouper.testing import ActorSystem, Probe


@frozen
class Work(Request[str]):
    number: int = 0


@frozen
class Slow(Request[str]):
    """Takes ten seconds."""

    number: int = 0


@frozen
class Crash(Request[str]):
    pass


@frozen
class AskBack(Request[str]):
    """Has the worker ask *whom*."""

    whom: ActorRef[Any]


@define(eq=False)
class Shift:
    """What a test knows of the workers of a pool."""

    notes: list[tuple[str, int]] = field(factory=list[tuple[str, int]])
    refs: dict[str, ActorRef[Any]] = field(factory=dict[str, ActorRef[Any]])
    starts: Counter[str] = field(factory=Counter[str])

    def done_by(self, name: str) -> list[int]:
        return [number for worker, number in self.notes if worker == name]


@define(eq=False)
class Worker(Actor[Work | Slow | Crash | AskBack]):
    """Notes what it does and answers with its name."""

    shift: Shift
    name: str = field(default="", init=False)

    def on_start(self) -> None:
        self.name = self.context.path.rsplit("/", 1)[-1]
        self.shift.refs[self.name] = self.context.ref
        self.shift.starts[self.name] += 1

    @handles(Work)
    def work(self, request: Work) -> str:
        self.shift.notes.append((self.name, request.number))
        return self.name

    @handles(Slow)
    async def slow(self, request: Slow) -> str:
        self.shift.notes.append((self.name, request.number))
        await trio.sleep(10)
        return self.name

    @handles(Crash)
    def crash(self, request: Crash) -> str:
        raise ValueError(self.name)

    @handles(AskBack)
    async def ask_back(self, request: AskBack) -> str:
        return str(await request.whom.ask(AskBack(self.context.ref)))


@define(eq=False)
class Customer(Actor[AskBack | Work]):
    """Asks the pool to ask it back, or simply asks it."""

    pool: ActorRef[Any]

    @handles(AskBack)
    async def ask(self, request: AskBack) -> str:
        answer: str = await self.pool.ask(AskBack(self.context.ref))
        return answer

    @handles(Work)
    async def work(self, request: Work) -> str:
        answer: str = await self.pool.ask(request)
        return answer


Pool = ActorRef[Work | Slow | Crash | AskBack]


def worker(shift: Shift | None = None, **options: Any) -> ActorSpec[Work | Slow | Crash | AskBack]:
    return actor(Worker, shift or Shift(), name="worker", **options)


async def quiet() -> None:
    """Until nothing runs any more."""
    with trio.fail_after(10):
        await wait_all_tasks_blocked()


def assert_adds_up(counts: Counts) -> None:
    assert counts.accepted == counts.handled + counts.failed + counts.withdrawn + counts.dead_letters + counts.waiting


# Which worker


async def test_round_robin_takes_each_worker_in_its_turn(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Told and asked alike, from outside and from a handler: the reply comes from the worker itself. Workers have numbers."""
    pool = await actor_system.spawn(router("pool", worker(), 3))
    assert [await pool.ask(Work()) for _ in range(4)] == ["worker-1", "worker-2", "worker-3", "worker-1"]
    await pool.tell(Work())
    customer = await actor_system.spawn(actor(Customer, pool))
    assert await customer.ask(Work()) == "worker-3"
    assert [node.path for node in actor_system.tree() if "pool" in node.path][1:] == [f"/user/pool/worker-{number}" for number in (1, 2, 3)]


async def test_random_takes_any_worker_about_as_often_as_the_others(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Drawn from the system's source of randomness."""
    pool = await actor_system.spawn(router("pool", worker(), 4, routing="random"))
    shares = Counter([await pool.ask(Work()) for _ in range(2_000)])
    assert all(350 < share < 650 for share in shares.values())
    assert len(shares) == 4


async def test_least_loaded_takes_a_worker_that_has_nothing_to_do(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """One that is busy, or has more waiting, is passed over; idle ones share the work."""
    shift = Shift()
    pool = await actor_system.spawn(router("pool", worker(shift), 3, routing="least_loaded"))
    await shift.refs["worker-1"].tell(Slow())
    await quiet()
    assert Counter([await pool.ask(Work()) for _ in range(6)]) == {"worker-2": 3, "worker-3": 3}
    for number in (1, 2, 3, 4):
        await pool.tell(Slow(number))
        await quiet()
    await trio.sleep(20)
    assert sorted(len([number for number in shift.done_by(name) if number]) for name in shift.refs) == [1, 1, 2]


async def test_consistent_hash_takes_the_same_worker_for_the_same_key(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Also after that worker has restarted; keys are spread."""
    actor_system.expect_failure(ValueError)

    def by_number(message: Any) -> object:
        return getattr(message, "number", 0)

    pool = await actor_system.spawn(router("pool", worker(), 4, routing="consistent_hash", key=by_number))
    homes = {number: await pool.ask(Work(number)) for number in range(50)}
    assert len(set(homes.values())) == 4
    with pytest.raises(AskFailed):
        await pool.ask(Crash())
    assert {number: await pool.ask(Work(number)) for number in reversed(range(50))} == dict(reversed(homes.items()))


async def test_broadcast_tells_all_and_the_first_reply_wins(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """A worker that fails or is slow holds no answer up as long as another one answers; if none does, the asker gets the error."""
    actor_system.expect_failure(ValueError)
    shift = Shift()
    pool = await actor_system.spawn(router("pool", worker(shift), 3, routing="broadcast"))
    await pool.tell(Work(1))
    await quiet()
    assert shift.notes == [("worker-1", 1), ("worker-2", 1), ("worker-3", 1)]
    await shift.refs["worker-1"].tell(Slow(2))
    await shift.refs["worker-2"].tell(Crash())
    began = trio.current_time()
    assert await pool.ask(Work(3)) in ("worker-2", "worker-3")
    assert trio.current_time() == began
    await trio.sleep(20)
    assert [name for name, number in shift.notes if number == 3][-1] == "worker-1"
    await shift.refs["worker-1"].tell(Slow(4))
    with pytest.raises(AskFailed) as raised:
        await pool.ask(Crash(), timeout=60.0)
    assert isinstance(raised.value.__cause__, ValueError)
    assert trio.current_time() == began + 30


def test_the_options_of_a_router_are_checked_where_it_is_written() -> None:
    """A key for, and only for, consistent_hash; a known routing; at least one worker; a spec and a service key."""
    key = ServiceKey[Work]("workers")
    wrong: Any = "worker"
    routing: Any = "fastest"
    with pytest.raises(ValueError, match="routing='consistent_hash' needs key="):
        router("pool", worker(), 2, routing="consistent_hash")
    others: list[Any] = ["round_robin", "random", "least_loaded", "broadcast"]
    for other in others:
        with pytest.raises(ValueError, match=r"key=... is only for routing='consistent_hash'"):
            router("pool", worker(), 2, routing=other, key=str)
        with pytest.raises(ValueError, match=r"key=... is only for routing='consistent_hash'"):
            group("pool", key, routing=other, key=str)
    with pytest.raises(ValueError, match=r"routing must be one of 'round_robin', 'random', .* not 'fastest'"):
        group("pool", key, routing=routing)
    with pytest.raises(ValueError, match="A pool has at least 1 worker, not 0"):
        router("pool", worker(), 0)
    with pytest.raises(TypeError, match="size must be an int, not True"):
        router("pool", worker(), True)
    with pytest.raises(TypeError, match=r"router\(\) needs the spec of its workers, .* not 'worker'"):
        router("pool", wrong, 2)
    with pytest.raises(TypeError, match=r"group\(\) needs a ServiceKey, not 'worker'"):
        group("pool", wrong)
    with pytest.raises(ValueError, match="A name must not contain '/'"):
        router("a/b", worker(), 2)


# Room


async def test_a_router_waits_for_room_at_the_chosen_worker_and_keeps_the_order(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """
    It goes past nobody: with the chosen worker full, what comes later waits behind, until the pool itself is full and the
    senders wait; then everything is handled, once, in order.
    """
    shift = Shift()
    small = evolve(router("pool", worker(shift, mailbox=1), 2), mailbox=2)
    pool = await actor_system.spawn(small)
    for number in (1, 2, 3, 4):  # each worker has one in hand and one waiting
        await pool.tell(Slow(number))
        await quiet()
    for number in (5, 6, 7):  # one in the router's hand, two in its mailbox
        await pool.tell(Slow(number))
        await quiet()
    with pytest.raises(MailboxFull):
        pool.tell_nowait(Slow(8))
    with trio.move_on_after(1) as scope:
        await pool.tell(Slow(8))
    assert scope.cancelled_caught
    assert await pool.ask(Work(9), timeout=60.0) == "worker-2"
    await trio.sleep(60)
    assert shift.done_by("worker-1") == [1, 3, 5, 7]
    assert shift.done_by("worker-2") == [2, 4, 6, 9]


async def test_an_ask_that_is_given_up_is_withdrawn_wherever_it_waits(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """At the worker's door, in the router's mailbox, in the worker's mailbox: it is never handled, and its room is free."""
    shift = Shift()
    pool = await actor_system.spawn(router("pool", worker(shift, mailbox=1), 1))
    busy = shift.refs["worker-1"]
    await busy.tell(Slow(1))
    await quiet()
    with pytest.raises(AskTimeout):  # in the worker's mailbox
        await pool.ask(Work(2), timeout=1.0)
    await busy.tell(Slow(3))
    async with trio.open_nursery() as nursery:  # at the worker's door, and behind it in the router's mailbox
        for number in (4, 5):

            async def give_up(number: int = number) -> None:
                with pytest.raises(AskTimeout):
                    await pool.ask(Work(number), timeout=2.0)

            nursery.start_soon(give_up)
            await quiet()
    assert await pool.ask(Work(6), timeout=60.0) == "worker-1"
    assert shift.done_by("worker-1") == [1, 3, 6]
    for counts in actor_system.statistics().actors.values():
        assert_adds_up(counts)


@pytest.mark.parametrize("timeout", [60.0, math.inf])
async def test_an_ask_is_answered_when_the_pool_is_stopped_wherever_it_waits(
    timeout: float, autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """At the worker's door, in the router's mailbox, in the worker's mailbox, in its hand: nobody waits for the dead."""
    shift = Shift()
    pool = await actor_system.spawn(evolve(router("pool", worker(shift, mailbox=1, stop_timeout=2.0), 1), stop_timeout=2.0))
    ended: list[type[Exception]] = []

    async def ask(number: int) -> None:
        try:
            await pool.ask(Slow(number), timeout=timeout)
        except (AskStopped, AskFailed) as error:
            ended.append(type(error))

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(ask, number)
                await quiet()
            await actor_system.stop(pool)
    assert ended == [AskStopped] * 5
    assert shift.done_by("worker-1") == [0]


async def test_draining_a_pool_handles_what_is_queued_in_it_and_in_its_workers(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """The router passes on all it has, then the workers handle all they have."""
    shift = Shift()
    pool = await actor_system.spawn(router("pool", worker(shift, stop_timeout=math.inf), 2))
    for number in range(10):
        pool.tell_nowait(Slow(number))
    await actor_system.stop(pool, drain=True)
    assert sorted(number for _, number in shift.notes) == list(range(10))


# Circles


async def test_the_edge_of_a_forwarded_ask_moves_to_the_worker(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """
    A worker that asks back the one whose ask it has in hand closes a circle, which is named without the router; asking
    somebody else, or the router for another worker's help, is fine.
    """
    actor_system.expect_failure(Deadlock, AskFailed)
    pool = await actor_system.spawn(router("pool", worker(), 2))
    customer = await actor_system.spawn(actor(Customer, pool, name="customer"))
    with pytest.raises(AskFailed) as raised:
        await customer.ask(AskBack(customer))
    error: BaseException | None = raised.value
    while not isinstance(error, Deadlock):
        assert error is not None
        error = error.__cause__
    assert error.circle == ("/user/pool/worker-1", "/user/customer", "/user/pool/worker-1")
    other = await actor_system.spawn(actor(Customer, pool, name="other"))
    assert await customer.ask(Work()) == "worker-2"
    assert await other.ask(Work()) == "worker-1"


@define(eq=False)
class Helpless(Actor[Work]):
    """Asks its own pool for help, once."""

    pools: list[ActorRef[Any]]

    @handles(Work)
    async def work(self, request: Work) -> str:
        if not request.number:
            return self.context.path
        return str(await self.pools[0].ask(Work(request.number - 1)))


async def test_a_worker_may_ask_its_own_pool_unless_it_is_the_one_that_is_chosen(
    autojump_clock: MockClock, actor_system: ActorSystem
) -> None:
    """With two workers the other one helps; when the circle closes, the ask that would wait for ever is refused at once."""
    actor_system.expect_failure(Deadlock, AskFailed)
    pools: list[ActorRef[Any]] = []
    pools.append(await actor_system.spawn(router("pool", actor(Helpless, pools, name="worker"), 2)))
    assert await pools[0].ask(Work(1)) == "/user/pool/worker-2"
    with trio.fail_after(1), pytest.raises(AskFailed):
        await pools[0].ask(Work(2), timeout=math.inf)
    one = await actor_system.spawn(router("one", actor(Helpless, pools_of_one := list[ActorRef[Any]](), name="worker"), 1))
    pools_of_one.append(one)
    with trio.fail_after(1), pytest.raises(AskFailed) as raised:
        await one.ask(Work(1), timeout=math.inf)
    assert isinstance(raised.value.__cause__, Deadlock)
    assert raised.value.__cause__.circle == ("/user/one/worker-1", "/user/one/worker-1")


# Failure


async def test_a_worker_that_fails_is_restarted_alone_and_keeps_its_place(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """The asker gets `AskFailed`, the message behind it reaches the new instance, the other workers notice nothing."""
    actor_system.expect_failure(ValueError)
    shift = Shift()
    pool = await actor_system.spawn(router("pool", worker(shift), 3))
    with pytest.raises(AskFailed) as raised:
        await pool.ask(Crash())
    assert str(raised.value.__cause__) == "worker-1"
    assert [await pool.ask(Work()) for _ in range(3)] == ["worker-2", "worker-3", "worker-1"]
    assert shift.starts == {"worker-1": 2, "worker-2": 1, "worker-3": 1}


async def test_without_a_worker_a_message_is_a_dead_letter_and_an_asker_is_told(
    autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe
) -> None:
    """Its recipient is the router, its reason "unhandled", the asker gets `NoRoutee`, an `Unhandled`; and the accounts say so."""
    actor_system.expect_failure(ValueError)
    probe.subscribe(DeadLetter)
    pool = await actor_system.spawn(router("pool", worker(restart="temporary"), 1))
    await pool.tell(Crash())
    await quiet()
    await pool.tell(Work(1))
    with pytest.raises(NoRoutee, match=r"/user/pool is a router without routees, so nobody can answer Work"):
        await pool.ask(Work(2))
    letters = [await probe.expect(DeadLetter) for _ in range(2)]
    assert letters == [DeadLetter(Work(1), pool, "unhandled"), DeadLetter(Work(2), pool, "unhandled")]
    counts = actor_system.statistics().actors["/user/pool"]
    assert (counts.accepted, counts.handled, counts.dead_letters) == (3, 1, 2)
    assert_adds_up(counts)


async def test_a_router_accepts_and_handles_a_message_by_passing_it_on(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """And the worker accepts it again: told, asked, failed and broadcast, each book adds up on its own."""
    actor_system.expect_failure(ValueError)
    pool = await actor_system.spawn(router("pool", worker(), 2))
    everybody = await actor_system.spawn(router("everybody", worker(), 2, routing="broadcast"))
    for number in range(4):
        await pool.tell(Work(number))
        await pool.ask(Work(number))
    with pytest.raises(AskFailed):
        await pool.ask(Crash())
    await everybody.tell(Work())
    await everybody.ask(Work())
    await quiet()
    statistics = actor_system.statistics()
    assert_adds_up(statistics)
    for path, accepted, failed in (
        ("/user/pool", 9, 0),
        ("/user/pool/worker-1", 5, 1),
        ("/user/pool/worker-2", 4, 0),
        ("/user/everybody", 2, 0),
        ("/user/everybody/worker-1", 2, 0),
        ("/user/everybody/worker-2", 2, 0),
    ):
        counts = statistics.actors[path]
        assert_adds_up(counts)
        assert (counts.accepted, counts.handled, counts.failed, counts.waiting) == (accepted, accepted - failed, failed, 0)


async def test_a_reply_may_be_deferred_behind_a_router(autojump_clock: MockClock, actor_system: ActorSystem, probe: Probe) -> None:
    """The worker owes it, whoever sends it answers the asker, and the worker goes on meanwhile."""
    key = ServiceKey[Work]("workers")
    actor_system.registry.register(key, probe.ref)
    workers = await actor_system.spawn(group("workers", key))
    got: list[str] = []

    async def ask(number: int) -> None:
        got.append(await workers.ask(Work(number), timeout=60.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, 1)
        assert await probe.expect(Work) == Work(1)
        await trio.sleep(30)
        probe.reply("done")
    assert got == ["done"]


# Groups


async def test_a_group_sends_to_whoever_is_registered_at_the_moment(autojump_clock: MockClock, actor_system: ActorSystem) -> None:
    """Members come, leave, die and restart; without any the message is a dead letter and an asker gets `Unhandled`."""
    actor_system.expect_failure(ValueError)
    key = ServiceKey[Work | Crash]("workers")
    workers = await actor_system.spawn(group("workers", key))
    with pytest.raises(Unhandled):
        await workers.ask(Work())
    members = [await actor_system.spawn(actor(Worker, Shift(), name=name)) for name in "abc"]
    for member in members:
        actor_system.registry.register(key, member)
    assert {await workers.ask(Work()) for _ in range(3)} == {"a", "b", "c"}
    actor_system.registry.unregister(key, members[0])
    await actor_system.stop(members[1])
    assert {await workers.ask(Work()) for _ in range(3)} == {"c"}
    with pytest.raises(AskFailed):
        await workers.ask(Crash())
    assert await workers.ask(Work()) == "c"
    await actor_system.stop(members[2])
    with pytest.raises(Unhandled):
        await workers.ask(Work())


@pytest.mark.parametrize("routing", ["round_robin", "random", "least_loaded", "consistent_hash", "broadcast"])
async def test_a_group_knows_all_routings_and_stands_in_a_tree_like_any_actor(routing: Any, autojump_clock: MockClock) -> None:
    """By its spec it is found, with its messages; its members are supervised elsewhere."""
    key = ServiceKey[Work]("workers")
    by_number: Callable[[Work], object] | None = (lambda work: work.number) if routing == "consistent_hash" else None
    front = group("front", key, routing=routing, key=by_number)
    async with open_system(supervisor("top", [front])) as system:
        shift = Shift()
        for name in "abc":
            system.registry.register(key, await system.spawn(actor(Worker, shift, name=name)))
        answers = [await system.ref(front).ask(Work(number % 5)) for number in range(30)]
        await quiet()
        assert set(answers) <= {"a", "b", "c"}
        handled = Counter(name for name, _ in shift.notes)
        if routing == "broadcast":
            assert handled == {"a": 30, "b": 30, "c": 30}
        elif routing == "consistent_hash":
            assert all(len({answers[number] for number in range(rest, 30, 5)}) == 1 for rest in range(5))
        else:
            assert len(handled) == 3
            assert sum(handled.values()) == 30
