"""Arithmetic on signals of a whole track: ranges, smoothing in seconds, envelopes round hits, turns per section.

All times are in seconds and all rates in values per second, so that a result does not depend on the rate it is
computed at, beyond the rate's own resolution.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from analysis.study.needs import need
from bentlight.errors import BadInput

__all__ = [
    "compress",
    "ema",
    "expand",
    "gaussian_smooth",
    "hit_envelope",
    "norm",
    "percentile_clip",
    "plateau",
    "rows_to_one",
    "sample",
    "sawtooth",
    "smooth_chain",
]

_REACH = 4.0
"""How many standard deviations of a Gaussian are kept."""


def norm(values: np.ndarray, low: float = 0.0, high: float = 1.0) -> np.ndarray:
    """Map the smallest value to `low` and the largest to `high`; a constant becomes `low`, nothing stays nothing."""
    values = np.asarray(values, np.float64)
    if not values.size:
        return values
    least, most = float(values.min()), float(values.max())
    share = (values - least) / (most - least) if most - least > 1e-12 * max(1.0, abs(most)) else np.zeros_like(values)
    result: np.ndarray = low + (high - low) * share
    return result


def rows_to_one(values: np.ndarray) -> np.ndarray:
    """Divide each row by its sum; a row of zeros is shared out evenly. Values must not be negative."""
    values = np.asarray(values, np.float64)
    sums = values.sum(axis=1, keepdims=True)
    return np.where(sums > 1e-12, values / np.maximum(sums, 1e-12), 1.0 / values.shape[1])


def sample(values: np.ndarray, times_s: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Values at other times, on straight lines between the given ones; ends are held. Shape (len(at_s), …)."""
    values = np.asarray(values, np.float64)
    if not len(values) or len(values) != len(times_s):
        raise BadInput(f"{len(values)} values at {len(times_s)} times cannot be read off; give as many, at least one.")
    if values.ndim == 1:
        return np.interp(at_s, times_s, values)
    return np.stack([np.interp(at_s, times_s, column) for column in values.T], axis=1)


def ema(values: np.ndarray, rate_hz: float, tau_s: float) -> np.ndarray:
    """Exponential moving average along the first axis: ``y' = (x - y) / tau``, begun at the first value.

    The usual per-value weight is ``alpha = 1 - exp(-1 / (rate tau))``.
    """
    values = np.asarray(values, np.float64)
    stays = math.exp(-1 / (rate_hz * tau_s)) if tau_s > 0 else 0.0
    begun = stays * values[:1]
    found: np.ndarray = need("scipy.signal").lfilter([1 - stays], [1, -stays], values, axis=0, zi=begun)[0]
    return found


def gaussian_smooth(values: np.ndarray, rate_hz: float, sigma_s: float, future: float = 1.0) -> np.ndarray:
    """Weighted mean with a Gaussian of time, along the first axis.

    Parameters
    ----------
    values : ndarray, shape (n,) or (n, k)
    rate_hz : float
    sigma_s : float
        Standard deviation in seconds; 0 changes nothing.
    future : float, optional
        Factor on the weights of what is yet to come [0 to 1]: 1 is symmetric, 0 causal.

    Notes
    -----
    At the ends the weights of what is there count; nothing is wrapped round or made up.
    """
    values = np.asarray(values, np.float64)
    if not 0 <= future <= 1:
        raise BadInput(f"a future weight of {future!r} cannot be used; give 0 to 1.")
    reach = round(_REACH * sigma_s * rate_hz)
    if reach < 1:
        return values.copy()
    offsets = np.arange(-reach, reach + 1) / rate_hz
    weights = np.exp(-0.5 * (offsets / sigma_s) ** 2)
    weights[reach] *= (1 + future) / 2  # half of the present is past, half yet to come
    weights[reach + 1 :] *= future
    correlate = need("scipy.ndimage").correlate1d
    summed = correlate(values, weights, axis=0, mode="constant")
    whole = correlate(np.ones(len(values)), weights, mode="constant")
    smoothed: np.ndarray = summed / whole.reshape((-1,) + (1,) * (values.ndim - 1))
    return smoothed


def percentile_clip(values: np.ndarray, percentile: float) -> np.ndarray:
    """Clip to a percentile (0 to 100) of the local peaks and divide by it: that much of the peaks is full scale."""
    values = np.asarray(values, np.float64)
    inner = values[1:-1]
    peaks = inner[(inner > values[:-2]) & (inner >= values[2:])]
    top = float(np.percentile(peaks, percentile)) if len(peaks) else float(values.max(initial=0.0))
    return np.clip(values / top, 0.0, 1.0) if top > 0 else np.zeros_like(values)


def compress(values: np.ndarray, threshold: float, ratio: float) -> np.ndarray:
    """Multiply what is above the threshold by `ratio`, then map smallest and largest to 0 and 1 (as maua does)."""
    values = np.asarray(values, np.float64)
    return norm(np.where(values > threshold, values * ratio, values))


def expand(values: np.ndarray, threshold: float, ratio: float) -> np.ndarray:
    """Multiply what is below the threshold by `ratio`, then map smallest and largest to 0 and 1 (as maua does)."""
    values = np.asarray(values, np.float64)
    return norm(np.where(values < threshold, values * ratio, values))


def smooth_chain(values: np.ndarray, rate_hz: float, median_s: float, release_s: float, gate: float) -> np.ndarray:
    """Median, then instant attack and slow release, then gate: the published chain of network bending by sound.

    Parameters
    ----------
    values : ndarray, shape (n,) or (n, k)
        Not negative.
    rate_hz : float
    median_s : float
        Window of the median, which looks half of it ahead; an odd number of values is taken.
    release_s : float
        Time constant of the fall.
    gate : float
        What is below ``min + gate (max - min)`` becomes 0 [0 to 1].
    """
    values = np.asarray(values, np.float64)
    if not len(values):
        return values
    length = 2 * round((median_s * rate_hz - 1) / 2) + 1
    if length > 1:
        size = (length,) + (1,) * (values.ndim - 1)
        values = need("scipy.ndimage").median_filter(values, size=size, mode="nearest")
    stays = math.exp(-1 / (rate_hz * release_s)) if release_s > 0 else 0.0
    level = values[0]
    followed = np.empty_like(values)
    for i, value in enumerate(values):
        level = np.where(value > level, value, (1 - stays) * value + stays * level)
        followed[i] = level
    least, most = followed.min(axis=0), followed.max(axis=0)
    return np.where(followed < least + gate * (most - least), 0.0, followed)


def hit_envelope(
    hits_s: np.ndarray,
    strengths: np.ndarray,
    at_s: np.ndarray,
    *,
    sigma_s: float = 0.1,
    side: Literal["decay", "attack", "full"] = "decay",
) -> np.ndarray:
    """A Gaussian on each hit, whose peak is at the hit itself; where several meet, the highest counts.

    Parameters
    ----------
    hits_s, strengths : ndarray, shape (hits,)
    at_s : ndarray, shape (n,)
        Rising times at which the envelope is wanted.
    sigma_s : float, optional
        Standard deviation in seconds, above 0.
    side : {"decay", "attack", "full"}, optional
        The half after the hit, the half before it, or both.

    Returns
    -------
    ndarray, shape (n,)
    """
    at_s = np.asarray(at_s, np.float64)
    if side not in ("decay", "attack", "full"):
        raise BadInput(f"there is no side {side!r} of a hit; give decay, attack or full.")
    if not 0 < sigma_s < math.inf:
        raise BadInput(f"a hit of {sigma_s!r} s has no envelope; give a standard deviation above 0.")
    found = np.zeros(len(at_s))
    before_s = 0.0 if side == "decay" else _REACH * sigma_s
    after_s = 0.0 if side == "attack" else _REACH * sigma_s
    for hit_s, strength in zip(hits_s, strengths, strict=True):
        first = np.searchsorted(at_s, hit_s - before_s - 1e-9)
        last = np.searchsorted(at_s, hit_s + after_s + 1e-9, side="right")
        bump = strength * np.exp(-0.5 * ((at_s[first:last] - hit_s) / sigma_s) ** 2)
        np.maximum(found[first:last], bump, out=found[first:last])
    return found


def plateau(values: np.ndarray, depth: float) -> np.ndarray:
    """Rest at exactly 1 where `values` (0 to 1) is 0 and dip by `depth` where it is 1: ``1 - depth x``."""
    return np.asarray(1.0 - depth * np.clip(np.asarray(values, np.float64), 0.0, 1.0))


def sawtooth(edges_s: np.ndarray, loudness: np.ndarray, at_s: np.ndarray, *, whole: bool = True) -> np.ndarray:
    """Turns made since the section began: 1 in the quietest section, up to 3 in the loudest.

    Parameters
    ----------
    edges_s : ndarray, shape (sections + 1,)
        Where sections begin, and where the last ends.
    loudness : ndarray, shape (sections,)
        Mean loudness of each.
    at_s : ndarray, shape (n,)
    whole : bool, optional
        Whether a section makes a whole number of turns, so that a circle joins at its end.

    Returns
    -------
    ndarray, shape (n,)
        In turns, from 0 to 3.
    """
    edges_s = np.asarray(edges_s, np.float64)
    turns = norm(loudness, 1.0, 3.0)
    if whole:
        turns = np.rint(turns)
    section = np.clip(np.searchsorted(edges_s, at_s, side="right") - 1, 0, len(turns) - 1)
    ramp = (np.asarray(at_s) - edges_s[section]) / np.maximum(np.diff(edges_s)[section], 1e-9)
    return np.asarray(np.clip(ramp, 0.0, 1.0) * turns[section])
