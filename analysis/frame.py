"""`FeatureFrame`: what one hop of sound was heard to be.

One table declares every field with its unit, range and resting value. The numpy record layout, the HUD, the
scene schema's list of sources and the reference page are all made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.bars import METRE, METRES

__all__ = [
    "BANDS",
    "CHROMA_EVERY",
    "FEATURES",
    "FEATURE_FRAME",
    "FIELDS",
    "HEADER",
    "LOWEST_LEVEL_DB",
    "LONGEST_GAP_S",
    "MOST_KURTOSIS",
    "MOST_PITCH_HZ",
    "MOST_SKEWNESS",
    "PITCH_EVERY",
    "SEPARATION_EVERY",
    "SHAPE_EVERY",
    "SMOOTH_ATTACK_S",
    "SMOOTH_RELEASE_S",
    "Draft",
    "Field",
    "FrameFields",
    "blank_frames",
    "filled_frames",
    "rest_frame",
]

BANDS = 8
SMOOTH_ATTACK_S, SMOOTH_RELEASE_S = 0.015, 0.25
"""Time constants of the smoothed levels."""
SHAPE_EVERY, SEPARATION_EVERY, PITCH_EVERY, CHROMA_EVERY = 2, 2, 4, 8
"""Hops between two values of the slow features."""
LOWEST_LEVEL_DB = -90.0
MOST_SKEWNESS, MOST_KURTOSIS, MOST_PITCH_HZ, LONGEST_GAP_S = 20.0, 500.0, 5_000.0, 60.0


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a `FeatureFrame`.

    Attributes
    ----------
    name : str
    dtype : str
        Numpy type of one element.
    size : int
        Number of elements; 1 is a scalar.
    unit : str
    low, high : float
        Range; values never leave it.
    rest : float
        Value in silence, and when no sound arrives at all.
    description : str
    every : int
        Hops between two new values; in the hops between, the value stands.
    """

    name: str
    dtype: str
    size: int
    unit: str
    low: float
    high: float
    rest: float
    description: str
    every: int = 1

    @property
    def pace(self) -> str:
        """What lies between two new values, in words."""
        return "hop" if self.every == 1 else f"{self.every} hops"


_INF = float("inf")

HEADER: tuple[Field, ...] = (
    Field("index", "u8", 1, "hops", 0, _INF, 0, "running number of the hop, from 0; never goes back"),
    Field("time_s", "f8", 1, "s", 0, _INF, 0, "stream time: samples heard up to the end of the hop over the rate"),
    Field("captured_s", "f8", 1, "s", 0, _INF, 0, "host clock when the hop's last sample was handed over"),
    Field("published_s", "f8", 1, "s", 0, _INF, 0, "host clock when the frame could first be read"),
    Field("generation", "i4", 1, "", 0, _INF, 0, "how many times the ears have been started"),
    Field("onset_count", "u4", 1, "onsets", 0, _INF, 0, "onsets since the ears first started"),
    Field("kick_count", "u4", 1, "kicks", 0, _INF, 0, "kick drums since the ears first started"),
    Field("snare_count", "u4", 1, "snares", 0, _INF, 0, "snares and claps since the ears first started"),
    Field("hat_count", "u4", 1, "hats", 0, _INF, 0, "hats and cymbals since the ears first started"),
    Field("beat_count", "u4", 1, "beats", 0, _INF, 0, "beats since the ears first started"),
    Field("bar_count", "u4", 1, "bars", 0, _INF, 0, "bars since the ears first started"),
)

_SMOOTH = f"smoothed: attack {1000 * SMOOTH_ATTACK_S:.0f} ms, release {1000 * SMOOTH_RELEASE_S:.0f} ms"

FEATURES: tuple[Field, ...] = (
    Field("rms", "f4", 1, "full scale", 0, 1, 0, "root mean square of the window, after gain"),
    Field("peak", "f4", 1, "full scale", 0, 1, 0, "largest absolute sample of the hop, after gain"),
    Field("loudness", "f4", 1, "", 0, 1, 0, "RMS in decibels, -60 dB as 0 and 0 dB as 1"),
    Field("bands", "f4", BANDS, "", 0, 1, 0, "level of eight log-spaced bands, 40 Hz to 16 kHz, as loudness is scaled"),
    Field("low", "f4", 1, "", 0, 1, 0, "level below 200 Hz: kick and bass"),
    Field("mid", "f4", 1, "", 0, 1, 0, "level from 200 Hz to 2 kHz"),
    Field("high", "f4", 1, "", 0, 1, 0, "level above 2 kHz: hats and air"),
    Field("level_db", "f4", 1, "dB", LOWEST_LEVEL_DB, 0, LOWEST_LEVEL_DB, "RMS in decibels of full scale, after gain"),
    Field(
        "loudness_relative", "f4", 1, "", 0, 1, 0, "level between the quietest and the loudest of the last 15 s or so"
    ),
    Field("gate", "f4", 1, "", 0, 1, 0, "1 while there is sound: opens 6 dB above the threshold, closes below it"),
    Field("bands_smooth", "f4", BANDS, "", 0, 1, 0, f"bands, {_SMOOTH}"),
    Field("low_smooth", "f4", 1, "", 0, 1, 0, f"low, {_SMOOTH}"),
    Field("mid_smooth", "f4", 1, "", 0, 1, 0, f"mid, {_SMOOTH}"),
    Field("high_smooth", "f4", 1, "", 0, 1, 0, f"high, {_SMOOTH}"),
    Field(
        "percussive",
        "f4",
        1,
        "",
        0,
        1,
        0,
        "level of what is new and wide, such as drums; scaled as loudness",
        SEPARATION_EVERY,
    ),
    Field(
        "harmonic",
        "f4",
        1,
        "",
        0,
        1,
        0,
        "level of what is held, such as chords; scaled as loudness",
        SEPARATION_EVERY,
    ),
    Field("side", "f4", 1, "", 0, 1, 0, "level of half the difference of the first two channels; mono has none"),
    Field("width", "f4", 1, "", 0, 1, 0, "share of side in mid and side: 0 mono, 0.5 unrelated channels, 1 opposed"),
    Field("balance", "f4", 1, "", -1, 1, 0, "power of the second channel over the first: -1 only first, 1 only second"),
    Field("onset", "f4", 1, "", 0, 1, 0, "1 in the hop in which a new hit is reported, else 0"),
    Field("onset_strength", "f4", 1, "", 0, 1, 0, "strength of the hit in the hop that reports it, else 0"),
    Field("novelty", "f4", 1, "", 0, 1, 0, "onset detection function, scaled by its own recent peaks"),
    Field("onset_age_s", "f4", 1, "s", 0, 0.3, 0, "how long before the end of the hop the onset is thought to lie"),
    Field("kick", "f4", 1, "", 0, 1, 0, "1 in the hop in which a kick drum is reported, else 0"),
    Field("kick_strength", "f4", 1, "", 0, 1, 0, "its attack beside the largest of late, in that hop, else 0"),
    Field("snare", "f4", 1, "", 0, 1, 0, "1 in the hop in which a snare or clap is reported, else 0"),
    Field("snare_strength", "f4", 1, "", 0, 1, 0, "its attack beside the largest of late, in that hop, else 0"),
    Field("hat", "f4", 1, "", 0, 1, 0, "1 in the hop in which a hat or cymbal is reported, else 0"),
    Field("hat_strength", "f4", 1, "", 0, 1, 0, "its attack beside the largest of late, in that hop, else 0"),
    Field("centroid", "f4", 1, "Hz", 0, 24000, 0, "spectral centroid: the centre of mass of the spectrum"),
    Field("brightness", "f4", 1, "", 0, 1, 0, "centroid on a log scale, 100 Hz as 0 and 8 kHz as 1; 0 in silence"),
    Field(
        "flux", "f4", 1, "", 0, 1, 0, "spectral flux: rise of the magnitude spectrum since the last hop over its sum"
    ),
    Field("spread", "f4", 1, "Hz", 0, 8000, 0, "standard deviation of the spectrum about its centroid", SHAPE_EVERY),
    Field(
        "skewness",
        "f4",
        1,
        "",
        -MOST_SKEWNESS,
        MOST_SKEWNESS,
        0,
        "third moment of the spectrum about its centroid over spread cubed: above 0 with a tail upwards",
        SHAPE_EVERY,
    ),
    Field(
        "kurtosis",
        "f4",
        1,
        "",
        0,
        MOST_KURTOSIS,
        0,
        "fourth moment of the spectrum about its centroid over spread to the fourth: high for one sharp peak",
        SHAPE_EVERY,
    ),
    Field("rolloff", "f4", 1, "Hz", 0, 16000, 0, "frequency below which 85 % of the magnitude lies", SHAPE_EVERY),
    Field(
        "flatness",
        "f4",
        1,
        "",
        0,
        1,
        0,
        "geometric over arithmetic mean of the power spectrum: noise 1, a tone 0",
        SHAPE_EVERY,
    ),
    Field("chroma", "f4", 12, "share", 0, 1, 0, "pitch classes C to B; they sum to 1, or all rest", CHROMA_EVERY),
    Field("tuning", "f4", 1, "cents", -50, 50, 0, "how far the music is tuned from A = 440 Hz", CHROMA_EVERY),
    Field(
        "key",
        "f4",
        1,
        "",
        -1,
        23,
        -1,
        "likeliest key: 0 to 11 C major to B major, 12 to 23 C minor to B minor, -1 none",
        CHROMA_EVERY,
    ),
    Field("key_strength", "f4", 1, "", 0, 1, 0, "correlation of the last 10 s or so with that key", CHROMA_EVERY),
    Field("pitch", "f4", 1, "Hz", 0, MOST_PITCH_HZ, 0, "fundamental frequency; 0 where none is found", PITCH_EVERY),
    Field("pitch_confidence", "f4", 1, "", 0, 1, 0, "how periodic the sound is", PITCH_EVERY),
    Field("tempo", "f4", 1, "BPM", 0, 300, 0, "tempo; 0 while it is not known"),
    Field("beat_phase", "f4", 1, "beats", 0, 1, 0, "position between two beats; 0 on the beat"),
    Field("beat", "f4", 1, "", 0, 1, 0, "1 in the hop in which a beat begins, else 0"),
    Field("beat_confidence", "f4", 1, "", 0, 1, 0, "how much better than chance the beat explains what is heard"),
    Field("next_beat_s", "f4", 1, "s", 0, 3, 3, "time until the next beat begins; 3 while none can be foretold"),
    Field("bar_beat", "f4", 1, "", 0, METRES[1], 0, "beat of the bar, from 1; 0 while the tempo is not known"),
    Field("bar_phase", "f4", 1, "bars", 0, 1, 0, "position in the bar; 0 on its first beat"),
    Field("metre", "f4", 1, "beats", 0, METRES[1], METRE, "beats in a bar, as it was set"),
    Field("silent", "f4", 1, "", 0, 1, 1, "1 while every sample of the last five seconds was exactly zero"),
    Field("clipping", "f4", 1, "", 0, 1, 0, "1 for a second after the input stood at full scale, before gain"),
    Field("gap", "f4", 1, "s", 0, LONGEST_GAP_S, 0, "sound lost just before this hop, up to a minute; else 0"),
)

FIELDS: tuple[Field, ...] = HEADER + FEATURES


def _layout() -> np.dtype:
    layout: list[tuple] = [(f.name, f.dtype) if f.size == 1 else (f.name, f.dtype, (f.size,)) for f in FIELDS]
    # Bytes that only align are not copied with a record: named, they are, and equal frames have equal bytes.
    spare = np.dtype(layout, align=True).itemsize - np.dtype(layout).itemsize
    return np.dtype([*layout, ("_spare", "u1", (spare,))] if spare else layout, align=True)


FEATURE_FRAME = _layout()
"""Numpy record layout of one frame."""
_WHOLE = np.dtype((np.void, FEATURE_FRAME.itemsize))


FrameFields = Mapping[str, Any]
"""A frame to write to: a view of one element for each field, five times as fast as writing fields of a record.

Of a field of one number it is a memoryview, which takes a number in less time than an array does."""


class Draft:
    """One frame while it is filled in.

    Attributes
    ----------
    fields : FrameFields
    """

    def __init__(self) -> None:
        record = np.zeros(1, FEATURE_FRAME)
        views = {field.name: record[field.name] for field in FIELDS}
        self.fields: FrameFields = {f.name: views[f.name].data if f.size == 1 else views[f.name] for f in FIELDS}
        self._bytes, self._whole = record.view(np.uint8), record.view(_WHOLE)

    def clear(self) -> None:
        """Set every field to 0."""
        self._bytes.fill(0)

    def put(self, frames: np.ndarray, number: int) -> None:
        """Copy it to one of the frames that `blank_frames` returned, all bytes at once."""
        frames[number] = self._whole[0]


def blank_frames(count: int) -> np.ndarray:
    """Return frames, shape (count,), as what `Draft.put` takes; `filled_frames` are what was put in."""
    return np.zeros(count, _WHOLE)


def filled_frames(frames: np.ndarray) -> np.ndarray:
    """Return frames that `blank_frames` made as records of `FEATURE_FRAME`, shape (count,), in the same memory."""
    # As `frames.view` does, in a seventh of its time.
    return np.ndarray(frames.shape, FEATURE_FRAME, frames)


def rest_frame() -> np.ndarray:
    """Return one frame, shape (), in which every field has its resting value."""
    frame = np.zeros((), FEATURE_FRAME)
    for field in FIELDS:
        frame[field.name] = field.rest
    return frame
