"""
15 Bank transactions: a teller sends credits to accounts, each of which asks another account to take the money before it goes on.

An account that asks holds everything else back: an async handler does that by itself. The account asked always has a higher
number, so no circle of asks can close. The teller, waiting for an account's room, never waits for its own: it has a slot for every
reply of the flood. The suite's balances are so large that the amounts vanish in rounding; here both are whole numbers, so that what is
conserved means something, and every balance is compared.
"""

from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from trouper import Actor, ActorRef, Reply, Request, System, handles

from .frame import Program, Sizes, role, same
from .randoms import PseudoRandom


@frozen
class Parameters:
    """How many accounts, how many transactions, and what every account holds at the start."""

    accounts: int
    transactions: int
    initial_balance: int


@frozen
class Transfer:
    """A transaction, as data: from which account to which, and how much."""

    source: int
    target: int
    amount: int


def transfers_of(parameters: Parameters) -> Iterator[Transfer]:
    """All transactions: the suite's choice, with the amount as a whole number."""
    random = PseudoRandom(123456)
    for _ in range(parameters.transactions):
        source = random.next_int(parameters.accounts // 10 * 8)
        target = source + max(1, random.next_int(parameters.accounts - source))
        yield Transfer(source, target, random.next_int(1000) + 1)


@frozen
class Start(Request[Sequence[int]]):
    """Begin; the reply is every balance at the end."""


@frozen
class Debit(Request[None]):
    """Take so much in."""

    amount: int


@frozen
class Processed:
    """A transaction is complete."""


@frozen
class Credit:
    """Give so much to another account, and tell the sender."""

    amount: int
    target: ActorRef[Debit]
    teller: ActorRef[Processed]


@frozen
class Close(Request[int]):
    """The end; the reply is the balance."""


PROCESSED = Processed()


@define(eq=False)
class Account(Actor[Credit | Debit | Close]):
    """Has a balance."""

    balance: int

    @handles(Credit)
    async def credit(self, credit: Credit) -> None:
        """Gives, and waits until the other has taken."""
        self.balance -= credit.amount
        await credit.target.ask(Debit(credit.amount))
        credit.teller.tell_nowait(PROCESSED)

    @handles(Debit)
    def debit(self, debit: Debit) -> None:
        """Takes."""
        self.balance += debit.amount

    @handles(Close)
    def close(self, _close: Close) -> int:
        """The end."""
        self.context.stop_self()
        return self.balance


@define(eq=False)
class Teller(Actor[Start | Processed]):
    """Sends the transactions."""

    parameters: Parameters
    processed: int = 0
    accounts: list[ActorRef[Credit | Debit | Close]] = field(factory=list[ActorRef[Credit | Debit | Close]])
    result: Reply[Sequence[int]] = field(init=False)

    @handles(Start)
    async def start(self, start: Start) -> Reply[Sequence[int]]:
        """All of them."""
        self.result = self.context.defer(start)
        spec = role(Account, self.parameters.initial_balance)
        for _ in range(self.parameters.accounts):
            self.accounts.append(await self.context.spawn(spec))
        me: ActorRef[Processed] = self.context.ref
        for transfer in transfers_of(self.parameters):
            await self.accounts[transfer.source].tell(Credit(transfer.amount, self.accounts[transfer.target], me))
        return self.result

    @handles(Processed)
    async def count(self, _processed: Processed) -> None:
        """One less."""
        self.processed += 1
        if self.processed == self.parameters.transactions:
            self.result.send([await account.ask(Close()) for account in self.accounts])


async def play(system: System, parameters: Parameters) -> Sequence[int]:
    """One day at the bank."""
    teller = await system.spawn(role(Teller, parameters, mailbox=parameters.transactions + 1))
    return await teller.ask(Start())


def check(parameters: Parameters, balances: Sequence[int]) -> None:
    """The same transactions without actors."""
    expected = [parameters.initial_balance] * parameters.accounts
    for transfer in transfers_of(parameters):
        expected[transfer.source] -= transfer.amount
        expected[transfer.target] += transfer.amount
    same("the sum of the balances", sum(balances), parameters.accounts * parameters.initial_balance)
    same("the balances", list(balances), expected)


PROGRAM = Program(
    "banking",
    15,
    Sizes(default=Parameters(1_000, 50_000, 10**9), here=Parameters(1_000, 50_000, 10**9), small=Parameters(20, 150, 10**6)),
    play,
    check,
    messages=lambda parameters: 3 * parameters.transactions + parameters.accounts + 1,
    actors=lambda parameters: parameters.accounts + 1,
)
