"""Sounds with known hits, for tests. Each hit fades out, so that its end is not a click of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["HITS", "beat", "click", "hat", "high_kick", "kick", "noise", "place", "pluck", "snare", "wired_snare"]

Hit = Callable[[int, np.random.Generator], np.ndarray]


def _faded(sound: np.ndarray) -> np.ndarray:
    count = len(sound) // 2
    sound[-count:] *= np.linspace(1, 0, count)
    return sound


def click(rate: int, rng: np.random.Generator) -> np.ndarray:
    """Four milliseconds of noise."""
    count = int(0.004 * rate)
    return rng.uniform(-0.9, 0.9, count) * np.exp(-np.arange(count) / rate / 0.001)


def kick(rate: int, rng: np.random.Generator) -> np.ndarray:
    """A falling sine."""
    t = np.arange(int(0.25 * rate)) / rate
    return _faded(0.8 * np.sin(2 * np.pi * (50 * t + 3.6 * (1 - np.exp(-t / 0.03)))) * np.exp(-t / 0.09))


def high_kick(rate: int, rng: np.random.Generator) -> np.ndarray:
    """A sine that takes a tenth of a second to fall from 330 Hz."""
    t = np.arange(int(0.35 * rate)) / rate
    falling = 0.8 * np.sin(2 * np.pi * (55 * t + 12.4 * (1 - np.exp(-t / 0.045)))) * np.exp(-t / 0.15)
    return _faded(falling * np.minimum(1, t / 0.001))


def snare(rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise over a tone."""
    t = np.arange(int(0.2 * rate)) / rate
    return _faded((0.3 * rng.standard_normal(len(t)) + 0.4 * np.sin(2 * np.pi * 190 * t)) * np.exp(-t / 0.05))


def wired_snare(rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise as wires make it, weaker above 10 kHz, over a tone."""
    t = np.arange(int(0.2 * rate)) / rate
    wires = np.convolve(rng.standard_normal(len(t) + 2), (0.25, 0.5, 0.25), "valid")
    return _faded((0.45 * wires + 0.4 * np.sin(2 * np.pi * 190 * t)) * np.exp(-t / 0.05))


def hat(rate: int, rng: np.random.Generator) -> np.ndarray:
    """Short high noise."""
    t = np.arange(int(0.06 * rate)) / rate
    return _faded(0.12 * np.diff(rng.standard_normal(len(t)), prepend=0.0) * np.exp(-t / 0.015))


def pluck(rate: int, rng: np.random.Generator) -> np.ndarray:
    """A string of seven harmonics at a random pitch."""
    t = np.arange(int(0.4 * rate)) / rate
    pitch = 220 * 2 ** (rng.integers(0, 12) / 12)
    tone = sum(np.sin(2 * np.pi * pitch * number * t) / number for number in range(1, 8))
    return _faded(0.3 * tone * np.exp(-t / 0.15) * np.minimum(1, t / 0.003))


HITS: dict[str, Hit] = {"click": click, "kick": kick, "snare": snare, "hat": hat, "pluck": pluck}


def noise(rate: int, seconds: float, level_db: float, seed: int = 0) -> np.ndarray:
    """White noise of an RMS level in dB, float32."""
    rng = np.random.default_rng(seed)
    return (10 ** (level_db / 20) * rng.standard_normal(int(seconds * rate))).astype(np.float32)


def place(times: np.ndarray, hit: Hit, rate: int, seconds: float, floor_db: float = -80.0, seed: int = 0) -> np.ndarray:
    """Return `seconds` of noise floor with a hit at each time, float32."""
    rng = np.random.default_rng(seed)
    sound = noise(rate, seconds, floor_db, seed).astype(np.float64)
    for time in times:
        one = hit(rate, rng)
        start = round(time * rate)
        one = one[: len(sound) - start]
        sound[start : start + len(one)] += one
    return sound.astype(np.float32)


def beat(rate: int, seconds: float, bpm: float, *, pad: float = 0.15, seed: int = 0) -> np.ndarray:
    """Kick on the beat, hat between, snare on two and four, and a chord that is held; float32."""
    step = 60.0 / bpm
    times = np.arange(0.3, seconds - 0.4, step)
    sound = place(times, kick, rate, seconds, seed=seed).astype(np.float64)
    sound += place(times[1::2], snare, rate, seconds, -140, seed)
    sound += place(times[:-1] + step / 2, hat, rate, seconds, -140, seed)
    t = np.arange(len(sound)) / rate
    for pitch in (220.0, 277.2, 329.6, 415.3):
        sound += pad / 4 * np.sin(2 * np.pi * pitch * t + pitch) * (1 + 0.2 * np.sin(2 * np.pi * 0.3 * t))
    return np.clip(sound, -1, 1).astype(np.float32)
