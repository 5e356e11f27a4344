"""Sampled instruments for the clips: a General MIDI SoundFont plays what is otherwise synthesised.

The synthesiser's instruments begin exactly as told. Recorded ones begin as they were recorded, so what is true of each
note is measured on that note alone: its first sample is where it comes within 40 dB of its peak, and how slowly it
comes in, when it passes -12 dB of its full level (`live.bench.hearing.truth`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bentlight.errors import BadInput
from live.bench.hearing.drums import Drum, faded
from live.bench.hearing.tones import Tone

if TYPE_CHECKING:
    from live.bench.hearing.draw import Draw

__all__ = ["PEAKS", "Band", "begun", "tuned"]

Item = TypeVar("Item")

_PROGRAMS = {
    "bass": (32, 33, 34, 35, 36, 37, 38, 39),
    "lead": (16, 26, 28, 29, 56, 65, 66, 71, 75, 80, 81, 84),
    "pluck": (6, 7, 8, 11, 12, 15, 24, 25, 27, 45, 46, 104, 105, 107, 108, 114),
    "piano": (0, 1, 2, 3, 4, 5),
    "strings": (40, 41, 42, 48, 49, 51),
    "pad": (19, 52, 53, 88, 89, 91, 94, 95),
}
"""General MIDI programs, counted from 0. Even places play in the tuning half, odd ones in the report half."""
_KEYS = {"kick": (35, 36), "snare": (38, 40), "clap": (39,), "hat": (42, 44), "open": (46,), "ride": (51, 59),
         "tom": (41, 43, 45, 47, 48, 50)}  # fmt: skip
_DRUM_BANK, _ORCHESTRAL = 128, 48
_LEVELS = {"bass": 0.22, "lead": 0.14, "pluck": 0.14, "piano": 0.14, "strings": 0.12, "pad": 0.12}
"""RMS over the first 0.3 s of a note at velocity 0.8, about as the synthesised instruments have it."""
PEAKS = {"kick": 0.9, "snare": 0.8, "clap": 0.7, "hat": 0.35, "open": 0.35, "ride": 0.35, "tom": 0.7}
"""Largest sample of each drum at full velocity."""
_BEGINS_DB, _FULL_DB, _GONE = -40.0, -12.0, 1e-3
_RELEASE_S, _LONGEST_HIT_S = 1.2, 2.5
_COMPARED_HZ, _COMPARED_S, _SAME = 48_000, 0.03, 0.97
"""Two drums whose first 30 ms correlate by so much are one recording."""
_TUNINGS = (0.8, 1.25)
"""How fast a drum's recording is played, four semitones down to four up."""


class Band:
    """The instruments of a SoundFont.

    Parameters
    ----------
    path : Path
        An .sf2 file with the General MIDI programs and drum kits.

    Raises
    ------
    BadInput
        If it cannot be read, or `tinysoundfont` is not installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import tinysoundfont
        except ImportError:
            raise BadInput(
                "A SoundFont needs tinysoundfont, which is not installed; run: pip install --no-deps tinysoundfont"
            ) from None
        if not path.is_file():
            raise BadInput(f"There is no SoundFont {path}; give an .sf2 file.")
        self._open = tinysoundfont.Synth
        self._path = path
        self._synths: dict[int, tuple[Any, int]] = {}
        self._recordings: dict[str, list[tuple[int, int]]] = {}
        synth, font = self._synth(48_000)
        names = {number: synth.sfpreset_name(font, _DRUM_BANK, number) for number in range(128)}
        self._kits = [number for number, name in names.items() if name and number != _ORCHESTRAL]
        if len(self._kits) < 2 or not synth.sfpreset_name(font, 0, 0):
            raise BadInput(f"The SoundFont {path} has no General MIDI programs and kits; use another.")

    def drum(self, kind: str, draw: Draw, rate: int) -> Drum:
        """Draw a recording out of all that the kits have of a kind, and its tuning."""
        recordings = self._distinct(kind)
        kit, key = draw.one_of(self._half(recordings, draw) or recordings)
        full = self._note(rate, _DRUM_BANK, kit, key, 110, _LONGEST_HIT_S)
        scale = PEAKS[kind] / max(1e-6, float(np.abs(full).max()))

        def hit(velocity: float) -> np.ndarray:
            return scale * self._note(rate, _DRUM_BANK, kit, key, _midi(velocity), _LONGEST_HIT_S)

        return tuned(hit, draw)

    def _distinct(self, kind: str) -> list[tuple[int, int]]:
        """Kit and key of each recording of a drum: kits share many, and what is in both halves tests nothing."""
        if kind not in self._recordings:
            found: list[tuple[int, int]] = []
            heads: list[np.ndarray] = []
            for kit, key in product(self._kits, _KEYS[kind]):
                sound = self._note(_COMPARED_HZ, _DRUM_BANK, kit, key, 110, 0.1)
                head = np.zeros(round(_COMPARED_S * _COMPARED_HZ))
                head[: len(sound)] = sound[: len(head)]
                if (size := float(np.linalg.norm(head))) > 0 and all(one @ head < _SAME * size for one in heads):
                    heads.append(head / size)
                    found.append((kit, key))
            if not found:
                raise BadInput(f"The SoundFont {self._path} has no {kind}; use another.")
            self._recordings[kind] = found
        return self._recordings[kind]

    def tone(self, kind: str, draw: Draw, rate: int) -> Tone:
        """Draw an instrument of a kind."""
        program = draw.one_of(self._half(_PROGRAMS[kind], draw))
        head = self._note(rate, 0, program, 45 if kind == "bass" else 62, _midi(0.8), 0.5)[: round(0.3 * rate)]
        scale = _LEVELS[kind] / max(1e-6, float(np.sqrt(np.mean(head**2))))

        def play(pitch: float, length_s: float, velocity: float) -> np.ndarray:
            key = round(69 + 12 * np.log2(pitch / 440))
            return scale * self._note(rate, 0, program, key, _midi(velocity), round(length_s, 2))

        return Tone(play, attack_of=lambda sound: _attack_s(sound, rate))

    @staticmethod
    def _half(items: Sequence[Item], draw: Draw) -> list[Item]:
        return list(items)[draw.half == "report" :: 2]

    def _synth(self, rate: int) -> tuple[Any, int]:
        if rate not in self._synths:
            synth = self._open(samplerate=rate)
            try:
                font = synth.sfload(str(self._path))
            except RuntimeError:
                raise BadInput(f"{self._path} cannot be read as a SoundFont; give an .sf2 file.") from None
            self._synths[rate] = synth, font
        return self._synths[rate]

    @lru_cache(maxsize=512)  # noqa: B019
    def _note(self, rate: int, bank: int, program: int, key: int, velocity: int, length_s: float) -> np.ndarray:
        """Return a note alone, mono, from where it begins to where it has died away, shape (n,)."""
        synth, font = self._synth(rate)
        synth.sounds_off()
        synth.program_select(0, font, bank, program, bank == _DRUM_BANK)
        synth.noteon(0, key, velocity)
        parts = [_mono(synth.generate(round(length_s * rate)))]
        synth.noteoff(0, key)
        parts.append(_mono(synth.generate(round(_RELEASE_S * rate))))
        sound = np.concatenate(parts)
        return faded(begun(sound), rate)


def tuned(hit: Drum, draw: Draw) -> Drum:
    """Play a drum's recordings faster or slower, as they are tuned on every record."""
    speed = draw.timbre(*_TUNINGS)

    def played(velocity: float) -> np.ndarray:
        sound = hit(velocity)
        return np.interp(np.arange(0, len(sound) - 1, speed), np.arange(len(sound)), sound)

    return played


def begun(sound: np.ndarray) -> np.ndarray:
    """Return a sound from where it begins to where it has died away, shape (n,), n at least 2."""
    level = np.abs(sound)
    there = np.flatnonzero(level > level.max(initial=0.0) * 10 ** (_BEGINS_DB / 20))
    if len(there) < 2:
        return np.zeros(2)
    gone = int(np.flatnonzero(level > level.max() * _GONE)[-1]) + 1
    return sound[there[0] : max(gone, there[0] + 2)].copy()


def _midi(velocity: float) -> int:
    return int(np.clip(round(127 * velocity), 1, 127))


def _mono(stereo: Any) -> np.ndarray:
    return np.frombuffer(bytes(stereo), np.float32).reshape(-1, 2).mean(axis=1).astype(np.float64)


def _attack_s(sound: np.ndarray, rate: int) -> float:
    """Length of the raised-cosine ramp that passes -12 dB of its full level when this sound does, in s."""
    size = max(1, round(0.005 * rate))
    blocks = np.abs(sound[: len(sound) // size * size]).reshape(-1, size).max(axis=1)
    if not len(blocks):
        return 0.0
    first = int(np.argmax(blocks >= blocks.max() * 10 ** (_FULL_DB / 20)))
    return 3.0 * first * size / rate
