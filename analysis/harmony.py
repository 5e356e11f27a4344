"""`Harmony`: chroma, tuning and key, every eighth hop."""

from __future__ import annotations

import math

import numpy as np

from analysis.extremes import largest
from analysis.frame import CHROMA_EVERY, FrameFields
from analysis.history import History
from analysis.spectrum import PowerSpectrum, fft_length, hann

__all__ = ["Harmony"]

_WINDOW_AT_48K = 8192
_LOWEST_HZ, _HIGHEST_HZ = 100.0, 5_000.0
_STRIP = 32
_OVER_FLOOR, _UNDER_PEAK = 6.0, 0.01
_CHROMA_S, _TUNING_S, _KEY_S = 0.15, 8.0, 10.0
_FORGET_S = 4.0
_HALF_WIDTH = 2 / 3
_TO_ANGLE = 0.5 * math.pi / _HALF_WIDTH
_TONAL = 0.1
"""Amplitude of the peaks beside that of the whole spectrum above which there is something tonal."""
_FAINT = 10 ** (-75 / 20)
_BESIDE, _NEIGHBOURS = np.array([[-1], [0], [1]]), np.array([[0], [1]])

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def _profiles() -> np.ndarray:
    """Return the 24 key profiles at zero mean and unit length, shape (24, 12)."""
    rows = np.array([np.roll(profile, tonic) for profile in (_MAJOR, _MINOR) for tonic in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Harmony:
    """Pitch classes of the held, tonal part of the sound.

    From a spectrum of 0.17 s, peaks from 100 Hz to 5 kHz that stand out of the lower quartile of their surroundings are
    taken: what is wide, drums and noise, has none. Where hardly any stand out there is no chroma. Each counts with its
    amplitude for the pitch classes within two thirds of a semitone, weighted by a squared cosine (Gómez, "Tonal
    description of polyphonic audio for music content processing", 2006). How far all peaks lie beside the semitones
    gives the tuning, a circular mean over 8 s, by which the classes are shifted. The key is the profile of Krumhansl
    and Kessler (1982) that correlates best with the chroma of the last 10 s.

    The work is spread over three hops of eight, so the values are those of a window that ended four hops before.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples handed to each `process`.

    Attributes
    ----------
    chroma : ndarray of float32, shape (12,)
        Pitch classes C to B as they were last found; zeros where there are none.
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._length = round(_WINDOW_AT_48K * sample_rate / 48_000)
        self._history = History(self._length + hop)
        n_fft = fft_length(self._length)
        self._bin_hz = sample_rate / n_fft
        self._first = int(_LOWEST_HZ / self._bin_hz)
        highest = int(min(_HIGHEST_HZ, 0.45 * sample_rate) / self._bin_hz)
        self._strips = (highest - self._first) // _STRIP
        self._end = self._first + self._strips * _STRIP
        window = hann(self._length)
        self._spectrum = PowerSpectrum(window * (2.0 / window.sum()), n_fft, self._end)
        self._magnitude = np.zeros(self._end - self._first, np.float32)
        self._semitones, self._amplitudes = np.zeros(0), np.zeros(0)
        self._leaning: complex | None = None
        self._size = 0.0
        step_s = CHROMA_EVERY * hop / sample_rate
        self._step_s = step_s
        self._chroma_step, self._tuning_step, self._key_step = (
            1.0 - math.exp(-step_s / tau_s) for tau_s in (_CHROMA_S, _TUNING_S, _KEY_S)
        )
        self._profiles = _profiles()
        self._hops = 0
        self._classes = np.zeros(12)
        self._long = np.zeros(12)
        self._beside = 0j
        self._away_s = math.inf
        self.chroma = np.zeros(12, np.float32)
        self._tuning, self._key, self._strength = 0.0, -1, 0.0

    def process(self, samples: np.ndarray, opening: float) -> None:
        """Take one hop, shape (hop,), and how far the gate is open."""
        self._history.push(samples)
        self._hops += 1
        turn = self._hops % CHROMA_EVERY
        if turn == 4:
            power = self._spectrum.of(self._history.last(self._length))
            self._magnitude = np.sqrt(power[self._first :])
        elif turn == 7:
            # Not in an even hop: in those the beat is looked for.
            self._find_peaks()
        elif turn == 0:
            self._take(opening)

    def skip(self, gap_s: float) -> None:
        """Forget the sound before a hole."""
        self._history.clear()
        self._classes *= math.exp(-gap_s / _CHROMA_S)
        self._away_s += gap_s
        if self._away_s > _FORGET_S:
            self._forget()

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["chroma"][0] = self.chroma
        frame["tuning"][0], frame["key"][0], frame["key_strength"][0] = self._tuning, self._key, self._strength

    def _find_peaks(self) -> None:
        """Note semitones above 440 Hz and amplitudes of the tonal peaks, and how they lie beside whole semitones."""
        magnitude = self._magnitude
        strips = magnitude.reshape(self._strips, _STRIP).copy()
        strips.partition(_STRIP // 4, axis=1)
        around = strips[:, _STRIP // 4]
        least = np.maximum(_OVER_FLOOR * around, max(_UNDER_PEAK * largest(magnitude), _FAINT))
        middle = magnitude[1:-1]
        tall = middle > np.repeat(least, _STRIP)[1:-1]
        at = (tall & (middle > magnitude[:-2]) & (middle >= magnitude[2:])).nonzero()[0] + 1
        before, here, after = np.log(magnitude[at + _BESIDE].astype(float) + 1e-12)
        falls = before - after
        shift = 0.5 * falls / np.minimum(before - 2.0 * here + after, -1e-9)
        shift = np.minimum(np.maximum(shift, -0.5), 0.5)
        frequencies = (at + self._first + shift) * self._bin_hz
        semitones, amplitudes = 12.0 * np.log2(frequencies / 440.0), np.exp(here - 0.25 * falls * shift)
        whole = float(np.add.reduce(amplitudes))
        self._semitones, self._amplitudes, self._leaning = semitones, amplitudes, None
        if whole > 0.0:
            self._leaning = complex(amplitudes.dot(np.exp(2j * np.pi * semitones))) / whole

    def _take(self, opening: float) -> None:
        size = math.sqrt(float(self._magnitude.dot(self._magnitude)))
        self._size += self._chroma_step * (size - self._size)
        if opening > 0.0:
            self._tune()
            self._fold(self._semitones + 9.0 - self._tuning / 100.0, self._amplitudes)
        else:
            self._classes[:] = 0.0
        whole = float(np.add.reduce(self._classes))
        known = whole > max(_FAINT, _TONAL * self._size)
        self.chroma = (self._classes / whole if known else np.zeros(12)).astype(np.float32)
        self._find_key(known)

    def _tune(self) -> None:
        if self._leaning is None:
            return
        self._beside += self._tuning_step * (self._leaning - self._beside)
        self._tuning = min(50.0, max(-50.0, 100.0 * math.atan2(self._beside.imag, self._beside.real) / (2 * math.pi)))

    def _fold(self, semitones: np.ndarray, amplitudes: np.ndarray) -> None:
        below = np.floor(semitones)
        # Those of the semitone below in one row, those of the semitone above in the other.
        away = np.abs(semitones - below - _NEIGHBOURS)
        weights = np.where(away < _HALF_WIDTH, np.cos(_TO_ANGLE * away) ** 2, 0.0) * amplitudes
        classes = (below.astype(int) + _NEIGHBOURS) % 12
        found = np.bincount(classes[0], weights[0], minlength=12) + np.bincount(classes[1], weights[1], minlength=12)
        self._classes += self._chroma_step * (found - self._classes)

    def _forget(self) -> None:
        """Know neither key nor tuning."""
        self._long[:] = 0.0
        self._beside, self._tuning = 0j, 0.0

    def _find_key(self, known: bool) -> None:
        self._away_s = 0.0 if known else self._away_s + self._step_s
        if known:
            self._long += self._key_step * (self.chroma - self._long)
        elif self._away_s > _FORGET_S:
            self._forget()
        deviation = self._long - float(np.add.reduce(self._long)) / len(self._long)
        length = math.sqrt(float(deviation.dot(deviation)))
        self._key, self._strength = -1, 0.0
        if length > 1e-9:
            fits = self._profiles.dot(deviation) / length
            best = int(fits.argmax())
            self._key, self._strength = best, min(1.0, max(0.0, fits.item(best)))
