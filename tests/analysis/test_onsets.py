"""Hits: all of them, soon, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from bentlight.errors import BadInput
from tests.analysis.sounds import HITS, beat, noise, place

RATE = 48_000


def fired(sound: np.ndarray, gain_db: float | str = 0.0) -> np.ndarray:
    frames = LiveAnalyzer(RATE, gain_db=gain_db).process(sound)
    return frames["time_s"][frames["onset"] > 0]


def matched(found: np.ndarray, times: np.ndarray, within_s: float = 0.03) -> np.ndarray:
    """Return each hit's delay, with every hit found and nothing found that is none."""
    assert len(found) == len(times)
    delays = found - times
    assert delays.min() > -1e-3
    assert delays.max() < within_s
    return delays


@pytest.mark.parametrize("name", list(HITS))
def test_every_hit_is_found_within_15_ms_in_the_middle_and_nothing_else(name: str) -> None:
    times = 0.5 + np.cumsum(np.random.default_rng(7).uniform(0.15, 0.5, 30))
    if name == "pluck":
        times = 0.5 + 0.45 * np.arange(25)
    delays = matched(fired(place(times, HITS[name], RATE, times[-1] + 1)), times)
    assert np.median(delays) <= 0.015


@pytest.mark.parametrize("floor_db", [-140, -60, -45])
@pytest.mark.parametrize("name", ["click", "kick", "snare"])
def test_hits_are_found_over_any_noise_floor(name: str, floor_db: float) -> None:
    times = 0.5 + 0.31 * np.arange(20)
    matched(fired(place(times, HITS[name], RATE, 7.5, floor_db)), times)


@pytest.mark.parametrize("pad", [0.15, 0.5])
def test_drums_over_a_held_chord_are_found(pad: float) -> None:
    step = 60 / 125
    kicks = np.arange(0.3, 9.6, step)
    times = np.sort(np.concatenate([kicks, kicks[:-1] + step / 2]))
    matched(fired(beat(RATE, 10.0, 125, pad=pad)), times)


@pytest.mark.parametrize("level_db", [-80, -60, -40, -20, -6])
def test_no_hit_in_steady_noise(level_db: float) -> None:
    assert len(fired(noise(RATE, 6.0, level_db))) == 0


def test_no_hit_in_a_steady_tone_or_a_slow_swell() -> None:
    t = np.arange(5 * RATE) / RATE
    swell = 0.3 * np.sin(2 * np.pi * 220 * t) * (0.55 - 0.45 * np.cos(2 * np.pi * 0.5 * t))
    assert len(fired(swell.astype(np.float32))) == 0


def test_no_hit_in_silence() -> None:
    assert len(fired(np.zeros(3 * RATE, np.float32), 60.0)) == 0


def test_hits_are_never_closer_than_the_minimum_interval() -> None:
    times = 0.5 + 0.02 * np.arange(100)
    found = fired(place(times, HITS["click"], RATE, 3.0))
    assert len(found) > 5
    assert np.diff(found).min() >= 0.04


def test_strength_is_higher_for_a_loud_hit_than_for_a_soft_one() -> None:
    times = 0.5 + 0.4 * np.arange(16)
    sound = place(times[::2], HITS["snare"], RATE, 7.5, -70) + 0.08 * place(
        times[1::2], HITS["snare"], RATE, 7.5, -140, 1
    )
    frames = LiveAnalyzer(RATE).process(sound)
    strength = frames["onset_strength"][frames["onset"] > 0]
    assert len(strength) == 16
    assert strength[::2].min() > strength[1::2].max()
    assert (frames["onset_strength"][frames["onset"] == 0] == 0).all()


def chords(rate: int, seconds: float, every_s: float, attack_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return three-note chords that swell in, and where each passes -12 dB."""
    sound, rng = np.zeros(int((seconds + 1) * rate)), np.random.default_rng(2)
    starts = np.arange(0.4, seconds - every_s, every_s)
    for number, start in enumerate(starts):
        t = np.arange(int((every_s + 0.2) * rate)) / rate
        root = 196.0 * 2 ** ((0, 5, 3, 8)[number % 4] / 12)
        envelope = (0.5 - 0.5 * np.cos(np.pi * np.minimum(1, t / attack_s))) * np.clip((every_s + 0.2 - t) / 0.2, 0, 1)
        for ratio in (1.0, 1.26, 1.5):
            for partial in range(1, 7):
                tone = np.sin(2 * np.pi * (root * ratio * partial * t + rng.random()))
                at = round(start * rate)
                sound[at : at + len(t)] += 0.1 / partial * envelope * tone
    return (sound[: int(seconds * rate)] + noise(rate, seconds, -80)).astype(np.float32), starts + attack_s / 3


def scored(found: np.ndarray, times: np.ndarray, within_s: float = 0.05) -> float:
    """Return the F-measure."""
    near = np.abs(found[:, None] - times[None, :]) <= within_s
    hits = min(near.any(axis=0).sum(), near.any(axis=1).sum())
    return 2 * hits / (len(found) + len(times))


def estimated(sound: np.ndarray, rate: int = RATE) -> np.ndarray:
    frames = LiveAnalyzer(rate).process(sound)
    hits = frames[frames["onset"] > 0]
    return hits["time_s"] - hits["onset_age_s"]


@pytest.mark.parametrize("attack_s", [0.1, 0.2, 0.3])
def test_chords_that_swell_in_are_found_where_they_are_heard(attack_s: float) -> None:
    sound, times = chords(RATE, 12.0, 1.0, attack_s)
    assert scored(estimated(sound), times) >= 0.8


def test_soft_notes_over_a_louder_held_chord_are_found() -> None:
    times = 0.5 + 0.45 * np.arange(16)
    sound = 0.1 * place(times, HITS["pluck"], RATE, 8.5)
    t = np.arange(len(sound)) / RATE
    for pitch in (110.0, 138.6, 164.8):
        sound += (0.1 * np.sin(2 * np.pi * pitch * t)).astype(np.float32)
    assert scored(estimated(sound), times) >= 0.95


def test_hits_are_found_on_both_sides_of_a_drop_by_20_db() -> None:
    times = 0.5 + 0.25 * np.arange(36)
    sound = place(times[::2], HITS["snare"], RATE, 10.0) + place(times[1::2], HITS["hat"], RATE, 10.0, -140)
    sound[5 * RATE :] *= 0.1
    assert scored(estimated(sound), times) >= 0.97


def test_quick_swung_hats_are_found() -> None:
    times = 0.5 + np.cumsum(np.tile([0.125, 0.085], 30))
    assert scored(estimated(place(times, HITS["hat"], RATE, times[-1] + 0.5, -60)), times) >= 0.97


@pytest.mark.parametrize("colour", ["white", "pink"])
def test_no_hit_in_half_a_minute_of_noise(colour: str) -> None:
    sound = noise(RATE, 30.0, -20)
    if colour == "pink":
        spectrum = np.fft.rfft(sound)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        sound = np.fft.irfft(spectrum).astype(np.float32)
        sound *= np.float32(0.1 / sound.std())
    assert len(fired(sound)) == 0


@pytest.mark.parametrize("band_hz", [(15, 60), (20, 40)])
@pytest.mark.parametrize("level_db", [-30, -18])
def test_a_low_rumble_is_hardly_ever_a_hit(band_hz: tuple[int, int], level_db: float) -> None:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(12 * RATE))
    frequencies = np.fft.rfftfreq(12 * RATE, 1 / RATE)
    sound = np.fft.irfft(spectrum * ((frequencies > band_hz[0]) & (frequencies < band_hz[1])))
    found = fired((sound * 10 ** (level_db / 20) / sound.std()).astype(np.float32))
    assert np.count_nonzero(found > 1.0) <= 1


def test_vibrato_is_one_note() -> None:
    t = np.arange(6 * RATE) / RATE
    phase = np.cumsum(330.0 * 2 ** (0.4 / 12 * np.sin(2 * np.pi * 5.5 * t))) / RATE
    sound = 0.1 * sum(np.sin(2 * np.pi * n * phase) / n for n in range(1, 9)) * np.minimum(1, t / 0.01)
    assert len(fired(sound.astype(np.float32))) <= 1


def pad(seconds: float) -> np.ndarray:
    """Return a held, detuned chord of saws."""
    t, rng = np.arange(int(seconds * RATE)) / RATE, np.random.default_rng(4)
    sound = np.zeros(len(t))
    for root in (220.0, 277.18, 329.63):
        for cents in (-2.0, 2.0):
            for n in range(1, 7):
                sound += np.sin(2 * np.pi * (root * 2 ** (cents / 1200) * n * t + rng.random())) / n**1.5
    return (0.4 * sound / np.abs(sound).max() * np.minimum(1, t / 0.5)).astype(np.float32)


@pytest.mark.parametrize("depth", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("rate_hz", [2.0, 3.0, 4.0, 6.0])
def test_a_pad_with_tremolo_is_held(rate_hz: float, depth: float) -> None:
    t = np.arange(8 * RATE) / RATE
    sound = pad(8.0) * (1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * rate_hz * t))) + noise(RATE, 8.0, -80)
    found = fired(sound.astype(np.float32))
    # At 70 %, 10 dB, detuned partials that beat pass for a note now and then.
    assert len(found[found > 1.0]) <= (0 if depth < 0.7 else 7 * rate_hz / 8)


HELD = {
    "pad": pad(6.0),
    "noise": noise(RATE, 6.0, -30),
    "bass": pad(6.0) + np.float32(0.2) * np.sin(2 * np.pi * 90 * np.arange(6 * RATE) / RATE).astype(np.float32),
}


@pytest.mark.parametrize("lost", [200, 1000, 5000, RATE])
@pytest.mark.parametrize("name", HELD)
def test_where_what_is_held_goes_on_after_a_hole_nothing_begins(name: str, lost: int) -> None:
    analyzer = LiveAnalyzer(RATE)
    analyzer.process(HELD[name][: 3 * RATE])
    analyzer.skip(lost)
    frames = analyzer.process(HELD[name][3 * RATE + lost :])
    for field in ("onset", "kick", "snare", "hat"):
        assert not frames[field].any(), field


@pytest.mark.parametrize("method", ["auto", "hfc"])
def test_hits_are_found_again_soon_after_a_hole(method: str) -> None:
    times = 0.5 + 0.4 * np.arange(14)
    sound = place(times, HITS["snare"], RATE, 6.5)
    analyzer = LiveAnalyzer(RATE, onset_method=method)
    start, lost = round((times[6] - 0.15) * RATE), round(0.1 * RATE)
    analyzer.process(sound[:start])
    analyzer.skip(lost)
    frames = analyzer.process(sound[start + lost :])
    assert frames["onset"].sum() == 8


def test_a_gain_turned_by_hand_is_no_drum_and_no_beat() -> None:
    t = np.arange(RATE // 4 * 40) / RATE
    sound = (0.02 * np.sin(2 * np.pi * 60 * t) + noise(RATE, 10.0, -50)).astype(np.float32)
    analyzer = LiveAnalyzer(RATE)
    for turn, block in enumerate(np.split(sound, 40)):
        frames = analyzer.process(block)
        assert not frames["kick"].any()
        assert not frames["tempo"].any()
        analyzer.set_gain(0.0 if turn % 2 else 12.0)


def test_a_step_of_a_constant_is_at_most_one_hit() -> None:
    sound = noise(RATE, 4.0, -70)
    sound[2 * RATE :] += 0.3
    assert len(fired(sound)) <= 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000, 192_000])
def test_every_rate_hears_the_same_kicks_and_snares(rate: int) -> None:
    times = 0.5 + 0.4 * np.arange(12)
    sound = place(times[::2], HITS["kick"], rate, 6.0) + place(times[1::2], HITS["snare"], rate, 6.0, -140)
    found = estimated(sound, rate)
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.02


def test_aubio_methods_can_be_chosen_and_others_are_refused() -> None:
    sound = place(0.5 + 0.4 * np.arange(10), HITS["snare"], RATE, 5.0)
    for method in ("hfc", "complex"):
        assert LiveAnalyzer(RATE, onset_method=method).process(sound)["onset_count"][-1] >= 9
    with pytest.raises(BadInput, match="hfc"):
        LiveAnalyzer(RATE, onset_method="loudest")


@pytest.mark.parametrize("release_s", [0.0, 0.002, 0.008])
@pytest.mark.parametrize("pitch", [55.0, 110.0, 330.0])
def test_the_end_of_a_note_that_is_cut_off_is_no_onset(pitch: float, release_s: float) -> None:
    length = int(0.25 * RATE)
    t = np.arange(length + int(release_s * RATE)) / RATE
    note = sum(np.sin(2 * np.pi * pitch * number * t) / number**1.5 for number in range(1, 9)) * np.minimum(
        1, t / 0.002
    )
    note[length:] *= np.linspace(1, 0, len(t) - length)
    times = 0.5 + 0.5 * np.arange(8)
    sound = np.zeros(5 * RATE, np.float32)
    for at in times:
        start = int(at * RATE)
        sound[start : start + len(note)] += 0.3 * note
    frames = LiveAnalyzer(RATE).process(sound)
    found = frames["time_s"][frames["onset"] > 0]
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.03


def test_a_hat_where_a_bass_note_is_cut_off_is_heard() -> None:
    t = np.arange(int(0.2 * RATE)) / RATE
    note = 0.4 * np.sin(2 * np.pi * 80 * t) * np.minimum(1, t / 0.002)
    times = 0.5 + 0.5 * np.arange(8)
    sound = place(times + 0.2, HITS["hat"], RATE, 5.0)
    for at in times:
        sound[int(at * RATE) : int(at * RATE) + len(t)] += note.astype(np.float32)
    frames = LiveAnalyzer(RATE).process(sound)
    found = frames["time_s"][frames["onset"] > 0]
    for at in (*times, *(times + 0.2)):
        assert np.abs(found - at).min() < 0.03
