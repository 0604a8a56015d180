"""
28 The first solutions of the N queens problem: workers place a queen and hand the boards back, until the rest is done in one message.

Workers wait for room at the master, and the master never waits: a worker's mailbox has a slot for every board that may be handed out.
Boards on which more queens stand come first (priority mailboxes). Corrected: at the limit the suite ends its workers in the middle,
and calls a run valid only if the limit was reached, which its own is too high for; here the master stops handing out boards at the
limit and waits for what is on its way, and the count is right at least at the limit or at all solutions.
"""

from collections.abc import Iterator
from typing import Final

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Priority, Reply, Request, System, handles

from .frame import Program, Sizes, WrongResult, role

SOLUTIONS: Final = (1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2_680, 14_200, 73_712, 365_596)
"""By size, from 1 on."""

Board = tuple[int, ...]


@frozen
class Parameters:
    """How many workers, how large the board is, how many queens are placed one a message, and how many solutions are enough."""

    workers: int
    size: int
    threshold: int
    limit: int

    @property
    def boards(self) -> int:
        """How many are handed out at most."""
        return sum(self.size**depth for depth in range(self.threshold + 1))


@frozen
class Start(Request[int]):
    """Begin; the reply is how many solutions were found."""


@frozen
class Work:
    """To a worker: this board. To the master: have it worked on."""

    board: Board


@frozen
class Solution:
    """One more."""


@frozen
class Done:
    """A board is done, or handed back in parts."""


@frozen
class Stop:
    """The end."""


SOLUTION, DONE, STOP = Solution(), Done(), Stop()


def mailbox_key(message: Work | Stop) -> int:
    """The key of a worker's mailbox: more queens first, the end last."""
    return -len(message.board) if isinstance(message, Work) else 1


def is_safe(board: Board, column: int) -> bool:
    """Whether a queen may stand in the next row of the board in that column."""
    rows = len(board)
    return not any(other == column or abs(other - column) == rows - row for row, other in enumerate(board))


def solutions(board: Board, size: int) -> Iterator[Board]:
    """All ways to complete a board."""
    if len(board) == size:
        yield board
        return
    for column in range(size):
        if is_safe(board, column):
            yield from solutions((*board, column), size)


@define(eq=False)
class Worker(Actor[Work | Stop]):
    """Places queens."""

    size: int
    threshold: int
    master: ActorRef[Work | Solution | Done]

    @handles(Work)
    async def work(self, work: Work) -> None:
        """One more queen, or all the others."""
        board = work.board
        if len(board) >= self.threshold or len(board) == self.size:
            for _ in solutions(board, self.size):
                await self.master.tell(SOLUTION)
        else:
            for column in range(self.size):
                if is_safe(board, column):
                    await self.master.tell(Work((*board, column)))
        await self.master.tell(DONE)

    @handles(Stop)
    def stop(self, _stop: Stop) -> None:
        """The end."""
        self.context.stop_self()


@define(eq=False)
class Master(Actor[Start | Work | Solution | Done]):
    """Hands the boards out in turn."""

    parameters: Parameters
    sent: int = 0
    completed: int = 0
    found: int = 0
    workers: list[ActorRef[Work | Stop]] = field(factory=list[ActorRef[Work | Stop]])
    result: Reply[int] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[int]:
        """The empty board."""
        self.result = self.context.defer(start)
        parameters = self.parameters
        mailbox = Priority(parameters.boards + 1, key=mailbox_key)
        spec = role(Worker, parameters.size, parameters.threshold, self.context.ref, mailbox=mailbox)
        for _ in range(parameters.workers):
            self.workers.append(await self.context.spawn(spec))
        self.hand_out(Work(()))
        return self.result

    @handles(Work)
    def hand_out(self, work: Work) -> None:
        """To the next worker, as long as there are not enough solutions."""
        if self.found < self.parameters.limit:
            self.workers[self.sent % self.parameters.workers].tell_nowait(work)
            self.sent += 1

    @handles(Solution)
    def count_solution(self, _solution: Solution) -> None:
        """One more."""
        self.found += 1

    @handles(Done)
    def count(self, _done: Done) -> None:
        """One board less; or the end."""
        self.completed += 1
        if self.completed == self.sent:
            for worker in self.workers:
                worker.tell_nowait(STOP)
            self.result.send(self.found)


async def play(system: System, parameters: Parameters) -> int:
    """One board."""
    master = await system.spawn(role(Master, parameters))
    return await master.ask(Start())


def check(parameters: Parameters, found: int) -> None:
    """All solutions, or at least the limit."""
    known = SOLUTIONS[parameters.size - 1]
    if not min(parameters.limit, known) <= found <= known:
        raise WrongResult(f"{found} solutions, of {known}, with a limit of {parameters.limit}")


PROGRAM = Program(
    "nqueenk",
    28,
    Sizes(default=Parameters(20, 12, 4, 1_500_000), here=Parameters(20, 10, 4, 1_500_000), small=Parameters(4, 6, 2, 1_500_000)),
    play,
    check,
    actors=lambda parameters: parameters.workers + 1,
)
