"""A clip while it is written: a tempo, instruments, patterns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from live.bench.hearing.draw import Draw
from live.bench.hearing.drums import Drum
from live.bench.hearing.mix import Mix, summed
from live.bench.hearing.tones import Tone, hertz
from live.bench.hearing.truth import Attack, Clip, Truth

__all__ = ["Song"]

_VELOCITIES = {"x": 0.95, "o": 0.65, "g": 0.25}
_LEFT_OUT = 0.05
_FINE = 4
"""Tempo may change this many times a beat."""


class Song:
    """Beats, notes and hits by beat number; `clip` makes sound and truth of them.

    Parameters
    ----------
    draw : Draw
    seconds : float
        Length, unless the draw has one.
    lead_s : float, optional
        Time before the first beat.
    """

    def __init__(self, draw: Draw, seconds: float, lead_s: float | None = None) -> None:
        self.draw = draw
        self.seconds = seconds = draw.seconds or seconds
        self.rate = draw.rate
        self.mix = Mix(self.rate, seconds, draw)
        self.mix.room, self.mix.room_s = draw.between(0.0, 0.18), draw.timbre(0.25, 0.9)
        self.mix.peak_db = draw.between(-9.0, -1.0)
        self.lead_s = draw.between(0.15, 0.9) if lead_s is None else lead_s
        self.swing, self.swing_unit, self.human_s = 0.5, 1.0, draw.between(0.0, 0.004)
        self.bar = 4
        self.about: dict[str, float | str] = {"rate": self.rate}
        self.change_s: float | None = None
        self._knots_s = self._tempi = np.zeros(0)

    def tempo(self, bpm: float | Callable[[float], float]) -> None:
        """Set the tempo, or the tempo at each beat number."""
        at = bpm if callable(bpm) else lambda beat: bpm
        self.about["bpm"] = round(at(0.0), 1)
        knots: list[float] = [self.lead_s]
        tempi: list[float] = []
        while knots[-1] < self.seconds + 1:
            tempi.append(float(at(len(tempi) / _FINE)))
            knots.append(knots[-1] + 60.0 / tempi[-1] / _FINE)
        self._knots_s, self._tempi = np.array(knots), np.array(tempi)

    @property
    def beats(self) -> int:
        """Whole beats that fit, the last one half a second before the end."""
        return int(np.searchsorted(self._knots_s, self.seconds - 0.5) / _FINE)

    @property
    def bars(self) -> int:
        """Whole bars that fit."""
        return self.beats // self.bar

    def at_s(self, beat: float, *, swung: bool = True) -> float:
        """Return the time of a beat number, off-beats moved by the swing."""
        if swung and self.swing != 0.5:
            unit, inside = divmod(beat, self.swing_unit)
            inside /= self.swing_unit
            inside = 2 * inside * self.swing if inside <= 0.5 else self.swing + (2 * inside - 1) * (1 - self.swing)
            beat = (unit + inside) * self.swing_unit
        return float(np.interp(beat * _FINE, np.arange(len(self._knots_s)), self._knots_s))

    def hit(self, stream: str, drum: Drum, beat: float, velocity: float, level: float = 1.0) -> None:
        """Place a hit of a drum."""
        velocity = float(np.clip(velocity * self.draw.between(0.82, 1.05), 0.02, 1.0))
        at = self.at_s(beat) + float(np.clip(self.draw.rng.normal(0, self.human_s), -0.008, 0.008))
        self.mix.add(stream, level * drum(velocity), max(0.0, at), velocity)

    def pattern(
        self, stream: str, drum: Drum, steps: str, level: float = 1.0, *, bars: Sequence[int] | None = None
    ) -> None:
        """Repeat a bar of steps, evenly spread over it: x loud, o softer, g ghost, anything else a rest.

        Now and then a hit that is not on the first step is left out: no bar need be like the last.
        """
        for bar in range(self.bars) if bars is None else bars:
            for step, mark in enumerate(steps):
                if mark in _VELOCITIES and not (step and self.draw.chance(_LEFT_OUT)):
                    beat = bar * self.bar + step * self.bar / len(steps)
                    self.hit(stream, drum, beat, _VELOCITIES[mark], level)

    def note(
        self, tone: Tone, beat: float, beats: float, semitones: float, velocity: float, level: float = 1.0
    ) -> None:
        """Place a note of so many beats; semitones from A3."""
        self.chord(tone, beat, beats, (semitones,), velocity, level)

    def chord(
        self, tone: Tone, beat: float, beats: float, chord: Sequence[float], velocity: float, level: float = 1.0
    ) -> None:
        """Place notes that are struck together: one sound, which comes in as its sum does."""
        start = self.at_s(beat)
        length = max(0.05, self.at_s(beat + beats) - start)
        notes: list[tuple[np.ndarray, float]] = []
        for semitones in chord:
            sound = level * tone.play(hertz(semitones), length, velocity)
            notes.append((sound, start + abs(self.draw.rng.normal(0, self.human_s / 2))))
        attack_s = tone.attack_s if tone.attack_of is None else tone.attack_of(summed([sound for sound, _ in notes]))
        for sound, at_s in notes:
            self.mix.add("tonal", sound, at_s, velocity, attack_s)

    def clip(self, name: str, index: int, attack: Attack, *, beats: bool) -> Clip:
        """Mix down."""
        samples, heard = self.mix.finish()
        count = self.beats if beats else 0
        grid = np.array([self.at_s(beat, swung=False) for beat in range(count)])
        if len(heard.onsets_s):
            # Nobody could tell a beat after the last note.
            grid = grid[grid <= heard.onsets_s[-1] + 0.05]
        truth = Truth(
            heard.onsets_s,
            heard.streams_s,
            heard.velocities,
            grid,
            grid[:: self.bar],
            self._knots_s[:-1],
            self._tempi,
            attack,
            self.change_s,
        )
        return Clip(name, index, self.rate, samples, truth, self.about)
