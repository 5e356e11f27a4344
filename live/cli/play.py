"""`bentlight play`."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bentlight.errors import BadInput

__all__ = ["Runtime", "Wishes", "parse_size", "perform", "play"]

DEMO_VIDEO = Path("recordings/demo.mkv")
DEMO_SECONDS = 24.0


class Runtime(StrEnum):
    """What runs the model."""

    auto = "auto"
    eager = "eager"
    graph = "graph"
    onnx = "onnx"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `play` as they were given, by the names of `PlaySettings`; None is "not said"."""

    input: str | None = None
    channels: str | None = None
    gain: str = "auto"
    gate: float = -60.0
    onsets: str = "auto"
    metre: int = 4
    scene: str = ""
    model: str | None = None
    lora: str | None = None
    tiny_autoencoder: str | None = None
    runtime: Runtime = Runtime.auto
    stream: bool = False
    compiled: bool = False
    size: str | None = None
    steps: int | None = None
    seed: int | None = None
    display: int = 0
    fullscreen: bool = False
    headless: bool = False
    record: Path | None = None
    osc: str = "127.0.0.1:9000"
    seconds: float | None = None
    mute: bool = False
    report: Path | None = None


def play(  # the options are read from the context: their names are those of `Wishes`
    context: typer.Context,
    input: Annotated[
        str | None,
        typer.Option(help="default, a device's NAME (see `bentlight devices`), file:PATH, demo or silence."),
    ] = None,
    channels: Annotated[str | None, typer.Option(help="Input channels to hear, such as 1,2 or 3.")] = None,
    gain: Annotated[str, typer.Option(help="auto, or a gain in dB such as 6 or -3.")] = "auto",
    gate: Annotated[
        float, typer.Option(min=-90, max=0, help="Level after gain, in dB, below which there is no sound.")
    ] = -60.0,
    onsets: Annotated[
        str, typer.Option(help="How onsets are found: auto, or one of aubio's methods such as hfc or complex.")
    ] = "auto",
    metre: Annotated[int, typer.Option(min=2, max=12, help="Beats in a bar.")] = 4,
    scene: Annotated[str, typer.Option(help="A scene's name (see `bentlight scenes`) or a scene file.")] = "",
    model: Annotated[
        str | None, typer.Option(help="builtin, painter, a hub id, a model folder or a .safetensors file.")
    ] = None,
    lora: Annotated[str | None, typer.Option(help="An LCM-LoRA: a hub id or a .safetensors file.")] = None,
    tiny_autoencoder: Annotated[
        str | None, typer.Option(help="A tiny autoencoder (TAESD) to decode with: a hub id or a folder.")
    ] = None,
    runtime: Annotated[
        Runtime,
        typer.Option(help="Torch (eager), CUDA graphs, or ONNX Runtime; auto chooses by the model and the device."),
    ] = Runtime.auto,
    stream: Annotated[
        bool, typer.Option("--stream", help="With n steps: the pictures/s of one step, n - 1 pictures late.")
    ] = False,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the model's blocks, which takes minutes at first.")
    ] = False,
    size: Annotated[str | None, typer.Option(help="Size of the pictures, such as 256x256 or 384x256.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, max=8, help="Denoising steps; the scene's when not said.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the noise; the scene's when not said.")] = None,
    display: Annotated[int, typer.Option(min=0, help="Number of the display.")] = 0,
    fullscreen: Annotated[bool, typer.Option("--fullscreen/--windowed", help="Fill the display.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="No window: for recording and measuring.")] = False,
    record: Annotated[Path | None, typer.Option(help="Record into this .mkv or .mp4 with the sound.")] = None,
    osc: Annotated[str, typer.Option(help="Where to listen for OSC, HOST:PORT, or `off`.")] = "127.0.0.1:9000",
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so long, from the first picture.")] = None,
    mute: Annotated[bool, typer.Option("--mute", help="Do not sound files and the demo track.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the show's numbers to this JSON file.")] = None,
) -> None:
    """Play: listen to an input and show the pictures. With nothing said, the default input in a window.

    Without a sound card the demo track plays instead; without a display the demo goes into recordings/demo.mkv.
    """
    perform(Wishes(**context.params))


def perform(wishes: Wishes) -> None:
    """Fill in what was not said from what this machine has, and play.

    Raises
    ------
    BentlightError
        If what was asked for cannot be had.
    """
    from live.control.osc import parse_address
    from live.machine import display_problem, sound_problem

    wishes = settle(wishes, display_problem(), sound_problem(hanging=False) if wishes.input is None else None)
    from live.performance import Performance, PlaySettings

    as_given = {field.name: getattr(wishes, field.name) for field in fields(wishes)}
    read: dict[str, Any] = {
        "input": wishes.input or "default",
        "channels": parse_channels(wishes.channels),
        "gain": parse_gain(wishes.gain),
        "size": parse_size(wishes.size),
        "osc": None if wishes.osc == "off" else parse_address(wishes.osc),
    }
    performance = Performance(PlaySettings(**as_given | read))
    performance.on_no_sound = tell
    recordings = performance.director.recordings
    try:
        made = performance.run()
    finally:
        for recording in recordings.done:
            if not recording.status.error:
                tell(f"Recorded {recording.path}.")
    if wishes.headless:
        tell(f"{made['pictures']} pictures in {made['seconds']:.1f} s, {made['onsets_shown']} hits shown.")
    failed = [recording.status.error for recording in recordings.done if recording.status.error]
    for error in failed:
        tell(f"bentlight: {error}")
    if failed:
        raise typer.Exit(2)


def settle(wishes: Wishes, no_display: str | None, no_sound: str | None) -> Wishes:
    """Return `wishes` with what this machine can do in place of what it cannot, saying each change on stderr.

    Parameters
    ----------
    wishes : Wishes
    no_display, no_sound : str or None
        Why there is no display, or no input device; None when there is one.
    """
    if no_sound is not None and wishes.input is None:
        tell(f"{no_sound} Playing the demo track instead.")
        wishes = replace(wishes, input="demo")
    if no_display is not None and not wishes.headless:
        record = wishes.record or DEMO_VIDEO
        if wishes.record is None and wishes.input in (None, "demo"):
            wishes = replace(wishes, input="demo", seconds=wishes.seconds or DEMO_SECONDS)
        tell(f"{no_display} Playing into {record} instead.")
        wishes = replace(wishes, headless=True, record=record)
    return wishes


def tell(sentence: str) -> None:
    """Say a sentence on standard error, where it does not mix with data."""
    print(sentence, file=sys.stderr, flush=True)


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return (width, height) from ``384x256``.

    Raises
    ------
    BadInput
        If it is not two whole numbers from 64 to 2048, multiples of 8.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,5})[x×]([0-9]{1,5})", text.strip())
    sides = tuple(int(side) for side in found.groups()) if found else ()
    if len(sides) != 2 or any(side % 8 or not 64 <= side <= 2048 for side in sides):
        raise BadInput(f"--size {text}: give width x height, such as 384x256; multiples of 8 from 64 to 2048.")
    return sides


def parse_channels(text: str | None) -> tuple[int, ...] | None:
    """Return channel numbers, from 1, of ``1,2`` or ``3``.

    Raises
    ------
    BadInput
        If it is not one or two different numbers from 1 to 64.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    numbers = tuple(int(part) for part in parts if re.fullmatch("[0-9]{1,2}", part))
    bad = not len(set(numbers)) == len(numbers) == len(parts) <= 2
    if bad or not all(1 <= number <= 64 for number in numbers):
        raise BadInput(f"--channels {text}: give one or two different channels, counted from 1, such as 1,2.")
    return numbers


def parse_gain(text: str) -> float | Literal["auto"]:
    """Return "auto" or a gain in dB, as much as `/gain` takes.

    Raises
    ------
    BadInput
        If it is neither.
    """
    from analysis.gain import GAIN_RANGE_DB

    if text == "auto":
        return "auto"
    try:
        gain = float(text)
    except ValueError:
        gain = float("nan")
    low, high = GAIN_RANGE_DB
    if not low <= gain <= high:
        raise BadInput(f"--gain {text}: give auto, or decibels from {low:g} to {high:g}.")
    return gain
