"""Interpolation on the sphere: exact ends, even pace, a mean that no order changes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from engine.noise import fixed_noise
from engine.sphere import mean_shares, slerp

SHAPE = (1, 4, 32, 32)


@pytest.mark.parametrize("axis", [None, -1])
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_slerp_meets_both_ends_exactly(axis: int | None, kind: type) -> None:
    a, b = fixed_noise(1, SHAPE).astype(kind), fixed_noise(2, SHAPE).astype(kind)
    assert np.array_equal(slerp(a, b, 0.0, axis), a)
    assert np.array_equal(slerp(a, b, 1.0, axis), b)
    assert slerp(a, b, 0.4, axis).dtype == np.float32


def test_slerp_of_known_vectors() -> None:
    a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    np.testing.assert_allclose(slerp(a, b, 0.5), [0.7071, 0.7071], atol=1e-4)
    np.testing.assert_allclose(slerp(a, b, 0.25), [0.9239, 0.3827], atol=1e-4)
    obtuse = np.array([-0.6, 0.8])
    np.testing.assert_allclose(slerp(a, obtuse, 1.0), obtuse, atol=1e-6)  # no sign is turned


def test_slerp_keeps_the_norm_and_moves_at_an_even_pace() -> None:
    a, b = fixed_noise(1, SHAPE), fixed_noise(2, SHAPE)
    b = b * (np.linalg.norm(a) / np.linalg.norm(b))
    path = [slerp(a, b, t / 10) for t in range(11)]
    for point in path:
        assert np.linalg.norm(point) == pytest.approx(np.linalg.norm(a), rel=1e-4)
    strides = np.array([np.linalg.norm(q - p) for p, q in pairwise(path)])
    assert strides.std() / strides.mean() < 1e-3


def test_slerp_of_parallel_and_opposite_vectors_is_finite() -> None:
    a = fixed_noise(1, SHAPE)
    np.testing.assert_allclose(slerp(a, a, 0.3), a, atol=1e-6)
    for b in (-a, np.zeros_like(a)):
        assert np.isfinite(slerp(a, b, 0.5)).all()


def _units(count: int, places: int = 5) -> np.ndarray:
    """Vectors within a right angle or so of each other, shape (places, count, 16)."""
    vectors = 1 + np.random.default_rng(0).normal(size=(places, count, 16))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _mean(units: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.einsum("pi,piw->pw", mean_shares(units @ units.swapaxes(1, 2), weights), units)


@pytest.mark.parametrize("degrees", [0, 20, 90, 150])
@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 1.0])
def test_the_mean_of_two_vectors_is_their_slerp(degrees: float, t: float) -> None:
    angle = math.radians(degrees)
    units = np.array([[[1.0, 0.0], [math.cos(angle), math.sin(angle)]]])
    np.testing.assert_allclose(_mean(units, np.array([1 - t, t]))[0], slerp(units[0, 0], units[0, 1], t), atol=1e-6)


def test_the_mean_balances_its_arcs_and_has_unit_length() -> None:
    units, weights = _units(12), np.random.default_rng(1).dirichlet(np.ones(12))
    mean = _mean(units, weights)
    np.testing.assert_allclose(np.linalg.norm(mean, axis=-1), 1, atol=1e-9)
    cosine = np.einsum("piw,pw->pi", units, mean)
    arcs = (units - cosine[..., None] * mean[:, None]) * (np.arccos(cosine) / np.sqrt(1 - cosine**2))[..., None]
    np.testing.assert_allclose(np.einsum("i,piw->pw", weights, arcs), 0, atol=1e-6)


def test_no_order_changes_the_mean_and_a_weight_leaves_without_a_jump() -> None:
    units, weights = _units(4), np.array([0.4, 0.3, 0.2, 0.1])
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(_mean(units[:, order], weights[order]), _mean(units, weights), atol=1e-7)
    gone = np.array([0.5, 0.3, 0.2, 0.0])
    np.testing.assert_allclose(_mean(units, gone), _mean(units[:, :3], gone[:3]), atol=1e-7)
    np.testing.assert_allclose(_mean(units, gone + np.array([-1e-6, 0, 0, 1e-6])), _mean(units, gone), atol=1e-5)


def test_opposite_vectors_have_finite_shares() -> None:
    units = np.array([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]])
    for weights in ([0.5, 0.5, 0.0], [0.4, 0.3, 0.3], [1.0, 0.0, 0.0]):
        assert np.isfinite(mean_shares(units @ units.swapaxes(1, 2), np.array(weights))).all()
