"""Chroma, tuning, key and pitch of sounds whose notes are known."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from tests.analysis.sounds import HITS, noise, place

RATE = 48_000
CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def hz(note: float) -> float:
    """Frequency of a MIDI note."""
    return float(440 * 2 ** ((note - 69) / 12))


def notes(
    *midi: float, seconds: float = 2.0, rate: int = RATE, harmonics: int = 4, amplitude: float = 0.1
) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    parts = [np.sin(2 * np.pi * hz(m) * n * t + m) / n for m in midi for n in range(1, harmonics + 1)]
    return (amplitude * sum(parts)).astype(np.float32)


def melody(steps: list[tuple[float, ...]], each_s: float = 0.5) -> np.ndarray:
    """Chords one after the other, each fading in and out."""
    fade = np.sin(np.pi * np.linspace(0, 1, round(each_s * RATE))) ** 0.5
    return np.concatenate([notes(*step, seconds=each_s) * fade for step in steps]).astype(np.float32)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize("note", [48, 57, 61, 69, 76, 90])
def test_a_tone_is_its_own_pitch_class_and_pitch(note: int, rate: int) -> None:
    frame = LiveAnalyzer(rate).process(notes(note, harmonics=1, seconds=1.0, rate=rate))[-1]
    assert frame["chroma"].argmax() == note % 12
    assert frame["chroma"][note % 12] > 0.95
    assert frame["pitch"] == pytest.approx(hz(note), rel=0.003)
    assert frame["pitch_confidence"] > 0.9
    assert abs(frame["tuning"]) < 5


@pytest.mark.parametrize("low", [33, 40, 45])
def test_the_pitch_of_a_low_string_is_found(low: int) -> None:
    frame = LiveAnalyzer(RATE).process(notes(low, seconds=1.0))[-1]
    assert frame["pitch"] == pytest.approx(hz(low), rel=0.01)


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
@pytest.mark.parametrize(("low_hz", "snr_db", "cents"), [(55.0, 20, 2), (82.4, 20, 2), (110.0, 20, 2), (440.0, 6, 5)])
def test_noise_does_not_draw_the_pitch_up(low_hz: float, snr_db: int, cents: float, rate: int) -> None:
    t = np.arange(4 * rate) / rate
    sound = 0.2 * np.sin(2 * np.pi * low_hz * t) + noise(rate, 4.0, 20 * np.log10(0.2 / np.sqrt(2)) - snr_db)
    found = LiveAnalyzer(rate).process(sound)["pitch"][200:]
    assert abs(1200 * np.log2(np.median(found) / low_hz)) < cents


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_the_highest_pitch_is_heard_above_noise(rate: int) -> None:
    t = np.arange(2 * rate) / rate
    sound = 0.2 * np.sin(2 * np.pi * 4900.0 * t) + noise(rate, 2.0, -40)
    frames = LiveAnalyzer(rate).process(sound)[200:]
    assert np.median(frames["pitch"]) == pytest.approx(4900, rel=0.007)
    assert frames["pitch_confidence"].mean() > 0.9


def test_noise_has_neither_pitch_nor_chroma() -> None:
    frames = LiveAnalyzer(RATE).process(noise(RATE, 4.0, -20))[200:]
    assert frames["pitch_confidence"].mean() < 0.3
    assert (frames["chroma"].sum(axis=1) > 0).mean() < 0.05


@pytest.mark.parametrize("root", range(12))
def test_a_triad_is_its_three_classes_whatever_plays_along(root: int) -> None:
    chord = notes(*(48 + root + i for i in (12, 16, 19)))
    drums = place(np.arange(0.1, 1.9, 0.25), HITS["snare"], RATE, 2.0, -50)
    for sound in (chord, chord + drums):
        chroma = LiveAnalyzer(RATE).process(sound)["chroma"][150:].mean(axis=0)
        assert set(np.argsort(chroma)[-3:]) == {(root + i) % 12 for i in (0, 4, 7)}
        assert np.sort(chroma)[-3:].sum() > 0.75


@pytest.mark.parametrize("cents", [-32, -10, 20, 40])
def test_tuning_is_found_and_taken_off(cents: int) -> None:
    frame = LiveAnalyzer(RATE).process(notes(*(n + cents / 100 for n in (57, 61, 64, 69)), seconds=4.0))[-1]
    assert frame["tuning"] == pytest.approx(cents, abs=4)
    assert {CLASSES[i] for i in np.argsort(frame["chroma"])[-3:]} == {"A", "C#", "E"}
    assert np.sort(frame["chroma"])[-3:].sum() > 0.85


def test_chroma_sums_to_one_in_music_and_is_nothing_in_silence() -> None:
    sound = np.concatenate([np.zeros(RATE, np.float32), notes(60, 64, 67), np.zeros(RATE, np.float32)])
    frames = LiveAnalyzer(RATE).process(sound)
    sums = frames["chroma"].sum(axis=1)
    assert np.all((np.abs(sums - 1) < 1e-5) | (sums == 0))
    assert (sums[: RATE // 256] == 0).all()
    assert (sums[RATE // 256 + 60 : 3 * RATE // 256] > 0.99).all()
    assert (sums[-100:] == 0).all()


def test_chroma_follows_a_change_of_chord_within_300_ms() -> None:
    frames = LiveAnalyzer(RATE).process(np.concatenate([notes(60, 64, 67), notes(61, 65, 68)]))
    later = frames[(frames["time_s"] > 2.3)]
    assert set(np.argsort(later["chroma"][0])[-3:]) == {1, 5, 8}


MAJOR = [(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67), (69, 72, 76), (65, 69, 72), (67, 71, 74), (60, 64, 67)]
MINOR = [(57, 60, 64), (62, 65, 69), (64, 68, 71), (57, 60, 64), (65, 69, 72), (62, 65, 69), (64, 68, 71), (57, 60, 64)]


@pytest.mark.parametrize("shift", [0, 2, 7, 9])
@pytest.mark.parametrize(("chords", "tonic"), [(MAJOR, 0), (MINOR, 12 + 9)])
def test_the_key_of_a_cadence(chords: list[tuple[int, ...]], tonic: int, shift: int) -> None:
    played = melody([tuple(note + shift - 12 * (shift > 6) for note in chord) for chord in chords * 2])
    frame = LiveAnalyzer(RATE).process(played)[-1]
    assert frame["key"] == tonic // 12 * 12 + (tonic + shift) % 12
    assert frame["key_strength"] > 0.7


def test_key_and_tuning_are_held_through_a_pause_and_forgotten_after_four_seconds() -> None:
    sound = np.concatenate([notes(57, 61, 64, seconds=3.0), np.zeros(6 * RATE, np.float32)])
    frames = LiveAnalyzer(RATE).process(sound)
    assert frames["key"][round(6.0 * RATE / 256)] == 9
    assert frames["key"][-1] == -1
    assert frames["key_strength"][-1] == frames["tuning"][-1] == 0


@pytest.mark.parametrize(("name", "every"), [("chroma", 8), ("key_strength", 8), ("pitch", 4), ("pitch_confidence", 4)])
def test_slow_features_change_at_their_declared_rate(name: str, every: int) -> None:
    rng = np.random.default_rng(2)
    column = LiveAnalyzer(RATE).process(melody([(int(rng.integers(50, 80)),) for _ in range(12)], 0.2))[name]
    changes = np.flatnonzero(np.diff(column.reshape(len(column), -1), axis=0).any(axis=1)) + 1
    assert len(changes) > 20
    assert len(set(changes % every)) == 1
