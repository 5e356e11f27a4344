"""Percentiles in fixed memory are those of the durations, to a bin."""

import numpy as np
import pytest

from live.histogram import Histogram


def test_percentiles_are_right_to_a_bin():
    durations = np.random.default_rng(1).gamma(2.0, 0.01, 5000)
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    assert histogram.count == 5000
    for percent in (50, 95, 99):
        assert histogram.percentile_ms(percent) == pytest.approx(1e3 * np.percentile(durations, percent), abs=0.25)


def test_an_empty_histogram_gives_zeros():
    assert Histogram().summary_ms() == {"p50": 0.0, "p95": 0.0, "p99": 0.0}


def test_durations_out_of_range_are_counted_at_its_ends():
    histogram = Histogram()
    histogram.add(-1.0)
    histogram.add(1e9)
    assert histogram.count == 2
    assert histogram.percentile_ms(1) == pytest.approx(0.1)
    assert histogram.percentile_ms(99) == pytest.approx(60_000.0)


def test_pictures_of_a_slow_model_are_told_to_ten_milliseconds():
    histogram = Histogram()
    for duration_s in (1.9999, 2.0, 4.2, 4.2, 4.2):
        histogram.add(duration_s)
    assert histogram.percentile_ms(20) == pytest.approx(2000.0)
    assert histogram.percentile_ms(40) == pytest.approx(2010.0)
    assert histogram.percentile_ms(50) == pytest.approx(4210.0)
