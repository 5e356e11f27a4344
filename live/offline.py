"""Offline rendering: a sound file becomes a video, hop by hop through the same code as live, the same every time."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.bars import METRE
from analysis.loudness import GATE_DB, check_gate
from analysis.timing import check_rate
from bentlight.errors import BadInput
from bentlight.paths import for_soundfile
from live.files import check_writable
from live.fitting import fit_scene, not_understood
from live.making import Making
from live.pacer import pace_now
from live.preparing import prepare_for
from live.sound_file import DamagedSound, SoundInfo, measure
from scenes import Patch, Scene, library, load

if TYPE_CHECKING:
    from engine.errors import NotFinite
    from engine.generator import Generator
    from engine.spec import FrameSpec, Picture

__all__ = ["render", "specs"]

_BLOCK_S = 0.25
_HOPELESS_S = 10.0
"""Of failures in a row that end a rendering: whoever comes back in the morning wants a reason, not a still."""


def render(
    source: str | Path,
    out: str | Path,
    *,
    scene: str | Path | Scene = "",
    model: str | None = None,
    lora: str | None = None,
    tiny_autoencoder: str | None = None,
    size: tuple[int, int] | None = None,
    runtime: str = "auto",
    fps: float = 30.0,
    steps: int | None = None,
    seconds: float | None = None,
    seed: int | None = None,
    channels: Sequence[int] | None = None,
    gain_db: float | str = "auto",
    gate_db: float = GATE_DB,
    onset_method: str = "auto",
    metre: int = METRE,
    progress: Callable[[int, int], None] | None = None,
    measuring: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
    generator: Generator | None = None,
) -> Path:
    """Render a sound file to a video with that sound.

    The frame shown from ``k / fps`` on is made of every hop up to that moment. Nothing stands at `out` until all of
    it is done; an older file stays there when rendering fails. Until then it is made beside it, ``night.part.mkv`` for
    ``night.mkv``: there what was made before a damage of the sound, a full disk, a stop, a fault or a kill stays, as
    the error, or `tell`, says, or the next rendering of that name.

    A picture that a bend leaves none of shows the one before. When the model itself leaves none of the first, or none
    could be made for ten seconds, the rendering ends.

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
    lora, tiny_autoencoder : str, optional
        As `Generator.load` takes them.
    size : (int, int), optional
        Width and height of the pictures; None for the model's own.
    runtime : str
        ``auto``, ``eager`` or ``onnx``; see `Generator.load`.
    fps : float
        Pictures per second, 0.1 to 1000.
    steps, seed : int, optional
        Instead of the scene's.
    seconds : float, optional
        Only so much of the file, above 0.
    channels : sequence of int, optional
        Channels of the file to hear, counted from 1; None for the first two. The video has them all.
    gain_db, gate_db, onset_method, metre : optional
        As `LiveAnalyzer` takes them; the gain is automatic when not said, as live.
    progress : callable, optional
        Called with (pictures done, pictures in all).
    measuring : callable, optional
        Called with the same of the pictures by which blends of prompts are measured first.
    tell : callable, optional
        Called with one sentence when bends of the scene rest because the model lacks their sites, when something has
        to be measured first, when a bend leaves no picture, how many pictures could not be made, where what was made
        is, or when earlier renderings left something there.
    generator : Generator, optional
        One that is loaded already.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    BadInput, BadScene, ModelMissing
        If the sound, the scene, the model, the place to write or a number cannot be used, the sound is damaged, or
        pictures cannot be made.
    """
    from analysis.aubio_onsets import check_method
    from live.video import MOST_CHANNELS, VideoWriter, check_video

    sound, out = _sound_file(source), Path(out)
    check_video(out, fps=fps)
    check_gate(gate_db)
    if onset_method != "auto":
        check_method(onset_method)
    if out.exists() and sound.samefile(out):
        raise BadInput(f"{out} is the sound itself; choose another name.")
    # Nothing is measured or made for a place where nothing can be written.
    check_writable(out.resolve())
    if not isinstance(scene, Scene):
        scene = load(scene or next(iter(library())))
    about = measure(sound)
    check_rate(about.sample_rate)
    _check_asked(sound, about, fps, seconds, channels)
    tracks = min(about.channels, MOST_CHANNELS)
    check_video(out, about.sample_rate, tracks)
    if generator is None:
        generator = _generator(model or scene.model, size, runtime, lora, tiny_autoencoder)
    scene, resting = fit_scene(scene, generator, steps=steps)
    for told in (resting, not_understood((prompt.text for prompt in scene.prompts), generator)):
        if told and tell is not None:
            tell(told)
    patch = Patch(scene, seed=seed, start_s=0.0)
    prepare_for(generator, patch, wait=True)
    pace_now(generator, patch, tell, measuring)
    width, height = generator.size
    pictures = _Pictures(generator, fps, tell)
    with (
        Making(out, tell) as making,
        VideoWriter(making.part, width, height, fps, about.sample_rate, tracks, bits=about.bits, live=False) as writer,
    ):
        heard = specs(
            sound,
            patch,
            fps=fps,
            seconds=seconds,
            channels=channels,
            gain_db=gain_db,
            gate_db=gate_db,
            onset_method=onset_method,
            metre=metre,
        )
        for step in heard:
            writer.write_sound(step.sound[:, :MOST_CHANNELS], step.start)
            for index, spec in step.pictures:
                writer.write_picture(pictures.make(spec), index)
                making.begun = pictures.made > 0
                if progress is not None:
                    progress(index + 1, step.total)
        pictures.finish()
    return out


class _Pictures:
    """Makes the pictures of a rendering; one that cannot be made leaves the one before, within reason.

    As live, one bend gone wild for a picture must not cost the night's work; but a film that shows nothing is no film.

    Parameters
    ----------
    generator : Generator
    fps : float
    tell : callable, optional
        Told each reason once.

    Attributes
    ----------
    made : int
        How many could be made.
    """

    def __init__(self, generator: Generator, fps: float, tell: Callable[[str], None] | None) -> None:
        self._generator, self._tell = generator, tell
        self._most = max(1, round(_HOPELESS_S * fps))
        width, height = generator.size
        self._shown = np.zeros((height, width, 3), np.uint8)
        self._previous: Picture | None = None
        self._told: set[str] = set()
        self._reason = ""
        self.made = self._failed = self._row = 0

    def make(self, spec: FrameSpec) -> np.ndarray:
        """Return the pixels to show for a spec.

        Raises
        ------
        BadInput
            If the model itself makes no picture, or none could be made for ten seconds.
        """
        from engine.errors import NotFinite

        try:
            self._previous = self._generator.render(spec, self._previous if spec.wants_previous else None)
        except NotFinite as error:
            self._failed, self._row = self._failed + 1, self._row + 1
            self._reason = _reason(error)
            if error.unbent and not self.made:
                raise BadInput(f"{self._generator.model} makes no pictures ({self._reason}).") from None
            if self._row >= self._most:
                raise BadInput(f"{self._row} pictures in a row could not be made ({self._reason}).") from None
            if self._tell is not None and str(error) not in self._told:
                self._tell(str(error))
            self._told.add(str(error))
            return self._shown
        self.made, self._row = self.made + 1, 0
        self._shown = self._previous.pixels
        return self._shown

    def finish(self) -> None:
        """Tell how many could not be made.

        Raises
        ------
        BadInput
            If that is all of them.
        """
        if not self._failed:
            return
        total = self.made + self._failed
        if not self.made:
            raise BadInput(f"Not one of {total} pictures could be made ({self._reason}).")
        if self._tell is not None:
            self._tell(f"{self._failed} of {total} pictures could not be made; each shows the one before it.")


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
    channels: Sequence[int] | None = None,
    gain_db: float | str = "auto",
    gate_db: float = GATE_DB,
    onset_method: str = "auto",
    metre: int = METRE,
    control: dict[str, Any] | None = None,
    frames_changed: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[Step]:
    """Yield a sound file block by block with the `FrameSpec` of every frame on the grid ``k / fps``.

    Parameters
    ----------
    source, fps, seconds, channels, gain_db, gate_db, onset_method, metre
        As in `render`.
    patch : Patch
    control : dict, optional
        Control values by address, the same throughout.
    frames_changed : callable, optional
        Gets each array of heard frames and returns it, changed: to see what a scene does without one of the features.

    Raises
    ------
    DamagedSound
        If the file cannot be read further; everything before the damage has been yielded.
    BadInput
        If there is no such file, it lacks the channels, or a number cannot be used.

    Notes
    -----
    A file that is shorter than it says ends where its sound does, with every picture up to there.
    """
    import soundfile

    from analysis.live import HEARD_CHANNELS, LiveAnalyzer

    path = _sound_file(source)
    about = measure(path)
    _check_asked(path, about, fps, seconds, channels)
    rate = about.sample_rate
    length = about.frames
    if seconds is not None and seconds * rate < length:
        length = max(1, round(seconds * rate))
    total = _pictures(length, rate, fps)
    analyzer = LiveAnalyzer(rate, gain_db=gain_db, gate_db=gate_db, onset_method=onset_method, metre=metre)
    columns = [number - 1 for number in channels] if channels else slice(HEARD_CHANNELS)
    waiting = analyzer.process(np.zeros(0, np.float32))
    done, index = 0, 0
    with soundfile.SoundFile(for_soundfile(path)) as file:
        while done < length:
            wanted, damaged = min(max(1, round(_BLOCK_S * rate)), length - done), False
            try:
                block = file.read(wanted, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError:
                block, damaged = np.zeros((0, about.channels), np.float32), True
            start, done = done, done + len(block)
            if len(block) < wanted:
                length, total = done, _pictures(done, rate, fps)
            heard = analyzer.process(block[:, columns])
            waiting = np.concatenate([waiting, heard if frames_changed is None else frames_changed(heard)])
            pictures = []
            while index < total and (index / fps <= analyzer.time_s or done >= length):
                due = int(np.searchsorted(waiting["time_s"], index / fps, side="right"))
                pictures.append((index, patch.advance(waiting[:due], control or {}, index / fps)))
                waiting, index = waiting[due:], index + 1
            if done:
                yield Step(block, start, pictures, total)
            if damaged:
                raise DamagedSound(path, done / rate)


def _reason(error: NotFinite) -> str:
    """Return why a picture could not be made, and what may help."""
    if error.unbent:
        return "the model's own values are not finite, with no bend moved; another copy of it or float32 may help"
    who = "a bend" if error.bend is None else f"the bend {error.bend}"
    return f"{who} makes values that are not finite; turn it down, or take it out of the scene"


def _check_asked(
    path: Path, about: SoundInfo, fps: float, seconds: float | None, channels: Sequence[int] | None
) -> None:
    """Refuse a grid that has no pictures, and channels that a file lacks: others would be heard in their place."""
    if not 0 < fps < math.inf:
        raise BadInput(f"{fps:g} pictures per second make no film of {path}; give 0.1 to 1000.")
    if seconds is not None and not seconds > 0:
        raise BadInput(f"{seconds:g} seconds of {path} make no film; give more than 0, or leave it out for all of it.")
    there = range(1, about.channels + 1)
    absent = [number for number in channels or () if not isinstance(number, int | np.integer) or number not in there]
    if absent:
        words = "the channel 1" if about.channels == 1 else f"the channels 1 to {about.channels}"
        raise BadInput(f"{path} has only {words}, not {absent[0]}; choose others, or none for the first two.")


def _pictures(samples: int, rate: int, fps: float) -> int:
    """Return how many pictures so much sound has; one at least."""
    return max(1, int(np.ceil(samples / rate * fps - 1e-9)))


def _generator(
    model: str, size: tuple[int, int] | None, runtime: str, lora: str | None, tiny_autoencoder: str | None
) -> Generator:
    from engine.generator import Generator

    return Generator.load(model, size=size, runtime=runtime, lora=lora, tiny_autoencoder=tiny_autoencoder)


def _sound_file(source: str | Path) -> Path:
    if source == "demo":
        from live.capture.demo import demo_path

        return demo_path()
    path = Path(source)
    if not os.path.isfile(path):
        raise BadInput(f"{path} is not a file; give the path of a sound file, or demo.")
    return path
