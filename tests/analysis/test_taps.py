"""The tempo of taps as people make them: uneven, bounced, with some left out."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.taps import TapSeries
from tests.analysis.beating import RATE, beat_times, follow


def tapped(*times_s: float) -> TapSeries:
    taps = TapSeries()
    for at_s in times_s:
        taps.add(at_s)
    return taps


def test_three_taps_say_how_long_a_beat_is():
    assert tapped(1.0, 1.5).period_s is None
    assert tapped(1.0, 1.5, 2.0).period_s == pytest.approx(0.5)
    assert tapped(1.0, 1.5, 2.0, 4.6, 5.2).period_s is None, "after a pause"
    assert tapped(1.0, 1.5, 2.0, 4.6, 5.2, 5.8).period_s == pytest.approx(0.6)


def test_a_bounce_is_no_tap():
    taps = tapped(1.0, 1.02, 1.5, 1.55, 2.0)
    assert taps.period_s == pytest.approx(0.5)
    assert not taps.add(2.1)
    assert taps.newest_s == 2.0


@pytest.mark.parametrize(
    "times_s",
    [
        (0, 0.5, 1.0, 2.0, 2.5), (0, 1.0, 1.5), (0, 0.5, 2.0, 2.5, 3.0), (0, 0.5, 0.9, 1.5, 2.0, 2.5),
        (0, 0.5, 1.0, 1.5, 2.2),
    ],
    ids=["one passed over", "the second passed over", "two passed over", "one early", "one astray at the end"],
)  # fmt: skip
def test_what_was_passed_over_or_is_astray_does_not_change_the_tempo(times_s):
    assert tapped(*times_s).period_s == pytest.approx(0.5, rel=0.01)


def test_no_taps_are_faster_than_a_bounce_is_long():
    # The last gap counts as two, and is less than twice the others.
    series = tapped(0.0, 0.2001, 0.4002, 0.752)
    assert series.period_s == pytest.approx(0.2)
    assert 60 / series.period_s <= 300


def test_uneven_taps_are_averaged_and_a_new_tempo_is_taken_up():
    rng = np.random.default_rng(0)
    assert tapped(*(np.arange(8) * 0.5 + rng.normal(0, 0.02, 8))).period_s == pytest.approx(0.5, rel=0.02)
    assert tapped(*np.arange(8) * 0.5, *(3.5 + np.arange(1, 8) * 0.7)).period_s == pytest.approx(0.7)


def test_taps_set_the_tempo_in_silence_for_five_seconds_from_the_last():
    acts = {7.0 + 0.6 * tap: lambda tracker: tracker.tap() for tap in range(5)}
    heard = follow(np.zeros(16 * RATE, np.float32), acts=acts)
    times, tempo = heard["time_s"], heard["tempo"]
    assert (tempo[times < 8] == 0).all()
    assert tempo[(times > 8.3) & (times < 14.3)] == pytest.approx(100, rel=0.02)
    assert (tempo[times > 14.6] == 0).all()
    found = beat_times(heard)
    late = (found[(found > 9.5) & (found < 14)] - 7.0) / 0.6
    assert len(late) >= 6
    assert np.abs(late - np.round(late)).max() * 0.6 < 0.03


def test_a_bounced_tap_does_not_throw_the_series_away():
    times = [0.25, 0.85, 0.9, 1.45, 2.05]
    heard = follow(np.zeros(4 * RATE, np.float32), acts={at: lambda tracker: tracker.tap() for at in times})
    assert heard["tempo"][-1] == pytest.approx(100, rel=0.02)
