"""
A run as a picture: lanes, messages between them, what stood still when, and what is broken where.

This is the picture as data, which `diagram_page`, `diagram_text` and `shiviz` draw each in its way. All of it follows from the trace: the
same trace gives the same picture, byte by byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field, frozen

from .causality import causes_of
from .fields import changed_fields
from .oracles import Violation
from .run import Outcome
from .trace import Event

REPLY: Final = re.compile(r"(?P<asker>.*) reply to (?P<number>\d+)", re.DOTALL)
"""Where a reply goes, as the trace has it."""

CLIENT_BEGINS: Final = ("/user/client", "Begin")
"""The step with which a client begins, even one that performs no operation."""

FAULT_ENDS: Final = {"restart": "crash", "resume": "pause", "heal": "partition"}
"""What ends which fault. Any other is ended by its own name and the word ``ends``."""

LASTING: Final = frozenset(
    {"crash", "pause", "partition", "swizzle", "degraded network", "slow node", "drift", "full mailbox", "restart storm"}
)
"""Faults that last to the end of the run if nothing ends them. Any other lasts iff its end is in the trace; else it is a moment."""


@frozen
class Message:
    """
    A message between nodes.

    Args:
        number: Unique in the run.
        source: The lane it was sent from.
        target: The lane it was sent to.
        what: Its type; of a reply, the type of what it answers.
        text: It, with its fields.
        sent: The event.
        arrivals: The events at which it came; several if it was doubled.
        drops: The events at which it was lost, each with the reason in words.
        reply_to: The number of the message that it answers; 0: it is no reply.
    """

    number: int
    source: str
    target: str
    what: str
    text: str
    sent: int
    arrivals: tuple[int, ...]
    drops: tuple[tuple[int, str], ...]
    reply_to: int

    @property
    def is_on_its_way(self) -> bool:
        """Whether the run was over before it came anywhere."""
        return not self.arrivals and not self.drops


@frozen
class Span:
    """
    A fault from one event to another.

    Args:
        kind: crash, pause, partition, or any other that the trace names.
        lane: Whose; empty for the network's.
        text: Of a partition: who is cut off from whom. Else what there is to say.
        begin: The event.
        end: The event; None: it lasted to the end of the run.
    """

    kind: str
    lane: str
    text: str
    begin: int
    end: int | None


@frozen
class Change:
    """How an actor was different after an event: the fields that changed (empty: it is new), and all of it."""

    path: str
    changed: str
    text: str


@frozen
class Diagram:
    """
    The picture of one run.

    Args:
        title: What ran.
        facts: What there is to say of it as a whole, by name.
        lanes: Nodes, then clients.
        clients: Those lanes that are clients'.
        events: All of the trace but for the states.
        turns: For each event the one that it is drawn with: a delivery, the step that handles it and what the step sends are one mark.
        causes: For each event those right before it: on its lane, and the sending of what came.
        messages: In the order in which they were sent.
        spans: Faults that lasted.
        changes: What changed after which event; empty unless the run kept its states.
        violation: What is broken.
        broken_at: The event that broke it, or that showed it; None: no event did, it did not hold at the end.
    """

    title: str
    facts: dict[str, str]
    lanes: tuple[str, ...]
    clients: frozenset[str]
    events: tuple[Event, ...]
    turns: tuple[int, ...]
    causes: tuple[tuple[int, ...], ...]
    messages: tuple[Message, ...]
    spans: tuple[Span, ...]
    changes: dict[int, tuple[Change, ...]]
    violation: Violation | None
    broken_at: int | None


def diagram_of(outcome: Outcome, title: str) -> Diagram:
    """
    The picture of a run.

    Args:
        outcome: Of a run that kept its events, and at best its states: ``run_once(..., keeps_states=True)``.
        title: What ran, such as the name of the target.
    """
    events, changes = _without_states(outcome.events)
    spans = _spans(events)
    messages = _messages(events, spans)
    facts = {
        "seed": str(outcome.seed),
        "strategy": outcome.strategy,
        "virtual time": f"{outcome.seconds:.6f} s",
        "events": str(len(events)),
        "messages": str(len(messages)),
        "faults": ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.fired.items())) or "none",
        "trace": outcome.digest[:16],
    }
    clients = frozenset(event.node for event in events if event.kind == "client" or (event.path, event.what) == CLIENT_BEGINS)
    names = {event.node for event in events if event.node} | {message.target for message in messages}
    return Diagram(
        title,
        facts,
        tuple(sorted(names, key=lambda name: (name in clients, _natural(name)))),
        clients,
        events,
        _turns(events),
        causes_of(events),
        messages,
        spans,
        changes,
        outcome.violation,
        None if outcome.violation is None else _broken_at(events, outcome.violation),
    )


def first_difference(one: Sequence[Event], other: Sequence[Event]) -> int | None:
    """The place of the first event in which two runs differ; None: they do not."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return place
    return None if len(one) == len(other) else min(len(one), len(other))


def _natural(name: str) -> list[tuple[int, str]]:
    """So that node-10 comes after node-9."""
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]


def _without_states(kept: Iterable[Event]) -> tuple[tuple[Event, ...], dict[int, tuple[Change, ...]]]:
    events: list[Event] = []
    changes: dict[int, tuple[Change, ...]] = {}
    before: dict[tuple[str, str], str] = {}
    last_step: dict[str, int] = {}
    for event in kept:
        if event.kind != "state":
            if event.kind in {"step", "resumed"}:
                last_step[event.node] = len(events)
            events.append(event)
            continue
        known = before.get((event.node, event.path))
        before[event.node, event.path] = event.text
        if event.node in last_step:
            change = Change(event.path, "" if known is None else changed_fields(known, event.text), event.text)
            place = last_step[event.node]
            changes[place] = (*changes.get(place, ()), change)
    return tuple(events), changes


def _spans(events: Sequence[Event]) -> tuple[Span, ...]:
    spans: list[Span] = []
    under_way: dict[tuple[str, str, str], int] = {}
    lasting = LASTING | {ended for event in events if event.kind == "fault" and (ended := _ended_by(event.what)) is not None}

    def end(key: tuple[str, str, str], place: int | None) -> None:
        kind, lane, text = key
        spans.append(Span(kind, lane, cut_in_words(text) if kind == "partition" else text, under_way.pop(key), place))

    for place, event in enumerate(events):
        if event.kind != "fault":
            continue
        ended = _ended_by(event.what)
        if ended is not None:
            key = _open_span(under_way, ended, event)
            if key is not None:
                end(key, place)
        elif event.what == "calm":
            for key in list(under_way):
                end(key, place)
        elif event.what in lasting:
            if event.what == "crash" and ("pause", event.node, "") in under_way:
                end(("pause", event.node, ""), place)
            under_way.setdefault((event.what, event.node, event.text), place)
    for key in list(under_way):
        end(key, None)
    return tuple(sorted(spans, key=lambda span: span.begin))


def _ended_by(what: str) -> str | None:
    return what.removesuffix(" ends") if what.endswith(" ends") else FAULT_ENDS.get(what)


def _open_span(under_way: Iterable[tuple[str, str, str]], kind: str, ending: Event) -> tuple[str, str, str] | None:
    """The fault that an event ends: of the same words if there is one, or the last of its kind if it has none."""
    same = [key for key in under_way if key[:2] == (kind, ending.node)]
    if kind == "crash":  # which says what becomes of the disk; the restart does not
        return same[-1] if same else None
    return next((key for key in same if key[2] == ending.text), same[-1] if same and not ending.text else None)


def cut_in_words(links: str) -> str:
    """``a>b, b>a`` as who is cut off from whom: ``a | b``, or ``a to b`` of what is cut in one direction only."""
    if not links:
        return ""
    pairs = {(one, other) for one, _, other in (link.partition(">") for link in links.split(", "))}
    both = {(one, other) for one, other in pairs if (other, one) in pairs}
    sides = _grouped(both)
    parts = [
        f"{', '.join(some)} | {', '.join(others)}"
        for place, (some, others) in enumerate(sides)
        if (others, some) not in sides[:place]  # it was said from the other side
    ]
    parts += [f"{', '.join(some)} to {', '.join(others)}" for some, others in _grouped(pairs - both)]
    return "; ".join(parts)


def _grouped(pairs: set[tuple[str, str]]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Those that are cut off from the same, together."""
    by_others: dict[tuple[str, ...], list[str]] = {}
    for one in sorted({one for one, _ in pairs}):
        by_others.setdefault(tuple(sorted(other for some, other in pairs if some == one)), []).append(one)
    return [(tuple(some), others) for others, some in by_others.items()]


@define(eq=False)
class _Draft:
    """A message of which not all is known yet."""

    event: Event
    place: int
    target: str
    what: str
    reply_to: int
    arrivals: list[int] = field(factory=list[int])
    drops: list[tuple[int, str]] = field(factory=list[tuple[int, str]])


def _messages(events: Sequence[Event], spans: Sequence[Span]) -> tuple[Message, ...]:
    drafts: dict[int, _Draft] = {}
    cuts = [
        (span.begin, len(events) if span.end is None else span.end, events[span.begin].text) for span in spans if span.kind == "partition"
    ]
    for place, event in enumerate(events):
        if event.kind == "sent":
            reply = REPLY.fullmatch(event.path)
            if reply is None:
                target, what, asked = event.path.partition("/")[0].partition("@")[0], event.what, 0
            else:
                target, asked = reply["asker"], int(reply["number"])
                what = drafts[asked].what if asked in drafts else event.what
            drafts[event.number] = _Draft(event, place, target, what, asked)
        elif event.number in drafts and event.kind == "delivered":
            drafts[event.number].arrivals.append(place)
        elif event.number in drafts and event.kind == "dropped":
            draft = drafts[event.number]
            why = event.text
            if why == "network":
                link = f"{draft.event.node}>{draft.target}"
                is_cut = any(begin < place < end and link in links.split(", ") for begin, end, links in cuts)
                why = "cut off by a partition" if is_cut else "lost on the network"
            draft.drops.append((place, why))
    return tuple(
        Message(
            number,
            draft.event.node,
            draft.target,
            draft.what,
            draft.event.text,
            draft.place,
            tuple(draft.arrivals),
            tuple(draft.drops),
            draft.reply_to,
        )
        for number, draft in drafts.items()
    )


def _turns(events: Sequence[Event]) -> tuple[int, ...]:
    turns: list[int] = []
    for place, event in enumerate(events):
        last = events[place - 1] if place else None
        joins = last is not None and (last.node, last.time) == (event.node, event.time) and last.kind != "fault"
        if joins and last is not None:
            if event.kind == "step":
                joins = last.kind == "delivered" and last.number == event.number
            elif event.kind == "resumed":
                joins = last.kind == "delivered"
            elif event.kind == "dropped":
                joins = last.kind == "sent" and last.number == event.number
            else:
                joins = event.kind == "sent"
        turns.append(turns[-1] if joins else place)
    return tuple(turns)


def _broken_at(events: Sequence[Event], violation: Violation) -> int | None:
    """An invariant is looked at after each step, so the last step broke it; a client's or node's last word shows it."""
    places = range(len(events) - 1, -1, -1)
    if violation.kind in {"always", "conserves"}:
        return next((place for place in places if events[place].kind in {"step", "resumed"}), None)
    if violation.kind == "linearizable":
        return next((place for place in places if events[place].kind == "client"), None)
    if violation.kind in {"client", "node"}:
        return next((place for place in places if events[place].node == violation.name), None)
    return None
