"""From scores to figures: per class, and in total against the targets."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from live.bench.hearing.score import BeatScore, OnsetScore, Score

__all__ = ["Target", "by_class", "totals"]

WITHIN_TEMPO = 0.02


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and what it should be.

    Attributes
    ----------
    what : str
    goal : float or None
        None where nothing is asked.
    least : bool
        Whether the goal is the least allowed, else the most.
    places : int
        Decimal places when printed.
    """

    what: str
    goal: float | None
    least: bool
    places: int = 3

    def met(self, value: float) -> bool | None:
        """Whether a value reaches the goal; None where there is none. What could not be measured does not."""
        if self.goal is None:
            return None
        if not math.isfinite(value):
            return False
        return value >= self.goal if self.least else value <= self.goal


_Measure = Callable[[Sequence[Score]], float]


def _onset_f(*attacks: str) -> _Measure:
    def measure(scores: Sequence[Score]) -> float:
        return _mean([s.onsets.f for s in scores if s.attack in attacks])

    return measure


def _delay(percent: float, *attacks: str) -> _Measure:
    def measure(scores: Sequence[Score]) -> float:
        return _percentile(_joined([s.onsets.delays_ms for s in scores if s.attack in attacks]), percent)

    return measure


def _stream_f(name: str) -> _Measure:
    def measure(scores: Sequence[Score]) -> float:
        return _mean([s.streams[name].f for s in scores if name in s.streams and s.streams[name].true])

    return measure


def _pooled_f(name: str) -> _Measure:
    def measure(scores: Sequence[Score]) -> float:
        heard = [s.streams[name] for s in scores if name in s.streams]
        hits, found, true = (sum(getattr(s, key) for s in heard) for key in ("hits", "found", "true"))
        return 2 * hits / (found + true) if found + true else float("nan")

    return measure


def _beat(value: Callable[[BeatScore], float], summary: Callable[[list[float]], float]) -> _Measure:
    def measure(scores: Sequence[Score]) -> float:
        values = [value(s.beats) for s in scores if s.beats is not None]
        return summary([v for v in values if v != -1.0])

    return measure


def _false_alarms(scores: Sequence[Score]) -> float:
    found = [s.onsets.found for s in scores if s.attack == "none"]
    return float(sum(found)) if found else float("nan")


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _known_mean(values: Sequence[float]) -> float:
    """Mean of what could be measured."""
    return _mean([value for value in values if not math.isnan(value)])


def _median(values: Sequence[float]) -> float:
    """Median in which "never" and "not known" count as infinitely bad."""
    return float(np.median(np.nan_to_num(values, nan=np.inf, posinf=np.inf))) if len(values) else float("nan")


def _share(limit: float) -> Callable[[list[float]], float]:
    return lambda values: _mean([float(value <= limit) for value in values])


def _percentile(values: np.ndarray, percent: float) -> float:
    return float(np.percentile(values, percent)) if len(values) else float("nan")


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)


def _relock(b: BeatScore) -> float:
    """Time to find the beat again over the time allowed; -1 where the tempo never jumps."""
    return -1.0 if math.isnan(b.relock_s) else b.relock_s / b.relock_limit_s


_HEARD = ("percussive", "mixed")

TOTALS: tuple[tuple[Target, _Measure], ...] = (
    (Target("onset F, percussive and mixed clips, mean", 0.95, True), _onset_f(*_HEARD)),
    (Target("onset F, slow attacks, mean", 0.80, True), _onset_f("slow")),
    (
        Target("onsets in silence and steady noise", 0, False, 0),
        _false_alarms,
    ),
    (Target("firing delay, percussive and mixed, median ms", 15, False, 1), _delay(50, *_HEARD)),
    (Target("firing delay, percussive and mixed, p95 ms", 25, False, 1), _delay(95, *_HEARD)),
    (Target("firing delay, slow attacks, median ms", None, False, 1), _delay(50, "slow")),
    (Target("firing delay, slow attacks, p95 ms", None, False, 1), _delay(95, "slow")),
    (Target("kick F, mean", None, True), _stream_f("kick")),
    (Target("snare and clap F, mean", None, True), _stream_f("snare")),
    (Target("hat F, mean", None, True), _stream_f("hat")),
    (Target("kick F, all clips as one", None, True), _pooled_f("kick")),
    (Target("snare and clap F, all clips as one", None, True), _pooled_f("snare")),
    (Target("hat F, all clips as one", None, True), _pooled_f("hat")),
    (Target("beat F after 5 s, mean", 0.90, True), _beat(lambda b: b.f, _mean)),
    (Target("beat continuity CMLt, mean", 0.80, True), _beat(lambda b: b.cmlt, _mean)),
    (Target("beat continuity at any allowed level AMLt, mean", None, True), _beat(lambda b: b.amlt, _mean)),
    (
        Target("tempo error, median of the clips, %", 2, False, 2),
        _beat(lambda b: 100 * b.tempo_error, _median),
    ),
    (
        Target("share of clips with tempo within 2 %", None, True, 2),
        _beat(lambda b: b.tempo_error, _share(WITHIN_TEMPO)),
    ),
    (
        Target("share within 2 % of an allowed level's tempo", None, True, 2),
        _beat(lambda b: b.octave_error, _share(WITHIN_TEMPO)),
    ),
    (
        Target("share of the time after 5 s with tempo within 4 %, mean", None, True, 2),
        _beat(lambda b: b.tempo_share, _known_mean),
    ),
    (Target("downbeat F after 5 s, mean", None, True), _beat(lambda b: b.downbeat_f, _known_mean)),
    (
        Target("beat phase error, median ms", 20, False, 1),
        lambda scores: _percentile(_joined([s.beats.phase_ms for s in scores if s.beats is not None]), 50),
    ),
    (
        Target("time to lock over max(4 s, 6 beats), median", 1, False, 2),
        _beat(lambda b: b.lock_s / b.limit_s, _median),
    ),
    (Target("share of clips locked in that time", None, True, 2), _beat(lambda b: b.lock_s / b.limit_s, _share(1.0))),
    (Target("the same after the tempo jumped, median", 1, False, 2), _beat(_relock, _median)),
)


def totals(scores: Sequence[Score]) -> list[tuple[Target, float]]:
    """Return every total with its value; NaN where there was nothing to measure it on."""
    return [(target, measure(scores)) for target, measure in TOTALS]


def by_class(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """Return class → means over its clips.

    Keys: ``attack, clips, onset_f, precision, recall, false, delay_ms, delay_p95_ms``, ``streams`` (name → F, NaN where
    there are none to find, with the numbers of true, hit and false ones), and for clips with a beat ``beat_f, cmlt,
    amlt, tempo_error, tempo_share, downbeat_f, phase_ms, lock_s, limit_s, relock_s``.
    """
    table: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(s.name for s in scores):
        group = [s for s in scores if s.name == name]
        onsets = [s.onsets for s in group]
        delays = _joined([o.delays_ms for o in onsets])
        row: dict[str, Any] = {
            "attack": group[0].attack,
            "clips": len(group),
            "onset_f": _mean([o.f for o in onsets]),
            "precision": _mean([o.precision for o in onsets]),
            "recall": _mean([o.recall for o in onsets]),
            "false": sum(o.found - o.hits for o in onsets),
            "delay_ms": _percentile(delays, 50),
            "delay_p95_ms": _percentile(delays, 95),
            "streams": {stream: _stream([s.streams[stream] for s in group]) for stream in group[0].streams},
        }
        beats = [s.beats for s in group if s.beats is not None]
        if beats:
            row |= {
                "beat_f": _mean([b.f for b in beats]),
                "cmlt": _mean([b.cmlt for b in beats]),
                "amlt": _mean([b.amlt for b in beats]),
                "tempo_error": max(_median([b.tempo_error]) for b in beats),
                "tempo_share": _known_mean([b.tempo_share for b in beats]),
                "downbeat_f": _known_mean([b.downbeat_f for b in beats]),
                "phase_ms": _percentile(_joined([b.phase_ms for b in beats]), 50),
                "lock_s": max(b.lock_s for b in beats),
                "limit_s": min(b.limit_s for b in beats),
                "relock_s": max(b.relock_s for b in beats),
            }
        table[name] = row
    return table


def _stream(scores: list[OnsetScore]) -> dict[str, float]:
    heard = [s for s in scores if s.true]
    true, hits, found = (float(sum(getattr(s, key) for s in scores)) for key in ("true", "hits", "found"))
    return {"f": _mean([s.f for s in heard]), "true": true, "hits": hits, "false": found - hits}
