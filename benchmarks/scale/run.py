"""
Measures the curves: `python benchmarks/scale/run.py` prints them as Markdown tables and writes `curves.json`, which `plot.py` draws.

Every point is measured in a process of its own, several times in a row, each time between two halves of the bare loop; and all points are
measured several times over, so that a machine that is slower for a while does not bend a curve. Points count by their medians. Counted
are CPU seconds: nothing here ever sleeps, and what other programs do on this machine counts less than by the wall.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import trio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the curves are a package of the folder above

from scale import CURVES, Curve
from scale.curve import Multiples

PASSES = 3
TIMES = 3
SECONDS_MAX = 600.0

Points = dict[str, dict[str, list[float]]]
"""By the name of a line, by the size (JSON's keys are text): all multiples."""


def measure_here(name: str, size: int, times: int) -> None:
    """Measures one point in this process, prints it, and ends the process."""
    curve = next(curve for curve in CURVES if curve.name == name)

    async def measured() -> Multiples:
        with trio.fail_after(SECONDS_MAX):
            return await curve.measure(size, times)

    print(json.dumps(trio.run(measured)), flush=True)
    os._exit(0)  # what a million refs leave behind need not be collected


def point(curve: Curve, size: int, times: int) -> dict[str, list[float]]:
    """Measures one point in a process of its own."""
    command = [sys.executable, __file__, "--point", curve.name, str(size), str(times)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # this file, by its own Python
    if ran.returncode:
        raise RuntimeError(f"The process that measures {curve.name} at {size:,} ended with {ran.returncode}:\n{ran.stderr}")
    measured: dict[str, list[float]] = json.loads(ran.stdout)
    return measured


def measure_all(curves: Sequence[Curve], passes: int, *, quick: bool) -> dict[str, Points]:
    """All points of *curves*, pass by pass."""
    found: dict[str, Points] = {curve.name: {} for curve in curves}
    for number in range(passes):
        for curve in curves:
            for size in curve.sizes[: 1 if quick else None]:
                say(f"pass {number + 1} of {passes}: {curve.name} at {size:,}")
                for line, multiples in point(curve, size, 1 if quick else TIMES).items():
                    found[curve.name].setdefault(line, {}).setdefault(str(size), []).extend(multiples)
    say("")
    return found


def markdown(curve: Curve, points: Points) -> str:
    """One curve as a table: medians."""
    sizes = list(next(iter(points.values())))
    rows = [f"| {curve.grows} | " + " | ".join(f"{int(size):,}" for size in sizes) + " |", "|---|" + "--:|" * len(sizes)]
    rows += [f"| {line} | " + " | ".join(multiple(median(of_line[size])) for size in sizes) + " |" for line, of_line in points.items()]
    return "\n".join(rows)


def multiple(value: float) -> str:
    """So many times the bare loop."""
    return f"x{value:,.0f}" if value >= 20 else f"x{value:.1f}"


def say(text: str) -> None:
    """Where it is now, for somebody who watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Measures, prints the tables, and writes the figures."""
    names = [curve.name for curve in CURVES]
    parser = argparse.ArgumentParser(description="Measures what things cost as there are more of them.")
    parser.add_argument("--passes", type=int, default=PASSES, help=f"how often every point is measured anew (default {PASSES})")
    parser.add_argument("--only", nargs="+", metavar="CURVE", choices=names, help=f"only these: {', '.join(names)}; the others stay")
    parser.add_argument("--quick", action="store_true", help="only the first point of each curve, to see that it runs")
    parser.add_argument("--results", type=Path, default=Path(__file__).with_name("curves.json"), help="where the JSON goes")
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.point:
        measure_here(chosen.point[0], int(chosen.point[1]), int(chosen.point[2]))
    if chosen.passes < 1:
        parser.error("--passes must be at least 1")
    curves = [curve for curve in CURVES if curve.name in (chosen.only or names)]
    found = measure_all(curves, chosen.passes, quick=chosen.quick)
    for curve in curves:
        print(f"{curve.title}:\n\n{markdown(curve, found[curve.name])}\n")
    before: dict[str, object] = json.loads(chosen.results.read_text(encoding="utf-8")) if chosen.results.exists() else {}
    described = {curve.name: describe(curve, found[curve.name]) for curve in curves}
    chosen.results.write_text(json.dumps({**before, **described}, indent=1) + "\n", encoding="utf-8")
    print(f"written to {chosen.results}")


def describe(curve: Curve, points: Points) -> dict[str, object]:
    """What the plot of a curve needs: medians with the least and the most."""
    lines = {
        line: [[int(size), *(round(value, 2) for value in (median(values), min(values), max(values)))] for size, values in of_line.items()]
        for line, of_line in points.items()
    }
    python = f"{platform.python_implementation()} {platform.python_version()}"
    panels = {heading: list(of_panel) for heading, of_panel in curve.panels.items()}
    return {"title": curve.title, "grows": curve.grows, "each": curve.each, "python": python, "panels": panels, "lines": lines}


if __name__ == "__main__":
    main(sys.argv[1:])
