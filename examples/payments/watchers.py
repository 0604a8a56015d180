"""Two more listeners: one that joins late, and one that listens to the runtime itself."""

from collections import Counter

from attrs import define, field

from trouper import Actor, ActorFailed, handles

from .facts import FiguresLost, PaymentCompleted
from .listeners import AskCounts, AskFailures, AskTotals
from .messages import Totals

SUSPICIOUS_CENTS = 200_00


@define(eq=False)
class FraudChecker(Actor[PaymentCompleted | AskTotals | AskCounts]):
    """
    Looks at payments from the moment it is there. It was written after the shop, and is started in the middle of the day:
    subscribing is all that it takes.
    """

    _seen: int = field(default=0, init=False)
    _cents: int = field(default=0, init=False)
    _suspects: Counter[str] = field(factory=Counter[str], init=False)

    def on_start(self) -> None:
        """What was published before is not seen, what comes after is, without a gap between."""
        self.context.subscribe(PaymentCompleted, on_full="fail", capacity=10_000)

    @handles(PaymentCompleted)
    def look_at(self, fact: PaymentCompleted) -> None:
        """Large payments make an account suspicious."""
        self._seen += 1
        self._cents += fact.cents
        if fact.cents >= SUSPICIOUS_CENTS:
            self._suspects[fact.account] += 1

    @handles(AskTotals)
    def seen(self, _request: AskTotals) -> Totals:
        """How many payments it has looked at."""
        return Totals(self._seen, self._cents)

    @handles(AskCounts)
    def suspects(self, _request: AskCounts) -> Counter[str]:
        """Suspicious payments by account."""
        return Counter(self._suspects)


@define(eq=False)
class Incidents(Actor[ActorFailed | FiguresLost | AskFailures | AskTotals]):
    """Writes down what fails: the runtime's own life is on the same stream as everything else."""

    _failures: list[ActorFailed] = field(factory=list[ActorFailed], init=False)
    _figures_lost: int = field(default=0, init=False)

    def on_start(self) -> None:
        """Every failure of every actor."""
        self.context.subscribe(ActorFailed, on_full="fail", capacity=10_000)
        self.context.subscribe(FiguresLost)

    @handles(ActorFailed)
    def note(self, fact: ActorFailed) -> None:
        """Who, and why."""
        self._failures.append(fact)

    @handles(FiguresLost)
    def note_loss(self, fact: FiguresLost) -> None:
        """How many orders are in nobody's figures."""
        self._figures_lost += fact.orders

    @handles(AskFailures)
    def failures(self, _request: AskFailures) -> tuple[ActorFailed, ...]:
        """All of them."""
        return tuple(self._failures)

    @handles(AskTotals)
    def figures_lost(self, _request: AskTotals) -> Totals:
        """Orders that the analytics have lost."""
        return Totals(self._figures_lost, 0)
