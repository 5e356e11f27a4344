"""Offline rendering: a sound file becomes a video, hop by hop through the same code as live, the same every time."""

from __future__ import annotations

import contextlib
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
from live.files import check_writable, free_name
from live.fitting import fit_scene, not_understood
from live.pacer import pace_now
from live.preparing import prepare_for
from live.sound_file import DamagedSound, measure
from scenes import Patch, Scene, library, load

if TYPE_CHECKING:
    from engine.generator import Generator
    from engine.spec import FrameSpec

__all__ = ["render", "specs"]

_BLOCK_S = 0.25


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
    tell: Callable[[str], None] | None = None,
    generator: Generator | None = None,
) -> Path:
    """Render a sound file to a video with that sound.

    The frame shown from ``k / fps`` on is made of every hop up to that moment. Nothing stands at `out` until all of
    it is done; an older file stays there when rendering fails. What was made before a damage of the sound, a full disk
    (but in an .mp4, which nothing plays without its end), a stop or a fault is kept beside it under another name, which
    the error, or `tell`, says.

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
        Pictures per second.
    steps, seed : int, optional
        Instead of the scene's.
    seconds : float, optional
        Only so much of the file.
    channels : sequence of int, optional
        Channels of the file to hear, counted from 1; None for the first two. The video has them all.
    gain_db, gate_db, onset_method, metre : optional
        As `LiveAnalyzer` takes them; the gain is automatic when not said, as live.
    progress : callable, optional
        Called with (pictures done, pictures in all).
    tell : callable, optional
        Called with one sentence when bends of the scene rest because the model lacks their sites, when something has
        to be measured first, when a bend leaves no picture (the one before stays then), or where what was made is.
    generator : Generator, optional
        One that is loaded already.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    BadInput, BadScene, ModelMissing
        If the sound, the scene, the model or the place to write cannot be used, or the sound is damaged.
    """
    from analysis.aubio_onsets import check_method
    from engine.errors import NotFinite
    from live.video import MOST_CHANNELS, VideoWriter, check_video

    sound, out = _sound_file(source), Path(out)
    check_video(out)
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
    pace_now(generator, patch, tell)
    width, height = generator.size
    with (
        _Making(out, tell) as making,
        VideoWriter(making.part, width, height, fps, about.sample_rate, tracks, live=False) as writer,
    ):
        previous, shown = None, np.zeros((height, width, 3), np.uint8)
        broken: set[str] = set()
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
                try:
                    previous = generator.render(spec, previous if spec.wants_previous else None)
                    shown = previous.pixels
                except NotFinite as error:
                    # As live: one bend gone wild for a picture must not cost the night's work.
                    if tell is not None and str(error) not in broken:
                        tell(str(error))
                    broken.add(str(error))
                writer.write_picture(shown, index)
                making.begun = True
                if progress is not None:
                    progress(index + 1, step.total)
    return out


class _Making:
    """A video being made beside its place, which it takes once it is whole; what ends before that is kept and named.

    Parameters
    ----------
    out : Path
    tell : callable, optional
        Told where what was made is, when it is stopped or ends by a fault of ours.

    Attributes
    ----------
    part : Path
        Where to make it.
    begun : bool
        Whether there is something in it.
    """

    def __init__(self, out: Path, tell: Callable[[str], None] | None) -> None:
        self._out, self._tell = out, tell
        # A link's file is replaced, not the link.
        self._place = out.resolve()
        # The process number keeps two renderings of one name apart; the ending says the format to the writer.
        self.part = self._place.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
        self.begun = self._stays = False

    def __enter__(self) -> _Making:
        return self

    def __exit__(self, _: object, fault: BaseException | None, trace: object) -> None:
        try:
            if fault is None:
                fault = self._take_place()
            if fault is not None:
                self._explain(fault)
        finally:
            if not self._stays:
                with contextlib.suppress(OSError):
                    self.part.unlink(missing_ok=True)

    def _take_place(self) -> OSError | None:
        try:
            self.part.replace(self._place)
        except OSError as error:
            return error
        return None

    def _explain(self, fault: BaseException) -> None:
        """Keep what was made, and raise what says so; a fault that is not about files goes on as it is."""
        from live.video import CannotWrite

        # The end of an .mp4, without which nothing plays it, found no place on a full disk.
        lost = isinstance(fault, CannotWrite) and self._out.suffix.lower() == ".mp4"
        kept = self._keep() if self.begun and not lost else None
        made = f" What was made up to there is in {kept}." if kept else ""
        if isinstance(fault, CannotWrite | OSError):
            reason = fault.reason if isinstance(fault, CannotWrite) else fault.strerror
            raise BadInput(f"{self._out} cannot be written ({reason}); choose another place.{made}") from None
        if made and isinstance(fault, BadInput):
            raise BadInput(f"{fault}{made}") from None
        if made and self._tell is not None:
            self._tell(made.strip())

    def _keep(self) -> Path:
        try:
            return self.part.replace(free_name(self._place.with_name(f"{self._out.stem}.part{self._out.suffix}")))
        except OSError:
            # Rather under an odd name than not at all.
            self._stays = True
            return self.part


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

    Notes
    -----
    A file that is shorter than it says ends where its sound does, with every picture up to there.
    """
    import soundfile

    from analysis.live import HEARD_CHANNELS, LiveAnalyzer

    path = _sound_file(source)
    about = measure(path)
    rate = about.sample_rate
    length = about.frames
    if seconds is not None and seconds * rate < length:
        length = round(seconds * rate)
    total = _pictures(length, rate, fps)
    analyzer = LiveAnalyzer(rate, gain_db=gain_db, gate_db=gate_db, onset_method=onset_method, metre=metre)
    # As the ears choose them: all of those asked for, or else the first two.
    asked = [number - 1 for number in channels or ()]
    columns = asked if asked and max(asked) < about.channels else slice(HEARD_CHANNELS)
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
