"""
What a simulated actor is refused, and what it uses instead: everything that no seed decides.

Wall clocks, randomness of the process or the machine, threads, processes, sockets, and files that trio opens in threads. The table names
functions by where they live, so that a module that nobody has imported is not imported for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from attrs import frozen

NOW: Final = "self.context.now()"
SLEEP: Final = "await self.context.sleep(...) or await trio.sleep(...)"
RANDOM: Final = "self.context.random"
BYTES: Final = f"{RANDOM}.randbytes(...)"
TASKS: Final = "self.context.start_soon(...), another actor, or await self.context.run_sync(...) for work that blocks"
THREAD: Final = "await self.context.run_sync(...)"
WAITING: Final = "trio.Event, trio.open_memory_channel(...) or a message"
MESSAGES: Final = "messages to actors on other nodes"
PROCESSES: Final = "an actor on another node that stands for the program"
NAMES: Final = "the name of the node, as an argument of the actor"
FILES: Final = "sim.disk(...), as an argument of the actor"
TRIO: Final = "trio, which runs this handler"

Condition = Callable[[tuple[Any, ...], dict[str, Any]], bool]


def _without_arguments(count: int) -> Condition:
    """Refused if it is given no more than *count* arguments, self included, or None for the next: then it asks the machine."""
    return lambda arguments, options: not options and (len(arguments) <= count or arguments[count] is None)


def _always(_arguments: tuple[Any, ...], _options: dict[str, Any]) -> bool:
    return True


@frozen
class Refusal:
    """
    Functions that are refused.

    Args:
        place: The module, or the class in it, that has them: ``time``, ``random:Random``.
        names: Which.
        substitute: What to use instead.
        when: With which arguments.
        by_trio: Whether it is a function of trio, which is refused no matter who calls it but the context's own door.
        said: What it is called in the error, if the name alone would not tell.
    """

    place: str
    names: tuple[str, ...]
    substitute: str
    when: Condition = _always
    by_trio: bool = False
    said: str = ""


def _trio(place: str, substitute: str, *names: str) -> Refusal:
    return Refusal(place, names, substitute, by_trio=True)


RANDOM_METHODS: Final = tuple(name for name in dir(random.Random) if not name.startswith("_") and name not in ("VERSION", "getstate"))

REFUSED: Final[tuple[Refusal, ...]] = (
    # Clocks
    Refusal("time", ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"), NOW),
    Refusal("time", ("process_time", "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime", "clock_gettime_ns"), NOW),
    Refusal("time", ("localtime", "gmtime", "ctime", "asctime"), NOW, _without_arguments(0)),
    Refusal("time", ("strftime",), NOW, _without_arguments(1)),
    Refusal("time", ("sleep",), SLEEP),
    Refusal("datetime:datetime", ("now", "utcnow"), f"datetime.fromtimestamp({NOW}, UTC)"),
    Refusal("datetime:date", ("today",), f"datetime.fromtimestamp({NOW}, UTC).date()"),
    # Randomness
    Refusal("random", tuple(name for name in RANDOM_METHODS if hasattr(random, name)), RANDOM),
    Refusal("random:_inst", ("random", "getrandbits"), RANDOM, said="random.random"),
    Refusal("random:Random", ("seed",), RANDOM, _without_arguments(1), said="random.Random() without a seed"),
    Refusal("random:SystemRandom", ("random", "getrandbits", "randbytes"), RANDOM),
    Refusal("secrets", ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "randbits", "choice"), RANDOM),
    Refusal("uuid", ("uuid1", "uuid4", "uuid6", "uuid7"), f"uuid.UUID(int={RANDOM}.getrandbits(128), version=4)"),
    Refusal("uuid", ("getnode",), NAMES),
    Refusal("os", ("urandom", "getrandom"), BYTES),
    Refusal("os", ("getpid", "getppid"), NAMES),
    # Threads, and what waits for one
    Refusal("threading:Thread", ("start",), TASKS),
    Refusal("_thread", ("start_new_thread", "start_joinable_thread"), TASKS),
    Refusal("threading:Condition", ("wait",), WAITING),
    Refusal("concurrent.futures.thread:ThreadPoolExecutor", ("submit",), TASKS),
    Refusal("concurrent.futures.process:ProcessPoolExecutor", ("__init__",), TASKS, said="ProcessPoolExecutor"),
    Refusal("concurrent.futures.process:ProcessPoolExecutor", ("submit",), TASKS),
    Refusal("asyncio", ("run", "new_event_loop", "get_event_loop"), TRIO),
    _trio("trio.to_thread", THREAD, "run_sync"),
    _trio("trio.lowlevel", THREAD, "start_thread_soon"),
    _trio(
        "trio._core._thread_cache:ThreadCache", THREAD, "start_thread_soon"
    ),  # where all threads of trio come from, those of trio.Path too
    # Processes
    Refusal("subprocess:Popen", ("__init__",), PROCESSES, said="subprocess.Popen"),
    Refusal("multiprocessing.process:BaseProcess", ("__init__",), PROCESSES, said="multiprocessing.Process"),
    Refusal("multiprocessing.process:BaseProcess", ("start",), PROCESSES),
    Refusal("os", ("system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp"), PROCESSES),
    _trio("trio", PROCESSES, "run_process"),
    _trio("trio.lowlevel", PROCESSES, "open_process"),
    # Networks
    Refusal("socket", ("create_connection", "create_server", "socketpair", "getaddrinfo", "gethostbyname"), MESSAGES),
    Refusal("socket", ("gethostname", "getfqdn"), NAMES),
    Refusal("socket:socket", ("__init__",), MESSAGES, said="socket.socket"),
    Refusal("socket:socket", ("connect", "bind"), MESSAGES),
    _trio("trio", MESSAGES, "open_tcp_stream", "open_tcp_listeners", "serve_tcp", "open_unix_socket"),
    _trio("trio", MESSAGES, "open_ssl_over_tcp_stream", "open_ssl_over_tcp_listeners", "serve_ssl_over_tcp"),
    _trio("trio.socket", MESSAGES, "socket", "socketpair", "getaddrinfo", "getnameinfo"),
    # Files: a node has a disk, which crashes with it
    Refusal("tempfile", ("mkstemp", "mkdtemp", "mktemp", "NamedTemporaryFile", "TemporaryFile"), FILES),
    _trio("trio", FILES, "open_file"),
    _trio("trio", WAITING, "open_signal_receiver"),
)
