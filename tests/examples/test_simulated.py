"""
The examples that are clusters: each holds what it promises under every fault, and each of a few mistakes of one line is found.

A mistake is planted by the text of one method, so that it says what is wrong and stops fitting when the example changes.
"""

import inspect
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import run as run_process
from typing import Any, TypeAlias, TypeVar

import pytest
from gossip.check import gossip, gossip_of
from gossip.member import Member
from raft.check import raft_of
from raft.server import RaftServer
from two_phase_commit.check import build, transactions
from two_phase_commit.protocol import ResourceManager, TransactionManager

from trouper.simulation import Faults, Report, Simulation, explore

Story: TypeAlias = Callable[[str], list[str]]
T = TypeVar("T")


def _with_mistake(kind: type[T], method: str, right: str, wrong: str) -> type[T]:
    """A subclass of *kind* in one method of which *wrong* stands where *right* did."""
    source = textwrap.dedent(inspect.getsource(getattr(kind, method)))
    assert source.count(right) == 1, source
    methods: dict[str, Any] = {}
    exec(source.replace(right, wrong), vars(sys.modules[kind.__module__]), methods)
    mistaken: Any = type(f"{kind.__name__}WithMistake", (kind,), {"__slots__": (), **methods})
    return mistaken  # type: ignore[no-any-return]  # to the checkers a class made by hand is of no kind


def _first_violation(report: Report) -> str:
    assert report.first is not None, f"nothing was found in {report.seeds} seeds"
    return str(report.first.violation)


# Raft


def test_raft_elects_replicates_and_recovers_for_real(story: Story) -> None:
    """The class that is simulated runs in a system of its own kind; what was committed outlives two leaders."""
    assert story("raft/main.py") == [
        "a leader is elected, and x is 1: a majority has it on its disk",
        "the leader is stopped, another is elected, and x is still 1",
        "the first one is back, the second one is stopped, and x is 2: nothing was forgotten",
    ]


def test_raft_is_safe_live_and_linearizable_under_every_fault(story: Story) -> None:
    """100 seeds with crashes, partitions, pauses, loss, duplication, slow messages and clocks that disagree."""
    (line,) = story("raft/check.py")
    assert line.startswith("100 seeds, ")
    assert line.endswith(": 0 violations")


def test_the_command_line_finds_raft_by_its_file(examples: Path) -> None:
    """As its docstring says."""
    command = [sys.executable, "-m", "trouper", "simulate", str(examples / "raft/check.py:raft_cluster"), "--seeds", "2", "--quiet"]
    ran = run_process(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


RAFT_MISTAKES = {
    "votes twice in a term": ("consider", "self._voted_for in (None, request.candidate) and ", "", "both lead term"),
    "forgets its term and vote in a crash": ("_vote", 'self.disk.write("vote", (term, candidate))', "pass", "both lead term"),
    "votes for who lacks what is committed": ("consider", " and is_up_to_date", "", "but lacks"),
    "answers before its log is on the disk": ("_extend", "    self.disk.sync()", "    pass", ""),
    "keeps what contradicts the leader": ("_extend", "del self.log[place:]", "pass", ""),
    "commits by counting an entry of an earlier term": ("advance", "self.log[index].term == self.term", "index", ""),
    "carries a command out that is asked again": ("_once", "command.number > self._sessions.get(command.client, (0, None))[0]", "True", ""),
    "reads without asking whether it still leads": (
        "command",
        "    reply = self._waiting",
        '    if command.kind == "get":\n        return self.store.get(command.argument)\n    reply = self._waiting',
        "linearizable KeyValue",
    ),
}


@pytest.mark.parametrize("mistake", RAFT_MISTAKES)
def test_a_mistake_of_one_line_in_raft_is_found_within_1000_seeds(mistake: str) -> None:
    """With default settings; by the promise that it breaks."""
    method, right, wrong, found = RAFT_MISTAKES[mistake]
    server = _with_mistake(RaftServer, method, right, wrong)
    assert found in _first_violation(explore(partial(raft_of, server), 1000, stops_at_first=True))


# Two-phase commit


def test_two_phase_commit_is_atomic_and_blocks_while_its_manager_is_away(story: Story) -> None:
    """Both halves of what is known of it."""
    assert story("two_phase_commit/check.py") == [
        "100 seeds with every fault: in 100 all ended each transaction alike",
        "10 seeds whose manager crashes when all have voted yes: in 10 nobody could decide until it was back",
    ]


def test_a_resource_manager_that_does_not_wait_breaks_what_is_atomic() -> None:
    """Why they block: who has voted yes, and decides by itself when it has waited, ends otherwise than the others."""
    asks = "self.manager.tell_nowait(Vote(number, self.name, is_yes=True))"
    impatient = _with_mistake(ResourceManager, "ask_again", asks, 'self._enter(number, "aborted")')
    assert " and aborted at " in _first_violation(explore(partial(_faulty, impatient, TransactionManager), 1000, stops_at_first=True))


def test_a_transaction_manager_that_forgets_what_it_has_decided_is_found() -> None:
    """It must be on the disk before anybody hears of it."""
    forgetful = _with_mistake(TransactionManager, "_decide", 'self.disk.write("decisions", self.decisions)', "pass")
    violation = _first_violation(explore(partial(_faulty, ResourceManager, forgetful), 1000, stops_at_first=True))
    assert "everybody_ends_alike" in violation


def _faulty(resource_manager: type[ResourceManager], transaction_manager: type[TransactionManager], sim: Simulation) -> None:
    build(sim, 0.2, resource_manager, transaction_manager)
    sim.client(transactions)
    sim.faults(Faults.swarm())


# Gossip


def test_gossip_converges_when_the_faults_are_over(story: Story) -> None:
    """Under partitions, crashes, loss and messages that overtake each other."""
    lines = story("gossip/check.py")
    assert lines[0].startswith("100 seeds, ")
    assert lines[1] == "in 100 nobody believed what was not said, and all knew everything 2 seconds after the faults"
    assert explore(gossip, 1).message_types.keys() == {"Change", "Digest", "News"}


GOSSIP_MISTAKES = {
    "forgets its version in a crash": ("change", 'self.disk.write("own", self.known[self.name])', "pass", "nobody_believes"),
    "believes what came last": ("learn", "if rumour[0] > self._version(name):", "if True:", "is back at"),
    "keeps to itself what it knows better": ("compare", "if better:", "if False:", "everybody_knows"),
}


@pytest.mark.parametrize("mistake", GOSSIP_MISTAKES)
def test_a_mistake_of_one_line_in_gossip_is_found_within_1000_seeds(mistake: str) -> None:
    """By the promise that it breaks."""
    method, right, wrong, found = GOSSIP_MISTAKES[mistake]
    member = _with_mistake(Member, method, right, wrong)
    assert found in _first_violation(explore(partial(gossip_of, member), 1000, stops_at_first=True))
