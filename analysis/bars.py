"""`BarCounter`: which beat of the bar it is, counted, and moved to where the accents are."""

from __future__ import annotations

import numpy as np

__all__ = ["METRE", "BarCounter"]

METRE = 4
"""Beats in a bar."""

_KEEP = 0.94
"""What a beat leaves of the accents before it: about four bars are remembered."""
_LEAST_BEATS = 8
_MARGIN = 0.35
_TAIL, _HEAD = 0.15, 0.85
_WINDOW_S = 0.09


class BarCounter:
    """Counts beats in bars of four.

    The first of a bar is where the harmony changes and the bass drum or bass is strong (Goto 2001, "An audio-based
    real-time beat tracking system for music with or without drum-sounds"). Each beat's accent is kept by its place in
    the bar for about four bars; the count is moved when another place has clearly more. Where nothing tells the
    beats apart, as with four equal bass drums and no harmony, they are counted from anywhere.

    Attributes
    ----------
    beat : int
        Which beat of the bar it is, 1 to `METRE`.
    began : bool
        Whether a bar began in the last `advance`.
    """

    def __init__(self) -> None:
        self.began = False
        self.forget()

    def forget(self) -> None:
        """Begin to count anew with the next beat."""
        self.beat = METRE
        self._told = False
        self._beats = 0
        self._accents = np.zeros(METRE)
        self._weights = np.zeros(METRE)
        self._spectrum: np.ndarray | None = None
        self._sum: np.ndarray | None = None
        self._looks = 0
        self._phase = 0.0
        self._low = self._low_before = 0.0
        self._scale = np.array([1e-3, 1e-3])

    def phase(self, beat_phase: float) -> float:
        """Position in the bar, 0 to 1, at a position in the beat."""
        return min((self.beat - 1 + beat_phase) / METRE, 1.0)

    def downbeat(self, beat_phase: float) -> None:
        """Say that the beat nearest to `beat_phase` of the present one is the first."""
        shift = (1 if beat_phase < 0.5 else METRE) - self.beat
        self._move(shift)
        self._told = True

    def look(self, strength: np.ndarray, levels: np.ndarray) -> None:
        """Take onset strengths, shape (groups,), and band levels in dB, shape (bands,), as of now."""
        if _TAIL < self._phase < _HEAD:
            self._sum = levels if self._sum is None else self._sum + levels
            self._looks += 1
        if self._phase < 0.3 or self._phase > 0.9:
            self._low = max(self._low, float(strength[0]))

    def advance(self, began: bool, beat_phase: float, period_s: float) -> None:
        """Go on to a place in the beat; `began` when a beat began on the way."""
        self.began = False
        self._phase = beat_phase
        if not began:
            return
        self._judge()
        self.beat = self.beat % METRE + 1
        self.began = self.beat == 1

    def _judge(self) -> None:
        """Take account of the beat that ends now, which is the one that `beat` says."""
        self._beats += 1
        spectrum = None if self._sum is None else self._sum / self._looks
        change = 0.0
        if spectrum is not None and self._spectrum is not None:
            change = float(np.mean(np.maximum(spectrum - self._spectrum, 0.0)))
        self._spectrum, self._sum, self._looks = spectrum, None, 0
        found = np.array([change, self._low])
        self._low = 0.0
        self._scale += 0.1 * (found - self._scale) if self._beats > 10 else (found - self._scale) / self._beats
        accent = float(np.dot((0.7, 0.3), np.minimum(found / np.maximum(self._scale, 1e-3), 4.0)))
        self._accents *= _KEEP
        self._weights *= _KEEP
        self._accents[self.beat - 1] += accent
        self._weights[self.beat - 1] += 1.0
        if self._told or self._beats < _LEAST_BEATS:
            return
        means = self._accents / np.maximum(self._weights, 0.5)
        top = int(np.argmax(means))
        if top != 0 and means[top] > (1 + _MARGIN) * means[0]:
            self._move(-top)

    def _move(self, shift: int) -> None:
        self.beat = (self.beat - 1 + shift) % METRE + 1
        self._accents, self._weights = np.roll(self._accents, shift), np.roll(self._weights, shift)
