"""
A circuit breaker: a state machine in front of a service that is out of order for a while.

Closed, it passes calls on. After three failures in a row it opens: callers hear `Unavailable` at once instead of piling up,
and the service has a rest. Then it is half open: one call is let through, and what becomes of it decides. A call is a background
task, its reply deferred, so the breaker is always there to answer. The machine is one `match` in `receive`, below `@handles`.
"""

import logging
from typing import Literal

import trio
from attrs import define, field, frozen

from trouper import Actor, ActorRef, AskError, Reply, Request, actor, handles, open_system, supervisor

FAILURES_MAX = 3
REST = 0.1
State = Literal["closed", "open", "half open", "trying"]


@frozen
class Unavailable:
    """The other reply to `Fetch`."""

    reason: str


@frozen
class Fetch(Request[str | Unavailable]):
    """To the service, or to a breaker in its place: get this page."""

    page: int


@frozen
class Ended:
    """To the breaker, from its own task or timer: what began in this state is over, a call or the rest."""

    state: State
    well: bool


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
class Breaker(Actor[Fetch | Ended]):
    """Protects the service from the callers, and the callers from it."""

    service: ActorRef[Fetch]
    _state: State = field(default="closed", init=False)
    _failures: int = field(default=0, init=False)

    def receive(self, message: Fetch | Ended, /) -> Reply[str | Unavailable] | Unavailable | None:
        """The whole machine."""
        match self._state, message:
            case "open" | "trying", Fetch():
                return Unavailable("not even tried")
            case state, Fetch():
                self._state = "trying" if state == "half open" else state
                reply = self.context.defer(message)
                self.context.start_soon(self._call, message, state, reply)
                return reply
            case "closed", Ended("closed", well):
                self._failures = 0 if well else self._failures + 1
                if self._failures == FAILURES_MAX:
                    self._change("open")
            case "open", Ended("open"):
                self._change("half open")
            case "trying", Ended("half open", well):
                self._change("closed" if well else "open")
            case _:
                pass  # a call from before that ends late
        return None

    def _change(self, state: State) -> None:
        self._state, self._failures = state, 0
        if state == "open":
            self.context.after(REST, Ended("open", well=True))
        self.context.publish(BreakerChanged(state))

    async def _call(self, request: Fetch, state: State, reply: Reply[str | Unavailable]) -> None:
        try:
            outcome = await self.service.ask(request, timeout=1.0)
        except AskError as error:
            outcome = Unavailable(str(error.__cause__ or error))
        await self.context.ref.tell(Ended(state, isinstance(outcome, str)))
        reply.send(outcome)


SERVICE = actor(Service, name="service")
CHANGES_AFTER = {5: 1, 6: 1, 7: 2, 8: 1}  # page: how many changes of state to wait for, before the next one


async def main() -> None:
    """Reads pages, one after the other, through good times and bad."""
    logging.getLogger("trouper").addHandler(logging.NullHandler())  # the crashes are meant to be: without their tracebacks
    async with open_system(supervisor("web", [SERVICE], max_restarts=10)) as system, system.subscribe(BreakerChanged) as changes:
        breaker = await system.spawn(actor(Breaker, system.ref(SERVICE), name="breaker"))
        for page in range(1, 10):
            text = await breaker.ask(Fetch(page))
            print(f"  page {page}:", text if isinstance(text, str) else f"unavailable, {text.reason}")
            for _ in range(CHANGES_AFTER.get(page, 0)):
                print(f"the breaker is {(await anext(changes)).state}")


if __name__ == "__main__":
    trio.run(main)
