"""Clips with pitched instruments, and clips without any onset."""

from __future__ import annotations

import numpy as np

from live.bench.hearing import tones
from live.bench.hearing.draw import Draw
from live.bench.hearing.mix import noise
from live.bench.hearing.rhythms import house, rock, start
from live.bench.hearing.song import Song

__all__ = ["MIXED", "NOTHING", "PLUCKED", "SLOW"]

_CHORDS = ((0, 3, 7, 10), (-4, 0, 3, 7), (-5, -2, 3, 7), (-2, 2, 5, 10), (-7, 0, 3, 8), (0, 5, 7, 12))
_SCALE = (0, 3, 5, 7, 10, 12, 15, 17)


def _chords(song: Song, tone: tones.Tone, every: int, level: float, velocity: float = 0.8) -> None:
    """Hold a chord for `every` beats, then another."""
    last = -1
    for beat in range(0, song.beats, every):
        number = song.draw.one_of([i for i in range(len(_CHORDS)) if i != last])
        last = number
        song.chord(tone, beat, min(every, song.beats - beat), _CHORDS[number], velocity, level)


def _bass_line(song: Song, steps: str, level: float) -> None:
    """Play a bar of steps over and over on a bass."""
    tone = tones.bass(song.draw, song.rate)
    for bar in range(song.bars):
        root = song.draw.one_of((-12, -14, -16, -17, -19, -21))
        for step, mark in enumerate(steps):
            if mark in "xo":
                beat = bar * song.bar + step * song.bar / len(steps)
                length = 0.8 * song.bar / len(steps) * (1 if len(steps) == 16 else 0.9)
                semitones = root + (0 if mark == "x" else song.draw.one_of((0, 7, 12)))
                song.note(tone, beat, length, semitones, 0.9 if mark == "x" else 0.7, level)


def _arpeggio(song: Song, tone: tones.Tone, per_beat: int, level: float, share: float = 1.0) -> None:
    """Play broken chords, some notes left out, no pitch twice in a row."""
    last = None
    for step in range(song.beats * per_beat):
        if step % per_beat and not song.draw.chance(share):
            continue
        pitch = song.draw.one_of([p for p in _SCALE if p != last])
        last = pitch
        velocity = song.draw.between(0.75, 0.95) if step % per_beat == 0 else song.draw.between(0.5, 0.75)
        song.note(tone, step / per_beat, 0.9 / per_beat, pitch, velocity, level)


def bass_only(draw: Draw) -> Song:
    """A bass line and nothing else."""
    song, _ = start(draw, 90, 130)
    _bass_line(song, draw.one_of(("xoxoxoxo", "x..xo.x.", "xxxxxxxx", "x..o..x.o.x...o.")), 1.0)
    return song


def plucks(draw: Draw) -> Song:
    """Arpeggios on a plucked string."""
    song, _ = start(draw, 84, 140)
    _arpeggio(song, tones.pluck(draw, song.rate), draw.whole(2, 3), 1.0, 0.8)
    return song


def lead_melody(draw: Draw) -> Song:
    """A synthesiser melody."""
    song, _ = start(draw, 84, 130)
    _arpeggio(song, tones.lead(draw, song.rate), 2, 1.0, 0.6)
    return song


def piano(draw: Draw) -> Song:
    """Piano, from soft to loud: chords on the beat and a melody."""
    song, _ = start(draw, 76, 120)
    tone = tones.piano(draw, song.rate)
    for beat in range(song.beats):
        loud = 0.35 + 0.6 * (0.5 - 0.5 * np.cos(2 * np.pi * beat / 32))
        if beat % 2 == 0:
            song.chord(tone, beat, 1.8, [s - 12 for s in _CHORDS[(beat // 4) % 4]], loud, 0.8)
        _melody_beat(song, tone, beat, loud)
    return song


def soft_piano(draw: Draw) -> Song:
    """Soft piano in a room, over a little hiss."""
    song, _ = start(draw, 70, 104)
    tone = tones.piano(draw, song.rate)
    song.mix.noise_db, song.mix.peak_db = -55.0, draw.between(-24, -14)
    song.mix.room, song.mix.room_s = draw.between(0.2, 0.4), 1.2
    for beat in range(song.beats):
        loud = draw.between(0.2, 0.4)
        if beat % 4 == 0:
            song.chord(tone, beat, 3.6, [s - 12 for s in _CHORDS[(beat // 4) % 4]], loud, 0.8)
        _melody_beat(song, tone, beat, loud)
    return song


def _melody_beat(song: Song, tone: tones.Tone, beat: int, loud: float) -> None:
    """One note on most beats, sometimes two."""
    pitch = song.draw.one_of(_SCALE)
    song.note(tone, beat, 0.5, 12 + pitch, loud, 0.9)
    if song.draw.chance(0.5):
        song.note(tone, beat + 0.5, 0.5, 12 + song.draw.one_of([p for p in _SCALE if p != pitch]), 0.9 * loud, 0.9)


def kit_and_pad(draw: Draw) -> Song:
    """Drums over pads that are held."""
    song, kit = start(draw, 90, 140)
    rock(song, kit)
    _chords(song, tones.pad(draw, song.rate), 4 * draw.whole(1, 2), draw.between(0.5, 1.1))
    return song


def ducked_pad(draw: Draw) -> Song:
    """House whose kick pushes a loud pad down: the pad swells back between the beats."""
    song, kit = start(draw, 116, 134)
    house(song, kit)
    _chords(song, tones.pad(draw, song.rate), 8, draw.between(0.7, 1.2))
    song.mix.duck = draw.between(0.5, 0.9)
    return song


def house_track(draw: Draw) -> Song:
    """Kick, clap, hats, bass, pad and plucks."""
    song, kit = start(draw, 114, 134)
    house(song, kit)
    _bass_line(song, draw.one_of((".x.x.x.x", "..x...x...x...x.", "x..x..x.x..x..x.")), 0.7)
    _chords(song, tones.pad(draw, song.rate), 4, 0.4)
    _arpeggio(song, tones.pluck(draw, song.rate), 2, draw.between(0.3, 0.6), 0.6)
    song.mix.duck = draw.between(0.0, 0.6)
    song.mix.drive = draw.timbre(0.8, 2.5)
    return song


def drum_and_bass(draw: Draw) -> Song:
    """A fast break over a sub and a pad."""
    song, kit = start(draw, 160, 178)
    song.pattern("kick", kit.kick, draw.one_of(("x.........x.....", "x....x....x.....")))
    song.pattern("snare", kit.snare, draw.one_of(("....x.......x...", "....x..g.g..x...")), kit.backs)
    song.pattern("hat", kit.hat, draw.one_of(("x.o.x.o.x.o.x.o.", "xoxoxoxoxoxoxoxo")), kit.hats)
    tone = tones.bass(draw, song.rate)
    for bar in range(song.bars):
        song.note(tone, 4 * bar, 2.4, draw.one_of((-24, -21, -19)), 0.9, 0.7)
        song.note(tone, 4 * bar + 2.5, 1.2, draw.one_of((-24, -17)), 0.8, 0.7)
    _chords(song, tones.pad(draw, song.rate), 8, 0.4)
    return song


def rock_band(draw: Draw) -> Song:
    """Drums, eighths on the bass, a lead."""
    song, kit = start(draw, 96, 150)
    rock(song, kit)
    _bass_line(song, "xxxxxxxx", 0.6)
    _arpeggio(song, tones.lead(draw, song.rate), 2, 0.5, 0.4)
    song.mix.drive = draw.timbre(0.8, 3.0)
    return song


def break_returns(draw: Draw) -> Song:
    """Drums and a bass, four bars of a pad alone, drums again."""
    song, kit = start(draw, 112, 138, seconds=30)
    first = 4 * round(song.bars / 3 / 4) or 4
    tone = tones.pad(draw, song.rate)
    for bars in (range(first), range(first + 4, song.bars)):
        house(song, kit, bars)
    last = -1
    for bar in range(song.bars):
        number = draw.one_of([i for i in range(len(_CHORDS)) if i != last])
        last = number
        song.chord(tone, 4 * bar, 4, _CHORDS[number], 0.8, 0.6)
    song.about["break"] = f"bars {first} to {first + 4}"
    return song


def strings_and_drums(draw: Draw) -> Song:
    """A slow beat under strings."""
    song, kit = start(draw, 74, 110)
    rock(song, kit)
    _chords(song, tones.strings(draw, song.rate), 4, draw.between(0.4, 0.8))
    return song


def slow_strings(draw: Draw) -> Song:
    """Strings alone: chords that come in slowly."""
    song, _ = start(draw, 60, 90)
    song.mix.room, song.mix.room_s = draw.between(0.1, 0.35), draw.timbre(0.8, 1.8)
    _chords(song, tones.strings(draw, song.rate), 2, 1.0, draw.between(0.6, 0.9))
    return song


def string_melody(draw: Draw) -> Song:
    """One bowed line with vibrato."""
    song, _ = start(draw, 60, 92)
    tone, beat, last = tones.strings(draw, song.rate), 0.0, None
    while beat < song.beats - 1:
        length = draw.one_of((1, 1, 2))
        last = draw.one_of([p for p in _SCALE if p != last])
        song.note(tone, beat, length, last, draw.between(0.6, 0.9))
        beat += length
    return song


def pads_alone(draw: Draw) -> Song:
    """Pads that change every bar, nothing else."""
    song, _ = start(draw, 80, 120)
    _chords(song, tones.pad(draw, song.rate), 4, 1.0)
    return song


def _nothing(draw: Draw, peak_db: float) -> Song:
    song = Song(draw, draw.between(18, 22))
    song.tempo(120.0)
    del song.about["bpm"]
    song.mix.noise_db, song.mix.room, song.mix.peak_db = None, 0.0, peak_db
    return song


def silence(draw: Draw) -> Song:
    """Digital silence, or the last bit's noise."""
    song = _nothing(draw, -90.0)
    if draw.chance(0.5):
        song.mix.noise_db = 0.0
    return song


def _steady(draw: Draw, colour: str) -> Song:
    song = _nothing(draw, draw.between(-30.0, -6.0))
    song.mix.backdrop = noise(draw, song.mix.length, colour)
    return song


def white_noise(draw: Draw) -> Song:
    """Steady white noise."""
    return _steady(draw, "white")


def pink_noise(draw: Draw) -> Song:
    """Steady pink noise."""
    return _steady(draw, "pink")


PLUCKED = (bass_only, plucks, lead_melody, piano, soft_piano)
MIXED = (kit_and_pad, ducked_pad, house_track, drum_and_bass, rock_band, break_returns, strings_and_drums)
SLOW = (slow_strings, string_melody, pads_alone)
NOTHING = (silence, white_noise, pink_noise)
