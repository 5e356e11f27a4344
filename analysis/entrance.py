"""`Entrance`: from channels as they come in to one clean signal, and what is wrong with them."""

from __future__ import annotations

import math
from typing import NamedTuple

import aubio
import numpy as np

from analysis.extremes import constant, largest, smallest
from analysis.frame import FrameFields

__all__ = ["Entrance", "Entered", "clean"]

_OVERS = 8.0
_TINY = 1e-30
"""Mean square of a hop, 300 dB below full scale, that is silence: denormal numbers cost time."""
_CUT_HZ = 5.0
_FULL_SCALE, _BEYOND = 0.99996, 1.001
_RUN = 3
_CLIPPING_S = 1.0
_SILENT_S = 5.0
_DEAD = 10 ** (-70 / 10)
"""Mean square."""
_DEAD_S, _TAKEOVER_S = 2.0, 0.5
_HALF, _HALVES = constant(0.5), [0.5, 0.5]


class Entered(NamedTuple):
    """One hop, before gain.

    Attributes
    ----------
    mid : ndarray of float32, shape (hop,)
        Mean of the channels that live.
    mean_square : float
        Of `mid`.
    pair : (ndarray, ndarray) or None
        Half the sum and half the difference of the first two channels; None for mono. The sum may be `mid` itself.
    """

    mid: np.ndarray
    mean_square: float
    pair: tuple[np.ndarray, np.ndarray] | None


def clean(block: np.ndarray) -> np.ndarray:
    """Return samples, shape (n, channels), as finite float32 rows, shape (channels, n), full scale 1.

    What is not finite becomes 0. Overs are held 18 dB above full scale.
    """
    if block.dtype.kind == "u":
        # Silence is the middle of the range, as in a WAV of 8 bits.
        middle = (float(np.iinfo(block.dtype).max) + 1.0) / 2.0
        block = (block - middle) / middle
    elif block.dtype.kind == "i":
        block = block / float(np.iinfo(block.dtype).max)
    if block.dtype == np.float32:
        rows = (block.T if block.ndim == 2 else block[None]).copy()
    else:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            rows = np.array(block.T, np.float32, order="C", ndmin=2)
    # What is no number fails both comparisons.
    if rows.size and not (largest(rows) <= _OVERS and smallest(rows) >= -_OVERS):
        np.nan_to_num(rows, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(rows, -_OVERS, _OVERS, out=rows)
    return rows


class Entrance:
    """Takes the constant off each channel, mixes them, and sees clipping, digital silence and dead channels.

    The constant is taken off by a one-pole high-pass at 5 Hz, ``y[n] = x[n] - x[n-1] + r y[n-1]``: it passes 40 Hz
    within 0.1 dB, so hits come through as they are.

    A channel that has stayed below -70 dB for two seconds while another sounds is taken for dead, and within half a
    second the mean is that of the others; at its first sound it is back.

    Parameters
    ----------
    sample_rate : int
    hop : int
    """

    def __init__(self, sample_rate: int, hop: int) -> None:
        self._rate, self._hop_s = sample_rate, hop / sample_rate
        self._keep = math.exp(-2 * math.pi * _CUT_HZ / sample_rate)
        self._filters: list[aubio.digital_filter] = []
        self._weights: list[float] = []
        self._even: list[float] = []
        self._quiet_s: list[float] = []
        self._full = np.zeros((0, _RUN - 1), bool)
        self._was_full = False
        self._clipped_s = math.inf
        self._zeros = 0

    def process(self, rows: np.ndarray) -> Entered:
        """Take one hop as `clean` returns it, shape (channels, hop)."""
        if len(rows) != len(self._filters):
            self._begin(len(rows))
        flat = rows.reshape(-1)
        energy = float(flat.dot(flat))
        if energy < _TINY * len(flat):
            rows, energy = np.zeros_like(rows), 0.0
        self._see_zeros(rows, energy)
        self._see_clipping(rows, energy)
        channels = [f(row) for f, row in zip(self._filters, rows, strict=True)]
        mid, pair = channels[0], None
        if len(channels) > 1:
            self._weigh(channels)
            left, right = channels[0] * _HALF, channels[1] * _HALF
            mid = left + right
            pair = mid, left - right
            if self._weights != _HALVES:
                mid = np.float32(self._weights[0]) * channels[0]
                for weight, channel in zip(self._weights[1:], channels[1:], strict=True):
                    mid += np.float32(weight) * channel
        return Entered(mid, float(mid.dot(mid)) / len(mid), pair)

    def write(self, frame: FrameFields) -> None:
        """Fill in this group's fields."""
        frame["silent"][0] = self._silent
        frame["clipping"][0] = self._clipped_s < _CLIPPING_S

    def _begin(self, channels: int) -> None:
        self._filters = [self._high_pass() for _ in range(channels)]
        self._weights = self._even = [1.0 / channels] * channels
        self._quiet_s = [0.0] * channels
        self._full = np.zeros((channels, _RUN - 1), bool)

    def _high_pass(self) -> aubio.digital_filter:
        high_pass = aubio.digital_filter(3)
        high_pass.set_biquad(1.0, -1.0, 0.0, -self._keep, 0.0)
        return high_pass

    def _see_zeros(self, rows: np.ndarray, energy: float) -> None:
        # Trailing zeros of a hop with sound in it are forgotten: a hop is fine enough for five seconds.
        if energy > 0.0:
            self._zeros = 0
            return
        was_silent = self._silent
        self._zeros += rows.shape[1]
        if self._silent and not was_silent:
            # What is left in the filters would go on into the denormals, which cost time.
            self._filters = [self._high_pass() for _ in self._filters]

    @property
    def _silent(self) -> bool:
        return self._zeros >= _SILENT_S * self._rate

    def _see_clipping(self, rows: np.ndarray, energy: float) -> None:
        """Three samples in a row at full scale are clipped, and so is whatever lies beyond it."""
        self._clipped_s += self._hop_s
        # With less energy than one such sample has, there is none.
        loudest = max(largest(rows), -smallest(rows)) if energy > 0.99 else 0.0
        if loudest < _FULL_SCALE:
            if self._was_full:
                self._full[:] = self._was_full = False
            return
        full = np.concatenate([self._full, np.abs(rows) >= _FULL_SCALE], axis=1)
        self._full, self._was_full = full[:, 1 - _RUN :].copy(), True
        if loudest > _BEYOND or (full[:, :-2] & full[:, 1:-1] & full[:, 2:]).any():
            self._clipped_s = 0.0

    def _weigh(self, channels: list[np.ndarray]) -> None:
        # After the high-pass: a channel that holds nothing but a constant is as dead as one of zeros.
        sound = [float(channel.dot(channel)) > _DEAD * len(channel) for channel in channels]
        if all(sound):
            self._quiet_s = [0.0] * len(channels)
            self._weights = self._even
            return
        lived = [quiet_s < _DEAD_S for quiet_s in self._quiet_s]
        self._quiet_s = [
            0.0 if sounds else quiet_s + self._hop_s for sounds, quiet_s in zip(sound, self._quiet_s, strict=True)
        ]
        living = [quiet_s < _DEAD_S for quiet_s in self._quiet_s]
        heard = living if any(living) else [True] * len(channels)
        wanted = [lives / sum(heard) for lives in heard]
        if heard == [True] * len(channels) or any(
            now and not before for now, before in zip(living, lived, strict=True)
        ):
            # At once: that the others fall is hidden by the sound that came back.
            self._weights = wanted
            return
        step = self._hop_s / _TAKEOVER_S
        self._weights = [w + min(max(to - w, -step), step) for w, to in zip(self._weights, wanted, strict=True)]
