"""
A circuit breaker: a state machine in front of a service that is out of order for a while.

Closed, it passes calls on. After three failures in a row it opens: callers hear `Unavailable` at once instead of piling up,
and the service has a rest. Then it is half open: one call is let through, and what becomes of it decides. A call is a
background task of the breaker, its reply deferred, so that the breaker itself is always there to answer. The machine is one
`match` in `receive`, the layer below `@handles`: what happens in which state is one table.
"""

import logging
from typing import Literal

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Reply, Request, Supervision, actor, handles, open_system

FAILURES_MAX = 3
REST = 0.1


@frozen
class Unavailable:
    """The other reply to `Fetch`."""

    reason: str


@frozen
class Fetch(Request[str | Unavailable]):
    """To the service, or to a breaker in its place: get this page."""

    page: int


@frozen
class CallEnded:
    """To the breaker from its own task: a call is over, well or not; *trial* if it was the one that decides."""

    well: bool
    trial: bool


@frozen
class Rested:
    """To the breaker from its timer."""


State = Literal["closed", "open", "half open", "trying"]


@frozen
class BreakerChanged:
    """A fact."""

    state: State


@define(eq=False)
class Service(Actor[Fetch]):
    """Out of order for the pages 3 to 7."""

    @handles(Fetch)
    def fetch(self, request: Fetch) -> str:
        """Each failure is a crash, and a restart."""
        if 3 <= request.page <= 7:
            raise ConnectionError("the line is dead")
        return f"the text of page {request.page}"


@define(eq=False)
class Breaker(Actor[Fetch | CallEnded | Rested]):
    """Starts the service as its child, and protects it from the callers and the callers from it."""

    _service: ActorRef[Fetch] = field(init=False)
    _state: State = field(default="closed", init=False)
    _failures: int = field(default=0, init=False)

    async def on_start(self) -> None:
        """The service is up before the first call."""
        self._service = await self.context.spawn(actor(Service, name="service"))

    def receive(self, message: Fetch | CallEnded | Rested, /) -> Reply[str | Unavailable] | Unavailable | None:
        """The whole machine."""
        match self._state, message:
            case "closed", Fetch():
                return self._pass_on(message, trial=False)
            case "half open", Fetch():
                self._change("trying")
                return self._pass_on(message, trial=True)
            case _, Fetch():
                return Unavailable("not even tried")
            case "closed", CallEnded(well=well):
                self._failures = 0 if well else self._failures + 1
                if self._failures == FAILURES_MAX:
                    self._change("open")
            case "open", Rested():
                self._change("half open")
            case "trying", CallEnded(well=well, trial=True):
                self._change("closed" if well else "open")
            case _:
                pass  # a call from before that ends late
        return None

    def _change(self, state: State) -> None:
        self._state = state
        self._failures = 0
        if state == "open":
            self.context.after(REST, Rested(), key="rest")
        if state != "trying":
            self.context.publish(BreakerChanged(state))

    def _pass_on(self, request: Fetch, trial: bool) -> Reply[str | Unavailable]:
        reply = self.context.defer(request)
        self.context.start_soon(self._call, request, trial, reply)
        return reply

    async def _call(self, request: Fetch, trial: bool, reply: Reply[str | Unavailable]) -> None:
        try:
            outcome = await self._service.ask(request, timeout=1.0)
        except AskError as error:
            outcome = Unavailable(str(error.__cause__ or error))
        await self.context.ref.tell(CallEnded(isinstance(outcome, str), trial))
        reply.send(outcome)


BREAKER = actor(Breaker, name="breaker", supervision=Supervision(max_restarts=10, within=1.0))


async def main() -> None:
    """Reads pages, one after the other, through good times and bad."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crashes are meant to be: without their tracebacks
    async with open_system(BREAKER) as system, system.subscribe(BreakerChanged) as changes:
        breaker = system.ref(BREAKER)

        async def fetch(page: int) -> None:
            match await breaker.ask(Fetch(page)):
                case Unavailable(reason):
                    print(f"  page {page}: unavailable, {reason}")
                case text:
                    print(f"  page {page}: {text}")

        async def until(state: State) -> None:
            async for change in changes:
                print(f"the breaker is {change.state}")
                if change.state == state:
                    return

        for page in (1, 2, 3, 4, 5):
            await fetch(page)
        await until("open")
        await fetch(6)
        await until("half open")
        await fetch(7)
        await until("open")
        await until("half open")
        await fetch(8)
        await until("closed")
        await fetch(9)


if __name__ == "__main__":
    trio.run(main)
