"""Whatever arrives, nothing leaves that is not finite or out of its range, and hearing goes on afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from analysis import FEATURES, FIELDS, LiveAnalyzer
from tests.analysis.sounds import beat, noise

RATE = 48_000
MUSIC = beat(RATE, 1.0, 120)
FAULTS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "NaN among samples": lambda rng: np.where(rng.random(RATE) < 0.1, np.nan, MUSIC),
    "only NaN": lambda rng: np.full(RATE, np.nan),
    "infinities": lambda rng: np.where(rng.random(RATE) < 0.1, np.inf * np.sign(rng.standard_normal(RATE)), MUSIC),
    "denormals": lambda rng: np.full(RATE, 1e-42, np.float32),
    "overs": lambda rng: 1e30 * rng.standard_normal(RATE),
    "double overs": lambda rng: 1e300 * rng.standard_normal(RATE),
    "constant": lambda rng: np.ones(RATE),
    "constant under music": lambda rng: MUSIC + 0.7,
    "clipping": lambda rng: np.clip(30 * MUSIC, -1, 1),
    "square at full scale": lambda rng: np.sign(np.sin(2 * np.pi * 60 * np.arange(RATE) / RATE)),
    "alternating full scale": lambda rng: np.where(np.arange(RATE) % 2, 1.0, -1.0),
    "sudden silence": lambda rng: np.where(np.arange(RATE) < RATE // 2, MUSIC, 0.0),
    "single click": lambda rng: np.eye(1, RATE, RATE // 2)[0],
    "channel drops": lambda rng: np.stack([MUSIC, np.where(np.arange(RATE) < RATE // 3, MUSIC, 0.0)], axis=1),
    "channels opposed": lambda rng: np.stack([MUSIC, -MUSIC], axis=1),
    "one channel is NaN": lambda rng: np.stack([MUSIC, np.full(RATE, np.nan)], axis=1),
    "eight channels": lambda rng: rng.standard_normal((RATE, 8)),
    "lowest integers": lambda rng: np.full((RATE, 2), -(2**15), np.int16),
    "random bits": lambda rng: rng.integers(0, 2**32, RATE, np.uint32).view(np.float32),
    "random levels": lambda rng: (
        np.repeat(10 ** rng.uniform(-9, 2, 60), RATE // 60) * rng.standard_normal(RATE // 60 * 60)
    ),
    "nothing": lambda rng: np.zeros((0, 2)),
}


def assert_sound(frames: np.ndarray) -> None:
    for field in FIELDS:
        values = frames[field.name].astype(float)
        if values.size:
            assert np.isfinite(values).all(), field.name
            assert values.min() >= field.low, field.name
            assert values.max() <= field.high, field.name
    sums = frames["chroma"].sum(axis=1)
    assert np.all((np.abs(sums - 1) < 1e-5) | (sums == 0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("gain", [0.0, 60.0, "auto"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_field_is_finite_and_in_range_during_a_fault_and_after(name: str, gain: float | str) -> None:
    analyzer = LiveAnalyzer(RATE, gain_db=gain)
    with np.errstate(all="ignore"):
        fault = FAULTS[name](np.random.default_rng(5))
    assert_sound(analyzer.process(MUSIC[: RATE // 3]))
    assert_sound(analyzer.process(fault))
    assert_sound(analyzer.process(MUSIC))


TWO_SECONDS = beat(RATE, 2.0, 120)


@cache
def heard_without_fault() -> np.ndarray:
    clean = LiveAnalyzer(RATE)
    clean.process(np.zeros(64 * clean.hop, np.float32))
    return clean.process(TWO_SECONDS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_second_after_a_fault_it_has_left_no_trace(name: str) -> None:
    with np.errstate(all="ignore"):
        fault = FAULTS[name](np.random.default_rng(5))
    broken = LiveAnalyzer(RATE)
    broken.process(fault)
    broken.process(np.zeros((-broken.pending) % broken.hop + 64 * broken.hop, np.float32))
    after, expected = broken.process(TWO_SECONDS)[190:], heard_without_fault()[190:]
    for field in ("rms", "peak", "loudness", "bands", "centroid", "spread", "flatness", "bands_smooth"):
        assert np.allclose(after[field], expected[field], rtol=0.01, atol=0.01), field


@pytest.mark.parametrize("seed", range(12))
def test_random_blocks_of_random_faults_at_random_rates_and_gains(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rate = int(rng.choice([8_000, 22_050, 44_100, 48_000, 96_000, 192_000]))
    analyzer = LiveAnalyzer(rate)
    indices: list[int] = []
    times: list[float] = []
    for _ in range(30):
        act = rng.integers(0, 8)
        if act == 0:
            analyzer.skip(int(rng.integers(0, 2 * rate)))
        elif act == 1:
            analyzer.set_gain(float(rng.uniform(-60, 60)) if rng.random() < 0.7 else "auto")
        elif act == 2:
            analyzer.tap(float(rng.uniform(0, 1)))
        with np.errstate(all="ignore"):
            sound = FAULTS[str(rng.choice(list(FAULTS)))](rng)
        start, count = int(rng.integers(0, max(1, len(sound)))), int(rng.integers(0, 4000))
        frames = analyzer.process(sound[start : start + count])
        assert_sound(frames)
        indices += frames["index"].tolist()
        times += frames["time_s"].tolist()
    assert indices == list(range(len(indices)))
    assert (np.diff(times) > 0).all()


def test_a_constant_changes_neither_levels_nor_onsets() -> None:
    sound = 0.5 * beat(RATE, 4.0, 120)
    without, with_offset = LiveAnalyzer(RATE).process(sound), LiveAnalyzer(RATE).process(sound + np.float32(0.3))
    late = without["time_s"] > 0.3
    for name in ("rms", "low", "loudness", "bands"):
        assert np.allclose(with_offset[name][late], without[name][late], atol=0.01), name
    assert (with_offset["onset"] == without["onset"])[late].all()


def test_the_high_pass_leaves_a_kick_as_it_is() -> None:
    t = np.arange(RATE) / RATE
    for frequency in (40, 60, 200):
        tone = 0.5 * np.sin(2 * np.pi * frequency * t)
        level_db = LiveAnalyzer(RATE).process(tone)["level_db"][-40:].mean()
        assert level_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.15)


@pytest.mark.parametrize("held_s", [0.5, 1.5])
def test_clipping_is_flagged_at_once_and_for_a_second(held_s: float) -> None:
    t = np.arange(3 * RATE) / RATE
    sound = 0.9 * np.sin(2 * np.pi * 100 * t)
    sound[RATE : RATE + 200] = np.clip(2 * sound[RATE : RATE + 200], -1, 1)
    frames = LiveAnalyzer(RATE).process(sound)
    flagged = frames["time_s"][frames["clipping"] > 0]
    assert flagged[0] == pytest.approx(1.0, abs=0.01)
    assert flagged[-1] == pytest.approx(2.0, abs=0.02)
    assert np.interp(1 + held_s, frames["time_s"], frames["clipping"]) == (held_s < 1)


@pytest.mark.parametrize("kind", ["float over", "int16"])
def test_what_counts_as_clipped(kind: str) -> None:
    sound = np.zeros((RATE, 2), np.int16 if kind == "int16" else np.float32)
    if kind == "int16":
        sound[999:1003, 1] = 32767
    else:
        sound[1000, 1] = 1.2
    assert LiveAnalyzer(RATE).process(sound)["clipping"].any()


@pytest.mark.parametrize("amplitude", [0.9, 0.99, 1.0])
def test_a_tone_that_just_reaches_full_scale_is_not_clipped(amplitude: float) -> None:
    t = np.arange(RATE) / RATE
    assert not LiveAnalyzer(RATE).process(amplitude * np.sin(2 * np.pi * 440 * t))["clipping"].any()


def test_a_hole_is_marked_envelopes_fall_and_the_tempo_holds() -> None:
    sound = beat(RATE, 16.0, 120)
    analyzer = LiveAnalyzer(RATE)
    before = analyzer.process(sound[: 10 * RATE])[-1]
    analyzer.skip(RATE // 2)
    analyzer.skip(RATE // 4)
    after = analyzer.process(sound[10 * RATE + RATE * 3 // 4 :])
    assert after["gap"][0] == pytest.approx(0.75)
    assert not after["gap"][1:].any()
    assert after["time_s"][0] == pytest.approx(before["time_s"] + 0.75 + 256 / RATE)
    assert before["tempo"] > 0
    assert after["tempo"][0] == pytest.approx(before["tempo"], rel=0.02)
    # 0.75 s are three times the release; the first hop after it has risen a little again.
    rise = 1 - np.exp(-256 / RATE / 0.015)
    assert after["mid_smooth"][0] <= before["mid_smooth"] * np.exp(-3) + rise * after["mid"][0] + 1e-6
    assert after["mid_smooth"][0] < 0.6 * before["mid_smooth"]


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("lost_ms", [(5.8,), (30.0,), (3.0, 8.0)])
def test_a_hole_in_a_chord_moves_neither_its_shape_nor_its_relative_level(
    lost_ms: tuple[float, ...], rate: int
) -> None:
    t = np.arange(4 * rate) / rate
    chord = 0.1 * sum(np.sin(2 * np.pi * hz * t) for hz in (220.0, 277.2, 329.6))
    whole = LiveAnalyzer(rate).process(chord)[100:]
    analyzer = LiveAnalyzer(rate)
    at = 2 * rate // analyzer.hop * analyzer.hop
    analyzer.process(chord[:at])
    for ms in lost_ms:  # the second comes while the window fills after the first
        lost = round(ms * rate / 1000)
        analyzer.skip(lost)
        at += lost + analyzer.hop
        after = analyzer.process(chord[at - analyzer.hop : at])
    after = np.concatenate([after, analyzer.process(chord[at:])])
    for name in ("spread", "skewness", "rolloff", "flatness", "centroid", "loudness_relative"):
        margin = 0.1 * (np.abs(whole[name]).max() + np.ptp(whole[name]))
        assert after[name].min() > whole[name].min() - margin, name
        assert after[name].max() < whole[name].max() + margin, name


def test_the_level_after_a_hole_is_that_of_the_samples_that_are_there() -> None:
    sound = noise(RATE, 2.0, -20)
    analyzer = LiveAnalyzer(RATE)
    analyzer.process(sound[: 256 * 200])
    analyzer.skip(256 * 6)
    levels = analyzer.process(sound[256 * 206 :])["level_db"]
    assert np.abs(levels + 20).max() < 1


def test_the_beat_runs_on_through_a_hole() -> None:
    sound = beat(RATE, 14.0, 120)
    whole = LiveAnalyzer(RATE).process(sound)
    analyzer = LiveAnalyzer(RATE)
    start = 10 * RATE // 256 * 256
    analyzer.process(sound[:start])
    lost = 300 * 256
    analyzer.skip(lost)
    frames = analyzer.process(sound[start + lost :])
    expected = whole[(start + lost) // 256 :]["beat_phase"]
    apart = np.abs((frames["beat_phase"] - expected + 0.5) % 1 - 0.5)
    assert np.median(apart[:100]) < 0.1


def test_beats_in_a_hole_are_counted_and_the_bar_stays_where_it_was_put() -> None:
    sound = beat(RATE, 20.0, 120)

    def play(start: int, lost: int) -> np.ndarray:
        analyzer = LiveAnalyzer(RATE)
        analyzer.process(sound[: 8 * RATE // 256 * 256])
        analyzer.downbeat()
        analyzer.process(sound[8 * RATE // 256 * 256 : start])
        analyzer.skip(lost)
        return analyzer.process(sound[start + lost :])

    start = 10 * RATE // 256 * 256
    for lost in (256 * 6, 256 * 120, 256 * 450):
        whole, holed = play(start, 0)[lost // 256 :], play(start, lost)
        settled = holed["time_s"] > 15
        assert holed["time_s"] == pytest.approx(whole["time_s"])
        steady = settled & (np.abs(whole["beat_phase"] - 0.5) < 0.3)
        for field in ("bar_beat", "beat_count", "bar_count"):
            assert (holed[field] == whole[field])[steady].all(), (lost, field)


def test_nothing_of_what_was_before_a_long_hole_is_heard_after_it() -> None:
    analyzer = LiveAnalyzer(RATE)
    before = analyzer.process(beat(RATE, 6.0, 120))[-1]
    analyzer.skip(60 * RATE)
    after = analyzer.process(np.zeros(RATE, np.float32))
    assert before["mid_smooth"] > 0
    # What the high-pass holds to be constant is lost in 32 ms.
    assert after["level_db"].max() < -55
    assert after["level_db"][10:].max() < -65
    assert after["mid_smooth"].max() < 1e-3
    assert not after["gate"].any()


def test_a_key_of_before_a_long_hole_does_not_linger() -> None:
    def chord(root_hz: float, seconds: float) -> np.ndarray:
        t = np.arange(int(seconds * RATE)) / RATE
        notes = [root_hz * 2 ** (semitones / 12) for semitones in (0, 4, 7, 12)]
        return (0.1 * sum(np.sin(2 * np.pi * hz * t) for hz in notes)).astype(np.float32)

    analyzer = LiveAnalyzer(RATE)
    first = int(analyzer.process(chord(220.0, 12.0))["key"][-1])
    analyzer.skip(300 * RATE)
    second = int(LiveAnalyzer(RATE).process(chord(233.1, 3.0))["key"][-1])
    assert second != first
    assert analyzer.process(chord(233.1, 3.0))["key"][-1] == second


@pytest.mark.parametrize("samples", [0, -5])
def test_no_hole_is_marked_where_there_is_none(samples: int) -> None:
    analyzer = LiveAnalyzer(RATE)
    analyzer.skip(samples)
    frame = analyzer.process(MUSIC[:256])[0]
    assert frame["gap"] == 0
    assert frame["time_s"] == pytest.approx(256 / RATE)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_another_rate_after_reopening_goes_on_counting(rate: int) -> None:
    first = LiveAnalyzer(RATE).process(beat(RATE, 3.0, 120))[-1]
    analyzer = LiveAnalyzer(
        rate,
        start_index=int(first["index"]) + 1,
        start_s=float(first["time_s"]),
        onset_count=int(first["onset_count"]),
        beat_count=int(first["beat_count"]),
    )
    analyzer.skip(round(1.5 * rate))
    frames = analyzer.process(beat(rate, 3.0, 120))
    assert_sound(frames)
    assert frames["index"][0] == first["index"] + 1
    assert frames["time_s"][0] == pytest.approx(first["time_s"] + 1.5 + analyzer.hop_s, abs=1e-4)
    assert frames["gap"][0] == pytest.approx(1.5, abs=1e-4)
    assert frames["onset_count"][0] >= first["onset_count"]
    assert frames["onset_count"][-1] > first["onset_count"] + 5


def test_music_ends_in_sudden_silence_and_everything_rests() -> None:
    frames = LiveAnalyzer(RATE).process(np.concatenate([beat(RATE, 4.0, 120), np.zeros(7 * RATE, np.float32)]))
    for field in FEATURES:
        assert np.allclose(frames[field.name][-1], field.rest, atol=1e-3), field.name


def test_denormals_are_silence() -> None:
    frames = LiveAnalyzer(RATE).process(np.full(6 * RATE, 1e-42, np.float32))
    assert frames["silent"][-1] == 1
    loud = LiveAnalyzer(RATE).process(noise(RATE, 0.1, -20))
    assert loud["silent"][-1] == 0
