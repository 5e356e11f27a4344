"""Measures on recorded pictures and sounds, for the end-to-end tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

__all__ = ["change_ratio", "decode", "lag_s"]


def decode(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Decode a recording.

    Returns
    -------
    times : ndarray, shape (pictures,)
        Presentation times in seconds.
    pictures : ndarray of uint8, shape (pictures, height, width, 3)
    sound : ndarray of float32, shape (samples,)
        Mono.
    sample_rate : int
    """
    import av

    with av.open(str(path)) as container:
        times, pictures = [], []
        for frame in container.decode(video=0):
            times.append(float(frame.pts * frame.time_base))
            pictures.append(frame.to_ndarray(format="rgb24"))
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        sample_rate = stream.rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
        chunks = []
        for frame in container.decode(stream):
            chunks += [out.to_ndarray().reshape(-1) for out in resampler.resample(frame)]
    return np.array(times), np.stack(pictures), np.concatenate(chunks), sample_rate


def lag_s(sound: np.ndarray, played: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """Return where `played` lies in `sound` in seconds, and the normalised cross-correlation there, 0 to 1."""
    size = len(sound) + len(played)
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(played, size))
    correlation = np.fft.irfft(spectrum, size)[: len(sound)]
    lag = int(np.argmax(correlation))
    part = sound[lag : lag + len(played)]
    norm = np.linalg.norm(part) * np.linalg.norm(played[: len(part)])
    return lag / sample_rate, float(correlation[lag] / max(norm, 1e-9))


def change_ratio(times: np.ndarray, pictures: np.ndarray, hits: np.ndarray, window_s: float = 0.2) -> float:
    """Return how much more the pictures change at `hits` than elsewhere, found from the pictures alone.

    Change is the mean absolute difference of a picture from the one before. At each hit its largest value within
    `window_s` is taken; elsewhere the same is done at every moment at least 0.1 s before and 0.6 s after any hit.
    The ratio of the two means is returned.
    """
    change = np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    at = times[1:]

    def largest(start: float) -> float:
        return float(change[(at >= start) & (at < start + window_s)].max(initial=0.0))

    inside = [largest(hit) for hit in hits]
    starts = np.arange(hits.min() - 3.0, hits.max() + 1.5, window_s)
    quiet = [
        start
        for start in starts
        if all(start + window_s < hit - 0.1 or start > hit + 0.6 for hit in hits) and at[0] <= start < at[-1] - window_s
    ]
    assert len(quiet) >= 5, "too few moments without hits to compare with"
    return float(np.mean(inside) / max(np.mean([largest(start) for start in quiet]), 1e-6))
