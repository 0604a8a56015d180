"""Those whom an order needs. Each knows by its events what it did for which order, so to be asked again changes nothing."""

from attrs import define, field

from trouper import handles
from trouper.persistence import EventSourced, applies

from .messages import AskTaken, PutBack, Ship, Take, Taken, Undo

NOT_TO = frozenset({"Atlantis"})


@define(eq=False)
class Supply(EventSourced[Take | Undo | AskTaken, Taken | PutBack]):
    """What there is of something, and which order has how much of it: the stock of an item, the purse of a customer."""

    kind: str
    limit: int
    name: str
    _of_order: dict[str, int] = field(factory=dict[str, int], init=False)

    @property
    def identity(self) -> str:
        """Whose the events are."""
        return f"{self.kind} {self.name}"

    @handles(Take)
    async def take(self, request: Take) -> bool:
        """Yes, as often as it is asked; or no."""
        if request.order not in self._of_order:
            if request.amount > self.limit - sum(self._of_order.values()):
                return False
            await self.persist(Taken(request.order, request.amount))
        return True

    @handles(Undo)
    async def undo(self, request: Undo) -> None:
        """Others may have it."""
        if request.order in self._of_order:
            await self.persist(PutBack(request.order))

    @applies(Taken)
    def taken(self, event: Taken) -> None:
        """Less is left."""
        self._of_order[event.order] = event.amount

    @applies(PutBack)
    def put_back(self, event: PutBack) -> None:
        """More is left."""
        del self._of_order[event.order]

    @handles(AskTaken)
    def ask_taken(self, _request: AskTaken) -> int:
        """By all orders."""
        return sum(self._of_order.values())


@define(eq=False)
class Carrier(EventSourced[Ship | AskTaken, Taken]):
    """Ships a parcel once. What it has shipped it does not take back, so it comes last."""

    name: str
    _parcels: set[str] = field(factory=set[str], init=False)

    @property
    def identity(self) -> str:
        """Whose the events are."""
        return f"carrier {self.name}"

    @handles(Ship)
    async def ship(self, request: Ship) -> bool:
        """Not everywhere."""
        if request.country in NOT_TO:
            return False
        if request.order not in self._parcels:
            await self.persist(Taken(request.order, 1))
        return True

    @applies(Taken)
    def taken(self, event: Taken) -> None:
        """On its way."""
        self._parcels.add(event.order)

    @handles(AskTaken)
    def ask_taken(self, _request: AskTaken) -> int:
        """Parcels."""
        return len(self._parcels)
