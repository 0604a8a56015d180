"""How two revisions' figures are judged, what of the base is left behind, and how samples become a figure. Nothing is timed here."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
COMPARE = importlib.import_module("compare")
STARVATION = importlib.import_module("starvation")
VERDICT = importlib.import_module("verdict")

in_a_checkout = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an sdist has no revisions")


@pytest.mark.parametrize(
    ("base", "now", "word"),
    [
        ([4.0, 4.1, 4.2], [4.5, 4.6, 4.7], "SLOWER"),
        ([4.0, 4.0, 4.0], [4.39, 4.39, 4.39], ""),  # just below 10 %
        ([4.0, 4.1, 4.2], [4.3, 4.3, 4.4], ""),  # beyond noise, but not 10 %
        ([3.0, 4.0, 5.0], [3.5, 4.5, 5.5], ""),  # 12 %, but the middle halves overlap
        ([4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 9.0], [4.8, 4.8, 4.8, 4.8, 4.8, 4.8, 3.0], "SLOWER"),  # one bad round each
        ([4.0, 4.1, 4.2], [3.0, 3.1, 3.2], "faster"),
        ([4.0], [4.5], "SLOWER"),
        ([4.0], [4.0], ""),
    ],
)
def test_slower_is_more_than_a_tenth_beyond_noise(base: list[float], now: list[float], word: str) -> None:
    """Both must hold: the median is over 10 % higher, and the middle halves of the rounds do not overlap."""
    compared = VERDICT.Compared("tell_def", base, now)
    assert compared.word == word
    assert compared.is_regression == (word == "SLOWER") == VERDICT.is_failed([compared])
    assert word in VERDICT.verdict_table([compared])


@pytest.mark.parametrize(
    ("fails_in_base", "fails_now", "said"), [(True, False, "in the base"), (False, True, "does not run now"), (True, True, "in both")]
)
def test_what_does_not_run_any_more_is_a_failure_and_what_did_not_run_yet_is_none(fails_in_base: bool, fails_now: bool, said: str) -> None:
    """A work that the base lacks is reported with its reason, and only one that fails now makes the comparison fail."""
    lacking = VERDICT.NotCompared("ask_def", fails_in_base, fails_now, "ImportError: no ask")
    assert VERDICT.is_failed([lacking]) == fails_now
    assert said in VERDICT.verdict_table([lacking])
    assert "ImportError: no ask" in VERDICT.verdict_table([lacking])


def test_there_is_no_verdict_without_a_round() -> None:
    """Nothing is not faster than something."""
    with pytest.raises(ValueError, match="base"):
        VERDICT.Compared("tell_def", [], [1.0])


@in_a_checkout
def test_nothing_is_left_of_the_base(tmp_path: Path) -> None:
    """The worktree and its folder are gone when the comparison ends, and also when it is interrupted."""
    root = tmp_path / "root"
    subprocess.run(["git", "clone", "--quiet", "--shared", ROOT, root], check=True)
    folders: list[Path] = []

    def interrupted_comparison() -> None:
        with COMPARE.both_sides("HEAD", root) as (base, now, benchmarks):
            assert base.source != now.source
            assert (base.source / "trouper" / "__init__.py").exists()
            assert (now.source / "trouper" / "__init__.py").exists()
            assert (benchmarks / "measure_one.py").exists()
            folders.append(benchmarks.parents[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_comparison()
    (folder,) = folders
    assert not folder.exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=root, capture_output=True, text=True, check=True)
    assert len(listed.stdout.splitlines()) == 1


@in_a_checkout
@pytest.mark.parametrize(("base", "said"), [("", "make bench-compare BASE="), ("no-such-thing", "no revision of this repository")])
def test_a_base_that_is_none_is_refused(base: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Which revision is meant is not guessed."""
    with pytest.raises(SystemExit) as refused:
        COMPARE.main([base])
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("part", "figure"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_quantile_is_one_of_the_samples(part: float, figure: int) -> None:
    """The smallest sample that so large a part of all does not exceed; nothing is interpolated."""
    assert STARVATION.quantile([float(sample) for sample in range(100, 0, -1)], part) == figure
