"""Offline rendering: a sound file becomes a video, hop by hop through the same code as live, the same every time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bentlight.errors import BadInput
from scenes import Patch, Scene, library, load

if TYPE_CHECKING:
    from engine.generator import Generator
    from engine.spec import FrameSpec

__all__ = ["render", "specs"]

_BLOCK_S = 0.25
_CHANNELS_MOST = 8


def render(
    source: str | Path,
    out: str | Path,
    *,
    scene: str | Path | Scene = "",
    model: str | None = None,
    size: tuple[int, int] | None = None,
    fps: float = 30.0,
    steps: int | None = None,
    seconds: float | None = None,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    generator: Generator | None = None,
) -> Path:
    """Render a sound file to a video with that sound.

    The frame shown from ``k / fps`` on is made of every hop up to that moment. Nothing stands at `out` until all of
    it is done; an older file stays there when rendering fails.

    Parameters
    ----------
    source : str or Path
        Any file that libsndfile reads, or ``demo``.
    out : str or Path
        Ends in .mkv or .mp4.
    scene : str, Path or Scene
        Name or file; empty for the first built-in scene.
    model : str, optional
        Instead of the scene's.
    size : (int, int), optional
        Width and height of the pictures; None for the model's own.
    fps : float
        Pictures per second.
    steps, seed : int, optional
        Instead of the scene's.
    seconds : float, optional
        Only so much of the file.
    progress : callable, optional
        Called with (pictures done, pictures in all).
    generator : Generator, optional
        One that is loaded already.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    BadInput, BadScene, ModelMissing
        If the sound, the scene, the model or the place to write cannot be used.
    """
    from live.video import FORMATS, VideoWriter

    sound, out = _sound_file(source), Path(out)
    if out.suffix.lower() not in FORMATS:
        raise BadInput(f"{out} is no name for a video; let it end in {' or '.join(FORMATS)}.")
    if out.exists() and sound.samefile(out):
        raise BadInput(f"{out} is the sound itself; choose another name.")
    if not isinstance(scene, Scene):
        scene = load(scene or next(iter(library())))
    patch = Patch(scene, seed=seed, start_s=0.0)
    control: dict[str, Any] = {} if steps is None else {"/steps": steps}
    rate, channels, _ = _measure(sound)
    generator = generator or _generator(model or scene.model, size)
    generator.prepare(prompts=patch.prompts, plans=(patch.plan,))
    # The process number keeps two renderings of one name apart; the ending says the format to the writer.
    part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
    width, height = generator.size
    try:
        with VideoWriter(part, width, height, fps, rate, min(channels, _CHANNELS_MOST), live=False) as writer:
            previous = None
            for step in specs(sound, patch, fps=fps, seconds=seconds, control=control):
                writer.write_sound(step.sound[:, :_CHANNELS_MOST], step.start)
                for index, spec in step.pictures:
                    previous = generator.render(spec, previous if spec.feedback > 0 else None)
                    writer.write_picture(previous.pixels, index)
                    if progress is not None:
                        progress(index + 1, step.total)
        part.replace(out)
    except OSError as error:
        raise BadInput(f"{out} cannot be written ({error.strerror}); choose another place.") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return out


@dataclass(frozen=True, slots=True)
class Step:
    """A block of sound, and the pictures it completes.

    Attributes
    ----------
    sound : ndarray of float32, shape (samples, channels)
    start : int
        Number of its first sample.
    pictures : list of (int, FrameSpec)
        Frame numbers and what to draw.
    total : int
        Pictures of the whole rendering.
    """

    sound: np.ndarray
    start: int
    pictures: list[tuple[int, FrameSpec]]
    total: int


def specs(
    source: str | Path,
    patch: Patch,
    *,
    fps: float = 30.0,
    seconds: float | None = None,
    control: dict[str, Any] | None = None,
    frames_changed: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[Step]:
    """Yield a sound file block by block with the `FrameSpec` of every frame on the grid ``k / fps``.

    Parameters
    ----------
    source, fps, seconds
        As in `render`.
    patch : Patch
    control : dict, optional
        Control values by address, the same throughout.
    frames_changed : callable, optional
        Gets each array of heard frames and returns it, changed: to see what a scene does without one of the features.
    """
    import soundfile

    from analysis.live import LiveAnalyzer

    path = _sound_file(source)
    rate, _, length = _measure(path)
    length = length if seconds is None else min(length, round(seconds * rate))
    total = max(1, int(np.ceil(length / rate * fps - 1e-9)))
    analyzer = LiveAnalyzer(rate, gain_db="auto")
    waiting = analyzer.process(np.zeros(0, np.float32))
    done, index = 0, 0
    with soundfile.SoundFile(str(path)) as file:
        while done < length:
            block = file.read(min(max(1, round(_BLOCK_S * rate)), length - done), dtype="float32", always_2d=True)
            if not len(block):
                break
            start, done = done, done + len(block)
            heard = analyzer.process(block)
            waiting = np.concatenate([waiting, heard if frames_changed is None else frames_changed(heard)])
            pictures = []
            while index < total and (index / fps <= analyzer.time_s or done >= length):
                due = int(np.searchsorted(waiting["time_s"], index / fps, side="right"))
                pictures.append((index, patch.advance(waiting[:due], control or {}, index / fps)))
                waiting, index = waiting[due:], index + 1
            yield Step(block, start, pictures, total)


def _generator(model: str, size: tuple[int, int] | None) -> Generator:
    from engine.generator import Generator

    return Generator.load(model, size=size)


def _sound_file(source: str | Path) -> Path:
    if source == "demo":
        from live.capture.demo import demo_path

        return demo_path()
    path = Path(source)
    if not path.is_file():
        raise BadInput(f"{path} is not a file; give the path of a sound file, or demo.")
    return path


def _measure(path: Path) -> tuple[int, int, int]:
    """Sample rate, channels and length in samples."""
    import soundfile

    try:
        info = soundfile.info(str(path))
    except soundfile.LibsndfileError as error:
        raise BadInput(f"{path} cannot be read as sound ({error.error_string}); use wav, flac, ogg or mp3.") from None
    if not info.frames:
        raise BadInput(f"{path} holds no sound; use a file with at least one sample.")
    return info.samplerate, info.channels, info.frames
