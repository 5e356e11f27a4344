"""The demo track's score and mix: 72 s in A minor, 118 BPM, a quiet passage and a build, then 132 BPM."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from live.capture import demo_voices as voices
from live.capture.demo_voices import RATE

__all__ = ["PEAK_DB", "RATE", "SECTIONS", "Section", "placed", "song"]

_TAIL_S = 2.6
PEAK_DB = -1.0
_A = 220.0


@dataclass(frozen=True, slots=True)
class Section:
    """Some bars of four beats with the same players.

    Attributes
    ----------
    name : str
    bars : int
    bpm : float
    players : frozenset of str
    bright : (float, float)
        How open pad, bass and plucks are at the beginning and at the end, 0 to 1.
    """

    name: str
    bars: int
    bpm: float
    players: frozenset[str] = field(default_factory=frozenset)
    bright: tuple[float, float] = (0.5, 0.5)

    @property
    def beat_s(self) -> float:
        """Length of a beat in seconds."""
        return 60.0 / self.bpm


SECTIONS = (
    Section("dawn", 4, 118, frozenset({"pad", "pluck", "hat"}), (0.15, 0.4)),
    Section("walk", 8, 118, frozenset({"pad", "pluck", "hat", "kick", "snare", "bass"}), (0.35, 0.6)),
    Section("quiet", 4, 118, frozenset({"pad", "lead"}), (0.25, 0.1)),
    Section("build", 4, 118, frozenset({"pad", "pluck", "roll", "riser", "bass"}), (0.2, 1.0)),
    Section("run", 12, 132, frozenset({"pad", "pluck", "hat", "kick", "snare", "clap", "bass", "lead"}), (0.6, 0.95)),
    Section("home", 4, 132, frozenset({"pad", "pluck", "kick", "hat", "bass"}), (0.7, 0.2)),
)

# Semitones from A3: the root of the bass, then the chord as it is voiced. One chord a bar.
_CHORDS = (
    (-12, (0, 3, 7, 10)),  # Am7
    (-16, (-4, 0, 3, 7)),  # Fmaj7
    (-9, (-5, -2, 3, 7)),  # C/G with a ninth's colour
    (-14, (-2, 2, 5, 10)),  # G
)
_ARPEGGIO = (0, 1, 2, 3, 2, 1, 3, 2, 0, 2, 1, 3, 2, 3, 1, 2)
# (beat in a phrase of four bars, semitones from A4, beats)
_TUNE_QUIET = ((0, 12, 3), (3, 10, 1), (4, 7, 3.5), (8, 10, 2), (10, 12, 1), (11, 15, 1), (12, 14, 3.5))
_TUNE_RUN = (
    (0, 12, 1.5), (1.5, 15, 0.5), (2, 12, 1), (3, 10, 1), (4, 7, 2.5), (6.5, 10, 0.5), (7, 12, 1),
    (8, 15, 1.5), (9.5, 14, 0.5), (10, 12, 1), (11, 10, 1), (12, 14, 3), (15, 10, 0.5), (15.5, 12, 0.5),
)  # fmt: skip


def _hz(semitones: float) -> float:
    return _A * 2 ** (semitones / 12)


class _Mix:
    """Stereo tracks by name, all of the song's length."""

    def __init__(self, seconds: float) -> None:
        self.length = int(seconds * RATE)
        self.tracks: dict[str, np.ndarray] = {}
        self.kicks: list[int] = []
        self.placed: list[tuple[str, float, np.ndarray]] = []

    def add(self, track: str, sound: np.ndarray, at_s: float, level: float, pan: float = 0.0) -> None:
        """Add a sound, mono or stereo; `pan` from -1 (left) to 1, of equal power."""
        self.placed.append((track, at_s, level * (sound if sound.ndim == 1 else sound.mean(1))))
        if sound.ndim == 1:
            angle = (pan + 1) * np.pi / 4
            sound = sound[:, None] * (np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)]))
        start = int(at_s * RATE)
        place = self.tracks.setdefault(track, np.zeros((self.length, 2)))[start : start + len(sound)]
        place += level * sound[: len(place)]


def song() -> np.ndarray:
    """Return the whole track, float32, shape (n, 2), at `RATE`; the same every time."""
    return _master(*_written())


def placed() -> list[tuple[str, float, np.ndarray]]:
    """Return what is played: a player's name, the time in s and the sound, mono, as it goes into the mix, for each."""
    return _written()[0].placed


def _written() -> tuple[_Mix, np.random.Generator]:
    rng = np.random.default_rng(118)
    mix = _Mix(sum(section.bars * 4 * section.beat_s for section in SECTIONS) + _TAIL_S)
    start_s = 0.0
    for section in SECTIONS:
        _play(mix, section, start_s, rng)
        start_s += section.bars * 4 * section.beat_s
    # The last chord rings into the tail.
    mix.add("pad", voices.pad(tuple(_hz(note) for note in _CHORDS[0][1]), 2.5, 0.2, rng), start_s, 0.5)
    return mix, rng


def _play(mix: _Mix, section: Section, start_s: float, rng: np.random.Generator) -> None:
    beat_s, low, high = section.beat_s, *section.bright
    for bar in range(section.bars):
        at_s = start_s + bar * 4 * beat_s
        bright = low + (high - low) * bar / max(1, section.bars - 1)
        root, chord = _CHORDS[bar % len(_CHORDS)]
        if "pad" in section.players:
            sound = voices.pad(tuple(_hz(note) for note in chord), 4 * beat_s + 0.2, bright, rng)
            mix.add("pad", sound, at_s, 0.75)
        if "pluck" in section.players:
            _plucks(mix, chord, at_s, beat_s, bright, rng)
        if "bass" in section.players:
            _bass(mix, root, at_s, beat_s, bright, section.name == "build")
        _drums(mix, section, bar, at_s, rng)
    if "lead" in section.players:
        tune = _TUNE_QUIET if section.name == "quiet" else _TUNE_RUN
        # In the long section the tune waits for the first four bars.
        for phrase in range(0 if section.bars == 4 else 1, section.bars // 4):
            for beat, note, length in tune:
                sound = voices.lead(_hz(note), length * beat_s * 0.96)
                mix.add("lead", sound, start_s + (16 * phrase + beat) * beat_s, 0.24, 0.1)
    if section.name in ("walk", "run"):
        mix.add("cymbals", voices.crash(rng), start_s, 0.3, -0.2)


def _plucks(
    mix: _Mix, chord: tuple[int, ...], at_s: float, beat_s: float, bright: float, rng: np.random.Generator
) -> None:
    for step, voice in enumerate(_ARPEGGIO):
        octave = 12 if step % 4 else 24
        sound = voices.pluck(_hz(chord[voice] + octave), bright)
        level = (0.2 if step % 4 else 0.27) * (0.6 + 0.5 * bright) * rng.uniform(0.85, 1.0)
        for echo in range(3):
            # A dotted eighth to the other side, twice, each fainter.
            pan = (0.5 if step % 2 else -0.5) * (1 - 2 * (echo % 2))
            mix.add("pluck", sound, at_s + (step / 4 + 0.75 * echo) * beat_s, level * 0.42**echo, pan)


def _bass(mix: _Mix, root: int, at_s: float, beat_s: float, bright: float, pulse: bool) -> None:
    if pulse:
        steps: list[tuple[float, int, float]] = [(step / 2, 0, 0.42) for step in range(8)]
    else:
        steps = [(0, 0, 0.7), (0.75, 0, 0.2), (1.5, 0, 0.42), (2.25, 12, 0.2), (2.5, 0, 0.42), (3.5, 7, 0.42)]
    for beat, semitones, length in steps:
        mix.add("bass", voices.bass(_hz(root - 12 + semitones), length * beat_s, bright), at_s + beat * beat_s, 0.3)


def _drums(mix: _Mix, section: Section, bar: int, at_s: float, rng: np.random.Generator) -> None:
    beat_s, players, last = section.beat_s, section.players, bar == section.bars - 1
    if "kick" in players:
        for beat in (0.0, 1.0, 2.0, 3.0):
            mix.kicks.append(int((at_s + beat * beat_s) * RATE))
            mix.add("kick", voices.kick(), at_s + beat * beat_s, 0.8)
    if "snare" in players:
        for beat in (1.0, 3.0, *((3.5, 3.75) if last else ())):
            mix.add("snare", voices.snare(rng), at_s + beat * beat_s, 0.5 if beat < 3.5 else 0.35, -0.08)
            if "clap" in players and beat < 3.5:
                mix.add("snare", voices.clap(rng), at_s + beat * beat_s, 0.32, 0.15)
    if "hat" in players:
        soft = section.name == "dawn"
        for step in range(8 if soft else 16):
            beat = step / (2 if soft else 4)
            opened = beat % 1 == 0.5
            level = (0.34 if opened else 0.2 if step % 2 == 0 else 0.11) * (0.5 if soft else 1.0)
            sound = voices.hat(rng, 0.06 if opened and not soft else 0.022)
            mix.add("hat", sound, at_s + beat * beat_s, level * rng.uniform(0.8, 1.0), 0.3)
    if "roll" in players:
        # Quarters, eighths, sixteenths: a bar each of the last three.
        steps = {1: 4, 2: 8, 3: 16}.get(bar, 0)
        for step in range(steps):
            level = 0.12 + 0.1 * bar + 0.1 * step / steps
            mix.add("snare", voices.snare(rng), at_s + step * 4 / steps * beat_s, level)
    if "riser" in players and bar == 0:
        mix.add("riser", voices.riser(rng, 16 * beat_s), at_s, 0.5)


def _ducking(mix: _Mix) -> np.ndarray:
    """Gain that makes room for each kick and swells back within a third of a second, shape (n, 1)."""
    t = np.arange(int(0.34 * RATE)) / RATE
    shape = 1 - 0.72 * np.exp(-t / 0.09) * np.clip((0.34 - t) / 0.1, 0, 1)
    gain = np.ones(mix.length)
    for start in mix.kicks:
        part = gain[start : start + len(shape)]
        np.minimum(part, shape[: len(part)], out=part)
    # Two milliseconds of smoothing: the duck itself must not click.
    width = int(0.002 * RATE)
    return np.convolve(gain, np.ones(width) / width, "same")[:, None]


def _master(mix: _Mix, rng: np.random.Generator) -> np.ndarray:
    duck = _ducking(mix)
    for name, depth in {"pad": 1.0, "bass": 0.8, "pluck": 0.5, "riser": 0.6}.items():
        mix.tracks[name] *= 1 - depth * (1 - duck)
    sends = {"pad": 0.4, "pluck": 0.45, "lead": 0.7, "snare": 0.22, "cymbals": 0.3, "hat": 0.06}
    send = sum(level * mix.tracks[name] for name, level in sends.items())
    dry = sum(mix.tracks.values())
    whole = np.asarray(dry + voices.hall(np.asarray(send), rng) * 0.9)
    whole = np.tanh(1.15 * whole)
    fade = int(1.2 * RATE)
    whole[-fade:] *= np.linspace(1, 0, fade)[:, None] ** 2
    return (whole * (10 ** (PEAK_DB / 20) / np.max(np.abs(whole)))).astype(np.float32)
