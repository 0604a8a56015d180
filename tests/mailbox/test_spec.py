"""What a mailbox spec accepts, refuses and makes."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from trouper.mailbox import Fifo, Priority, PriorityQueue, StashBuffer, mailbox_spec


def urgency(message: object) -> int:
    """A key for specs that never queue anything."""
    return 0


def test_a_number_means_a_fifo_mailbox_of_that_capacity_that_rejects() -> None:
    """`mailbox=64` is `Fifo(64, on_full="reject")`; the default is 1,000 slots."""
    assert mailbox_spec(64) == Fifo(64, "reject")
    assert Fifo().capacity == Priority(key=urgency).capacity == 1000
    assert Fifo().on_full == Priority(key=urgency).on_full == "reject"


def test_a_spec_means_itself() -> None:
    """The converter hands a spec back as it is."""
    for spec in (Fifo(3, "drop_oldest"), Priority(3, key=urgency, on_full="drop_newest")):
        assert mailbox_spec(spec) is spec


@pytest.mark.parametrize("value", ["64", 64.0, None, True])
def test_what_is_neither_a_number_nor_a_spec_is_a_type_error_naming_what_is_allowed(value: Any) -> None:
    """A bool is no capacity either."""
    with pytest.raises(TypeError, match=r"must be a capacity \(an int\), Fifo\(\.\.\.\) or Priority\(\.\.\.\), not "):
        mailbox_spec(value)


def test_a_capacity_is_at_least_one() -> None:
    """The boundary is 1: it is accepted, 0 is not, and there is no unbounded mailbox."""
    assert mailbox_spec(1).capacity == 1
    with pytest.raises(ValueError, match=r"capacity of Fifo must be at least 1, not 0\. It cannot be unbounded"):
        mailbox_spec(0)
    with pytest.raises(ValueError, match="capacity of Priority must be at least 1, not -1"):
        Priority(-1, key=urgency)
    with pytest.raises(ValueError, match="limit of StashBuffer must be at least 1, not 0"):
        StashBuffer(0)


@pytest.mark.parametrize("value", [True, 2.0, "2"])
def test_a_capacity_that_is_no_int_is_a_type_error(value: Any) -> None:
    """Neither a bool nor a float nor text is a number of slots."""
    with pytest.raises(TypeError, match="capacity of Fifo must be an int"):
        Fifo(value)


def test_an_unknown_on_full_is_a_value_error_naming_what_is_allowed() -> None:
    """A misspelling names the three choices."""
    wrong: Any = "drop_old"
    for refused in (lambda: Fifo(1, wrong), lambda: Priority(1, key=urgency, on_full=wrong)):
        with pytest.raises(ValueError, match="on_full must be one of 'reject', 'drop_newest', 'drop_oldest', not 'drop_old'"):
            refused()


def test_a_priority_mailbox_needs_a_key_that_can_be_called() -> None:
    """The key is required, by name, and must be a function."""
    missing: Any = {}
    uncallable: Any = "urgency"
    with pytest.raises(TypeError, match="key"):
        Priority(5, **missing)
    with pytest.raises(TypeError, match="key must be a function from a message to something that sorts, not 'urgency'"):
        Priority(5, key=uncallable)


def test_a_spec_is_data_that_cannot_change() -> None:
    """Specs are shared between restarts and children."""
    spec: Any = Fifo(5)
    with pytest.raises(FrozenInstanceError):
        spec.capacity = 6


def test_each_actor_gets_a_queue_of_its_own() -> None:
    """A FIFO queue is a bare deque, a priority queue orders by the key of its spec; two calls share nothing."""
    first, second = Fifo().new_queue(), Fifo().new_queue()
    assert type(first) is deque
    assert first is not second
    queue = Priority(key=lambda message: -message).new_queue()
    assert isinstance(queue, PriorityQueue)
    for number in (1, 3, 2):
        queue.append(number)
    assert list(queue) == [3, 2, 1]


def test_the_room_refuses_to_be_imported_as_the_standard_library_mailbox() -> None:
    """With the checkout's root on the path, `import mailbox` says what happened instead of hiding the standard library's."""
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import mailbox"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "ImportError: This is trouper.mailbox: import it by that name." in done.stderr
