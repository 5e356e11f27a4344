"""Pitched instruments: each call draws one; it makes a note of a given pitch, length and velocity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from live.bench.hearing.draw import Draw, or_sampled
from live.bench.hearing.drums import attacked, coloured, faded, time_axis

__all__ = ["SLOW_S", "Tone", "bass", "hertz", "lead", "pad", "piano", "pluck", "strings"]

SLOW_S = 0.02
"""A sound that takes longer than this to come in is a slow attack."""

_TABLE = 4096


@dataclass(frozen=True, slots=True)
class Tone:
    """A pitched instrument.

    Attributes
    ----------
    play : callable
        (pitch in Hz, length in s, velocity 0 to 1) → samples, shape (n,).
    attack_s : float
        Length of the raised-cosine ramp its notes begin with, if that is slow; else 0.
    attack_of : callable, optional
        (samples of a note) → the same of this note, where each has its own.
    """

    play: Callable[[float, float, float], np.ndarray]
    attack_s: float = 0.0
    attack_of: Callable[[np.ndarray], float] | None = None


def hertz(semitones: float) -> float:
    """Return the frequency of a note, counted in semitones from A3 (220 Hz)."""
    return 220.0 * 2 ** (semitones / 12)


def _wave(pitch: float, rate: int, cutoff_hz: float, *, odd: bool = False, steep: float = 2.0) -> np.ndarray:
    """Return one period of a saw (or a square) that a low-pass has rounded, shape (_TABLE,), RMS 1, no aliases."""
    number = np.arange(1, min(_TABLE // 2, max(2, int(0.45 * rate / pitch))))
    level = 1 / number / (1 + (number * pitch / cutoff_hz) ** 2) ** (steep / 2)
    if odd:
        level = level * (number % 2)
    spectrum = np.zeros(_TABLE // 2 + 1, complex)
    spectrum[number] = -1j * level
    wave = np.fft.irfft(spectrum)
    return wave / np.sqrt(np.mean(wave**2))


def _spin(wave: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Read a period at each position, counted in turns."""
    return wave[(turns * _TABLE).astype(np.int64) % _TABLE]


def _gate(t: np.ndarray, length_s: float, release_s: float) -> np.ndarray:
    """Return 1 while the note is held, then a falling half cosine."""
    return 0.5 + 0.5 * np.cos(np.pi * np.clip((t - length_s) / release_s, 0, 1))


@or_sampled("tone", "bass")
def bass(draw: Draw, rate: int) -> Tone:
    """A saw, a sub or a plucked bass."""
    kind = draw.one_of(("saw", "sub", "pluck"))
    cutoff, attack_s = draw.timbre(250, 1400), draw.timbre(0.001, 0.006)
    decay_s, release_s = draw.timbre(0.15, 0.5), draw.timbre(0.015, 0.05)
    bite = draw.timbre(0.2, 0.8)

    def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
        t = time_axis(length_s + release_s, rate)
        dark = _wave(pitch, rate, 1.2 * pitch if kind == "sub" else cutoff * (0.4 + 0.6 * velocity), steep=4)
        bright = _wave(pitch, rate, 4 * cutoff)
        held = np.exp(-t / decay_s) if kind == "pluck" else 0.7 + 0.3 * np.exp(-t / decay_s)
        sound = _spin(dark, pitch * t) * held
        sound += bite * (0.15 if kind == "sub" else 1.0) * _spin(bright, pitch * t) * np.exp(-t / 0.03)
        return faded(attacked(0.4 * velocity * sound * _gate(t, length_s, release_s), rate, attack_s), rate, 0.004)

    return Tone(play)


@or_sampled("tone", "lead")
def lead(draw: Draw, rate: int) -> Tone:
    """A saw or square that is held, with a little vibrato."""
    odd, cutoff = draw.chance(0.5), draw.timbre(1200, 5000)
    attack_s, release_s, depth = draw.timbre(0.002, 0.01), draw.timbre(0.02, 0.12), draw.timbre(0.001, 0.006)

    def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
        t = time_axis(length_s + release_s, rate)
        turns = pitch * (t + depth * np.minimum(1, t / 0.4) * np.sin(2 * np.pi * 5.5 * t) / (2 * np.pi * 5.5))
        sound = _spin(_wave(pitch, rate, cutoff, odd=odd), turns) * (0.75 + 0.25 * np.exp(-t / 0.08))
        return faded(attacked(0.25 * velocity * sound * _gate(t, length_s, release_s), rate, attack_s), rate, 0.004)

    return Tone(play)


@or_sampled("tone", "pluck")
def pluck(draw: Draw, rate: int) -> Tone:
    """A string that is plucked: upper partials die first."""
    cutoff, ring_s, attack_s = draw.timbre(900, 5000), draw.timbre(0.12, 0.6), draw.timbre(0.0007, 0.004)
    noise = draw.timbre(0.02, 0.12)

    def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
        t = time_axis(min(length_s + 0.08, 5 * ring_s), rate)
        layers = ((1.0, 4 * cutoff, 0.12), (1.0, cutoff, 0.45), (0.8, 1.5 * pitch, 1.0))
        sound = sum(
            level * _spin(_wave(pitch, rate, hz * (0.5 + 0.5 * velocity)), pitch * t) * np.exp(-t / (share * ring_s))
            for level, hz, share in layers
        )
        sound = sound + noise * coloured(draw, len(t), rate, 800, 7000) * np.exp(-t / 0.004)
        return faded(attacked(0.2 * velocity * sound * _gate(t, length_s, 0.08), rate, attack_s), rate)

    return Tone(play)


@or_sampled("tone", "piano")
def piano(draw: Draw, rate: int) -> Tone:
    """A struck string: softer is darker and comes in a little later; two strings beat."""
    bright, ring_s, detune = draw.timbre(700, 2600), draw.timbre(0.6, 1.8), draw.timbre(0.0004, 0.0015)
    hammer = draw.timbre(0.03, 0.12)

    def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
        release_s, ring = 0.1, ring_s * (220 / pitch) ** 0.4
        t = time_axis(length_s + release_s, rate)
        dark = _wave(pitch, rate, bright * (0.25 + 0.75 * velocity), steep=3)
        clear = _wave(pitch, rate, 3 * bright * velocity, steep=3)
        sound = (_spin(dark, pitch * t) + _spin(dark, pitch * (1 + detune) * t + 0.1)) * np.exp(-t / ring)
        sound += 0.9 * velocity * _spin(clear, pitch * t) * np.exp(-t / (0.15 * ring))
        sound += 3 * hammer * velocity * coloured(draw, len(t), rate, 100, 1500) * np.exp(-t / 0.012)
        attack_s = 0.001 + 0.007 * (1 - velocity)
        return faded(attacked(0.2 * velocity * sound * _gate(t, length_s, release_s), rate, attack_s), rate)

    return Tone(play)


def _swell(t: np.ndarray, attack_s: float) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(t / attack_s, 0, 1))


@or_sampled("tone", "pad")
def pad(draw: Draw, rate: int) -> Tone:
    """Three detuned saws behind a low-pass, swelling in."""
    attack_s, release_s = draw.timbre(0.12, 0.45), draw.timbre(0.2, 0.7)
    cutoff, detune, slow_hz = draw.timbre(500, 2600), draw.timbre(0.001, 0.006), draw.timbre(0.1, 0.5)

    def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
        t = time_axis(length_s + release_s, rate)
        wave = _wave(pitch, rate, cutoff)
        offsets = draw.rng.random(3)
        sound = sum(_spin(wave, pitch * (1 + detune * k) * t + offsets[k + 1]) for k in (-1, 0, 1))
        moving = 1 + 0.15 * np.sin(2 * np.pi * (slow_hz * t + draw.rng.random()))
        return 0.12 * velocity * sound * moving * _swell(t, attack_s) * _gate(t, length_s, release_s)

    return Tone(play, attack_s)


@or_sampled("tone", "strings")
def strings(draw: Draw, rate: int) -> Tone:
    """A bowed section: very slow attack, vibrato that sets in later, some bow noise."""
    attack_s, release_s = draw.timbre(0.18, 0.5), draw.timbre(0.12, 0.35)
    cutoff, vibrato_hz, depth = draw.timbre(1200, 4000), draw.timbre(4.8, 6.6), draw.timbre(0.004, 0.012)
    bow = draw.timbre(0.02, 0.08)

    def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
        t = time_axis(length_s + release_s, rate)
        wave = _wave(pitch, rate, cutoff)
        sound = bow * coloured(draw, len(t), rate, 500, 6000)
        for _ in range(3):
            hz, phase = vibrato_hz * draw.between(0.93, 1.07), draw.rng.random()
            turn = 2 * np.pi * (hz * t + phase)
            bend = depth * np.minimum(1, t / 0.5) * np.sin(turn) / (2 * np.pi * hz)
            sound = sound + _spin(wave, pitch * draw.between(0.998, 1.002) * (t + bend) + phase) / 2
        return 0.2 * velocity * sound * _swell(t, attack_s) * _gate(t, length_s, release_s)

    return Tone(play, attack_s)
