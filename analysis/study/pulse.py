"""The predominant local pulse: where a listener would tap along."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.study.needs import need
from analysis.study.parts import Series
from analysis.study.signals import sample

__all__ = ["Pulse", "local_pulse"]

_RATE_HZ = 100.0
_FEWEST_BEATS, _NEAR = 4, 0.15
_WINDOW_S = 4.5


class Pulse(NamedTuple):
    """A pulse.

    Attributes
    ----------
    curve : Series
        0 to 1, highest where a beat is.
    beats_s : ndarray, shape (beats,)
        Its peaks.
    tempo : float
        Mean tempo in BPM; 0 if there is none.
    """

    curve: Series
    beats_s: np.ndarray
    tempo: float


def local_pulse(
    envelope: Series, *, lowest_bpm: float = 50.0, highest_bpm: float = 220.0, about_bpm: float = 120.0
) -> Pulse:
    """Predominant local pulse (Grosche and Müller, IEEE TASLP 2011) of an onset envelope.

    Parameters
    ----------
    envelope : Series
    lowest_bpm, highest_bpm : float, optional
        Range of tempi.
    about_bpm : float, optional
        Tempo that is preferred among several of one pulse: a log-normal prior with a spread of 0.5 about it.
    """
    librosa, stats = need("librosa"), need("scipy.stats")
    duration_s = float(envelope.times_s[-1])
    times_s = np.arange(0.0, duration_s, 1 / _RATE_HZ)
    if len(times_s) < 2 * _RATE_HZ or envelope.values.max() <= 0:
        return Pulse(Series(times_s, np.zeros(len(times_s))), np.zeros(0), 0.0)
    # librosa counts in hops of a sample rate: one of 100 Hz with hops of one sample is the same.
    curve = librosa.beat.plp(
        onset_envelope=sample(envelope.values, envelope.times_s, times_s),
        sr=_RATE_HZ,
        hop_length=1,
        win_length=min(round(_WINDOW_S * _RATE_HZ), len(times_s) // 2 * 2),
        tempo_min=lowest_bpm,
        tempo_max=highest_bpm,
        prior=stats.lognorm(s=0.5, scale=about_bpm),
    )
    curve = np.clip(np.nan_to_num(curve[: len(times_s)]), 0.0, 1.0)
    peaks, _ = need("scipy.signal").find_peaks(curve, distance=max(1, int(50 / highest_bpm * _RATE_HZ)), height=0.1)
    beats_s = times_s[peaks]
    return Pulse(Series(times_s[: len(curve)], curve), beats_s, _tempo(beats_s))


def _tempo(beats_s: np.ndarray) -> float:
    """Mean tempo in BPM of beats, 0 of fewer than four.

    Beats lie on a grid of 10 ms, so the median between two of them is off by up to 1.5 %; the mean of those near it is
    not.
    """
    if len(beats_s) < _FEWEST_BEATS:
        return 0.0
    between = np.diff(beats_s)
    # The lower of two: their mean may be near to neither.
    median = float(np.sort(between)[(len(between) - 1) // 2])
    return 60 / float(np.mean(between[np.abs(between / median - 1) < _NEAR]))
