"""A track of clicks whose times are known to the sample."""

from __future__ import annotations

import numpy as np

__all__ = ["FIRST_S", "RATE", "click_track", "starts"]

RATE = 48_000
FIRST_S = 3.0
_LOUD = 0.05
_APART_S = 0.2


def click_track(seconds: float, seed: int, rate: int = RATE) -> tuple[np.ndarray, np.ndarray]:
    """Return a track of decaying clicks at uneven distances, and the clicks' times.

    Parameters
    ----------
    seconds : float
    seed : int
    rate : int
        In Hz.

    Returns
    -------
    samples : ndarray of float32, shape (samples,)
        Over a noise floor of -70 dB.
    times : ndarray of float64, shape (clicks,)
        Seconds.
    """
    rng = np.random.default_rng(seed)
    samples = (10 ** (-70 / 20) * rng.standard_normal(int(seconds * rate))).astype(np.float32)
    times = FIRST_S + np.cumsum(rng.uniform(0.35, 0.7, int(seconds / 0.35)))
    times = times[times < seconds - 0.5]
    t = np.arange(int(0.03 * rate)) / rate
    for time in times:
        start = round(time * rate)
        click = np.exp(-t / 0.006) * rng.standard_normal(len(t)) * 0.5
        samples[start : start + len(t)] += click.astype(np.float32)
    return np.clip(samples, -1, 1), times


def starts(samples: np.ndarray, rate: float) -> np.ndarray:
    """Return where clicks begin in a recording of them, in seconds from its first sample, shape (clicks,).

    Parameters
    ----------
    samples : ndarray, shape (n,)
    rate : float
        In Hz.
    """
    loud = np.flatnonzero(np.abs(samples) > _LOUD)
    if not len(loud):
        return np.zeros(0)
    first = np.concatenate([[True], np.diff(loud) > _APART_S * rate])
    return loud[first] / rate
