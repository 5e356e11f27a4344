"""Onsets of the mix: hits within milliseconds, notes without a hard attack as soon as they can be told.

Two detection functions feed a picker each. It fires when the function crosses its threshold instead of waiting for a
peak, which saves two hops; the threshold follows the function's own mean, after the causal peak picking of Böck,
Krebs and Schedl, "Evaluating the online capabilities of onset detection methods", ISMIR 2012. What swells in is told by
a small network (`analysis.swells`).

Why not ``aubio.onset`` alone: its peak picker reports 9 to 16 ms after the hit at this hop, its silence gate looks at
the newest hop only and so loses short clicks, and with a steady noise floor at -40 dB it missed kick drums (hfc,
complex, specflux). `analysis.aubio_onsets` has its methods for comparison.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from analysis import slow_onsets
from analysis.drums import DRUMS, WireStreams
from analysis.fast_onsets import WINDOW_S, AttackFunction
from analysis.frame import FrameFields
from analysis.kicks import KickStream
from analysis.slow_onsets import RiseFunction
from analysis.swells import AFTER_S, EVERY, SwellOnsets

__all__ = ["Onset", "OnsetDetector", "OnsetFields"]

JOIN_S, SWELL_JOIN_S = 0.12, 0.3
"""Sound that is there in the very first look is learnt for so long before anything counts as new."""
ATTACK_REJOIN_S, NOTE_REJOIN_S = 0.016, 0.05
"""The same after a hole: until the window of each function is full again."""
PEAK_S = 6.0


class Onset(NamedTuple):
    """What one hop brought.

    Attributes
    ----------
    hit : bool
        Whether an onset is reported.
    novelty : float
        How new the sound is beside the newest of late, 0 to 1.
    age_s : float
        Where the onset is thought to lie, in seconds before the end of the hop; 0 without a hit.
    kick, snare, hat : float
        Strength of a hit of that drum, 0 to 1; 0 without one.
    """

    hit: bool
    novelty: float
    age_s: float
    kick: float = 0.0
    snare: float = 0.0
    hat: float = 0.0


class _Picker:
    """Threshold of one detection function: fires once per rise.

    Attributes
    ----------
    armed : bool
    """

    def __init__(self, step_s: float, threshold: float, over_mean: float, mean_s: float, rearm: float, most: float):
        self._threshold, self._over_mean, self._rearm, self._most = threshold, over_mean, rearm * threshold, most
        self._mean, self._step = 0.0, 1.0 - math.exp(-step_s / mean_s)
        self.armed = True

    def look(self, value: float) -> tuple[bool, float]:
        """Return whether the function stands over its threshold, and by what factor."""
        threshold = self._threshold + self._over_mean * self._mean
        self._mean += self._step * (min(value, self._most * self._threshold) - self._mean)
        if value < self._rearm:
            self.armed = True
        return self.armed and value > threshold, value / threshold


ATTACK = {"threshold": 4.0, "over_mean": 1.0, "mean_s": 0.5, "rearm": 0.4, "most": 4.0}
NOTE = {"threshold": 27.0, "over_mean": 2.0, "mean_s": 1.0, "rearm": 0.5, "most": 1.0}
ATTACK_AFTER_S, NOTE_AFTER_S = 0.045, 0.08
"""Least time since the onset before, of whichever kind."""
RELEASE_S = 0.02
"""Time that a sound may take to be cut off."""
END_S = 0.05
"""For so long after a sound was cut off a note without a hard attack is not looked for."""
WEAK, WEAK_AFTER_S = 3.0, 0.1
"""An attack so few times over its threshold, so soon after a note that swelled in, is that note still."""
ATTACK_AGE_S, NOTE_AGE_S = 0.0035, 0.014


class OnsetDetector:
    """Finds onsets in a stream, hop by hop; within a hop it looks for attacks twice.

    Sound that is already there in the very first look is taken as the state of things, not as an onset.

    Parameters
    ----------
    sample_rate : int
    look : int
        Half a hop: samples between two looks for attacks.
    swells : bool
        Whether to listen for notes that swell in.
    """

    def __init__(self, sample_rate: int, look: int, *, swells: bool = True) -> None:
        self._look, self._look_s = look, look / sample_rate
        self._attacks = AttackFunction(sample_rate, look)
        self._wires = WireStreams(self._look_s)
        self._notes = RiseFunction(sample_rate, 2 * look, slow_onsets.NOTE)
        self._kick = KickStream(sample_rate, 2 * look, self._notes.n_fft)
        self._swells = SwellOnsets(sample_rate, 2 * look * EVERY) if swells else None
        self._functions: list[AttackFunction | WireStreams | RiseFunction | KickStream | SwellOnsets]
        self._functions = [self._attacks, self._wires, self._notes, self._kick]
        self._functions += [self._swells] if self._swells else []
        self._pending = np.zeros((EVERY, 2 * look), np.float32)
        # Not in the hop that takes the pitch, nor in one that looks for the beat: what is heavy is spread.
        self._number = EVERY - 1
        self._attack = _Picker(self._look_s, **ATTACK)
        self._note = _Picker(2 * self._look_s, **NOTE)
        self._heard_s: float | None = None
        self._join_s = JOIN_S, JOIN_S
        self._since_s, self._soft = math.inf, False
        self._last_age_s, self._since_hit_s = 0.0, math.inf
        # A splash is over once the window has passed the end of the sound; what is still new then is new.
        self._splashes, self._most_splashes = 0, math.ceil((WINDOW_S + RELEASE_S) / self._look_s)
        self._ended_s = math.inf
        self._peak, self._peak_keep = 2.0, math.exp(-2 * self._look_s / PEAK_S)

    def process(self, samples: np.ndarray) -> Onset:
        """Take one hop of two looks, shape (2 * look,), float32 within ±1."""
        if self._heard_s is None:
            self._heard_s = 0.0 if samples.any() else math.inf
        self._heard_s += 2 * self._look_s
        learn = self._heard_s <= self._join_s[0]
        learn_note, learn_swell = self._heard_s <= self._join_s[1], self._heard_s <= SWELL_JOIN_S
        hit, age_s, most, snare, hat = False, 0.0, 0.0, 0.0, 0.0
        for part, look in enumerate((samples[: self._look], samples[self._look :])):
            value = self._attacks.process(look, learn)
            wires = self._wires.process(self._attacks, learn)
            if wires is not None:
                snare, hat = max(snare, wires[0]), max(hat, wires[1])
            self._since_s += self._look_s
            self._ended_s += self._look_s
            over, factor = self._attack.look(value)
            most = max(most, factor)
            if not over:
                self._splashes = 0
            after_s = WEAK_AFTER_S if self._soft and factor < WEAK else ATTACK_AFTER_S
            if over and self._since_s >= after_s and not learn:
                if self._splashes < self._most_splashes and self._attacks.only_ends():
                    self._splashes += 1
                    self._ended_s = 0.0
                    continue
                self._soft = False
                hit, age_s, self._since_s = True, ATTACK_AGE_S + (1 - part) * self._look_s, 0.0
                self._attack.armed = False
        over, factor = self._note.look(self._notes.process(samples, learn_note))
        most = max(most, factor)
        if self._since_s < NOTE_AFTER_S or self._ended_s < END_S:
            # What an onset, or the end of a sound, stirs in the longer windows has to sink before it counts again.
            self._note.armed = False
        elif over and not learn_note and not self._attacks.only_ends():
            hit, age_s, self._since_s, self._soft = True, NOTE_AGE_S, 0.0, True
            self._note.armed = self._attack.armed = False
        self._since_hit_s = 0.0 if hit else self._since_hit_s + 2 * self._look_s
        if (swelled_s := self._swell(samples, learn_swell)) is not None and not hit:
            self._soft = True
            hit, age_s, self._since_s = True, swelled_s, 0.0
        if hit:
            self._last_age_s = age_s
        self._peak = max(most, 2.0, self._peak * self._peak_keep)
        kick = self._kick.process(samples, self._notes.spectrum, learn_note)
        return Onset(hit, min(1.0, most / self._peak), age_s, kick, snare, hat)

    def _swell(self, samples: np.ndarray, learn: bool) -> float | None:
        """Return how long ago a note swelled in, or None."""
        self._pending[self._number] = samples
        self._number = (self._number + 1) % EVERY
        if self._number or self._swells is None:
            return None
        last_s = self._since_s + self._last_age_s
        wanted = self._since_s > AFTER_S
        return self._swells.process(self._pending.reshape(-1), self._since_hit_s, last_s, wanted=wanted, learn=learn)

    def amplified(self, gain_db: float) -> None:
        """Say that all that comes from now on is louder by so much: that is no onset."""
        for function in self._functions:
            function.amplified(gain_db)

    def skip(self) -> None:
        """Forget the samples before a hole: where they join those after it, nothing begins."""
        if self._heard_s is None:
            return
        for function in self._functions:
            function.clear()
        self._pending[:] = 0.0
        self._heard_s, self._join_s = 0.0, (ATTACK_REJOIN_S, NOTE_REJOIN_S)


class OnsetFields:
    """Writes the drums and the age of an onset into a frame, and counts the drums.

    Parameters
    ----------
    counts : mapping of str to int
        Kicks, snares and hats so far.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = {drum: counts.get(drum, 0) for drum in DRUMS}
        self._names = [(drum, f"{drum}_strength", f"{drum}_count") for drum in DRUMS]

    def fill(self, frame: FrameFields, onset: Onset) -> None:
        """Fill in, in a frame of zeros, what `onset` says."""
        frame["onset_age_s"][0] = onset.age_s
        for (drum, strength_of, count_of), strength in zip(self._names, onset[-3:], strict=True):
            if strength > 0:
                self._counts[drum] += 1
                frame[drum][0], frame[strength_of][0] = True, strength
            frame[count_of][0] = self._counts[drum]
