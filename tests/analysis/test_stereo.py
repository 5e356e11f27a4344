"""What is heard of two channels."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from analysis import LiveAnalyzer
from tests.analysis.sounds import beat, noise

RATE = 48_000
T = np.arange(RATE) / RATE
TONE = (0.2 * np.sin(2 * np.pi * 440 * T)).astype(np.float32)
LEVEL = 1 + 20 * np.log10(0.2 / np.sqrt(2)) / 60


def last(*channels: np.ndarray, gain_db: float = 0.0) -> np.ndarray:
    return LiveAnalyzer(RATE, gain_db=gain_db).process(np.stack(channels, axis=1))[-1]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_mono_has_no_side(count: int) -> None:
    frames = LiveAnalyzer(RATE).process(np.stack([beat(RATE, 1.0, 120)] * count, axis=1))
    for name in ("side", "width", "balance"):
        assert not frames[name].any()


def test_opposed_channels_are_all_side() -> None:
    frame = last(TONE, -TONE)
    assert frame["rms"] == 0
    assert frame["side"] == pytest.approx(LEVEL, abs=0.005)
    assert frame["width"] == pytest.approx(1, abs=0.01)
    assert frame["balance"] == pytest.approx(0, abs=0.01)


def test_unrelated_channels_have_as_much_side_as_mid() -> None:
    frame = last(noise(RATE, 1.0, -20, 1), noise(RATE, 1.0, -20, 2))
    assert frame["width"] == pytest.approx(0.5, abs=0.05)
    assert frame["side"] == pytest.approx(frame["loudness"], abs=0.03)
    assert abs(frame["balance"]) < 0.1


@pytest.mark.parametrize(("left", "right", "balance"), [(1, 0, -1), (0, 1, 1), (1, 0.5, -0.6), (1, 1, 0)])
def test_balance_is_power_of_right_over_left(left: float, right: float, balance: float) -> None:
    assert last(left * TONE, right * TONE)["balance"] == pytest.approx(balance, abs=0.01)


def test_gain_counts_for_side_as_for_everything() -> None:
    assert last(TONE, -TONE, gain_db=6)["side"] == pytest.approx(LEVEL + 6 / 60, abs=0.005)


SONG = beat(RATE, 9.0, 120)


@cache
def heard_by_both() -> np.ndarray:
    return LiveAnalyzer(RATE).process(np.stack([SONG, SONG], axis=1))


def test_a_channel_that_dies_leaves_the_level_as_it_was() -> None:
    other = SONG.copy()
    other[3 * RATE :] = 0
    both, one = heard_by_both(), LiveAnalyzer(RATE).process(np.stack([SONG, other], axis=1))
    late = one["time_s"] > 6
    assert np.abs(one["level_db"] - both["level_db"])[late].mean() < 0.1
    at_once = (one["time_s"] > 3.1) & (one["time_s"] < 4.9)
    apart_db = (both["level_db"] - one["level_db"])[at_once & (both["level_db"] > -40)]
    assert apart_db.mean() == pytest.approx(6.02, abs=0.2)
    assert one["balance"][late].max() < -0.9
    assert int(one["onset"][late].sum()) == int(both["onset"][late].sum())


def test_a_channel_that_comes_back_is_heard_at_once() -> None:
    other = SONG.copy()
    other[2 * RATE : 7 * RATE] = 0
    both, frames = heard_by_both(), LiveAnalyzer(RATE).process(np.stack([SONG, other], axis=1))
    late = frames["time_s"] > 7.1
    assert np.abs(frames["level_db"] - both["level_db"])[late].max() < 0.1


def test_a_channel_that_comes_back_beside_one_that_is_dead_is_heard_at_once() -> None:
    tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)).astype(np.float32)
    back = np.where(np.arange(5 * RATE) < 4 * RATE, 0, tone).astype(np.float32)
    frames = LiveAnalyzer(RATE, gain_db=0.0).process(np.stack([0.1 * tone, back, 0 * tone], axis=1))
    soon = frames["rms"][(frames["time_s"] > 4.03) & (frames["time_s"] < 4.06)]
    assert soon.min() > 0.95 * frames["rms"][-1]


def test_a_change_of_channels_in_mid_stream_is_taken_as_it_comes() -> None:
    sound = beat(RATE, 1.0, 120)
    analyzer = LiveAnalyzer(RATE)
    frames = [
        analyzer.process(sound[:20_000]),
        analyzer.process(np.stack([sound[20_000:30_100]] * 2, axis=1)),
        analyzer.process(sound[30_100:]),
    ]
    joined = np.concatenate(frames)
    assert (np.diff(joined["index"].astype(int)) == 1).all()
    assert np.allclose(joined["rms"], LiveAnalyzer(RATE).process(sound)["rms"], atol=0.02)
