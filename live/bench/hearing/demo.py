"""The demo track as a clip: music that was not written for this measurement."""

from __future__ import annotations

import numpy as np

from live.bench.hearing.draw import Draw
from live.bench.hearing.mix import Mix
from live.bench.hearing.truth import Clip, Truth
from live.capture.demo import demo_path
from live.capture.demo_song import RATE, SECTIONS, placed

__all__ = ["DEMO", "demo_clip"]

DEMO = "demo_track"
_STREAMS = {"kick": "kick", "snare": "snare", "hat": "hat", "cymbals": "hat"}
_NO_ONSET = "riser"
_ATTACK_S = {"pad": 0.12, "lead": 0.02}
_DUCKED = 0.6


def demo_clip() -> Clip:
    """Return the demo track, decoded and mono, with the truth of its score.

    What can be heard is judged on a mix of the same sounds that is close to the track's own, not on its master.
    """
    import soundfile

    samples, rate = soundfile.read(str(demo_path()), dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(samples.mean(1))
    mix = Mix(RATE, len(mono) / RATE, Draw(0, "tune", DEMO, 0, RATE))
    mix.duck, mix.room = _DUCKED, 0.15
    for player, at_s, sound in placed():
        if player != _NO_ONSET:
            velocity = float(min(1.0, np.abs(sound).max()))
            mix.add(_STREAMS.get(player, "tonal"), sound, at_s, velocity, _ATTACK_S.get(player, 0.0))
    _, heard = mix.finish()

    starts = np.concatenate([[0.0], np.cumsum([section.bars * 4 * section.beat_s for section in SECTIONS])])
    beats = np.concatenate(
        [
            start + section.beat_s * np.arange(4 * section.bars)
            for start, section in zip(starts[:-1], SECTIONS, strict=True)
        ]
    )
    tempi = np.array([section.bpm for section in SECTIONS])
    jumps = starts[1:-1][np.diff(tempi) != 0]
    truth = Truth(
        heard.onsets_s,
        heard.streams_s,
        heard.velocities,
        beats,
        beats[::4],
        starts[:-1],
        tempi.astype(float),
        "mixed",
        float(jumps[0]),
    )
    return Clip(DEMO, 0, rate, mono, truth, {"bpm": SECTIONS[0].bpm, "then": SECTIONS[-1].bpm})
