"""How well a clip was heard: `mir_eval`'s measures, delays, and the time until the beat is found."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bentlight.errors import BadInput
from live.bench.hearing.listen import Events, Listened
from live.bench.hearing.truth import Clip, Truth

__all__ = ["BeatScore", "OnsetScore", "Score", "lock_limit_s", "require_mir_eval", "score"]

ONSET_WINDOW_S, BEAT_WINDOW_S = 0.05, 0.07
SETTLE_S = 5.0
_LOCK_BEATS = 4
_LOCK_TEMPO = 0.04
"""How far the tempo reported may be off while it counts as right."""


@dataclass(frozen=True, slots=True)
class OnsetScore:
    """Onsets of a clip, or of one stream of it.

    Attributes
    ----------
    f, precision, recall : float
        At ±50 ms; NaN where there are no true onsets.
    true, found, hits : int
    delays_ms : ndarray, shape (hits,)
        From each true onset that was found to when one could act on it.
    """

    f: float
    precision: float
    recall: float
    true: int
    found: int
    hits: int
    delays_ms: np.ndarray


@dataclass(frozen=True, slots=True)
class BeatScore:
    """Beats of a clip.

    Attributes
    ----------
    f : float
        After the first five seconds, at ±70 ms.
    cmlt, amlt : float
        Share of beats in continuity: at the true metrical level, and at any allowed one (double, half, off-beat).
    tempo_error : float
        Median of the relative error of the tempo once locked (after five seconds, where it never locks); NaN if no
        tempo was ever reported.
    octave_error : float
        The same with the tempo reported counted at double, half, triple or a third, whichever is nearest.
    phase_ms : ndarray
        Distance of each true beat after five seconds to the nearest one reported.
    lock_s, limit_s : float
        Time until four beats running were right, and the time allowed; infinite if never.
    relock_s, relock_limit_s : float
        The same after the tempo jumped; NaN where it does not.
    tempo_share : float
        Share of the time after five seconds, up to the last beat, with a tempo reported within 4 % of the true one.
    downbeat_f : float
        F of the first beats of bars after five seconds, at ±70 ms; NaN if there are none or no bars were counted.
    """

    f: float
    cmlt: float
    amlt: float
    tempo_error: float
    octave_error: float
    phase_ms: np.ndarray
    lock_s: float
    limit_s: float
    relock_s: float
    relock_limit_s: float
    tempo_share: float
    downbeat_f: float


@dataclass(frozen=True, slots=True)
class Score:
    """Everything measured on one clip with one listener."""

    name: str
    index: int
    attack: str
    seconds: float
    onsets: OnsetScore
    beats: BeatScore | None
    streams: dict[str, OnsetScore] = field(default_factory=dict)


def require_mir_eval() -> Any:
    """Return the module.

    Raises
    ------
    BadInput
        If it is not installed.
    """
    try:
        import mir_eval
    except ImportError:
        raise BadInput("Scoring what was heard needs mir_eval: pip install mir_eval") from None
    return mir_eval


def score(clip: Clip, listened: Listened) -> Score:
    """Compare what a listener heard with the truth.

    Raises
    ------
    BadInput
        If `mir_eval` is not installed.
    """
    truth = clip.truth
    onsets = _onsets(truth.onsets_s, listened.onsets)
    streams = {}
    for name, events in listened.streams.items():
        # A kick or a snare, according to taste; no hat.
        toms = truth.streams_s.get("tom", np.zeros(0)) if name in ("kick", "snare") else np.zeros(0)
        true = truth.streams_s.get(name, np.zeros(0))
        streams[name] = _onsets(true, _without(events, toms, true))
    beats = None
    if len(truth.beats_s) and listened.beats is not None:
        beats = _beats(truth, listened, np.unique(listened.beats.at_s))
    return Score(clip.name, clip.index, truth.attack, clip.seconds, onsets, beats, streams)


def _without(events: Events, tolerated: np.ndarray, true: np.ndarray) -> Events:
    """Leave out what is near a tom and not near a true one: whether a tom is a kick or a snare is a matter of taste."""
    if not len(tolerated):
        return events
    spared = np.array([_near(at, tolerated) and not _near(at, true) for at in events.at_s], bool)
    return Events(events.at_s[~spared], events.fire_s[~spared])


def _near(at_s: float, times: np.ndarray) -> bool:
    return bool(len(times)) and float(np.abs(times - at_s).min()) <= ONSET_WINDOW_S


def _onsets(true: np.ndarray, events: Events) -> OnsetScore:
    mir_eval = require_mir_eval()
    order = np.argsort(events.at_s, kind="stable")
    at, fire = events.at_s[order], events.fire_s[order]
    if not len(true) or not len(at):
        f = float("nan") if not len(true) else 0.0
        return OnsetScore(f, f, f, len(true), len(at), 0, np.zeros(0))
    f, precision, recall = mir_eval.onset.f_measure(true, at, window=ONSET_WINDOW_S)
    pairs = mir_eval.util.match_events(true, at, ONSET_WINDOW_S)
    delays = np.array([1e3 * (fire[found] - true[index]) for index, found in pairs])
    return OnsetScore(float(f), float(precision), float(recall), len(true), len(at), len(pairs), delays)


def lock_limit_s(bpm: float) -> float:
    """Return the time allowed to find a beat: the longer of four seconds and six beats."""
    return max(4.0, 6 * 60.0 / bpm)


def _beats(truth: Truth, listened: Listened, found: np.ndarray) -> BeatScore:
    mir_eval = require_mir_eval()
    true = truth.beats_s[truth.beats_s >= SETTLE_S]
    late = found[(found >= SETTLE_S) & (found <= truth.beats_s[-1] + BEAT_WINDOW_S)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f = float(mir_eval.beat.f_measure(true, late, f_measure_threshold=BEAT_WINDOW_S))
        _, cmlt, _, amlt = mir_eval.beat.continuity(true, late)
    begin_s = float(truth.onsets_s[0]) if len(truth.onsets_s) else float(truth.beats_s[0])
    lock_s = _locked(truth, listened, found, begin_s)
    after_s = begin_s + lock_s if np.isfinite(lock_s) else SETTLE_S
    known = (listened.tempo_bpm > 0) & (listened.tempo_s >= after_s) & (listened.tempo_s <= truth.beats_s[-1])
    ratio = listened.tempo_bpm[known] / truth.tempo_at(listened.tempo_s[known])
    levels = np.array([1 / 3, 1 / 2, 1.0, 2.0, 3.0])
    octave = np.abs(ratio[:, None] / levels - 1).min(axis=1) if len(ratio) else ratio
    relock_s = relock_limit_s = float("nan")
    if truth.change_s is not None:
        relock_s = _locked(truth, listened, found, truth.change_s)
        relock_limit_s = lock_limit_s(float(truth.tempo_at(np.array([truth.change_s + 0.01]))[0]))
    phase_ms = (
        1e3 * np.array([np.abs(found - beat).min() for beat in true]) if len(found) else np.full(len(true), np.inf)
    )
    return BeatScore(
        f,
        float(cmlt),
        float(amlt),
        float(np.median(np.abs(ratio - 1))) if len(ratio) else float("nan"),
        float(np.median(octave)) if len(ratio) else float("nan"),
        phase_ms,
        lock_s,
        lock_limit_s(float(truth.tempo_at(np.array([begin_s]))[0])),
        relock_s,
        relock_limit_s,
        _tempo_share(truth, listened),
        _downbeat_f(truth, listened),
    )


def _tempo_share(truth: Truth, listened: Listened) -> float:
    judged = (listened.tempo_s >= SETTLE_S) & (listened.tempo_s <= truth.beats_s[-1])
    if not judged.any():
        return float("nan")
    ratio = listened.tempo_bpm[judged] / truth.tempo_at(listened.tempo_s[judged])
    return float(np.mean(np.abs(ratio - 1) <= _LOCK_TEMPO))


def _downbeat_f(truth: Truth, listened: Listened) -> float:
    true = truth.downbeats_s[truth.downbeats_s >= SETTLE_S]
    if listened.downbeats is None or not len(true):
        return float("nan")
    found = np.unique(listened.downbeats.at_s)
    late = found[(found >= SETTLE_S) & (found <= truth.beats_s[-1] + BEAT_WINDOW_S)]
    return float(require_mir_eval().beat.f_measure(true, late, f_measure_threshold=BEAT_WINDOW_S)) if len(late) else 0.0


def _locked(truth: Truth, listened: Listened, found: np.ndarray, since_s: float) -> float:
    """Return the time from `since_s` to the first of four true beats running that were each found, alone, at the tempo.

    "Alone" is what keeps a tracker at the double tempo from being right by chance.
    """
    beats = truth.beats_s[truth.beats_s >= since_s - 1e-6]
    for first in range(len(beats) - _LOCK_BEATS + 1):
        group = beats[first : first + _LOCK_BEATS]
        inside = found[(found >= group[0] - BEAT_WINDOW_S) & (found <= group[-1] + BEAT_WINDOW_S)]
        if len(inside) != _LOCK_BEATS or float(np.abs(inside - group).max()) > BEAT_WINDOW_S:
            continue
        hop = int(np.searchsorted(listened.tempo_s, group[-1]))
        bpm = float(listened.tempo_bpm[min(hop, len(listened.tempo_bpm) - 1)])
        if abs(bpm / float(truth.tempo_at(group[-1:])[0]) - 1) <= _LOCK_TEMPO:
            return float(group[0] - since_s)
    return float("inf")
