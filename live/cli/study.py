"""Commands on files: analyze and render."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bentlight.errors import BadInput
from live.cli.play import Runtime, parse_channels, parse_gain, parse_size, tell
from live.files import check_writable, whole_file, write_json

__all__ = ["analyze", "render"]

Gain = Annotated[str, typer.Option(help="auto, or a gain in dB such as 6 or -3.")]
Gate = Annotated[float, typer.Option(min=-90, max=0, help="Level after gain, in dB, below which there is no sound.")]
Onsets = Annotated[
    str, typer.Option(help="How onsets are found: auto, or one of aubio's methods such as hfc or complex.")
]
Metre = Annotated[int, typer.Option(min=2, max=12, help="Beats in a bar.")]


class What(StrEnum):
    """What `analyze` prints."""

    onsets = "onsets"
    beats = "beats"
    features = "features"
    study = "study"


def analyze(
    file: Annotated[Path, typer.Argument(help="An audio file: wav, flac, ogg, mp3, aiff.")],
    what: Annotated[
        What, typer.Option(help="onsets or beats: one time in seconds per line; features: to --json; study: to --out.")
    ] = What.onsets,
    fire: Annotated[
        bool, typer.Option("--fire", help="The time at which a live listener could first act, not of the sound itself.")
    ] = False,
    gain: Gain = "auto",
    gate: Gate = -60.0,
    onsets: Onsets = "auto",
    metre: Metre = 4,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write every feature of every hop to this file.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a page of what was heard as a PNG.")] = None,
    truth: Annotated[
        Path | None, typer.Option(help="True onsets, one time in seconds per line, to mark on the page and score.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the study goes: .npz or .json.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=1000, help="Frames per second of the study.")] = 60.0,
) -> None:
    """Hear a file exactly as live, or study it as a whole."""
    if what is What.study:
        unused = {"--json": as_json, "--plot": plot, "--truth": truth, "--fire": fire or None}
        if said := [name for name, value in unused.items() if value is not None]:
            raise BadInput(f"--what study does not go with {', '.join(said)}; it writes to --out alone.")
        _study(file, out, fps)
        return
    if out is not None:
        raise BadInput("--out goes with --what study; features are written with --json, a page with --plot.")
    if fire and what is not What.onsets:
        raise BadInput("--fire goes with --what onsets: when a listener could first act on each.")
    if truth is not None and plot is None:
        raise BadInput("--truth needs --plot PATH.png to mark the page of.")
    from analysis.track import analyze as hear
    from live.truth import compare, read_times

    gain_db = parse_gain(gain)
    true_s = None if truth is None else read_times(truth)
    _check_targets({"sound": file, "truth": truth}, {"--json": as_json, "--plot": plot})
    track = hear(file, gain_db=gain_db, gate_db=gate, onset_method=onsets, metre=metre)
    if as_json is not None:
        from live.page import features_json

        write_json(as_json, features_json(track))
    if plot is not None:
        from live.hearing_page import plot_page

        comparison = None if true_s is None else compare(track.onset_times_s, true_s)
        plot_page(track, plot, comparison)
        if comparison is not None:
            tell(f"{comparison}.")
    if what is What.features:
        if as_json is None:
            raise BadInput("--what features needs --json PATH to write them to.")
        return
    times = (track.fire_times_s if fire else track.onset_times_s) if what is What.onsets else track.beat_times_s
    print("\n".join(f"{time:.4f}" for time in times))


def _check_targets(read: dict[str, Path | None], written: dict[str, Path | None]) -> None:
    """Raise BadInput where what is written would take the place of what is read, or of each other."""
    taken = [(path, f"the {name} itself") for name, path in read.items() if path is not None]
    for name, path in written.items():
        if path is None:
            continue
        for other, what in taken:
            # By any name that the disk takes for one.
            if path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other)):
                raise BadInput(f"{name} {path} is {what}; choose another name.")
        taken.append((path, f"what {name} is written to"))
        check_writable(path)


def _study(file: Path, out: Path | None, fps: float) -> None:
    """Study a whole track and write what was found."""
    if out is None or out.suffix.lower() not in (".npz", ".json"):
        raise BadInput("--what study needs --out PATH to write to, ending in .npz or .json.")
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from analysis.study import study

    _check_targets({"sound": file}, {"--out": out})
    with Progress(
        TextColumn("{task.description:<30}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True)
    ) as bar:
        task = bar.add_task("study", total=1.0)
        found = study(
            file, rate_hz=fps, progress=lambda share, next_: bar.update(task, completed=share, description=next_)
        )
    with whole_file(out) as temporary:
        if out.suffix.lower() == ".npz":
            with temporary.open("wb") as binary:
                found.write_npz(binary)
        else:
            with temporary.open("w", encoding="utf-8") as text:
                found.write_json(text)
    tempo = f"{found.tempo:.1f} BPM" if found.tempo else "no pulse"
    print(f"Made {out}: {len(found.signals)} signals, {fps:g} frames per second, {tempo}.")


def render(
    source: Annotated[str, typer.Argument(help="An audio file, or `demo`.")],
    out: Annotated[Path, typer.Option(help="The video to make: .mkv or .mp4; NAME.part.mkv until it is whole.")],
    scene: Annotated[str, typer.Option(help="A scene's name or file; the first scene when not said.")] = "",
    model: Annotated[str | None, typer.Option(help="Overrides the scene's model.")] = None,
    lora: Annotated[str | None, typer.Option(help="An LCM-LoRA: a hub id or a .safetensors file.")] = None,
    tiny_autoencoder: Annotated[
        str | None, typer.Option(help="A tiny autoencoder (TAESD) to decode with: a hub id or a folder.")
    ] = None,
    runtime: Annotated[
        Runtime,
        typer.Option(help="Torch (eager), CUDA graphs, or ONNX Runtime; auto chooses by the model and the device."),
    ] = Runtime.auto,
    size: Annotated[str | None, typer.Option(help="Size of the pictures, such as 512x512.")] = None,
    fps: Annotated[float, typer.Option(min=1, max=120, help="Pictures per second.")] = 30.0,
    steps: Annotated[int | None, typer.Option(min=1, max=8, help="Denoising steps.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Only so much of the file.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the noise.")] = None,
    channels: Annotated[
        str | None, typer.Option(help="Channels of the file to hear, such as 1,2 or 3; the video has them all.")
    ] = None,
    gain: Gain = "auto",
    gate: Gate = -60.0,
    onsets: Onsets = "auto",
    metre: Metre = 4,
) -> None:
    """Render a sound to a video, offline and the same every time."""
    from live.cli.progress import counting
    from live.offline import render as render_video
    from live.signals import signals_interrupt

    with signals_interrupt(), counting("pictures to measure blends by", "pictures") as (measuring, progress):
        render_video(
            source,
            out,
            scene=scene,
            model=model,
            lora=lora,
            tiny_autoencoder=tiny_autoencoder,
            size=parse_size(size),
            runtime=runtime.value,
            fps=fps,
            steps=steps,
            seconds=seconds,
            seed=seed,
            channels=parse_channels(channels),
            gain_db=parse_gain(gain),
            gate_db=gate,
            onset_method=onsets,
            metre=metre,
            tell=tell,
            measuring=measuring,
            progress=progress,
        )
    print(f"Made {out}.")
