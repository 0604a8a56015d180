"""Watching: exactly one Terminated for one death, in its place in the queue, and none for what is no death."""

from typing import Any

import pytest
import trio
from attrs import define, frozen
from trio.testing import MockClock, wait_all_tasks_blocked

from trouper import (
    Actor,
    ActorFailed,
    ActorRef,
    ActorSpec,
    ActorStopped,
    AskFailed,
    AskStopped,
    DeathPact,
    Exit,
    ForeignRef,
    Listing,
    Priority,
    Request,
    ServiceKey,
    Terminated,
    actor,
    handles,
    open_system,
    supervisor,
)
from trouper.supervision import Strategy


class Broken(Exception):
    """What the actors of this file fail with."""


@frozen
class Crash:
    pass


@frozen
class Ping(Request[None]):
    pass


@frozen(eq=False)
class Say:
    """Has the victim tell a text to another actor, and end with it if it is the last."""

    text: str
    to: "ActorRef[str]"
    then_leave: bool = False


@define(eq=False)
class Victim(Actor[Crash | Ping | Say]):
    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    @handles(Ping)
    def ping(self, query: Ping) -> None: ...

    @handles(Say)
    async def say(self, command: Say) -> None:
        await command.to.tell(command.text)
        if command.then_leave:
            self.context.stop_self()


@frozen(eq=False)
class Watch(Request[None]):
    ref: ActorRef[Any]


@frozen(eq=False)
class Unwatch(Request[None]):
    ref: ActorRef[Any]


@frozen(eq=False)
class Hold:
    """Keeps the handler until the event is set."""

    until: trio.Event


@define(eq=False)
class Watcher(Actor[Watch | Unwatch | Hold | str | Crash]):
    """Writes down what it hears, and unwatches the one in the list when it hears anything."""

    heard: list[object]
    watched: tuple[ActorRef[Any], ...] = ()

    async def on_start(self) -> None:
        for ref in self.watched:
            self.context.watch(ref)

    @handles(Watch)
    def watch(self, command: Watch) -> None:
        self.context.watch(command.ref)

    @handles(Unwatch)
    def unwatch(self, command: Unwatch) -> None:
        self.context.unwatch(command.ref)

    @handles(Hold)
    async def hold(self, command: Hold) -> None:
        await command.until.wait()

    @handles(str)
    def hear(self, text: str) -> None:
        self.heard.append(text)

    @handles(Crash)
    def crash(self, command: Crash) -> None:
        raise Broken

    def on_terminated(self, terminated: Terminated) -> None:
        self.heard.append(terminated)


def watcher(heard: list[object], *watched: ActorRef[Any]) -> ActorSpec[Watch | Unwatch | Hold | str | Crash]:
    return actor(Watcher, heard, watched, name="watcher")


@pytest.mark.parametrize("when", ["before the death", "after the death", "both", "twice before"])
async def test_a_watch_yields_exactly_one_terminated(when: str, autojump_clock: MockClock) -> None:
    """Whether it was registered before or after the death, or both, or more than once."""
    heard: list[object] = []
    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        ref = await system.spawn(watcher(heard))
        if when != "after the death":
            await ref.ask(Watch(subject))
        if when == "twice before":
            await ref.ask(Watch(subject))
        await system.stop(subject)
        if when in ("after the death", "both"):
            await ref.ask(Watch(subject))
        await trio.sleep(1)
        expected = [Terminated(subject, Exit("shutdown"))]
        assert heard == (expected * 2 if when == "both" else expected)


async def test_watching_the_dead_again_before_the_notice_is_handled_yields_one(autojump_clock: MockClock) -> None:
    """While a Terminated is queued the watch is still the same watch."""
    heard: list[object] = []
    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        ref = await system.spawn(watcher(heard, subject))
        release = trio.Event()
        await ref.tell(Hold(release))
        await wait_all_tasks_blocked()
        for _ in range(2):
            ref.tell_nowait(Watch(subject))
        await system.stop(subject)
        release.set()
        await trio.sleep(1)
        assert heard == [Terminated(subject, Exit("shutdown"))]


@pytest.mark.parametrize("kind", ["normal", "shutdown", "killed", "failed"])
async def test_terminated_says_how_it_ended(kind: str, autojump_clock: MockClock) -> None:
    """The four kinds of exit; a failed one with the exception."""
    heard: list[Exit] = []

    class Ending(Actor[Crash | Hold | Ping]):
        @handles(Crash)
        def crash(self, command: Crash) -> None:
            raise Broken("cause")

        @handles(Hold)
        async def hold(self, command: Hold) -> None:
            await command.until.wait()

        @handles(Ping)
        def ping(self, query: Ping) -> None:
            self.context.stop_self()

    class Reader(Actor[str]):
        def on_start(self) -> None:
            self.context.watch(subject)

        @handles(Terminated)
        def terminated(self, terminated: Terminated) -> None:
            assert terminated.ref == subject
            heard.append(terminated.reason)

        @handles(str)
        def hear(self, message: str) -> None: ...

    spec = actor(Ending, restart="temporary", stop_timeout=1.0)
    async with open_system(supervisor("top", [spec])) as system:
        subject = system.ref(spec)
        await system.spawn(actor(Reader))
        if kind == "normal":
            await subject.tell(Ping())
        elif kind == "failed":
            await subject.tell(Crash())
        else:
            if kind == "killed":
                await subject.tell(Hold(trio.Event()))
                await wait_all_tasks_blocked()
            await system.stop(subject)
        await trio.sleep(1)
        (reason,) = heard
        assert reason.kind == kind
        assert repr(reason.cause) == ("Broken('cause')" if kind == "failed" else "None")


@pytest.mark.parametrize("state", ["alive", "dead and queued"])
async def test_unwatch_cancels_even_a_terminated_that_is_queued(state: str, autojump_clock: MockClock) -> None:
    """From the moment of the call none is handled; the notice that was queued counts as withdrawn."""
    heard: list[object] = []
    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        ref = await system.spawn(watcher(heard, subject))
        release = trio.Event()
        await ref.tell(Hold(release))
        await wait_all_tasks_blocked()
        await ref.tell(Unwatch(subject))
        if state == "dead and queued":
            await system.stop(subject)
            release.set()
        else:
            release.set()
            await wait_all_tasks_blocked()
            await system.stop(subject)
        await trio.sleep(1)
        assert heard == []
        counts = system.statistics().actors[str(ref)]
        assert counts.waiting == 0
        assert counts.withdrawn == (1 if state == "dead and queued" else 0)


async def test_a_watch_after_unwatch_is_a_new_watch(autojump_clock: MockClock) -> None:
    """It yields its own Terminated, even of one that is dead."""
    heard: list[object] = []
    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        ref = await system.spawn(watcher(heard, subject))
        await ref.ask(Unwatch(subject))
        await system.stop(subject)
        await ref.ask(Watch(subject))
        await trio.sleep(1)
        assert heard == [Terminated(subject, Exit("shutdown"))]


@pytest.mark.parametrize("how", ["by a crash", "by hand", "with its group", "with its supervisor"])
async def test_a_restart_is_no_death(how: str, autojump_clock: MockClock) -> None:
    """The watch goes on: of the death that comes later the watcher hears once."""
    heard: list[object] = []
    victim, sibling = actor(Victim, name="victim"), actor(Victim, name="sibling")
    strategy: Strategy = "one_for_all" if how == "with its group" else "one_for_one"
    inner = supervisor("inner", [victim, sibling], strategy=strategy)
    async with open_system(supervisor("top", [inner])) as system:
        subject = system.ref(victim)
        await system.spawn(watcher(heard, subject))
        if how == "by a crash":
            await subject.tell(Crash())
        elif how == "by hand":
            await system.restart(subject)
        elif how == "with its group":
            await system.ref(sibling).tell(Crash())
        else:
            await system.restart(system.ref(inner))
        await subject.ask(Ping())
        assert heard == []
        await system.stop(subject)
        await trio.sleep(1)
        assert heard == [Terminated(subject, Exit("shutdown"))]


async def test_watches_outlive_the_restart_of_the_watcher(autojump_clock: MockClock) -> None:
    """They belong to its address; a Terminated that comes while it restarts waits in its mailbox."""
    heard: list[object] = []
    victim = actor(Victim)
    late = actor(Victim)

    class Slow(Watcher):
        starts = 0

        async def on_start(self) -> None:
            Slow.starts += 1
            if Slow.starts == 1:
                self.context.watch(system.ref(victim))
                self.context.watch(system.ref(late))
            else:
                await trio.sleep(2)

    async with open_system(supervisor("top", [victim, late])) as system:
        ref = await system.spawn(actor(Slow, heard))
        await ref.tell(Crash())
        await trio.sleep(1)
        first, second = system.ref(victim), system.ref(late)
        await system.stop(first)
        await trio.sleep(2)
        await system.stop(second)
        await trio.sleep(1)
        assert heard == [Terminated(first, Exit("shutdown")), Terminated(second, Exit("shutdown"))]


@pytest.mark.parametrize("mailbox", [1000, Priority(1000, key=len)])
async def test_terminated_comes_behind_what_the_dead_had_told_the_watcher(mailbox: int | Priority, autojump_clock: MockClock) -> None:
    """It takes its place in the queue at the death, and overtakes nothing, also where the mailbox has priorities."""
    heard: list[object] = []

    class Listener(Actor[str]):
        @handles(str)
        async def hear(self, text: str) -> None:
            heard.append(text)
            if text == "hold":
                await release.wait()

        def on_start(self) -> None:
            self.context.watch(subject)

        def on_terminated(self, terminated: Terminated) -> None:
            heard.append("terminated")

    release = trio.Event()
    victim = actor(Victim, restart="temporary")
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        ref = await system.spawn(actor(Listener, mailbox=mailbox))
        await ref.tell("hold")
        await wait_all_tasks_blocked()
        for number in range(3):
            await subject.tell(Say(f"text {number}", ref, then_leave=number == 2))
        await wait_all_tasks_blocked()
        with pytest.raises(AskStopped):
            await subject.ask(Ping())
        release.set()
        await wait_all_tasks_blocked()
        assert heard == ["hold", "text 0", "text 1", "text 2", "terminated"]


async def test_terminated_needs_no_room_in_a_full_mailbox(autojump_clock: MockClock) -> None:
    """No bound applies to it: a death is heard of by a watcher that takes no message more."""
    heard: list[object] = []
    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        ref = await system.spawn(actor(Watcher, heard, (subject,), mailbox=1))
        release = trio.Event()
        await ref.tell(Hold(release))
        await wait_all_tasks_blocked()
        await ref.tell("last")
        await system.stop(subject)
        release.set()
        await trio.sleep(1)
        assert heard == ["last", Terminated(subject, Exit("shutdown"))]


async def test_an_actor_that_watches_and_cannot_hear_of_a_death_fails_with_death_pact(autojump_clock: MockClock) -> None:
    """Pekko's rule: whoever depends on another and has no answer to its end ends with it."""

    class Deaf(Actor[str]):
        def on_start(self) -> None:
            self.context.watch(subject)

        @handles(str)
        def hear(self, message: str) -> None: ...

    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system, system.subscribe(ActorFailed) as failures:
        subject = system.ref(victim)
        await system.spawn(actor(Deaf, name="deaf", restart="temporary"))
        await system.stop(subject)
        with trio.fail_after(1):
            failed = await anext(failures)
        assert isinstance(failed.cause, DeathPact)
        assert (failed.cause.path, failed.cause.subject, failed.cause.reason) == ("/user/deaf", str(subject), "shutdown")


async def test_a_handler_for_terminated_is_enough_and_goes_first(autojump_clock: MockClock) -> None:
    """It need not be in the union, and where both are there, the hook is not called."""
    heard: list[str] = []

    class Both(Actor[str]):
        def on_start(self) -> None:
            self.context.watch(subject)

        @handles(Terminated)
        async def gone(self, terminated: Terminated) -> None:
            heard.append("handler")

        def on_terminated(self, terminated: Terminated) -> None:
            heard.append("hook")

        @handles(str)
        def hear(self, message: str) -> None: ...

    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        subject = system.ref(victim)
        await system.spawn(actor(Both))
        await system.stop(subject)
        await trio.sleep(1)
        assert heard == ["handler"]


# The order of a death


async def test_a_name_is_free_and_lookups_fail_before_anybody_is_told_of_the_death(autojump_clock: MockClock) -> None:
    """Whoever hears of it, by Terminated, by the event stream or by an ask, can at once start a successor under the same name."""
    key = ServiceKey[Crash]("victims")
    found: list[object] = []
    victim = actor(Victim, name="victim", restart="temporary")

    class Heir(Actor[ActorStopped | Listing[Crash] | str]):
        def on_start(self) -> None:
            self.context.watch(subject)
            self.context.subscribe(ActorStopped, where=lambda fact: fact.path == str(subject))

        async def look(self, how: str) -> None:
            found.append((how, self.context.registry.lookup("boss"), self.context.registry.find(key)))
            if how == "terminated":
                successor = await self.context.spawn(actor(Victim, name="victim"))
                self.context.registry.register("boss", successor)
                await self.context.stop(successor)

        @handles(ActorStopped)
        async def stopped(self, fact: ActorStopped) -> None:
            await self.look("fact")

        @handles(Terminated)
        async def gone(self, terminated: Terminated) -> None:
            await self.look("terminated")

        @handles(Listing)
        def listing(self, listing: Listing[Crash]) -> None: ...

        @handles(str)
        def hear(self, message: str) -> None: ...

    async with open_system() as system:
        subject = await system.spawn(victim)
        system.registry.register("boss", subject)
        system.registry.register(key, subject)
        await system.spawn(actor(Heir))
        await system.stop(subject)
        again = await system.spawn(victim)
        assert again != subject
        await trio.sleep(1)
        assert sorted(found, key=str) == [("fact", None, ()), ("terminated", None, ())]


async def test_a_parent_hears_of_its_child_when_the_name_is_free(autojump_clock: MockClock) -> None:
    """A parent that replaces each child that dies never gets NameTaken."""
    starts: list[int] = []

    class Replacing(Actor[Ping]):
        async def on_start(self) -> None:
            await self.replace()

        async def replace(self) -> None:
            starts.append(len(starts))
            child = await self.context.spawn(actor(Victim, name="child", restart="temporary"))
            self.context.watch(child)
            if len(starts) < 5:
                await child.tell(Crash())

        async def on_terminated(self, terminated: Terminated) -> None:
            assert self.context.children == ()
            await self.replace()

        @handles(Ping)
        def ping(self, query: Ping) -> None: ...

    spec = actor(Replacing)
    async with open_system(supervisor("top", [spec], max_restarts=0)):
        await trio.sleep(1)
        assert starts == [0, 1, 2, 3, 4]


async def test_children_that_die_because_their_parent_restarts_are_not_reported_to_it(autojump_clock: MockClock) -> None:
    """The new instance knows nothing of them."""
    heard: list[object] = []

    class Parent(Watcher):
        async def on_start(self) -> None:
            self.context.watch(await self.context.spawn(actor(Victim)))

    spec = actor(Parent, heard)
    async with open_system(supervisor("top", [spec])) as system:
        await system.ref(spec).tell(Crash())
        await trio.sleep(1)
        assert heard == []
        assert [node.restarts for node in system.tree() if node.path == str(system.ref(spec))] == [1]


async def test_others_hear_of_children_that_die_because_their_parent_restarts(autojump_clock: MockClock) -> None:
    """To everybody else it is a death like any other."""
    heard: list[object] = []
    top = supervisor("top")
    async with open_system(supervisor("all", [top])) as system:
        child = await system.spawn(actor(Victim), under=system.ref(top))
        await system.spawn(watcher(heard, child))
        await system.restart(system.ref(top))
        await trio.sleep(1)
        assert heard == [Terminated(child, Exit("shutdown"))]


async def test_the_dead_leave_no_watches_behind(autojump_clock: MockClock) -> None:
    """A watcher that died is not told, and is no dead letter either."""
    heard: list[object] = []
    victim = actor(Victim)
    async with open_system(supervisor("top", [victim])) as system:
        ref = await system.spawn(watcher(heard, system.ref(victim)))
        await system.stop(ref)
        await system.stop(system.ref(victim))
        await trio.sleep(1)
        assert heard == []
        assert system.statistics().dead_letters == 0


async def test_an_actor_may_watch_its_watcher_and_itself(autojump_clock: MockClock) -> None:
    """A circle of watches holds up nobody."""
    heard: list[object] = []
    async with open_system() as system:
        one = await system.spawn(actor(Watcher, heard))
        two = await system.spawn(actor(Watcher, heard))
        await one.ask(Watch(two))
        await two.ask(Watch(one))
        await one.ask(Watch(one))
        with trio.fail_after(1):
            await system.stop(one)
        await trio.sleep(1)
        assert heard == [Terminated(one, Exit("shutdown"))]


async def test_a_ref_of_another_system_cannot_be_watched(autojump_clock: MockClock) -> None:
    """Its death is not known here: `ForeignRef` says so."""
    async with open_system(name="here") as here, open_system(name="there") as there:
        foreign = await there.spawn(actor(Victim))
        heard: list[object] = []
        ref = await here.spawn(watcher(heard))
        with pytest.raises(AskFailed) as caught:
            await ref.ask(Watch(foreign))
        assert isinstance(caught.value.__cause__, ForeignRef)
