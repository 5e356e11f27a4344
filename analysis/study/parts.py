"""What a track is made of: harmonic and percussive sound, components, chroma, onset envelopes, hits."""

from __future__ import annotations

import warnings
from typing import Literal, NamedTuple

import numpy as np

from analysis.study.needs import need
from analysis.study.signals import gaussian_smooth, norm, rows_to_one
from bentlight.errors import BadInput

__all__ = [
    "ONSET_KINDS",
    "Hits",
    "Series",
    "chroma",
    "components",
    "energy",
    "find_hits",
    "mono",
    "onset_envelope",
    "onset_sum",
    "rms",
    "separate",
    "strongest_notes",
]

_WINDOW = 2048
_HOP = 512
_BLOCK = 2048
"""Spectra that are split at a time, 48 s of them: those of an hour, and what is kept for each, would take 10 GB."""
_MEDIAN = 31
_ONSET_WINDOW = 512
_ONSET_HOP = 128
ONSET_KINDS = ("specflux", "specdiff", "complex", "mkl")
"""Detection functions of aubio that `onset_sum` adds up, beside superflux."""


class Series(NamedTuple):
    """Values with their times.

    Attributes
    ----------
    times_s : ndarray, shape (n,)
        Evenly spaced.
    values : ndarray, shape (n,) or (n, k)
    """

    times_s: np.ndarray
    values: np.ndarray

    @property
    def rate_hz(self) -> float:
        """Values per second."""
        return (len(self.times_s) - 1) / float(self.times_s[-1] - self.times_s[0]) if len(self.times_s) > 1 else 1.0


class Hits(NamedTuple):
    """Hits that stand out.

    Attributes
    ----------
    times_s : ndarray, shape (hits,)
    strengths : ndarray, shape (hits,)
        0 to 1.
    """

    times_s: np.ndarray
    strengths: np.ndarray


def _series(values: np.ndarray, hop: int, sample_rate: float) -> Series:
    return Series(np.arange(len(values)) * hop / sample_rate, values)


def mono(samples: np.ndarray) -> np.ndarray:
    """Return samples of one channel, float32.

    Raises
    ------
    BadInput
        If they are of several, or none.
    """
    samples = np.asarray(samples, np.float32)
    if samples.ndim != 1 or not len(samples):
        raise BadInput(
            f"samples of shape {samples.shape} cannot be studied; give those of one channel, shape (n,), such as "
            "samples.mean(axis=1)."
        )
    return samples


def separate(samples: np.ndarray, *, margin: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Split a sound into its harmonic and its percussive part by median filters.

    Fitzgerald (DAFx 2010); the margin is that of Driedger, Müller and Disch (ISMIR 2014). Done in blocks that overlap
    by as much as the filters and windows reach, so what comes out is that of the whole.

    Parameters
    ----------
    samples : ndarray, shape (n,)
    margin : float, optional
        How much more harmonic than percussive a bin must be, and the other way round [1 or more]; above 1 there is a
        rest that belongs to neither.

    Returns
    -------
    harmonic, percussive : ndarray, shape (n,)
    """
    librosa = need("librosa")
    padded = np.pad(mono(samples), _WINDOW // 2)
    count = 1 + (len(padded) - _WINDOW) // _HOP
    covering, reach = _WINDOW // _HOP - 1, _MEDIAN // 2
    found = np.zeros((2, len(padded)), np.float32)
    for first in range(0, count, _BLOCK):
        end = min(first + _BLOCK, count)
        begin = max(0, first - covering)
        wide = max(0, begin - reach), min(count, end + reach)
        spectrum = librosa.stft(
            padded[wide[0] * _HOP : (wide[1] - 1) * _HOP + _WINDOW], n_fft=_WINDOW, hop_length=_HOP, center=False
        )
        both = librosa.decompose.hpss(spectrum, kernel_size=_MEDIAN, margin=margin)
        for part, whole in zip(both, found, strict=True):
            sound = librosa.istft(part[:, begin - wide[0] : end - wide[0]], hop_length=_HOP, center=False)
            # The last samples are left to the next block, which has all windows that cover them.
            whole[first * _HOP : begin * _HOP + len(sound)] = sound[(first - begin) * _HOP :]
    harmonic, percussive = found[:, _WINDOW // 2 : len(padded) - _WINDOW // 2]
    return harmonic, percussive


def rms(samples: np.ndarray, sample_rate: float, *, window: int = _WINDOW, hop: int = _HOP) -> Series:
    """Root mean square of windows centred on their time."""
    values = need("librosa").feature.rms(y=mono(samples), frame_length=window, hop_length=hop)[0]
    return _series(values.astype(np.float64), hop, sample_rate)


def energy(samples: np.ndarray, sample_rate: float, window_s: float = 0.06) -> Series:
    """Mean square over a window of `window_s`, centred."""
    window = max(2, round(window_s * sample_rate))
    found = rms(samples, sample_rate, window=window, hop=_ONSET_HOP)
    return Series(found.times_s, found.values**2)


def onset_envelope(
    samples: np.ndarray, sample_rate: float, *, low_hz: float = 0.0, high_hz: float | None = None, smooth_s: float = 0.0
) -> Series:
    """How much the mel spectrum between two frequencies rises (spectral flux in dB), 0 to 1.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Best the percussive part.
    sample_rate : float
    low_hz, high_hz : float, optional
    smooth_s : float, optional
        Standard deviation of a symmetric Gaussian.
    """
    librosa = need("librosa")
    top = sample_rate / 2 if high_hz is None else min(high_hz, sample_rate / 2)
    if not 0 <= low_hz < top:
        raise BadInput(f"there is no band from {low_hz:g} to {top:g} Hz; give a lower and a higher frequency.")
    # Low bands need a longer window to have a bin of their own.
    window = _ONSET_WINDOW if top > 1000 else _WINDOW
    bins = (top - low_hz) * window / sample_rate
    mel = librosa.feature.melspectrogram(
        y=mono(samples),
        sr=sample_rate,
        n_fft=window,
        hop_length=_ONSET_HOP,
        n_mels=int(min(64, max(1, bins // 2))),
        fmin=low_hz,
        fmax=top,
    )
    # What is 60 dB below the loudest is silence: its rises are not heard.
    level = librosa.power_to_db(mel, ref=max(float(mel.max()), 1e-10), top_db=60.0)
    rise = np.maximum(0.0, np.diff(level, axis=1, prepend=level[:, :1])).mean(axis=0)
    series = _series(rise, _ONSET_HOP, sample_rate)
    # The rise is steepest when the hit is three quarters through the window, a quarter after its middle.
    times_s = series.times_s + window / 4 / sample_rate
    return Series(times_s, norm(gaussian_smooth(rise, series.rate_hz, smooth_s)))


def onset_sum(samples: np.ndarray, sample_rate: float) -> Series:
    """The mean of five onset detection functions, each scaled to its own largest value, 0 to 1.

    aubio's spectral flux, spectral difference, complex domain and modified Kullback-Leibler, and superflux (Böck and
    Widmer 2013).
    """
    import aubio

    librosa = need("librosa")
    samples = np.ascontiguousarray(mono(samples))
    window, hop = 1024, 256
    vocoder = aubio.pvoc(window, hop)
    detectors = [aubio.specdesc(kind, window) for kind in ONSET_KINDS]
    padded = np.concatenate([samples, np.zeros(window - len(samples) % hop, np.float32)])
    found = np.array(
        [
            [float(detector(grain)[0]) for detector in detectors]
            for grain in map(vocoder, np.split(padded, len(padded) // hop))
        ]
    )
    # aubio's window ends with the hop; its middle is that much earlier.
    times_s = (np.arange(1, len(found) + 1) * hop - window / 2) / sample_rate
    superflux = librosa.onset.onset_strength(
        y=samples, sr=sample_rate, n_fft=window, hop_length=hop, lag=2, max_size=3, center=True
    )
    grid = _series(superflux, hop, sample_rate)
    columns = [np.interp(grid.times_s, times_s, np.nan_to_num(np.maximum(column, 0))) for column in found.T]
    scaled = [column / column.max() for column in (*columns, superflux) if column.max() > 0]
    return Series(grid.times_s, np.mean(scaled, axis=0) if scaled else np.zeros(len(superflux)))


def find_hits(envelope: Series, *, apart_s: float = 0.1, prominence: float = 0.2, height: float = 0.1) -> Hits:
    """Peaks of an onset envelope that stand out.

    Parameters
    ----------
    envelope : Series
        0 to 1.
    apart_s : float, optional
        Least distance of two hits.
    prominence, height : float, optional
        How far a peak must stand out of what is round it, and above 0.
    """
    distance = max(1, round(apart_s * envelope.rate_hz))
    places, _ = need("scipy.signal").find_peaks(
        np.concatenate([[0.0], envelope.values, [0.0]]), distance=distance, prominence=prominence, height=height
    )
    places = places - 1
    return Hits(envelope.times_s[places], envelope.values[places])


def chroma(
    samples: np.ndarray, sample_rate: float, *, kind: Literal["cqt", "cens", "stft"] = "cqt", smooth_s: float = 0.07
) -> Series:
    """How strong each of the twelve pitch classes is, C first; rows sum to 1.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Best the harmonic part.
    sample_rate : float
    kind : {"cqt", "cens", "stft"}, optional
    smooth_s : float, optional
        Standard deviation of a symmetric Gaussian.
    """
    feature = need("librosa").feature
    kinds = {"cqt": feature.chroma_cqt, "cens": feature.chroma_cens, "stft": feature.chroma_stft}
    if kind not in kinds:
        raise BadInput(f"there is no chroma {kind!r}; give {', '.join(kinds)}.")
    samples = mono(samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of windows longer than a short sound
        found = kinds[kind](y=samples, sr=sample_rate, hop_length=_HOP).T
    series = _series(np.nan_to_num(found), _HOP, sample_rate)
    return Series(series.times_s, rows_to_one(gaussian_smooth(series.values, series.rate_hz, smooth_s)))


def strongest_notes(chroma_rows: np.ndarray, notes: int) -> np.ndarray:
    """Keep the pitch classes that are strongest over the whole track, in order of pitch; rows sum to 1.

    Parameters
    ----------
    chroma_rows : ndarray, shape (n, 12)
    notes : int
        5 for a pentatonic scale, 7 for a full one [1 to 12].

    Returns
    -------
    ndarray, shape (n, notes)
    """
    if not 1 <= notes <= chroma_rows.shape[1]:
        raise BadInput(f"{notes} notes cannot be kept of {chroma_rows.shape[1]}.")
    kept = np.sort(np.argsort(-chroma_rows.sum(axis=0), kind="stable")[:notes])
    return rows_to_one(chroma_rows[:, kept])


def components(
    samples: np.ndarray, sample_rate: float, *, count: int = 12, seed: int = 0, smooth_s: float = 0.07
) -> Series:
    """Activations of so many spectral shapes that together make up the sound (NMF, Lee and Seung 1999); rows sum to 1.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Best the harmonic part.
    sample_rate : float
    count : int, optional
    seed : int, optional
    smooth_s : float, optional
        Standard deviation of a symmetric Gaussian.

    Returns
    -------
    Series
        Values of shape (n, count), the shape with the lowest centroid first.
    """
    librosa, decomposition = need("librosa"), need("sklearn.decomposition")
    spectrum = np.abs(librosa.stft(mono(samples), n_fft=_WINDOW, hop_length=_HOP)).T
    count_s = _series(spectrum, _HOP, sample_rate)
    if spectrum.max() <= 1e-9:
        return Series(count_s.times_s, np.full((len(spectrum), count), 1.0 / count))
    spectrum /= spectrum.max()
    model = decomposition.NMF(count, init="nndsvda", random_state=seed, max_iter=200, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 200 rounds are enough for a picture
        activations = model.fit_transform(spectrum)
    shapes = model.components_
    # Each shape at the same size, so that the activations can be compared.
    activations = activations * shapes.sum(axis=1)
    centroids = (shapes * np.arange(shapes.shape[1])).sum(axis=1) / np.maximum(shapes.sum(axis=1), 1e-12)
    activations = activations[:, np.argsort(centroids, kind="stable")]
    return Series(count_s.times_s, rows_to_one(gaussian_smooth(activations, count_s.rate_hz, smooth_s)))
