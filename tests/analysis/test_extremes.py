"""The largest and smallest of an array, and that NaN is not passed over."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.extremes import largest, smallest


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_they_are_those_of_the_array_whatever_its_shape(dtype):
    values = np.random.default_rng(3).standard_normal((2, 31)).astype(dtype)
    assert largest(values) == values.max()
    assert smallest(values) == values.min()
    assert largest(values[:, ::2]) == values[:, ::2].max()


@pytest.mark.parametrize("at", [0, 5, 30])
def test_nan_is_told(at):
    values = np.arange(31, dtype=np.float32)
    values[at] = np.nan
    assert math.isnan(largest(values))
    assert math.isnan(smallest(values))
