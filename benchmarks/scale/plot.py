"""
Draws the curves: `python benchmarks/scale/plot.py` makes of `curves.json` a PNG each in docs/images.

It runs in an environment of its own, with matplotlib, which nothing else here needs. A point is the median of all measurements, and the
band around a line is from the least to the most of them.
"""

import io
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from PIL import Image

HERE = Path(__file__).resolve().parent
IMAGES = HERE.parents[1] / "docs" / "images"

COLOURS = ("#0b6e99", "#d9730d", "#6f6f6f", "#448361", "#9065b0", "#c14c8a")
PALETTE_SIZE = 48
"""Colours in a picture: lines and letters need no more, and the file is a third of the size."""

MANY = 5
"""So many lines have a tall legend, and need room for it."""


def short(size: float, _position: object = None) -> str:
    """A number as it is said: 100, 10k, 1M."""
    for factor, letter in ((1_000_000, "M"), (1_000, "k")):
        if size >= factor:
            return f"{size / factor:g}{letter}"
    return f"{size:g}"


def times(multiple: float, _position: object = None) -> str:
    """So many times the bare loop."""
    return f"x{short(multiple)}"


def colour_of(line: str, lines: list[str]) -> tuple[str, str]:
    """The colour and the dashes of a line: of two shapes of one thing the second is dashed."""
    things = list(dict.fromkeys(other.removesuffix(", flat").removesuffix(", deep") for other in lines))
    thing = line.removesuffix(", flat").removesuffix(", deep")
    return COLOURS[things.index(thing)], "--" if line.endswith(", deep") or line.startswith("no runtime") else "-"


def draw_panel(axes: Any, heading: str, lines: list[str], curve: dict[str, Any]) -> None:
    """One system of axes."""
    highest, lowest = 0.0, float("inf")
    for line in lines:
        sizes, medians, least, most = zip(*curve["lines"][line], strict=True)
        colour, dashes = colour_of(line, lines)
        axes.plot(sizes, medians, dashes, color=colour, marker="o", markersize=4, linewidth=1.8, label=line)
        axes.fill_between(sizes, least, most, color=colour, alpha=0.12, linewidth=0)
        highest, lowest = max(highest, *medians), min(lowest, *medians)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_minor_formatter(NullFormatter())
    if highest > 12 * lowest:
        axes.set_yscale("log")
        axes.set_ylim(lowest / 2, highest * (4 if len(lines) < MANY else 60))
    else:
        axes.set_ylim(0, highest * (1.45 if len(lines) < MANY else 1.8))
    axes.yaxis.set_major_formatter(FuncFormatter(times))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(curve["grows"])
    axes.set_title(heading, fontsize=11)
    axes.grid(visible=True, which="major", color="#e3e3e3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="upper left")


def draw(name: str, curve: dict[str, Any]) -> Path:
    """One picture."""
    panels = curve["panels"]
    figure = Figure(figsize=(7.6 if len(panels) == 1 else 4.9 * len(panels), 4.4), layout="constrained")
    for axes, (heading, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        draw_panel(axes, heading, lines, curve)
    figure.axes[0].set_ylabel(f"{curve['each']}, as multiples of the bare loop")
    figure.suptitle(f"{curve['title']} ({curve['python']})", fontsize=12, fontweight="bold")
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=100)
    file = IMAGES / f"scale-{name}.png"
    Image.open(drawn).convert("RGB").quantize(PALETTE_SIZE).save(file, optimize=True)
    return file


def main() -> None:
    """Draws everything that was measured."""
    mpl.rcParams.update({"font.size": 10, "font.family": "DejaVu Sans"})
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, curve in json.loads((HERE / "curves.json").read_text(encoding="utf-8")).items():
        file = draw(name, curve)
        print(f"{file.relative_to(HERE.parents[1])}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
