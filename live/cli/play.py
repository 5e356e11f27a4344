"""`bentlight play`."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from bentlight.errors import BadInput

__all__ = ["Wishes", "parse_size", "perform", "play"]

DEMO_VIDEO = Path("recordings/demo.mkv")
DEMO_SECONDS = 24.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """The options of `play` as they were given; None is "not said"."""

    input: str | None = None
    channels: str | None = None
    gain: str = "auto"
    scene: str = ""
    model: str | None = None
    lora: str | None = None
    tiny_autoencoder: str | None = None
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
        typer.Option(help="default, a device's NAME or INDEX (see `bentlight devices`), file:PATH, demo or silence."),
    ] = None,
    channels: Annotated[str | None, typer.Option(help="Input channels to hear, such as 1,2 or 3.")] = None,
    gain: Annotated[str, typer.Option(help="auto, or a gain in dB such as 6 or -3.")] = "auto",
    scene: Annotated[str, typer.Option(help="A scene's name (see `bentlight scenes`) or a scene file.")] = "",
    model: Annotated[
        str | None, typer.Option(help="builtin, painter, a hub id, a model folder or a .safetensors file.")
    ] = None,
    lora: Annotated[str | None, typer.Option(help="An LCM-LoRA: a hub id or a .safetensors file.")] = None,
    tiny_autoencoder: Annotated[
        str | None, typer.Option(help="A tiny autoencoder (TAESD) to decode with: a hub id or a folder.")
    ] = None,
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
    from live.machine import display_problem, sound_problem

    wishes = settle(wishes, display_problem(), sound_problem() if wishes.input is None else None)
    from live.performance import Performance, PlaySettings

    performance = Performance(
        PlaySettings(
            input=wishes.input or "default",
            channels=parse_channels(wishes.channels),
            gain=parse_gain(wishes.gain),
            scene=wishes.scene,
            model=wishes.model,
            lora=wishes.lora,
            tiny_autoencoder=wishes.tiny_autoencoder,
            size=parse_size(wishes.size),
            steps=wishes.steps,
            seed=wishes.seed,
            display=wishes.display,
            fullscreen=wishes.fullscreen,
            headless=wishes.headless,
            record=wishes.record,
            osc=parse_osc(wishes.osc),
            seconds=wishes.seconds,
            mute=wishes.mute,
            report=wishes.report,
        )
    )
    made = performance.run()
    if wishes.headless:
        tell(f"{made['pictures']} pictures in {made['seconds']:.1f} s, {made['onsets_shown']} hits shown.")
    if wishes.record is not None:
        tell(f"Recorded {wishes.record}.")


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
    found = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip())
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
    parts = text.split(",")
    if len(parts) > 2 or not all(part.strip().isdigit() and 1 <= int(part) <= 64 for part in parts):
        raise BadInput(f"--channels {text}: give one or two channel numbers, counted from 1, such as 1,2.")
    return tuple(int(part) for part in parts)


def parse_gain(text: str) -> float | Literal["auto"]:
    """Return "auto" or a gain in dB, from -60 to 60.

    Raises
    ------
    BadInput
        If it is neither.
    """
    if text == "auto":
        return "auto"
    try:
        gain = float(text)
    except ValueError:
        gain = float("nan")
    if not -60 <= gain <= 60:
        raise BadInput(f"--gain {text}: give auto, or decibels from -60 to 60.")
    return gain


def parse_osc(text: str) -> tuple[str, int] | None:
    """Return (host, port) of ``127.0.0.1:9000``, or None for ``off``.

    Raises
    ------
    BadInput
        If it is neither.
    """
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadInput(f"--osc {text}: give HOST:PORT such as 127.0.0.1:9000, or off.")
    return host.strip("[]"), int(port)
