"""What a picture costs at other sizes and with more steps: ``python -m bench.cost`` draws docs/pictures/cost.png."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw"]

PLOT = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "cost.png"
NAMES = {"onnx": "ONNX Runtime", "eager": "torch, eager"}
COLOURS = {"onnx": "#0b6e75", "eager": "#c4572e"}
GRID = "#d9dde0"
INK = "#30363b"


def main() -> None:
    """Measure, print the rows as JSON lines, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--threads", type=int, help="as many as in a show when not said")
    parser.add_argument("--pictures", type=int, default=40, help="pictures timed at each point (40)")
    parser.add_argument("--sizes", type=int, nargs="+", help="sides of square pictures in pixels")
    parser.add_argument("--steps", type=int, nargs="+", help="numbers of denoising steps")
    parser.add_argument("--out", type=Path, default=PLOT, help=f"the picture ({PLOT.name} in docs/pictures)")
    chosen = parser.parse_args()

    from engine.generator import Generator
    from live.bench.cost import SIZES, STEPS, picture_cost
    from live.machine import machine_name
    from live.performance import render_threads

    threads = chosen.threads or render_threads()
    generators = {name: Generator.load(chosen.model, device="cpu", runtime=name, threads=threads) for name in NAMES}
    rows = picture_cost(generators, "neon blue galaxy", chosen.sizes or SIZES, chosen.steps or STEPS, chosen.pictures)
    for row in rows:
        print(json.dumps(row))
    side = next(iter(generators.values())).size[0]
    unit = "thread" if threads == 1 else "threads"
    draw(rows, side, f"{machine_name()}; {threads} {unit} for the model; four bends moving", chosen.out)
    print(chosen.out)


def draw(rows: Sequence[Mapping[str, Any]], native: int, where: str, path: Path) -> None:
    """Draw what `live.bench.cost.picture_cost` measured: time over size with one step, and over steps.

    Parameters
    ----------
    rows : sequence of mapping
    native : int
        Side, in pixels, at which the steps were counted.
    where : str
        The machine, for the line below.
    path : Path
        The PNG.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.6, 3.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    by_size, by_steps = figure.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    for runtime in dict.fromkeys(row["runtime"] for row in rows):
        own = [row for row in rows if row["runtime"] == runtime]
        sizes = sorted((r["side"], r["median_ms"]) for r in own if r["steps"] == 1)
        steps = sorted((r["steps"], r["median_ms"]) for r in own if r["side"] == native)
        style = {"color": COLOURS.get(runtime, INK), "marker": "o", "markersize": 4, "linewidth": 1.8}
        by_size.plot(*zip(*sizes, strict=True), label=NAMES.get(runtime, runtime), **style)
        by_steps.plot(*zip(*steps, strict=True), **style)
    by_size.set_xlabel("width and height, pixels (one step)")
    by_size.set_xticks(sorted({r["side"] for r in rows if r["steps"] == 1}))
    by_size.set_ylabel("one picture, median ms")
    by_steps.set_xlabel(f"steps ({native} x {native})")
    by_steps.set_xticks(sorted({r["steps"] for r in rows if r["side"] == native}))
    for axes in (by_size, by_steps):
        axes.set_ylim(bottom=0)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK, length=0)
        axes.axhline(1e3 / 30, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    by_steps.annotate(
        "30 pictures/s",
        (1, 1e3 / 30),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=INK,
    )
    by_size.legend(frameon=False, loc="upper left")
    figure.supxlabel(where, fontsize=8, color=INK)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.png")
    figure.savefig(part, pil_kwargs={"optimize": True})
    part.replace(path)


if __name__ == "__main__":
    main()
