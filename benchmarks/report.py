"""What the benchmarks found, as a table for people and as JSON for programs. Decides nothing and measures nothing."""

import json
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from attrs import frozen
from limits import FIGURE_MAX, FIGURE_MIN, MULTIPLE_OF_BARE_MAX

HEADINGS = ("work", "what one operation is", "each", "a second", "x bare", "spread", "limit", "kept")


@frozen
class Rate:
    """
    The rounds of one work.

    Args:
        name: The id of the work.
        does: What it is.
        unit: What one operation is, in the plural.
        seconds: How long one operation took, in each round.
        bare_seconds: How long one turn of the bare loop took around it, in each round.
    """

    name: str
    does: str
    unit: str
    seconds: Sequence[float]
    bare_seconds: Sequence[float]

    @property
    def multiples(self) -> list[float]:
        """The ratio of each round."""
        return [seconds / bare for seconds, bare in zip(self.seconds, self.bare_seconds, strict=True)]


@frozen
class Figure:
    """What is no multiple of anything: bytes, milliseconds, seeds a second. One value a run; the median counts."""

    name: str
    does: str
    unit: str
    values: Sequence[float]


Finding = Rate | Figure


def table(findings: Iterable[Finding], rounds: int) -> str:
    """The findings for people: medians over the rounds, and the smallest and largest ratio of a round."""
    rows = [HEADINGS, *(_row(finding) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(_aligned(cell, width, column) for column, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    heading = (
        f"{platform.python_implementation()} {platform.python_version()}, medians of {rounds} rounds; "
        "limits are those for CPython 3.11; x bare: multiples of the bare loop"
    )
    return "\n".join([heading, "", *(line.rstrip() for line in lines)])


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column in {0, 1, 7} else cell.rjust(width)


def _row(finding: Finding) -> tuple[str, ...]:
    if isinstance(finding, Figure):
        value, limit = median(finding.values), FIGURE_MAX.get(finding.name)
        least = FIGURE_MIN.get(finding.name)
        if least is not None:
            shown, verdict = f"at least {_amount(least)}", _kept(least, value)
        else:
            shown, verdict = ("", "") if limit is None else (f"{_amount(limit)} {finding.unit}", _kept(value, limit))
        return (
            finding.name,
            finding.does,
            f"{_amount(value)} {finding.unit}",
            "",
            "",
            f"{_amount(min(finding.values))}-{_amount(max(finding.values))}" if len(finding.values) > 1 else "",
            shown,
            verdict,
        )
    seconds = median(finding.seconds)
    multiples = finding.multiples
    limit_of_bare = MULTIPLE_OF_BARE_MAX.get(finding.name)
    return (
        finding.name,
        finding.does,
        f"{seconds * 1e9:,.0f} ns",
        f"{1 / seconds:,.0f} {finding.unit}",
        f"x{median(multiples):.1f}",
        f"{min(multiples):.1f}-{max(multiples):.1f}",
        "" if limit_of_bare is None else f"x{limit_of_bare:g}",
        "" if limit_of_bare is None else _kept(median(multiples), limit_of_bare),
    )


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _kept(found: float, limit: float) -> str:
    return "yes" if found <= limit else "NO"


def write_json(findings: Iterable[Finding], file: Path) -> None:
    """
    The findings for programs: a list of objects with `work`, `multiple_of_bare` (null for bytes and the like), `rate` and `unit`.

    What stood in the file about other libraries, `peers`, stays with the works that are measured again: they are measured elsewhere.
    """
    results: list[dict[str, object]] = []
    for finding in findings:
        if isinstance(finding, Figure):
            results.append({"work": finding.name, "multiple_of_bare": None, "rate": round(median(finding.values), 3), "unit": finding.unit})
        else:
            results.append(
                {
                    "work": finding.name,
                    "multiple_of_bare": round(median(finding.multiples), 2),
                    "rate": round(1 / median(finding.seconds), 1),
                    "unit": f"{finding.unit}/s",
                }
            )
    before: list[dict[str, object]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    peers = {row["work"]: row["peers"] for row in before if "peers" in row}
    for row in results:
        if row["work"] in peers:
            row["peers"] = peers[row["work"]]
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
