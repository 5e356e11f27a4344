"""Command line: ``python -m bench.gpu --help``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

HELP = """Time the engine on a GPU: the shape of sd-turbo with a tiny autoencoder, random weights, 512 x 512, one step.

Eager, compiled (torch.compile), captured (CUDA graphs) and both take turns picture by picture, with no bends, 4 and 12,
every value moving at every picture. Beside it the floor: what convolutions, matrix products and attention need at the
device's peaks, which are measured in the same run by a large matrix product and a large copy.

The bar is 150 pictures per second with bends moving, p99 no more than 1.5 times the median.

\b
python -m bench.gpu
python -m bench.gpu --json gpu.json
python -m bench.gpu --tiny --device cpu --pictures 6    tries the code out; no result
"""
BAR_PER_S, BAR_TAIL = 150.0, 1.5


def main(
    device: Annotated[str, typer.Option(help="cuda, cuda:1; with --tiny also cpu.")] = "cuda",
    pictures: Annotated[int, typer.Option(min=6, help="Pictures timed of each.")] = 300,
    dtype: Annotated[str, typer.Option(help="float16, bfloat16, or float32.")] = "",
    tiny: Annotated[bool, typer.Option("--tiny", help="A model as small as can be: to try the code out.")] = False,
    uncompiled: Annotated[
        bool, typer.Option("--no-compile", help="Leave out torch.compile, which needs minutes and a C++ compiler.")
    ] = False,
    as_json: Annotated[Path | None, typer.Option("--json", help="Write everything to this file.")] = None,
) -> None:
    # First, since it sets how threads wait, which is read when torch is loaded.
    import engine  # noqa: F401, I001
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        print("bench.gpu: this machine has no CUDA device, so there is nothing to measure.", file=sys.stderr)
        raise typer.Exit(2)
    if not device.startswith("cuda") and not tiny:
        print("bench.gpu: the full shape needs a CUDA device; --tiny tries the code out elsewhere.", file=sys.stderr)
        raise typer.Exit(2)
    from bench.gpu.players import WAYS

    found = measured(device, pictures, dtype, tiny, [way for way in WAYS if not (uncompiled and "compiled" in way)])
    if as_json is not None:
        as_json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    _print(found)


def measured(device: str, pictures: int, dtype: str, tiny: bool, ways: Sequence[str]) -> dict[str, Any]:
    """Return everything that is measured of some of `bench.gpu.players.WAYS`, as plain numbers.

    Raises
    ------
    BadInput
        If there is no such device or type.
    """
    import torch

    from bench.gpu.floor import measure_peaks, work_of
    from bench.gpu.players import PLANS, contenders, player, worst_hitches
    from engine.devices import choose_dtype, find_device
    from live.bench.pictures import generator_speed

    place = find_device(device)
    kind = choose_dtype(dtype or None, place)
    cuda = place.type == "cuda"
    peaks = measure_peaks(place, kind, tiny)
    generators = contenders("tiny" if tiny else "sd-turbo", place, kind, ways)
    if cuda:
        torch.cuda.reset_peak_memory_stats(place)
    players = {f"{who}, {plan}": player(g, PLANS[plan]) for plan in PLANS for who, g in generators.items()}
    rows = generator_speed(players, pictures)
    hitches = {who: worst_hitches(generator) for who, generator in generators.items()}
    floors = {}
    for name, plan in PLANS.items():
        play = player(generators[ways[0]], plan)
        floor = work_of(lambda play=play: play(1))  # type: ignore[misc]
        operations_ms, bytes_ms = floor.ms(peaks)
        floors[name] = {
            "operations": floor.operations, "bytes": floor.bytes,
            "operations_ms": operations_ms, "bytes_ms": bytes_ms,
        }  # fmt: skip
    width, height = generators[ways[0]].size
    return {
        "device": torch.cuda.get_device_name(place) if cuda else "CPU, a tape in place of CUDA graphs: no result",
        "torch": torch.__version__,
        "dtype": str(kind).removeprefix("torch."),
        "size": [width, height],
        "pictures": pictures,
        "rows": [{**row, "tail": round(row["p99_ms"] / row["median_ms"], 2)} for row in rows],
        "worst_hitch_ms": hitches,
        "peaks": {"tera_operations_per_s": peaks.operations_per_s / 1e12, "gb_per_s": peaks.bytes_per_s / 1e9},
        "floor": floors,
        "memory_peak_mb": torch.cuda.max_memory_reserved(place) / 1e6 if cuda else None,
    }


def _print(found: dict[str, Any]) -> None:
    from live.cli.tables import show

    width, height = found["size"]
    floors = {name: max(f["operations_ms"], f["bytes_ms"]) for name, f in found["floor"].items()}

    def verdict(row: dict[str, Any]) -> str:
        fine = row["pictures_per_s"] >= BAR_PER_S and row["tail"] <= BAR_TAIL
        return "met" if fine else f"short of {BAR_PER_S:g}/s, tail {BAR_TAIL}"

    show(
        f"{found['device']}; {width} x {height}, 1 step, {found['dtype']}, torch {found['torch']}; "
        f"{found['pictures']} pictures of each, taking turns",
        ("what", "median ms", "p95 ms", "p99 ms", "pictures/s", "p99 / median", "over the floor", "bar"),
        [
            (
                row["what"], row["median_ms"], row["p95_ms"], row["p99_ms"], row["pictures_per_s"], row["tail"],
                f"{row['median_ms'] / floors[row['what'].rsplit(', ', 1)[1]]:.1f}", verdict(row),
            )
            for row in found["rows"]
        ],
    )  # fmt: skip
    peaks = found["peaks"]
    show(
        f"Floor at the measured peaks: {peaks['tera_operations_per_s']:.1f} tera operations/s, "
        f"{peaks['gb_per_s']:.0f} GB/s",
        ("plan", "giga operations", "ms for them", "GB", "ms for them"),
        [
            (name, f"{f['operations'] / 1e9:.1f}", f"{f['operations_ms']:.2f}", f"{f['bytes'] / 1e9:.3f}",
             f"{f['bytes_ms']:.2f}")
            for name, f in found["floor"].items()
        ],
    )  # fmt: skip
    show(
        "Worst first picture of a plan, ms",
        ("what", "a new plan", "a plan that is ready"),
        [(who, f"{h['new_plan_ms']:.1f}", f"{h['ready_plan_ms']:.1f}") for who, h in found["worst_hitch_ms"].items()],
    )
    if found["memory_peak_mb"] is not None:
        print(f"Most memory held on the device, all generators together: {found['memory_peak_mb']:.0f} MB")


def start() -> None:
    """Run with the help text that the options cannot hold."""
    from bentlight.errors import BentlightError

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    try:
        app(prog_name="python -m bench.gpu")
    except BentlightError as error:
        print(f"bench.gpu: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    start()
