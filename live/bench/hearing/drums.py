"""Drums: each call draws a drum; the drum returned makes one hit of a given velocity, first sample at the onset."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from live.bench.hearing.draw import Draw, or_sampled

__all__ = ["Drum", "clap", "hat", "kick", "open_hat", "ride", "snare", "tom"]

Drum = Callable[[float], np.ndarray]
"""Velocity 0 to 1 → samples, shape (n,)."""


def time_axis(seconds: float, rate: int) -> np.ndarray:
    """Return the times of so many seconds of samples, shape (n,)."""
    return np.arange(round(seconds * rate)) / rate


def faded(sound: np.ndarray, rate: int, seconds: float = 0.012) -> np.ndarray:
    """Fade the end out, so that it is not a click of its own."""
    count = min(len(sound) // 2, round(seconds * rate))
    sound[-count:] *= np.linspace(1, 0, count)
    return sound


def coloured(draw: Draw, count: int, rate: int, low_hz: float, high_hz: float, slope: float = 0.0) -> np.ndarray:
    """Return noise of RMS 1 between two frequencies; `slope` in dB per octave.

    The spectrum is shaped before any envelope is laid on, so that a hit still begins at its first sample.
    """
    size = max(2, count)
    spectrum = np.fft.rfft(draw.rng.standard_normal(size))
    f = np.fft.rfftfreq(size, 1 / rate) + 1.0
    shape = (1 + (low_hz / f) ** 4) ** -1 * (1 + (f / high_hz) ** 4) ** -1 * (f / 1000) ** (slope / 6.02)
    noise = np.fft.irfft(spectrum * shape, size)[:count]
    return noise / max(1e-12, float(np.sqrt(np.mean(noise**2))))


def attacked(sound: np.ndarray, rate: int, seconds: float) -> np.ndarray:
    """Let the sound begin with a short straight ramp."""
    count = max(2, round(seconds * rate))
    sound[:count] *= np.linspace(0, 1, count)
    return sound


@or_sampled("drum", "kick")
def kick(draw: Draw, rate: int) -> Drum:
    """A sine that falls from a few hundred hertz, with a click of the beater."""
    pitch, fall, fall_s = draw.timbre(40, 62), draw.timbre(60, 320), draw.timbre(0.008, 0.04)
    decay_s, click, drive = draw.timbre(0.06, 0.28), draw.timbre(0.03, 0.35), draw.timbre(0.6, 3.0)
    attack_s, start = draw.timbre(0.0004, 0.0025), draw.between(0, 0.25)

    def hit(velocity: float) -> np.ndarray:
        t = time_axis(5 * decay_s, rate)
        angle = 2 * np.pi * (pitch * t + fall * fall_s * (1 - np.exp(-t / fall_s)) + start)
        body = np.tanh(drive * np.sin(angle)) / np.tanh(drive) * np.exp(-t / decay_s)
        beater = coloured(draw, len(t), rate, 1200, 6000) * np.exp(-t / 0.003)
        return faded(attacked(velocity * (body + click * velocity * beater), rate, attack_s), rate)

    return hit


@or_sampled("drum", "snare")
def snare(draw: Draw, rate: int) -> Drum:
    """Two modes of a skin, and noise of the wires."""
    pitch, ratio, skin_s = draw.timbre(150, 250), draw.timbre(1.5, 1.9), draw.timbre(0.03, 0.1)
    wires, wires_s = draw.timbre(0.35, 1.1), draw.timbre(0.05, 0.18)
    low_hz, high_hz = draw.timbre(500, 2500), draw.timbre(6000, 14000)
    attack_s = draw.timbre(0.0003, 0.002)

    def hit(velocity: float) -> np.ndarray:
        t = time_axis(5 * max(skin_s, wires_s), rate)
        skin = np.sin(2 * np.pi * pitch * t + 0.7) + 0.6 * np.sin(2 * np.pi * pitch * ratio * t)
        noise = coloured(draw, len(t), rate, low_hz, high_hz) * np.exp(-t / wires_s)
        sound = 0.55 * skin * np.exp(-t / skin_s) + 0.5 * wires * noise
        return faded(attacked(velocity * sound, rate, attack_s), rate)

    return hit


@or_sampled("drum", "clap")
def clap(draw: Draw, rate: int) -> Drum:
    """A few short bursts within 30 ms, the last one longest."""
    bursts, gap_s, tail_s = draw.whole(2, 4), draw.timbre(0.006, 0.0095), draw.timbre(0.04, 0.16)
    low_hz, high_hz = draw.timbre(700, 1300), draw.timbre(2500, 8000)

    def hit(velocity: float) -> np.ndarray:
        t = time_axis((bursts - 1) * gap_s + 5 * tail_s, rate)
        envelope = np.zeros(len(t))
        for burst in range(bursts):
            after = t - burst * gap_s
            length = tail_s if burst == bursts - 1 else 0.004
            envelope = np.maximum(envelope, np.where(after >= 0, np.exp(-np.maximum(after, 0) / length), 0))
        sound = 0.6 * velocity * coloured(draw, len(t), rate, low_hz, high_hz) * envelope
        return faded(attacked(sound, rate, 0.0005), rate)

    return hit


def _metal(draw: Draw, rate: int, seconds: float) -> np.ndarray:
    """Return six detuned square waves' worth of partials above 4 kHz, RMS 1."""
    t = time_axis(seconds, rate)
    base = draw.timbre(320, 560)
    sound = np.zeros(len(t))
    for ratio in (2.0, 3.0, 4.16, 5.43, 6.79, 8.21):
        for harmonic in (1, 3, 5):
            frequency = base * ratio * harmonic
            if 3500 < frequency < 0.45 * rate:
                sound += np.sin(2 * np.pi * (frequency * t + draw.rng.random())) / harmonic
    return sound / max(1e-9, float(np.sqrt(np.mean(sound**2))))


@or_sampled("drum", "hat")
def hat(draw: Draw, rate: int) -> Drum:
    """Metal and high noise, short."""
    return _hat(draw, rate, draw.timbre(0.012, 0.05))


@or_sampled("drum", "open")
def open_hat(draw: Draw, rate: int) -> Drum:
    """A hat that rings on."""
    return _hat(draw, rate, draw.timbre(0.09, 0.3))


def _hat(draw: Draw, rate: int, decay_s: float) -> Drum:
    low_hz, share, attack_s = draw.timbre(4500, 9000), draw.between(0, 0.7), draw.timbre(0.0002, 0.0015)
    metal = _metal(draw, rate, 5 * decay_s)

    def hit(velocity: float) -> np.ndarray:
        t = np.arange(len(metal)) / rate
        length = decay_s * (0.75 + 0.25 * velocity)
        noise = coloured(draw, len(t), rate, low_hz, 15000)
        sound = 0.3 * velocity * (share * metal + (1 - share) * noise) * np.exp(-t / length)
        return faded(attacked(sound, rate, attack_s), rate)

    return hit


@or_sampled("drum", "ride")
def ride(draw: Draw, rate: int) -> Drum:
    """A cymbal: a ping of the stick and a long wash."""
    decay_s, ping = draw.timbre(0.25, 0.7), draw.timbre(0.8, 2.5)
    metal = _metal(draw, rate, 3 * decay_s)

    def hit(velocity: float) -> np.ndarray:
        t = np.arange(len(metal)) / rate
        wash = 0.4 * coloured(draw, len(t), rate, 3500, 14000) * np.exp(-t / decay_s)
        sound = metal * (0.5 * np.exp(-t / decay_s) + ping * np.exp(-t / 0.02)) + wash
        return faded(attacked(0.16 * velocity * sound, rate, 0.0005), rate, 0.05)

    return hit


@or_sampled("drum", "tom")
def tom(draw: Draw, rate: int) -> Drum:
    """A skin whose pitch falls a little."""
    pitch, decay_s, bend = draw.timbre(75, 210), draw.timbre(0.09, 0.3), draw.timbre(0.1, 0.5)

    def hit(velocity: float) -> np.ndarray:
        t = time_axis(5 * decay_s, rate)
        angle = 2 * np.pi * pitch * (t + bend * 0.03 * (1 - np.exp(-t / 0.03)))
        skin = (np.sin(angle) + 0.35 * np.sin(1.59 * angle)) * np.exp(-t / decay_s)
        stick = 0.15 * coloured(draw, len(t), rate, 400, 4000) * np.exp(-t / 0.006)
        return faded(attacked(0.8 * velocity * (skin + stick), rate, 0.001), rate)

    return hit
