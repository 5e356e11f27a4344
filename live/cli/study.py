"""Commands on files: analyze and render."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bentlight.errors import BadInput
from live.cli.play import Runtime, parse_size, tell
from live.files import write_json

__all__ = ["analyze", "render"]


class What(StrEnum):
    """What `analyze` prints."""

    onsets = "onsets"
    beats = "beats"
    features = "features"


def analyze(
    file: Annotated[Path, typer.Argument(help="An audio file: wav, flac, ogg, mp3, aiff.")],
    what: Annotated[What, typer.Option(help="onsets or beats: one time in seconds per line; features: to --json.")] = (
        What.onsets
    ),
    fire: Annotated[
        bool, typer.Option("--fire", help="The time at which a live listener could first act, not of the sound itself.")
    ] = False,
    onsets: Annotated[
        str, typer.Option(help="How onsets are found: auto, or one of aubio's methods such as hfc or complex.")
    ] = "auto",
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write every feature of every hop to this file.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a page of what was heard as a PNG.")] = None,
) -> None:
    """Hear a file exactly as live."""
    from analysis.track import analyze as hear

    track = hear(file, onset_method=onsets)
    if as_json is not None:
        from live.page import features_json

        write_json(as_json, features_json(track))
    if plot is not None:
        from live.page import plot_page

        plot_page(track, plot)
    if what is What.features:
        if as_json is None:
            raise BadInput("--what features needs --json PATH to write them to.")
        return
    times = (track.fire_times_s if fire else track.onset_times_s) if what is What.onsets else track.beat_times_s
    print("\n".join(f"{time:.4f}" for time in times))


def render(
    source: Annotated[str, typer.Argument(help="An audio file, or `demo`.")],
    out: Annotated[Path, typer.Option(help="The video to make: .mkv or .mp4.")],
    scene: Annotated[str, typer.Option(help="A scene's name or file; the first scene when not said.")] = "",
    model: Annotated[str | None, typer.Option(help="Overrides the scene's model.")] = None,
    runtime: Annotated[
        Runtime, typer.Option(help="What runs the model: torch (eager) or ONNX Runtime; auto takes the faster here.")
    ] = Runtime.auto,
    size: Annotated[str | None, typer.Option(help="Size of the pictures, such as 512x512.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=120, help="Pictures per second.")] = 30.0,
    steps: Annotated[int | None, typer.Option(min=1, max=8, help="Denoising steps.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Only so much of the file.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the noise.")] = None,
) -> None:
    """Render a sound to a video, offline and the same every time."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from live.offline import render as render_video

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
    ) as bar:
        task = bar.add_task("pictures", total=None)
        render_video(
            source,
            out,
            scene=scene,
            model=model,
            size=parse_size(size),
            runtime=runtime.value,
            fps=fps,
            steps=steps,
            seconds=seconds,
            seed=seed,
            tell=tell,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    print(f"Made {out}.")
