"""The voices of the demo track: drums, bass, pad, pluck, lead, and a hall. Mono in, mono out unless said."""

from __future__ import annotations

import numpy as np

__all__ = ["RATE", "bass", "clap", "crash", "hall", "hat", "kick", "lead", "pad", "pluck", "riser", "snare"]

RATE = 44_100


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _fade(sound: np.ndarray, attack_s: float, release_s: float) -> np.ndarray:
    """Return `sound` with cosine ramps at both ends, so that it neither begins nor stops with a click."""
    up, down = int(attack_s * RATE), int(release_s * RATE)
    shaped = sound.copy()
    if up:
        shaped[:up] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(up) / up)
    if down:
        shaped[-down:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(down) / down)
    return shaped


def _band(noise: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    """Return noise within a band with soft edges of half an octave."""
    spectrum = np.fft.rfft(noise)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(noise), 1 / RATE), 1.0))
    shape = np.clip((octaves - np.log2(low_hz)) * 2 + 1, 0, 1) * np.clip((np.log2(high_hz) - octaves) * 2 + 1, 0, 1)
    return np.fft.irfft(spectrum * shape, len(noise))


def kick() -> np.ndarray:
    """A bass drum: a sine that falls from 190 to 48 Hz, with a click of a beater."""
    t = _time(0.38)
    pitch = 48 + 142 * np.exp(-t / 0.022)
    body = np.sin(2 * np.pi * np.cumsum(pitch) / RATE) * np.exp(-t / 0.13)
    beater = np.sin(2 * np.pi * 1900 * t) * np.exp(-t / 0.0025) * 0.35
    return _fade(np.tanh(1.6 * body) + beater, 0.0003, 0.08)


def snare(rng: np.random.Generator) -> np.ndarray:
    """A snare drum: two shell tones and rattle."""
    t = _time(0.28)
    shell = 0.5 * np.sin(2 * np.pi * 188 * t) * np.exp(-t / 0.05) + 0.3 * np.sin(2 * np.pi * 331 * t) * np.exp(
        -t / 0.03
    )
    rattle = _band(rng.standard_normal(len(t)), 900, 9000) * np.exp(-t / 0.075) * 0.55
    return _fade(shell + rattle, 0.0005, 0.06)


def clap(rng: np.random.Generator) -> np.ndarray:
    """Hand claps: four bursts of noise within 30 ms and a tail."""
    t = _time(0.3)
    envelope = np.exp(-np.maximum(t - 0.03, 0) / 0.07) * (t >= 0.03)
    for at in (0.0, 0.010, 0.020):
        envelope += np.exp(-np.maximum(t - at, 0) / 0.004) * (t >= at) * 0.8
    return _fade(_band(rng.standard_normal(len(t)), 800, 5000) * envelope * 0.5, 0.0005, 0.05)


def hat(rng: np.random.Generator, open_s: float = 0.022) -> np.ndarray:
    """A hi-hat that dies away with time constant `open_s`."""
    t = _time(min(0.4, open_s * 7))
    metal = sum(np.sign(np.sin(2 * np.pi * f * t)) for f in (3170.0, 4210.0, 5390.0, 6130.0, 8350.0))
    sound = _band(0.12 * metal + 0.5 * rng.standard_normal(len(t)), 6500, 15500)
    return _fade(sound * np.exp(-t / open_s), 0.0004, 0.01)


def crash(rng: np.random.Generator) -> np.ndarray:
    """A cymbal."""
    t = _time(2.4)
    return _fade(_band(rng.standard_normal(len(t)), 3000, 14000) * np.exp(-t / 0.65) * 0.5, 0.001, 0.4)


def riser(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Noise that rises in pitch and level."""
    t = _time(seconds) / seconds
    parts = [(300, 1200, 1 - t), (1200, 4500, np.sin(np.pi * t)), (4500, 13000, t)]
    noise = rng.standard_normal(len(t))
    sound = sum(_band(noise, low, high) * shape for low, high, shape in parts)
    return _fade(np.asarray(sound) * t**2.2 * 0.45, 0.01, 0.02)


def bass(frequency: float, seconds: float, bright: float = 0.5) -> np.ndarray:
    """A bass note: a saw whose harmonics die the sooner the higher they are."""
    t = _time(seconds)
    sound = np.zeros_like(t)
    for number in range(1, 11):
        life_s = 0.5 * (0.25 + bright) / number**0.7
        sound += np.sin(2 * np.pi * frequency * number * t) / number * np.exp(-t / life_s * (number > 1))
    return _fade(np.tanh(1.2 * sound), 0.004, 0.03)


def pad(frequencies: tuple[float, ...], seconds: float, bright: float, rng: np.random.Generator) -> np.ndarray:
    """A chord of detuned strings, stereo, shape (n, 2); `bright` from 0 to 1 opens it."""
    t = _time(seconds)
    sides = np.zeros((len(t), 2))
    roll_off = 2.4 - 1.3 * bright
    for frequency in frequencies:
        for side in (0, 1):
            for cents in (-7.0, 5.0):
                detuned = frequency * 2 ** ((cents + rng.uniform(-2, 2)) / 1200)
                for number in range(1, 9):
                    if detuned * number > 9000:
                        break
                    phase = rng.uniform(0, 2 * np.pi)
                    sides[:, side] += np.sin(2 * np.pi * detuned * number * t + phase) / number**roll_off
    sides *= (1 + 0.12 * np.sin(2 * np.pi * 0.31 * t))[:, None] / (4 * len(frequencies))
    return np.stack([_fade(sides[:, side], 0.12, 0.25) for side in (0, 1)], axis=1)


def pluck(frequency: float, bright: float, seconds: float = 0.5) -> np.ndarray:
    """A plucked note."""
    t = _time(seconds)
    sound = np.zeros_like(t)
    for number in range(1, 3 + int(9 * bright)):
        if frequency * number > 14_000:
            break
        sound += np.sin(2 * np.pi * frequency * number * t) / number * np.exp(-t * (5 + 3.2 * number))
    return _fade(sound, 0.0015, 0.1)


def lead(frequency: float, seconds: float) -> np.ndarray:
    """A soft singing note with late vibrato."""
    t = _time(seconds)
    vibrato = 0.0045 * np.sin(2 * np.pi * 5.2 * t) * np.clip(t / 0.5 - 0.4, 0, 1)
    phase = 2 * np.pi * np.cumsum(frequency * (1 + vibrato)) / RATE
    sound = np.sin(phase) + 0.28 * np.sin(2 * phase) + 0.16 * np.sin(3 * phase) + 0.05 * np.sin(5 * phase)
    return _fade(sound * (0.75 + 0.25 * np.exp(-t / 0.2)), 0.02, min(0.12, seconds / 3))


def hall(send: np.ndarray, rng: np.random.Generator, seconds: float = 2.3) -> np.ndarray:
    """Reverberate a stereo send, shape (n, 2), with decaying noise that darkens; the shape is kept."""
    t = _time(seconds)
    size = 1 << int(len(send) + len(t)).bit_length()
    wet = np.zeros_like(send)
    for side in (0, 1):
        noise = rng.standard_normal(len(t))
        decay = 6.9 / seconds
        response = _band(noise, 180, 2200) * np.exp(-decay * t) + _band(noise, 2200, 9000) * np.exp(-2.2 * decay * t)
        response *= np.clip((t - 0.012) / 0.02, 0, 1)
        response /= np.sqrt(np.sum(response**2))
        wet[:, side] = np.fft.irfft(np.fft.rfft(send[:, side], size) * np.fft.rfft(response, size), size)[: len(send)]
    return wet
