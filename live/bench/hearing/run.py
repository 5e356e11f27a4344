"""The whole measurement: draw, listen, score."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from live.bench.hearing.clips import CLASSES, check_names, clips, how_many
from live.bench.hearing.cost import Cost, cost
from live.bench.hearing.demo import DEMO, demo_clip
from live.bench.hearing.draw import Half
from live.bench.hearing.listen import Listened, aubio_hears, aubio_hears_quicker, ours
from live.bench.hearing.sampled import Band
from live.bench.hearing.score import Score, require_mir_eval, score
from live.bench.hearing.truth import Clip
from live.files import check_writable, whole_file, write_json

__all__ = ["LISTENERS", "Heard", "hear", "keep"]

LISTENERS: dict[str, Callable[[Clip], Listened]] = {
    "ours": ours,
    "aubio": aubio_hears,
    "aubio, quicker": aubio_hears_quicker,
}


@dataclass(frozen=True, slots=True)
class Heard:
    """All scores of a run.

    Attributes
    ----------
    seed : int
    half : "tune" or "report"
    scores : dict of str to list of Score
        Listener → a score a clip.
    demo : dict of str to Score
        Listener → its score on the demo track, which no total includes; empty where that was not asked for.
    cost : Cost
    """

    seed: int
    half: Half
    cost: Cost
    scores: dict[str, list[Score]] = field(default_factory=lambda: {name: [] for name in LISTENERS})
    demo: dict[str, Score] = field(default_factory=dict)


def hear(
    seed: int,
    half: Half,
    *,
    only: Collection[str] | None = None,
    each: int = 2,
    seconds: float | None = None,
    folder: Path | None = None,
    band: Band | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Heard:
    """Draw the clips of a half and score every listener on them.

    Parameters
    ----------
    seed : int
        Of the report half.
    half : "tune" or "report"
    only : collection of str, optional
        Classes, "demo_track" among them; all of them when not said.
    each : int
        Clips of each class; of slow attacks twice as many.
    seconds : float, optional
        Length of each clip; 18 to 32 s when not said.
    folder : Path, optional
        Where to keep the clips with their truth.
    band : Band, optional
        Plays in place of the synthesised instruments.
    progress : callable, optional
        Called after each clip with the share done, 0 to 1, and the clip's class.

    Raises
    ------
    BadInput
        If a class is not known, or `mir_eval` is not installed.
    """
    require_mir_eval()
    names = [name for name in (CLASSES if only is None else only) if name != DEMO]
    demo = only is None or DEMO in only
    check_names(names)
    heard = Heard(seed, half, cost(seed))
    total = sum(how_many(name, each) for name in names) + demo
    for number, clip in enumerate(clips(seed, half, only=names, each=each, seconds=seconds, band=band), 1):
        if folder is not None:
            keep(clip, folder)
        for name, listener in LISTENERS.items():
            heard.scores[name].append(score(clip, listener(clip)))
        if progress is not None:
            progress(number / total, clip.name)
    if demo:
        track = demo_clip()
        if folder is not None:
            keep(track, folder)
        heard.demo.update({name: score(track, listener(track)) for name, listener in LISTENERS.items()})
    return heard


def keep(clip: Clip, folder: Path) -> None:
    """Write a clip into `folder` as NAME.wav, its onsets and beats as NAME.onsets.txt and NAME.beats.txt (a time in
    seconds a line), and all that is known of it as NAME.json.

    Raises
    ------
    BadInput
        If that cannot be written.
    """
    import soundfile

    stem, truth = folder / f"{clip.name}_{clip.index}", clip.truth
    check_writable(stem)
    with whole_file(stem.with_suffix(".wav")) as temporary:
        soundfile.write(temporary, clip.samples, clip.rate, format="WAV", subtype="FLOAT")
    for name, times in (("onsets", truth.onsets_s), ("beats", truth.beats_s)):
        with whole_file(stem.with_suffix(f".{name}.txt")) as temporary:
            temporary.write_text("".join(f"{time:.6f}\n" for time in times))
    known = {
        "class": clip.name,
        "rate": clip.rate,
        "drawn": clip.about,
        "attack": truth.attack,
        "onsets_s": _listed(truth.onsets_s),
        "streams_s": {name: _listed(times) for name, times in truth.streams_s.items()},
        "velocities": {name: _listed(values) for name, values in truth.velocities.items()},
        "beats_s": _listed(truth.beats_s),
        "downbeats_s": _listed(truth.downbeats_s),
        "tempo_bpm_at_beats": _listed(truth.tempo_at(truth.beats_s)),
        "tempo_change_s": truth.change_s,
    }
    write_json(stem.with_suffix(".json"), known)


def _listed(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
