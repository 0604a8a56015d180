"""
Starvation: how long the rest of a program waits while two actors are busy for ever.

The actors never run out of messages: they tell each other, or each tells itself, in plain handlers or in async ones. Beside
them, on the same trio loop, runs what a program does besides actors: a timer, a call in a thread, an echo over a TCP socket, a
subprocess. What the busy actors handle meanwhile is counted, so that one sees that they left nothing over; and each probe runs once
beside nothing, since a thread and a process take their time there too.
"""

import socket
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from time import perf_counter, process_time
from typing import Final

import trio
import trio.testing
from attrs import define, frozen
from works.counting import Note

from trouper import Actor, ActorRef, actor, handles, open_system

TIMER_SECONDS: Final = 0.01
PROBE_SECONDS_MAX: Final = 120.0
"""A probe that takes longer is starved to death."""

PING: Final = b"0123456789abcdef"


@define(eq=False)
class Begin:
    """Says whom to tell, and has it told for the first time."""

    target: ActorRef[Note]


@define(eq=False)
class Handled:
    """How many messages the busy actors have handled, and whether they may rest at last."""

    messages: int = 0
    is_over: bool = False


@define(eq=False)
class PlainHog(Actor[Note | Begin]):
    """Tells its target whenever it is told, from a plain handler."""

    handled: Handled
    target: ActorRef[Note] | None = None

    @handles(Begin)
    def begin(self, begin: Begin) -> None:
        """Starts what does not end."""
        self.target = begin.target
        self.target.tell_nowait(Note())

    @handles(Note)
    def go_on(self, note: Note) -> None:
        """Passes the message on."""
        self.handled.messages += 1
        assert self.target is not None
        if not self.handled.is_over:
            self.target.tell_nowait(note)


@define(eq=False)
class AsyncHog(Actor[Note | Begin]):
    """The same from an async handler."""

    handled: Handled
    target: ActorRef[Note] | None = None

    @handles(Begin)
    async def begin(self, begin: Begin) -> None:
        """Starts what does not end."""
        self.target = begin.target
        await self.target.tell(Note())

    @handles(Note)
    async def go_on(self, note: Note) -> None:
        """Passes the message on."""
        self.handled.messages += 1
        assert self.target is not None
        if not self.handled.is_over:
            await self.target.tell(note)


@frozen
class Company:
    """Who is busy beside the probe: two actors of the factory, each of which tells the other or itself. No factory: nobody."""

    name: str
    factory: type[PlainHog | AsyncHog] | None = None
    tell_themselves: bool = False


IDLE: Final = Company("nobody")
BUSY: Final = (
    Company("two that tell each other, def", PlainHog),
    Company("two that tell each other, async", AsyncHog),
    Company("two that tell themselves, def", PlainHog, tell_themselves=True),
    Company("two that tell themselves, async", AsyncHog, tell_themselves=True),
)


async def timer(samples: int) -> list[float]:
    """By how many seconds each of so many timers of 10 ms was late."""
    late: list[float] = []
    for _ in range(samples):
        due = trio.current_time() + TIMER_SECONDS
        await trio.sleep_until(due)
        late.append(trio.current_time() - due)
    return late


def nothing() -> None:
    """What the thread does."""


async def thread(samples: int) -> list[float]:
    """How many seconds each of so many calls of a function that does nothing took in a thread of trio's, one after another."""
    took: list[float] = []
    for _ in range(samples):
        began = perf_counter()
        await trio.to_thread.run_sync(nothing)
        took.append(perf_counter() - began)
    return took


async def echo(samples: int) -> list[float]:
    """How many seconds each of so many round trips of 16 bytes took, over localhost, both ends in this program."""

    async def answer(stream: trio.SocketStream) -> None:
        async for data in stream:
            await stream.send_all(data)

    took: list[float] = []
    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        stream = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        async with stream:
            for _ in range(samples):
                began = perf_counter()
                await stream.send_all(PING)
                received = 0
                while received < len(PING):
                    received += len(await stream.receive_some())
                took.append(perf_counter() - began)
        nursery.cancel_scope.cancel()
    return took


async def process(samples: int) -> list[float]:
    """How many seconds each of so many runs of `true` took, one after another."""
    took: list[float] = []
    for _ in range(samples):
        began = perf_counter()
        await trio.run_process(["true"])
        took.append(perf_counter() - began)
    return took


@frozen
class Probe:
    """
    What is measured beside the busy actors.

    Args:
        name: Its id; the quantile that it names is the figure.
        does: What it is, for the table.
        run: Returns so many samples, in seconds.
        samples: How many make a run.
        quantile: Which of the sorted samples counts.
    """

    name: str
    does: str
    run: Callable[[int], Awaitable[list[float]]]
    samples: int
    quantile: float


PROBES: Final = (
    Probe("timer_late_p99_ms", "how late a 10 ms timer is beside two endless actors", timer, 300, 0.99),
    Probe("to_thread_p99_ms", "a to_thread call beside two endless actors", thread, 500, 0.99),
    Probe("socket_echo_p99_ms", "a TCP round trip beside two endless actors", echo, 500, 0.99),
    Probe("subprocess_p50_ms", "a subprocess beside two endless actors", process, 40, 0.5),
)


def quantile(samples: Sequence[float], part: float) -> float:
    """The smallest sample that is not less than so large a part of all (0.99: of 99 %)."""
    ordered = sorted(samples)
    return ordered[max(0, -int(-len(ordered) * part // 1) - 1)]


@frozen
class Run:
    """
    One run of a probe in one company.

    Args:
        samples: In seconds.
        handled_a_second: What the company handled meanwhile, in messages.
        processor: The part of one processor that this process had meanwhile; busy and less than nearly all of it: others were busy as well.
    """

    samples: Sequence[float]
    handled_a_second: float
    processor: float


async def run_probe(probe: Probe, company: Company, samples: int) -> Run:
    """Measures once."""
    handled = Handled()
    with trio.fail_after(PROBE_SECONDS_MAX):
        async with open_system() as system:
            if company.factory is not None:
                hogs = [await system.spawn(actor(company.factory, handled)) for _ in range(2)]
                for hog, other in zip(hogs, reversed(hogs), strict=True):
                    await hog.tell(Begin(hog if company.tell_themselves else other))
                await trio.sleep(TIMER_SECONDS)
            began, worked, before = perf_counter(), process_time(), handled.messages
            measured = await probe.run(samples)
            seconds = perf_counter() - began
            run = Run(measured, (handled.messages - before) / seconds, (process_time() - worked) / seconds)
            handled.is_over = True
            await trio.testing.wait_all_tasks_blocked()  # what is still on its way is handled, and no dead letter
    assert len(run.samples) == samples, (len(run.samples), samples)
    assert (run.handled_a_second > 0) == (company.factory is not None), run.handled_a_second
    return run


@frozen
class Starved:
    """All runs of a probe, by the company that it had."""

    probe: Probe
    runs: dict[Company, list[Run]]

    def figures_ms(self, company: Company) -> list[float]:
        """The figure of each run, in milliseconds."""
        return [quantile(run.samples, self.probe.quantile) * 1e3 for run in self.runs[company]]

    @property
    def worst_ms(self) -> list[float]:
        """The figures of the company that the probe suffered from most."""
        return max((self.figures_ms(company) for company in self.runs if company is not IDLE), key=median)


def starvation_table(starved: Sequence[Starved]) -> str:
    """Everything that was measured, for people: medians over the runs, the maximum over all."""
    lines: list[str] = []
    for one in starved:
        runs = one.runs[IDLE]
        lines += ["", f"{one.probe.does}: {one.probe.name}, medians of {len(runs)} runs of {len(runs[0].samples)} samples, in ms", ""]
        lines.append(f"  {'beside':32}  {'p50':>7}  {'p99':>7}  {'max':>7}  {'they handle a second':>20}  {'processor':>9}")
        for company, measured in one.runs.items():
            p50, p99 = (median(quantile(run.samples, part) for run in measured) * 1e3 for part in (0.5, 0.99))
            most = max(max(run.samples) for run in measured) * 1e3
            rate = f"{median(run.handled_a_second for run in measured):,.0f}" if company.factory else ""
            had = median(run.processor for run in measured)
            lines.append(f"  {company.name:32}  {p50:7.2f}  {p99:7.2f}  {most:7.2f}  {rate:>20}  {had:9.0%}")
    return "\n".join(lines)
