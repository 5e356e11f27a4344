"""aubio's onset methods in place of our own, for comparison."""

from __future__ import annotations

import aubio
import numpy as np

from analysis.onsets import Onset, OnsetDetector
from analysis.timing import power_of_two
from bentlight.errors import BadInput

__all__ = ["METHODS", "AubioOnsets", "check_method", "make_detector"]

METHODS = ("energy", "hfc", "complex", "phase", "wphase", "specdiff", "kl", "mkl", "specflux")
_WINDOW_AT_48K = 512


class AubioOnsets:
    """Onsets of the mix from `aubio.onset` at two looks a hop; everything else from our own detector.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    sample_rate : int
    look : int
        Half a hop.
    """

    def __init__(self, method: str, sample_rate: int, look: int) -> None:
        self._look, self._look_s = look, look / sample_rate
        self._method, self._sample_rate = method, sample_rate
        self._detector = self._make()
        self._delay_s = self._detector.get_delay_s()
        self._own = OnsetDetector(sample_rate, look)

    def _make(self) -> aubio.onset:
        window = max(power_of_two(_WINDOW_AT_48K * self._sample_rate / 48_000), power_of_two(2 * self._look))
        return aubio.onset(self._method, window, self._look, self._sample_rate)

    def process(self, samples: np.ndarray) -> Onset:
        """Take one hop of two looks, shape (2 * look,), float32 within ±1."""
        hit, age_s = False, 0.0
        for part in (0, 1):
            look = np.ascontiguousarray(samples[part * self._look : (part + 1) * self._look])
            if self._detector(look)[0] > 0:
                hit, age_s = True, self._delay_s + (1 - part) * self._look_s
        return self._own.process(samples)._replace(hit=hit, age_s=min(age_s, 0.25))

    def amplified(self, gain_db: float) -> None:
        """As `OnsetDetector.amplified`; aubio is not told."""
        self._own.amplified(gain_db)

    def skip(self) -> None:
        """As `OnsetDetector.skip`; aubio begins anew."""
        self._detector = self._make()
        self._own.skip()


def check_method(method: str) -> None:
    """Refuse what is neither ``"auto"`` nor one of `METHODS`.

    Raises
    ------
    BadInput
    """
    if method != "auto" and method not in METHODS:
        raise BadInput(f"There is no onset method {method!r}; use auto, {', '.join(METHODS)}.")


def make_detector(method: str, sample_rate: int, look: int) -> OnsetDetector | AubioOnsets:
    """Return the detector of a name: ``"auto"`` or one of `METHODS`.

    Raises
    ------
    BadInput
        If there is no such method.
    """
    check_method(method)
    if method == "auto":
        return OnsetDetector(sample_rate, look)
    return AubioOnsets(method, sample_rate, look)
