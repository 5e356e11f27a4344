"""Where a track's sections begin, and which of them are alike."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analysis.study.needs import need
from analysis.study.parts import Series, mono
from analysis.study.signals import norm
from bentlight.errors import BadInput

__all__ = ["Sections", "check_kinds", "energy_sections", "laplacian_sections"]

_HOP = 512
_UNIT_S = 0.25
_FEWEST_UNITS, _MOST_UNITS = 8, 2000
_BAR = 4


class Sections(NamedTuple):
    """Sections of a track.

    Attributes
    ----------
    edges_s : ndarray, shape (sections + 1,)
        Where each begins, and where the last ends.
    labels : ndarray of int, shape (sections,)
        Sections with one label are alike; numbered in the order in which they come first.
    """

    edges_s: np.ndarray
    labels: np.ndarray


def energy_sections(
    loudness: Series, duration_s: float, *, cutoff_hz: float = 0.16, apart_s: float = 5.0, depth: float = 0.15
) -> Sections:
    """Cut where the energy dips: minima of the RMS below a low-pass (Butterworth, order 5, both ways).

    Parameters
    ----------
    loudness : Series
        RMS.
    duration_s : float
        Length of the track.
    cutoff_hz : float, optional
        What changes faster is no dip.
    apart_s : float, optional
        Least length of a section.
    depth : float, optional
        How deep a dip must be, as a share of the whole range [0 to 1].

    Returns
    -------
    Sections
        Each with a label of its own.
    """
    signal = need("scipy.signal")
    share = min(0.9, 2 * cutoff_hz / loudness.rate_hz)
    stages = signal.butter(5, share, output="sos")
    # The track goes on as it begins and ends for as long as the filter rings.
    pad = min(len(loudness.values) - 1, round(2 / share))
    smooth = signal.sosfiltfilt(stages, loudness.values, padtype="constant", padlen=max(0, pad))
    distance = max(1, round(apart_s * loudness.rate_hz))
    dips, _ = signal.find_peaks(1 - norm(smooth), distance=distance, prominence=depth)
    times_s = loudness.times_s[dips]
    inner = times_s[(times_s > apart_s / 2) & (times_s < duration_s - apart_s / 2)]
    edges_s = np.concatenate([[0.0], inner, [duration_s]])
    return Sections(edges_s, np.arange(len(edges_s) - 1))


def check_kinds(count: int, seed: int) -> None:
    """See that so many kinds of section can be looked for, with that seed.

    Raises
    ------
    BadInput
        If they cannot.
    """
    if not isinstance(count, int | np.integer) or not 2 <= count <= 12:
        raise BadInput(f"a track cannot be cut into {count} kinds of section; give a whole number from 2 to 12.")
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 1 << 32:
        raise BadInput(f"the seed is {seed!r}; it must be a whole number from 0 to {(1 << 32) - 1}.")


def laplacian_sections(
    samples: np.ndarray,
    sample_rate: float,
    *,
    count: int = 5,
    beats_s: np.ndarray | None = None,
    shortest_s: float = 4.0,
    seed: int = 0,
) -> Sections:
    """Which stretches repeat, by the eigenvectors of a graph of beats (McFee and Ellis, ISMIR 2014).

    Beats are joined to those that sound alike (constant-Q, k nearest neighbours) and to the next one (MFCC), the two
    kinds of link balanced as in the paper; k-means on the first eigenvectors of the normalised Laplacian names them.
    More than 2000 beats are taken by fours, eights, … until they are no more: links of each to each take their square.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    sample_rate : float
    count : int, optional
        How many different kinds of section [2 to 12].
    beats_s : ndarray, optional
        Where beats are; without them steps of 0.25 s are taken.
    shortest_s : float, optional
        What is shorter goes to the longer of its neighbours, the shortest first.
    seed : int, optional
    """
    check_kinds(count, seed)
    samples = mono(samples)
    duration_s = len(samples) / sample_rate
    if beats_s is None or len(beats_s) < 4 * count:
        beats_s = np.arange(0.0, duration_s, _UNIT_S)
    inner = beats_s[(beats_s > 0.05) & (beats_s < duration_s - 0.05)]
    starts_s = np.concatenate([[0.0], inner])
    step = 1 if len(starts_s) <= _MOST_UNITS else _BAR
    while len(starts_s) > step * _MOST_UNITS:
        step *= 2
    starts_s = starts_s[::step]
    if len(starts_s) < max(_FEWEST_UNITS, 2 * count):
        return Sections(np.array([0.0, duration_s]), np.zeros(1, int))
    timbre, pitch = _unit_features(samples, sample_rate, starts_s)
    vectors = _eigenvectors(_graph(timbre, pitch), count)
    model = need("sklearn.cluster").KMeans(count, n_init=10, random_state=seed)
    raw = model.fit_predict(vectors)
    edges = np.flatnonzero(np.diff(raw, prepend=-1))
    return _without_short(np.concatenate([starts_s[edges], [duration_s]]), raw[edges], shortest_s)


def _without_short(edges_s: np.ndarray, labels: np.ndarray, shortest_s: float) -> Sections:
    """Join what is short to its longer neighbour, and number the kinds in the order in which they come."""
    parts = [(float(end - start), int(label)) for start, end, label in zip(edges_s, edges_s[1:], labels, strict=False)]
    while len(parts) > 1 and min(parts)[0] < shortest_s:
        place = parts.index(min(parts))
        beside = [i for i in (place - 1, place + 1) if 0 <= i < len(parts)]
        parts[place] = (parts[place][0], parts[max(beside, key=lambda i: parts[i][0])][1])
        joined: list[tuple[float, int]] = []
        for length_s, label in parts:
            if joined and joined[-1][1] == label:
                joined[-1] = (joined[-1][0] + length_s, label)
            else:
                joined.append((length_s, label))
        parts = joined
    seen: dict[int, int] = {}
    numbers = np.array([seen.setdefault(label, len(seen)) for _, label in parts])
    ends_s = np.cumsum([length_s for length_s, _ in parts])
    return Sections(np.concatenate([edges_s[:1], edges_s[0] + ends_s]), numbers)


def _unit_features(samples: np.ndarray, sample_rate: float, starts_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MFCC (mean) and constant-Q level in dB (median) of each unit, shapes (13, units) and (84, units)."""
    librosa = need("librosa")
    octaves = min(7, int(np.log2(sample_rate / 2 / 32.7)))
    constant_q = np.abs(librosa.cqt(y=samples, sr=sample_rate, hop_length=_HOP, n_bins=12 * octaves))
    level = librosa.amplitude_to_db(constant_q, ref=max(float(constant_q.max()), 1e-9))
    timbre = librosa.feature.mfcc(y=samples, sr=sample_rate, hop_length=_HOP, n_mfcc=13)
    frames = np.unique(np.minimum(np.rint(starts_s * sample_rate / _HOP).astype(int), level.shape[1] - 1))
    if len(frames) != len(starts_s):
        raise BadInput("these beats are too close to each other to be told apart; give fewer.")
    sync = librosa.util.sync
    return (
        sync(timbre, frames[1:], aggregate=np.mean, pad=True),
        sync(level, frames[1:], aggregate=np.median, pad=True),
    )


def _graph(timbre: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Weighted links between units: what repeats and what follows, shape (units, units)."""
    librosa, ndimage = need("librosa"), need("scipy.ndimage")
    units = pitch.shape[1]
    try:
        alike = librosa.segment.recurrence_matrix(pitch, width=min(3, units // 4), mode="affinity", sym=True)
    except librosa.ParameterError:
        # All units are the same, as in silence: no distance to measure any by.
        alike = np.ones((units, units))
    # Single links across are chance, links along a diagonal are a repetition.
    diagonal = librosa.segment.timelag_filter(ndimage.median_filter)
    alike = diagonal(alike, size=(1, min(7, 2 * (units // 12) + 1)))
    step = np.sum(np.diff(timbre, axis=1) ** 2, axis=0)
    link = np.exp(-step / max(float(np.median(step)), 1e-12))
    follows = np.diag(link, 1) + np.diag(link, -1)
    degree_alike, degree_follows = alike.sum(axis=1), follows.sum(axis=1)
    both = degree_alike + degree_follows
    share = float(degree_follows @ both) / max(float(both @ both), 1e-12)
    links: np.ndarray = share * alike + (1 - share) * follows
    return links


def _eigenvectors(links: np.ndarray, count: int) -> np.ndarray:
    """The first eigenvectors of the normalised Laplacian, smoothed in time and scaled by row, (units, count)."""
    roots = 1 / np.sqrt(np.maximum(links.sum(axis=1), 1e-12))
    laplacian = np.eye(len(links)) - roots[:, None] * links * roots[None, :]
    _, vectors = need("scipy.linalg").eigh(laplacian, subset_by_index=(0, count - 1), overwrite_a=True)
    length = min(9, 2 * (len(links) // 12) + 1)
    vectors = need("scipy.ndimage").median_filter(vectors, size=(length, 1))
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: np.ndarray = vectors / np.maximum(size, 1e-9)
    return found
