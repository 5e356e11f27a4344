"""What this machine has: displays, sound, graphics devices, MIDI; and what to do about what is missing."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from dataclasses import dataclass

from bentlight.errors import BentlightError

__all__ = [
    "Check",
    "checks",
    "describe_displays",
    "describe_graphics",
    "describe_midi",
    "describe_sound",
    "display_problem",
    "machine_name",
    "runtime_check",
    "sound_problem",
]

Rows = list[tuple[str, str]]


def display_problem() -> str | None:
    """Return a sentence saying why no window can be opened and what to do, or None when one can."""
    told = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER"))
    if sys.platform.startswith("linux") and not told:
        return "There is no display (neither DISPLAY nor WAYLAND_DISPLAY is set); start from a desktop to get a window."
    return None


def sound_problem(*, hanging: bool = True) -> str | None:
    """Return a sentence saying why no sound can be heard and what to do, or None when an input is there.

    Parameters
    ----------
    hanging : bool
        Whether a sound system that does not answer is a problem too: it may yet, and the ears wait for it.
    """
    from live.capture.devices import SoundSystemHangs, inputs_in_time

    try:
        found = inputs_in_time()
    except SoundSystemHangs as error:
        return str(error) if hanging else None
    except BentlightError as error:
        return str(error)
    if not found:
        return "There is no sound input; plug in a microphone or an audio interface, or start the sound server."
    return None


def describe_sound() -> Rows:
    """Return the sound inputs as (name, details)."""
    from live.capture.devices import inputs_in_time

    try:
        return [
            (("* " if device.default else "") + device.name, f"{device.channels} channels, {device.sample_rate:g} Hz")
            for device in inputs_in_time()
        ]
    except BentlightError as error:
        return [("none", str(error))]


def describe_displays() -> Rows:
    """Return the displays as (number, size)."""
    problem = display_problem()
    if problem:
        return [("none", problem)]
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    try:
        pygame.display.init()
        sizes = pygame.display.get_desktop_sizes()
    except pygame.error as error:
        return [("none", f"{error}; start from a desktop.")]
    finally:
        pygame.display.quit()
    return [(str(i), f"{width} x {height}") for i, (width, height) in enumerate(sizes)]


def describe_graphics() -> Rows:
    """Return the devices that torch can use as (name, details)."""
    if importlib.util.find_spec("torch") is None:
        return [("none", "torch is not installed; run `make run`, or pip install torch.")]
    import torch

    rows = [
        (f"cuda:{i} {torch.cuda.get_device_name(i)}", f"{torch.cuda.get_device_properties(i).total_memory >> 30} GiB")
        for i in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        rows.append(("mps", "Apple graphics"))
    return [*rows, ("cpu", machine_name())]


def describe_midi() -> Rows:
    """Return the MIDI ports; MIDI is not played yet."""
    return [("none", "MIDI is not there yet; play with OSC and the keyboard.")]


def machine_name() -> str:
    """Return this machine's processor and number of cores, for tables of figures."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as info:
            name = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, {platform.system()}, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that playing needs.

    Attributes
    ----------
    mark : str
        ✓ there, ✗ needed and missing, – missing, and the show goes on without.
    what, finding, remedy : str
    """

    mark: str
    what: str
    finding: str
    remedy: str = ""


def checks() -> list[Check]:
    """Look at everything that playing needs."""
    found = [Check("✓", "Python", platform.python_version())]
    for module, package in (
        ("torch", "torch"),
        ("diffusers", "diffusers"),
        ("onnxruntime", "onnxruntime"),
        ("aubio", "aubio-ledfx"),
        ("sounddevice", "sounddevice"),
        ("soundfile", "soundfile"),
        ("pygame", "pygame"),
        ("av", "av"),
    ):
        there = importlib.util.find_spec(module) is not None
        remedy = "" if there else f"pip install {package}"
        found.append(Check("✓" if there else "✗", module, "installed" if there else "missing", remedy))
    from engine.builtin import WEIGHTS

    there = (WEIGHTS / "unet").is_dir()
    found.append(
        Check(
            "✓" if there else "✗",
            "built-in model",
            str(WEIGHTS) if there else "missing",
            "" if there else "install anew",
        )
    )
    found.append(runtime_check())
    from live.capture.devices import NO_PORTAUDIO

    sound = sound_problem()
    found.append(
        Check(
            "–" if sound else "✓",
            "sound input",
            sound or "there",
            "sudo apt install libportaudio2" * (sound == NO_PORTAUDIO),
        )
    )
    display = display_problem()
    found.append(Check("–" if display else "✓", "display", display or "there"))
    return found


def runtime_check() -> Check:
    """Say what `--runtime auto` means here."""
    from engine.runtimes.providers import graphics_device

    if importlib.util.find_spec("torch") is None:
        return Check("–", "runtime auto", "unknown without torch")
    if graphics_device():
        import torch

        if torch.cuda.is_available():
            return Check("✓", "runtime auto", f"graph, on {torch.cuda.get_device_name()}")
        if torch.backends.mps.is_available():
            return Check("✓", "runtime auto", "eager, on Apple graphics")
        return Check(
            "–",
            "runtime auto",
            "eager on the CPU: there is a graphics device that this torch cannot use",
            "pip install --force-reinstall torch",
        )
    return Check("✓", "runtime auto", "onnx for the built-in model, eager for others; no graphics device")
