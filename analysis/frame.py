"""`FeatureFrame`: what one hop of sound was heard to be.

One table declares every field with its unit, range and resting value. The numpy record layout, the HUD, the
scene schema's list of sources and the reference page are all made from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["BANDS", "FEATURES", "FEATURE_FRAME", "FIELDS", "HEADER", "Field", "rest_frame"]

BANDS = 8


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
    """

    name: str
    dtype: str
    size: int
    unit: str
    low: float
    high: float
    rest: float
    description: str


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
)

FEATURES: tuple[Field, ...] = (
    Field("rms", "f4", 1, "full scale", 0, 1, 0, "root mean square of the window, after gain"),
    Field("peak", "f4", 1, "full scale", 0, 1, 0, "largest absolute sample of the hop, after gain"),
    Field("loudness", "f4", 1, "", 0, 1, 0, "RMS in decibels, -60 dB as 0 and 0 dB as 1"),
    Field("bands", "f4", BANDS, "", 0, 1, 0, "level of eight log-spaced bands, 40 Hz to 16 kHz, as loudness is scaled"),
    Field("low", "f4", 1, "", 0, 1, 0, "level below 200 Hz: kick and bass"),
    Field("mid", "f4", 1, "", 0, 1, 0, "level from 200 Hz to 2 kHz"),
    Field("high", "f4", 1, "", 0, 1, 0, "level above 2 kHz: hats and air"),
    Field("onset", "f4", 1, "", 0, 1, 0, "1 in the hop in which a new hit is reported, else 0"),
    Field("onset_strength", "f4", 1, "", 0, 1, 0, "strength of the hit in the hop that reports it, else 0"),
    Field("novelty", "f4", 1, "", 0, 1, 0, "onset detection function, scaled by its own recent peaks"),
    Field("onset_age_s", "f4", 1, "s", 0, 0.25, 0, "how long before the end of the hop the onset is thought to lie"),
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
    Field("tempo", "f4", 1, "BPM", 0, 300, 0, "tempo; 0 while it is not known"),
    Field("beat_phase", "f4", 1, "beats", 0, 1, 0, "position between two beats; 0 on the beat"),
    Field("silent", "f4", 1, "", 0, 1, 1, "1 while every sample of the last five seconds was exactly zero"),
)

FIELDS: tuple[Field, ...] = HEADER + FEATURES

FEATURE_FRAME = np.dtype(
    [(f.name, f.dtype) if f.size == 1 else (f.name, f.dtype, (f.size,)) for f in FIELDS],
    align=True,
)
"""Numpy record layout of one frame."""


def rest_frame() -> np.ndarray:
    """Return one frame, shape (), in which every field has its resting value."""
    frame = np.zeros((), FEATURE_FRAME)
    for field in FIELDS:
        frame[field.name] = field.rest
    return frame
