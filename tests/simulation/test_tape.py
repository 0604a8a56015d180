"""The tape: choices that are recorded, replayed, and left when they no longer fit."""

from __future__ import annotations

import pytest

from trouper.simulation.randomness import TapedRandom
from trouper.simulation.tape import Draw, StreamTape, Tape


def _drawn(tape: Tape) -> list[int]:
    return [tape.draw(10, "digit"), tape.draw(6, "die"), int(tape.chance(0.5, "coin")), tape.choose(4, "pick", lambda n: n - 1)]


def test_the_same_seed_draws_the_same_and_other_seeds_do_not() -> None:
    """A run is a function of its seed."""
    assert [_drawn(Tape(7)) for _ in range(3)] == [_drawn(Tape(7))] * 3
    assert len({tuple(_drawn(Tape(seed))) for seed in range(100)}) > 50


def test_a_seed_draws_what_it_drew_in_every_version_of_python() -> None:
    """Only `random()` of the standard generator is used, whose numbers are fixed: these were drawn on 3.11."""
    tape = Tape(2026)
    assert [tape.draw(1000, "number") for _ in range(6)] == [119, 502, 511, 860, 102, 223]


def test_a_record_replays_to_the_same_draws_whatever_the_seed() -> None:
    """What was recorded is what is drawn, and no departure is reported when the record ends with the run."""
    first = Tape(7)
    values = _drawn(first)
    again = Tape(8, first.draws)
    assert _drawn(again) == values
    assert again.departure is None
    assert again.draws == first.draws


@pytest.mark.parametrize("unfit", [Draw("other", 6, 1), Draw("die", 9, 8)], ids=["another label", "a value too large"])
def test_a_record_that_no_longer_fits_is_left_for_the_seed_and_says_where(unfit: Draw) -> None:
    """A label that is not the recorded one, or a value that is none of the choices, ends the replay; the run goes on under its seed."""
    record = [Draw("digit", 10, 3), unfit, Draw("coin", 2, 1)]
    one, other = Tape(7, record), Tape(7, record)
    assert _drawn(one) == _drawn(other)
    assert one.draws[0] == record[0]
    assert one.departure is not None
    assert (one.departure.index, one.departure.recorded, one.departure.label) == (1, unfit, "die")
    assert "draw 1 of the record" in str(one.departure)


def test_a_record_that_is_over_goes_on_benignly_if_told_so() -> None:
    """0 is the benign value of every draw: a shortened tape is followed by calm."""
    tape = Tape(7, [Draw("digit", 10, 3)], after="benign")
    assert _drawn(tape) == [3, 0, 0, 0]
    assert tape.departure is None


def test_a_choice_of_one_is_no_draw() -> None:
    """Where there is nothing to choose the tape stays as it is."""
    tape = Tape(7)
    assert tape.draw(1, "only") == 0
    assert tape.choose(1, "only", lambda n: n) == 0
    assert tape.chance(0.0, "never") is False
    assert len(tape) == 0


def test_all_that_a_random_source_gives_comes_from_the_tape() -> None:
    """`context.random` in a simulation: choices and shuffles are draws, and replay."""
    tape = Tape(7)
    source = TapedRandom(tape, "node a")
    numbers = [source.random(), source.uniform(1, 2), source.randrange(100), source.choice("abc"), source.sample(range(9), 3)]
    assert {draw.label for draw in tape.draws} == {"node a"}
    again = TapedRandom(Tape(8, tape.draws), "node a")
    assert numbers == [again.random(), again.uniform(1, 2), again.randrange(100), again.choice("abc"), again.sample(range(9), 3)]


def test_a_knob_is_on_a_record_only_where_it_is_turned() -> None:
    """So a record without it still fits when knobs are added, and one with it replays. In other runs a knob is 0, whatever the seed."""
    tape = StreamTape({"skips": [0, 1], "die": [3]})
    values = [tape.knob(2, "skips"), tape.draw(6, "die"), tape.knob(2, "absent"), tape.knob(2, "skips"), tape.draw(6, "die")]
    assert values == [0, 3, 0, 1, 0]
    assert [draw.label for draw in tape.draws] == ["skips", "die", "skips", "die"]
    assert tape.knobs == {"skips": 2, "absent": 1}
    again = Tape(7, tape.draws)
    assert [again.knob(2, "skips"), again.draw(6, "die"), again.knob(2, "absent"), again.knob(2, "skips"), again.draw(6, "die")] == values
    assert again.departure is None
    older = Tape(7, [Draw("die", 6, 3)])
    assert [older.knob(2, "skips"), older.draw(6, "die"), older.knob(2, "skips")] == [0, 3, 0]
    assert older.departure is None
    assert not any(Tape(seed).knob(2, "skips") for seed in range(50))


def test_streams_are_followed_by_zeros_and_labels_without_one_by_the_seed_if_there_is_one() -> None:
    """A shrinker keeps some kinds of choices, and has the others drawn anew."""
    calm, other = StreamTape({"die": [5, 9]}), StreamTape({"die": [5, 9]}, seed=7)
    assert [calm.draw(6, "die") for _ in range(3)] == [other.draw(6, "die") for _ in range(3)] == [5, 5, 0]
    assert [calm.draw(1000, "number") for _ in range(5)] == [0] * 5
    drawn = [other.draw(1000, "number") for _ in range(5)]
    assert len(set(drawn)) > 1
    assert drawn == [Tape(7).draw(1000, "x"), *drawn[1:]]
