"""Automatic gain, gate and loudness keep what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from analysis.gain import AutoGain
from analysis.loudness import Loudness
from tests.analysis.sounds import beat, hat, kick, noise, place

RATE, HOP = 48_000, 256
PER_S = RATE / HOP


def gains(sound: np.ndarray) -> np.ndarray:
    """Gain in dB of every hop."""
    gain, hops = AutoGain(HOP / RATE), sound[: len(sound) // HOP * HOP].reshape(-1, HOP)
    return np.array([gain.advance(float(np.dot(hop, hop)) / HOP) for hop in hops])


@pytest.mark.parametrize("scale_db", [-30, -10, 0])
@pytest.mark.parametrize("bpm", [40, 60, 90, 120, 170])
def test_the_gain_does_not_pump_on_kicks(bpm: int, scale_db: int) -> None:
    seconds = 24.0
    sound = 10 ** (scale_db / 20) * place(np.arange(0.2, seconds - 0.5, 60 / bpm), kick, RATE, seconds, -110)
    late = gains(sound)[round(14 * PER_S) :]
    hops_per_beat = round(60 / bpm * PER_S)
    ripples = [np.ptp(late[start : start + hops_per_beat]) for start in range(0, len(late), hops_per_beat)]
    assert max(ripples) < 0.5


@pytest.mark.parametrize("floor_db", [-80, -50])
def test_the_gain_stands_between_hits_four_seconds_apart(floor_db: int) -> None:
    late = gains(place(np.arange(0.2, 39, 4.0), kick, RATE, 40.0, floor_db))[round(20 * PER_S) :]
    assert np.ptp(late) < 0.5


@pytest.mark.parametrize("level_db", [-30, -12, 6])
def test_a_quiet_or_hot_line_is_brought_to_the_same_level_within_seconds(level_db: int) -> None:
    sound = 10 ** (level_db / 20) * beat(RATE, 12.0, 120)
    found = gains(sound)
    rms_db = 10 * np.log10(np.mean(np.square(sound[-4 * RATE :])))
    assert rms_db + found[-1] == pytest.approx(-16, abs=2)
    assert found[round(9 * PER_S)] == pytest.approx(found[-1], abs=1)


def test_the_gain_is_back_soon_after_the_line_got_hot_and_within_half_a_minute_after_it_got_quiet() -> None:
    loud = beat(RATE, 10.0, 120)
    found = gains(np.concatenate([0.1 * loud, loud]))
    assert found[round(13 * PER_S)] == pytest.approx(gains(loud)[-1], abs=1.5)
    found = gains(np.concatenate([loud, 0.1 * loud, 0.1 * loud, 0.1 * loud]))
    assert found[-1] == pytest.approx(gains(loud)[-1] + 20, abs=2)
    assert (np.diff(found) <= 4 * HOP / RATE + 1e-9).all()
    assert (np.diff(found) >= -8 * HOP / RATE - 1e-9).all()


@pytest.mark.parametrize("floor_db", [-300, -75])
def test_the_gain_freezes_in_silence(floor_db: int) -> None:
    found = gains(np.concatenate([0.05 * beat(RATE, 4.0, 120), noise(RATE, 8.0, floor_db)]))
    assert np.ptp(found[round(5.5 * PER_S) :]) == 0
    assert found[-1] > 3


def test_the_gate_opens_at_once_and_closes_lower_and_later() -> None:
    gate = LiveAnalyzer(RATE).process(
        np.concatenate([noise(RATE, 0.5, level, i) for i, level in enumerate((-58, -50, -58, -66, -58))])
    )["gate"]
    at = [float(gate[round(second * PER_S)]) for second in (0.45, 0.53, 0.95, 1.45, 1.55, 1.8, 2.4)]
    assert at == [0, 1, 1, 1, 1, 0, 0]


def test_gain_does_not_open_the_gate_for_the_noise_of_the_line() -> None:
    frames = LiveAnalyzer(RATE, gain_db=40).process(noise(RATE, 1.0, -72))
    assert not frames["gate"].any()
    assert frames["level_db"][-1] == pytest.approx(-32, abs=1)


def test_another_threshold_can_be_asked_for() -> None:
    sound = noise(RATE, 0.5, -40)
    assert LiveAnalyzer(RATE).process(sound)["gate"][-1] == 1
    assert LiveAnalyzer(RATE, gate_db=-40).process(sound)["gate"][-1] == 0


@pytest.mark.parametrize("gate_db", [-90, -60, -12, -9, -6, -3, -0.5, 0])
def test_full_scale_opens_every_gate_that_can_be_asked_for(gate_db: float) -> None:
    square = np.where(np.arange(RATE) // 24 % 2, 1.0, -1.0)
    analyzer = LiveAnalyzer(RATE, gain_db=12, gate_db=gate_db)
    assert not analyzer.process(noise(RATE, 0.5, -120))["gate"].any()
    assert analyzer.process(square)["gate"][4:].all()
    assert not analyzer.process(noise(RATE, 0.5, -120))["gate"][-20:].any()


@pytest.mark.parametrize(("gate_db", "opens_db"), [(-30, -24), (-12, -6), (-8, -6), (-6, -6), (-2, -2)])
def test_a_gate_opens_6_db_above_its_threshold_or_at_minus_6_db(gate_db: float, opens_db: float) -> None:
    below, above = Loudness(HOP / RATE, gate_db), Loudness(HOP / RATE, gate_db)
    below.process(10 ** ((opens_db - 0.1) / 20), 0.0)
    above.process(10 ** ((opens_db + 0.1) / 20), 0.0)
    assert (below.open, above.open) == (False, True)


GATED = (
    "loudness_relative",
    "spread",
    "skewness",
    "kurtosis",
    "rolloff",
    "flatness",
    "chroma",
    "pitch",
    "pitch_confidence",
)


@pytest.mark.parametrize("name", GATED)
def test_features_rest_behind_the_gate(name: str) -> None:
    sound = np.concatenate([beat(RATE, 2.0, 120), noise(RATE, 1.0, -70)])
    column = LiveAnalyzer(RATE).process(sound)[name]
    assert np.any(column[round(1.5 * PER_S)])
    assert not np.any(column[-20:])


def test_level_in_decibels_is_that_of_the_sound_after_gain() -> None:
    t = np.arange(RATE) / RATE
    frames = LiveAnalyzer(RATE, gain_db=6).process(0.1 * np.sin(2 * np.pi * 1000 * t))
    assert frames["level_db"][-1] == pytest.approx(-23.0 + 6, abs=0.1)


@pytest.mark.parametrize("scale_db", [0, -20])
def test_relative_loudness_spans_what_was_heard_of_late_however_loud_it_is(scale_db: int) -> None:
    quiet, loud = noise(RATE, 2.0, -40), noise(RATE, 2.0, -25, 1)
    sound = 10 ** (scale_db / 20) * np.concatenate([quiet, loud, quiet, loud, quiet])
    relative = LiveAnalyzer(RATE).process(sound)["loudness_relative"].reshape(5, -1)[:, 100:].mean(axis=1)
    assert relative[1] > 0.85
    assert relative[3] > 0.85
    assert relative[2] < 0.2
    assert relative[4] < 0.2


def test_a_hand_on_the_gain_changes_no_relative_loudness() -> None:
    rng = np.random.default_rng(5)
    sound = 0.02 * rng.standard_normal(6 * RATE) * (1 + 3 * (np.arange(6 * RATE) // (RATE // 2) % 2))
    found = []
    for later_db in (0.0, 12.0):
        analyzer = LiveAnalyzer(RATE)
        analyzer.process(sound[: 3 * RATE].astype(np.float32))
        analyzer.set_gain(later_db)
        found.append(analyzer.process(sound[3 * RATE :].astype(np.float32))["loudness_relative"])
    # While the window holds samples of both gains it is a little off.
    np.testing.assert_allclose(found[0], found[1], atol=0.1)
    assert np.ptp(found[0]) > 0.5


def test_a_steady_sound_is_relatively_loud_not_torn_between_the_ends() -> None:
    relative = LiveAnalyzer(RATE).process(noise(RATE, 4.0, -30))["loudness_relative"][300:]
    assert relative.min() > 0.5


def test_smoothed_levels_rise_and_fall_with_their_time_constants() -> None:
    t = np.arange(RATE) / RATE
    sound = np.concatenate([0.2 * np.sin(2 * np.pi * 700 * t), 0.0 * t])
    frames = LiveAnalyzer(RATE).process(sound)
    raw, smooth = frames["mid"], frames["mid_smooth"]
    top = float(raw[round(0.5 * PER_S)])
    assert smooth[round(0.5 * PER_S)] == pytest.approx(top, rel=0.01)
    assert smooth[round(0.08 * PER_S)] > 0.95 * top
    end = int(np.flatnonzero(raw[round(PER_S) :] == 0)[0]) + round(PER_S)
    later = end + round(0.25 * PER_S)
    assert smooth[later] == pytest.approx(smooth[end] * np.exp(-1), rel=0.03)
    assert (
        frames["bands_smooth"].argmax(axis=1)[round(0.5 * PER_S)] == frames["bands"].argmax(axis=1)[round(0.5 * PER_S)]
    )


def test_smoothed_levels_never_lie_above_the_highest_raw_level() -> None:
    frames = LiveAnalyzer(RATE).process(place(np.arange(0.2, 2.8, 0.25), hat, RATE, 3.0))
    for name in ("bands", "low", "mid", "high"):
        assert (frames[f"{name}_smooth"].max(axis=0) <= frames[name].max(axis=0) + 1e-6).all()
