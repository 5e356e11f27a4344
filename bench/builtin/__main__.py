"""Command line: ``python -m bench.builtin --help``."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from typing import Annotated

import typer

from bentlight.errors import BentlightError

SECTIONS = {
    "judge": "bench.builtin.coupling",
    "sharpness": "bench.builtin.sharpness",
    "variety": "bench.builtin.variety",
    "motion": "bench.builtin.motion",
    "bends": "bench.builtin.bends",
    "speed": "bench.builtin.speed",
    "sheets": "bench.builtin.sheets",
}
"""Section -> the module whose ``measure`` makes it."""

HELP = """Measure the built-in text-to-picture model against the procedural painter that taught it.

Everything is measured on captions and noises that the judges never saw, and each figure is held to a bar:

\b
judge      a classifier that learnt only from painter pictures reads form,
           first colour and mood off the model's; noised latents recovered
sharpness  fine structure per form, a discriminator, the autoencoder's loss
variety    spread over seeds; finding the same noise's painter picture
motion     evenness and reach of a noise walk, evenness of a prompt blend
bends      noise in place of each UNet level; operators swept at each
speed      pictures per second on two cores, PyTorch and ONNX Runtime
           (needs: pip install onnx)
sheets     contact sheets to look at

Estimated from the parts, never run whole: 40 minutes on two quiet cores, half for the networks that judge; --quick 3.
The judge ships with the bench. Until it has learnt enough from today's painter it goes on learning for --minutes first,
and is kept in .train/ then. The same seed gives the same figures, except where time runs out before a judge has learnt
enough, and for speed.

\b
python -m bench.builtin --quick
python -m bench.builtin --only bends,motion --json measured.json
python -m bench.builtin --weights .train/candidate --out sheets
"""


def main(
    only: Annotated[str, typer.Option(help=f"Sections to run, by commas: {', '.join(SECTIONS)}.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Small counts: a first look, not a result.")] = False,
    weights: Annotated[Path | None, typer.Option(help="A weights folder; the shipped one when not said.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for sheets and confusion matrices.")] = Path(".train/bench"),
    as_json: Annotated[Path | None, typer.Option("--json", help="Write everything to this file.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.05, help="Most minutes for each network that judges; 15, quick 1.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Draws every caption, noise and starting weight.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda; speed is always measured on the CPU.")] = "cpu",
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of PyTorch; speed takes two.")] = None,
    cache: Annotated[Path, typer.Option(help="Folder for a judge that is trained now.")] = Path(".train"),
    fresh: Annotated[bool, typer.Option("--fresh-judge", help="Not the judge that ships: one trained now.")] = False,
) -> None:
    names = [name.strip() for name in only.split(",") if name.strip()] or list(SECTIONS)
    if unknown := [name for name in names if name not in SECTIONS]:
        raise typer.BadParameter(f"there is no section {unknown[0]!r}; there are {', '.join(SECTIONS)}.")
    try:
        limit = minutes or (1.0 if quick else 15.0)
        _run(names, quick, weights, out, as_json, limit, seed, device, threads, cache, fresh)
    except BentlightError as error:
        typer.echo(f"bench.builtin: {error}", err=True)
        raise typer.Exit(1) from None


def _run(
    names: list[str], quick: bool, weights: Path | None, out: Path, as_json: Path | None, minutes: float, seed: int,
    device: str, threads: int | None, cache: Path, fresh: bool,
) -> None:  # fmt: skip
    # First, since it sets how the model's threads wait, which is read when torch is loaded.
    import engine  # noqa: F401, I001
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from bench.builtin.model import Model
    from bench.builtin.setting import FULL, QUICK, Setting
    from bench.builtin.table import report, show_section, show_summary
    from engine.builtin import WEIGHTS
    from engine.devices import find_device
    from live.machine import machine_name

    if threads:
        torch.set_num_threads(threads)
    folder, console = weights or WEIGHTS, Console()
    console = console if console.is_terminal else Console(width=180)
    model = Model(folder, find_device(device))
    shown = "the shipped weights" if weights is None else str(weights)
    where = f"{shown}, {machine_name()}" + (", QUICK: small counts" if quick else "")
    apart = model.distance_to_played()
    console.print(f"Batches in float32 differ from the pictures as played by {apart:.2f} of 255.", highlight=False)
    head = {
        "machine": machine_name(), "weights": str(folder), "quick": quick, "seed": seed, "device": device,
        "difference_to_played_255": apart,
    }  # fmt: skip
    done = []
    for name in names:
        # A progress bar of its own for each section, on stderr, so that tables stay clean in a file.
        with Progress(console=Console(stderr=True), transient=True) as progress:
            setting = Setting(model, QUICK if quick else FULL, seed, minutes, out, cache, progress, fresh)
            started = time.monotonic()
            section = importlib.import_module(SECTIONS[name]).measure(setting)
            section.seconds = time.monotonic() - started
        done.append(section)
        show_section(console, section, where)
        if as_json:
            # After every section, so that a long run that is stopped leaves what it found.
            as_json.parent.mkdir(parents=True, exist_ok=True)
            as_json.write_text(json.dumps(report(done, head), indent=2), encoding="utf-8")
    show_summary(console, done)


def start() -> None:
    """Run with the help text that the options cannot hold."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=HELP)(main)
    app(prog_name="python -m bench.builtin")


if __name__ == "__main__":
    start()
