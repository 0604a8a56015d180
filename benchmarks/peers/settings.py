"""
Who is compared with trouper, and on what terms, as data: how each is run, what its mailboxes are, and where it does less or otherwise.

A row is the same work for everybody: as many messages, each checked as handled, sent in the bursts that trouper's work sends. A peer that
has no such thing has no figure, and the footnote that stands here instead. What is given for less work is marked.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import field, frozen

ROWS: Final[Mapping[str, str]] = {
    "tell_nowait_def": "tell without waiting, plain handler",
    "tell_nowait_async": "tell without waiting, async handler",
    "tell_def": "tell that waits for room, plain handler",
    "tell_async": "tell that waits for room, async handler",
    "ping_pong_def": "ping-pong, one hop, plain handlers",
    "ping_pong_async": "ping-pong, one hop, async handlers",
    "ask_def": "ask an idle actor, plain handler",
    "ask_handler_async": "ask from a handler, async handler",
    "ask_outside_async": "ask from outside, async handler",
    "ask_outside_async_200": "the same, 200 askers in parallel",
    "spawn_told": "spawn and one message",
    "publish_def": "a fact to 100, one delivery, plain handlers",
    "publish_async": "a fact to 100, one delivery, async handlers",
    "restart": "failure to the next message handled",
    "bytes_idle_100k": "bytes of an idle actor",
}
"""The works that are compared, by the ids of benchmarks/works, and what one operation is."""

BYTES: Final = "bytes_idle_100k"


@frozen
class Mark:
    """Something that a peer does less of, or otherwise."""

    text: str
    is_less: bool


MARKS: Final[Mapping[str, Mark]] = {
    "a": Mark("no actors: a queue and a task, with no names, lives, accounts or dead letters", is_less=True),
    "b": Mark("mailboxes have no bound: whoever sends faster than the other handles fills the memory", is_less=True),
    "d": Mark("a tell to a full mailbox is dropped, none waits", is_less=True),
    "s": Mark("no supervision: nothing restarts an actor that fails", is_less=True),
    "p": Mark("no behaviour: a bare receive loop, without what OTP puts around it", is_less=True),
    "q": Mark("no mailbox: each call is a coroutine that waits for the actor's lock, an ask runs in the asker's own task", is_less=True),
    "i": Mark("nothing runs at the same time: handlers run in the thread and inside the call of whoever sends", is_less=True),
    "o": Mark("async methods of one actor run interleaved, so there is no order and no one-at-a-time", is_less=True),
    "l": Mark("no subscriptions: the fact is told to each in turn", is_less=True),
    "T": Mark("an actor is a thread", is_less=False),
    "P": Mark("an actor is a process: messages are serialised and cross a socket", is_less=False),
    "Z": Mark("messages are serialised within the process too", is_less=False),
    "N": Mark("the runtime is native code", is_less=False),
    "V": Mark("not Python: a virtual machine made for processes, which uses every core and copies messages", is_less=False),
}
"""By letter: lower case for less, upper case for otherwise."""

ASYNC_ONLY = "handlers are always async"
PLAIN_ONLY = "handlers are always plain"
NO_NOWAIT = "no tell without waiting"
NO_WAITING = "tell never waits for room"
NO_RESTART = "no supervision: a failure ends the actor, or only goes back to the asker"
LIKE_PLAIN = "no plain and async handlers: a process may always wait; see the plain row"


def without(reason: str, *rows: str) -> Mapping[str, str]:
    """The same footnote for several rows."""
    return dict.fromkeys(rows, reason)


TELL_NOWAITS = ("tell_nowait_def", "tell_nowait_async")
TELLS = ("tell_def", "tell_async")
ASYNC_ROWS = ("tell_nowait_async", "tell_async", "ping_pong_async", "ask_handler_async", "ask_outside_async", "ask_outside_async_200")
PLAIN_ROWS = ("tell_nowait_def", "tell_def", "ping_pong_def", "ask_def", "publish_def")


@frozen
class Peer:
    """
    One column.

    Args:
        name: Its id on the command line and in the results.
        title: Its heading.
        folder: Where its program and its requirements are.
        mailbox: What its mailboxes were in the measurement.
        marks: What it does less or otherwise in every row, by the letters of `MARKS`.
        row_marks: The same for single rows.
        missing: By row: why there is no figure.
        notes: By row: what else to know about a figure.
        language: What runs its program: python, erlang or elixir.
        python_min: The oldest Python that it runs on.
        arguments: What its program gets before the works.
        needs_environment: Whether it is installed into an environment of its own; else it runs where trouper does.
    """

    name: str
    title: str
    folder: str
    mailbox: str
    marks: str = ""
    row_marks: Mapping[str, str] = field(factory=dict[str, str])
    missing: Mapping[str, str] = field(factory=dict[str, str])
    notes: Mapping[str, str] = field(factory=dict[str, str])
    language: str = "python"
    python_min: tuple[int, int] = (3, 11)
    arguments: Sequence[str] = ()
    needs_environment: bool = True

    def marks_of(self, row: str) -> str:
        """All its letters for a row."""
        return self.marks + self.row_marks.get(row, "")


LOOP = {"publish_def": "l", "publish_async": "l"}

PEERS: Final = (
    Peer(
        "trouper",
        "trouper",
        "trouper_itself",
        "bounded: 1,000 by default, a burst of 10,000 fits where one is told",
        needs_environment=False,
    ),
    Peer(
        "asyncio-queue",
        "asyncio.Queue",
        "asyncio_queue",
        "asyncio.Queue(10,001); 1,000 for spawn, ping-pong and bytes",
        "as",
        LOOP,
        {
            "ask_handler_async": "the same as from outside: there is no actor around the handler",
            "restart": NO_RESTART,
        },
        {"spawn_told": "50,000 of them"},
        needs_environment=False,
    ),
    Peer(
        "trio-channel",
        "trio channel",
        "trio_channel",
        "memory channel of 10,001; 1,000 for spawn, ping-pong and bytes",
        "as",
        LOOP,
        {
            "ask_handler_async": "the same as from outside: there is no actor around the handler",
            "restart": NO_RESTART,
        },
        {"spawn_told": "30,000 of them", BYTES: "30,000 of them"},
        needs_environment=False,
    ),
    Peer(
        "pykka",
        "pykka",
        "pykka",
        "unbounded, its only kind",
        "bsT",
        missing={
            **without(PLAIN_ONLY, *ASYNC_ROWS, "publish_async"),
            "tell_def": NO_WAITING,
            "restart": NO_RESTART,
        },
        notes={"spawn_told": "2,000 threads", BYTES: "2,000 threads"},
    ),
    Peer(
        "everything-is-an-actor",
        "everything-is-an-actor",
        "everything_is_an_actor",
        "bounded: 256 by default, 10,001 where bursts of 10,000 are told",
        "",
        LOOP,
        {**without(ASYNC_ONLY, *PLAIN_ROWS), **without(NO_NOWAIT, *TELL_NOWAITS)},
        {"spawn_told": "20,000 of them", BYTES: "50,000 of them"},
        python_min=(3, 12),
    ),
    Peer(
        "casty",
        "casty",
        "casty",
        "bounded: 10,001, 1,000 for spawn and ping-pong (unbounded by default)",
        "dNZ",
        LOOP,
        {**without(ASYNC_ONLY, *PLAIN_ROWS), "tell_async": NO_WAITING},
        {"spawn_told": "20,000 of them", BYTES: "30,000 of them"},
        python_min=(3, 12),
    ),
    Peer(
        "xoscar",
        "xoscar",
        "xoscar",
        "none: asyncio tasks at a lock, without bound",
        "bsqN",
        LOOP,
        {
            **without(NO_NOWAIT, *TELL_NOWAITS),
            "ping_pong_def": "a plain method cannot await a tell",
            "restart": NO_RESTART,
        },
        {"spawn_told": "5,000 of them", BYTES: "10,000 of them"},
    ),
    Peer(
        "ray",
        "ray",
        "ray",
        "unbounded (max_pending_calls is not set)",
        "bPN",
        dict.fromkeys(ASYNC_ROWS, "o"),
        {
            **without(NO_WAITING, *TELLS),
            **without("100 subscribers would be 100 processes", "publish_def", "publish_async"),
        },
        {
            "spawn_told": "4 processes",
            "restart": "the process dies; an exception in a method is no failure of the actor",
            BYTES: "private memory of one of 4 processes",
        },
    ),
    Peer(
        "thespian-processes",
        "thespian, processes",
        "thespian",
        "sockets of multiprocTCPBase, unbounded",
        "bsP",
        missing={
            **without(PLAIN_ONLY, *ASYNC_ROWS),
            "tell_def": NO_WAITING,
            **without("100 subscribers would be 100 processes", "publish_def", "publish_async"),
            "restart": "no restarts: a failing message is tried once more, and then goes back to its sender",
        },
        notes={"spawn_told": "20 processes", BYTES: "private memory of one of 4 processes"},
        arguments=("multiprocTCPBase",),
    ),
    Peer(
        "thespian-simple",
        "thespian, one thread",
        "thespian",
        "a list of simpleSystemBase, unbounded",
        "bsi",
        LOOP,
        {
            **without(PLAIN_ONLY, *ASYNC_ROWS, "publish_async"),
            "tell_def": NO_WAITING,
            "restart": "no restarts: a failing message is tried once more, and then goes back to its sender",
        },
        {"spawn_told": "1,000 of them", BYTES: "20,000 of them"},
        arguments=("simpleSystemBase",),
    ),
    Peer(
        "otp",
        "OTP",
        "otp",
        "unbounded, the only kind (gen_server cast and call, simple_one_for_one and one_for_one supervisor, pg)",
        "bV",
        missing={
            **without(LIKE_PLAIN, "tell_nowait_async", "ping_pong_async", "ask_outside_async", "publish_async"),
            **without(NO_WAITING, *TELLS),
        },
        language="erlang",
        arguments=("otp",),
    ),
    Peer(
        "beam-processes",
        "BEAM processes",
        "otp",
        "unbounded, the only kind",
        "bpV",
        missing={
            **without(LIKE_PLAIN, *ASYNC_ROWS),
            "tell_def": NO_WAITING,
            **without("groups are pg's and Registry's: see OTP and Elixir", "publish_def", "publish_async"),
            "restart": "supervisors are OTP's",
        },
        language="erlang",
        arguments=("plain",),
    ),
    Peer(
        "elixir-registry",
        "Elixir Registry",
        "elixir",
        "unbounded, the only kind (GenServer)",
        "bV",
        missing={row: "the rest of Elixir is OTP's" for row in ROWS if row != "publish_def"},
        language="elixir",
    ),
)
