"""The mixing desk: places sounds, adds room, noise and clipping, and knows which of them can be heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from live.bench.hearing.draw import Draw
from live.bench.hearing.tones import SLOW_S
from live.bench.hearing.truth import MERGE_S, merged

__all__ = ["Audible", "Mix", "noise", "summed"]

_ENVELOPE_SHARE = 1 / 3
"""Where a raised-cosine ramp passes -12 dB, as a share of its length."""
_GHOST_DB, _MASKED_DB = -40.0, 0.0
_LOOK_S, _SLOW_LOOK_S = 0.04, 0.12
_AROUND_S = 1.0
_DUCK_S = 0.12


@dataclass(frozen=True, slots=True)
class _Note:
    stream: str
    start: int
    sound: np.ndarray
    velocity: float
    attack_s: float


@dataclass(frozen=True, slots=True)
class Audible:
    """The audible onsets of a mix: of all streams together and of each, with velocities."""

    onsets_s: np.ndarray
    streams_s: dict[str, np.ndarray]
    velocities: dict[str, np.ndarray]


def noise(draw: Draw, count: int, colour: str) -> np.ndarray:
    """Return steady noise of RMS 1, "white" or "pink" (3 dB less per octave), shape (count,)."""
    white = draw.rng.standard_normal(count)
    if colour == "pink":
        spectrum = np.fft.rfft(white)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        spectrum[0] = 0
        white = np.fft.irfft(spectrum, count)
    return white / np.sqrt(np.mean(white**2))


def summed(sounds: Sequence[np.ndarray]) -> np.ndarray:
    """Return the sum of sounds that begin together, shape (n,) of the longest."""
    whole = np.zeros(max(map(len, sounds)))
    for sound in sounds:
        whole[: len(sound)] += sound
    return whole


class Mix:
    """Sounds of one clip on a timeline.

    Attributes set by whoever writes a clip, before `finish`: ``fader`` (times in s, gains in dB: automation of the
    whole), ``noise_db`` (noise floor under the loudest second, or None), ``noise_colour``, ``room`` (0 dry to 1),
    ``room_s`` (reverberation time), ``drive`` (0: none; more is clipped harder), ``peak_db``, ``duck`` (0 to 1: how
    far the kick pushes the tonal sounds down), ``backdrop`` (a sound under it all that has no onset, shape (n,)).
    """

    def __init__(self, rate: int, seconds: float, draw: Draw) -> None:
        self.rate, self.length, self._draw = rate, round(seconds * rate), draw
        self.notes: list[_Note] = []
        self.fader: tuple[list[float], list[float]] = ([0.0], [0.0])
        self.noise_db: float | None = -75.0
        self.noise_colour = "pink"
        self.room, self.room_s, self.drive, self.duck = 0.1, 0.5, 0.0, 0.0
        self.peak_db = -3.0
        self.backdrop: np.ndarray | None = None

    def add(self, stream: str, sound: np.ndarray, at_s: float, velocity: float, attack_s: float = 0.0) -> None:
        """Place a sound, shape (n,); what lies beyond the clip is cut."""
        start = round(at_s * self.rate)
        if 0 <= start < self.length:
            sound = sound[: self.length - start]
            self.notes.append(_Note(stream, start, sound, velocity, attack_s if attack_s > SLOW_S else 0.0))

    def finish(self) -> tuple[np.ndarray, Audible]:
        """Return the samples, float32, shape (n,), and what can be heard in them."""
        ducking, fader = self._ducking(), self._fader()
        dry = np.zeros(self.length)
        placed: list[np.ndarray] = []
        for note in self.notes:
            part = slice(note.start, note.start + len(note.sound))
            sound = note.sound * (ducking[part] if note.stream == "tonal" else 1.0)
            dry[part] += sound
            placed.append(sound * fader[part])
        bus = fader * (dry + self.room * self._reverb(dry))
        if self.backdrop is not None:
            bus += self.backdrop
        if self.noise_db is not None:
            floor = noise(self._draw, self.length, self.noise_colour)
            bus += floor * 10 ** (self.noise_db / 20) * max(1e-3, self._loudest(bus))
        heard = self._heard(bus, placed)
        if self.drive:
            scale = self.drive / max(1e-9, float(np.abs(bus).max()))
            bus = np.tanh(scale * bus)
        peak = float(np.abs(bus).max())
        return (bus * (10 ** (self.peak_db / 20) / max(peak, 1e-9))).astype(np.float32), heard

    def _loudest(self, bus: np.ndarray) -> float:
        """RMS of the loudest second."""
        return float(np.sqrt(self._around(bus, 0.5).max()))

    def _around(self, bus: np.ndarray, half_s: float) -> np.ndarray:
        """Mean square of the time around each sample, shape (n,)."""
        half = round(half_s * self.rate)
        total = np.concatenate([[0.0], np.cumsum(bus**2)])
        index = np.arange(self.length)
        low, high = np.maximum(0, index - half), np.minimum(self.length, index + half)
        return np.maximum((total[high] - total[low]) / (high - low), 1e-20)

    def _fader(self) -> np.ndarray:
        times, gains = self.fader
        return 10 ** (np.interp(np.arange(self.length) / self.rate, times, gains) / 20)

    def _ducking(self) -> np.ndarray:
        """Gain of the tonal sounds: pushed down in 4 ms at each kick, back within a fraction of a second."""
        gain = np.ones(self.length)
        if not self.duck:
            return gain
        t = np.arange(round(4 * _DUCK_S * self.rate)) / self.rate
        shape = 1 - self.duck * np.minimum(1, t / 0.004) * np.exp(-t / _DUCK_S)
        for note in self.notes:
            if note.stream == "kick":
                part = gain[note.start : note.start + len(shape)]
                np.minimum(part, shape[: len(part)], out=part)
        return gain

    def _reverb(self, dry: np.ndarray) -> np.ndarray:
        if not self.room:
            return np.zeros(self.length)
        t = np.arange(round(1.2 * self.room_s * self.rate)) / self.rate
        impulse = self._draw.rng.standard_normal(len(t)) * np.exp(-6.9 * t / self.room_s)
        impulse /= np.sqrt(np.sum(impulse**2))
        delay = round(self._draw.timbre(0.005, 0.025) * self.rate)
        size = 1 << (self.length + len(t)).bit_length()
        wet = np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(impulse, size), size)[: self.length]
        return np.concatenate([np.zeros(delay), wet[: self.length - delay]])

    def _heard(self, bus: np.ndarray, placed: list[np.ndarray]) -> Audible:
        around = self._around(bus, _AROUND_S)
        audible: list[tuple[float, float, _Note]] = []
        for note, sound in zip(self.notes, placed, strict=True):
            level_db, above_db = self._levels(bus, note, sound)
            if level_db - 10 * np.log10(around[note.start]) < _GHOST_DB or above_db < _MASKED_DB:
                continue
            audible.append((note.start / self.rate, level_db, note))
        percussive = np.array([at for at, _, note in audible if not note.attack_s])
        timed = [(_onset(at, note, percussive), level, note) for at, level, note in audible]
        streams = sorted({note.stream for note in self.notes})
        parts = {name: _as_one([entry for entry in timed if entry[2].stream == name]) for name in streams}
        whole, _ = _as_one(timed)
        return Audible(whole, {k: v[0] for k, v in parts.items()}, {k: v[1] for k, v in parts.items()})

    def _levels(self, bus: np.ndarray, note: _Note, sound: np.ndarray) -> tuple[float, float]:
        """Return the note's level in dB where it begins, and the most it stands over the rest in any band, in dB."""
        size = round((_SLOW_LOOK_S if note.attack_s else _LOOK_S) * self.rate)
        start = note.start + round(note.attack_s * _ENVELOPE_SHARE * self.rate)
        begin = max(0, start - size // 8)
        own = np.zeros(size)
        offset = begin - note.start
        piece = sound[max(0, offset) : max(0, offset + size)]
        own[max(0, -offset) : max(0, -offset) + len(piece)] = piece
        whole = np.zeros(size)
        window = bus[begin : begin + size]
        whole[: len(window)] = window
        level_db = 10 * np.log10(np.mean(own**2) + 1e-20)
        shape = np.hanning(size)
        ours, rest = (self._bands(shape * part) for part in (own, whole - own))
        return float(level_db), float(np.max(10 * np.log10((ours + 1e-12) / (rest + 1e-12))))

    def _bands(self, sound: np.ndarray) -> np.ndarray:
        """Power in thirds of an octave from 40 Hz to 16 kHz, none narrower than the window can tell."""
        power = np.abs(np.fft.rfft(sound)) ** 2
        edges = np.unique(np.round(40 * 2 ** (np.arange(27) / 3) * len(sound) / self.rate).astype(int))
        return np.add.reduceat(power[: edges[-1]], edges[:-1])


def _onset(at_s: float, note: _Note, percussive: np.ndarray) -> float:
    if not note.attack_s:
        return at_s
    if len(percussive):
        nearest = percussive[np.argmin(np.abs(percussive - at_s))]
        if abs(nearest - at_s) < MERGE_S:
            return float(nearest)
    return at_s + note.attack_s * _ENVELOPE_SHARE


def _as_one(entries: list[tuple[float, float, _Note]]) -> tuple[np.ndarray, np.ndarray]:
    """Return merged times and velocities."""
    entries = sorted(entries, key=lambda entry: entry[0])
    times = np.array([entry[0] for entry in entries])
    kept = merged(times, np.array([entry[1] for entry in entries]))
    return times[kept], np.array([entries[i][2].velocity for i in kept])
