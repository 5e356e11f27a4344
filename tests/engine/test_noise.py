"""Fixed noises and the paths between them."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from bentlight.errors import BadInput
from engine.noise import NoiseBank, fixed_noise, slerp, walk
from engine.spec import FrameSpec

SHAPE = (1, 4, 32, 32)


def test_a_seed_means_what_it_means_elsewhere() -> None:
    expected = torch.randn(SHAPE, generator=torch.Generator().manual_seed(42))
    assert torch.equal(fixed_noise(42, SHAPE), expected)


def test_streams_and_seeds_are_independent() -> None:
    noises = [fixed_noise(seed, SHAPE, stream).flatten() for seed in (0, 1, 2) for stream in (0, 1, 2)]
    assert (torch.corrcoef(torch.stack(noises)) - torch.eye(9)).abs().max() < 0.1


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(BadInput, match="0 or more"):
        fixed_noise(-1, SHAPE)


def test_the_walk_closes_and_keeps_unit_variance() -> None:
    x, y = fixed_noise(1, SHAPE), fixed_noise(1, SHAPE, 1)
    assert torch.equal(walk(x, y, 0.0), x)
    assert torch.equal(walk(x, y, 2 * math.pi), x)
    torch.testing.assert_close(walk(x, y, math.pi / 2), y)
    for angle in torch.linspace(0, 7, 30).tolist():
        assert walk(x, y, angle).std().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("dim", [None, -1])
def test_slerp_meets_both_ends_exactly(dim: int | None) -> None:
    a, b = fixed_noise(1, SHAPE), fixed_noise(2, SHAPE)
    assert torch.equal(slerp(a, b, 0.0, dim), a)
    assert torch.equal(slerp(a, b, 1.0, dim), b)


def test_slerp_keeps_the_norm_and_moves_at_an_even_pace() -> None:
    a, b = fixed_noise(1, SHAPE), fixed_noise(2, SHAPE)
    b = b * (a.norm() / b.norm())
    path = [slerp(a, b, t / 10) for t in range(11)]
    for point in path:
        assert point.norm().item() == pytest.approx(a.norm().item(), rel=1e-4)
    strides = torch.stack([(q - p).norm() for p, q in pairwise(path)])
    assert strides.std() / strides.mean() < 1e-3


def test_slerp_of_parallel_and_opposite_vectors_is_finite() -> None:
    a = fixed_noise(1, SHAPE)
    assert torch.equal(slerp(a, a, 0.3), a) or torch.allclose(slerp(a, a, 0.3), a)
    for b in (-a, torch.zeros_like(a)):
        assert torch.isfinite(slerp(a, b, 0.5)).all()


def test_the_bank_keeps_what_it_drew_and_forgets_the_oldest() -> None:
    bank = NoiseBank(limit=2)
    first = bank.get(1, SHAPE)
    assert bank.get(1, SHAPE) is first
    bank.get(2, SHAPE)
    bank.get(3, SHAPE)
    assert bank.get(1, SHAPE) is not first
    assert torch.equal(bank.get(1, SHAPE), first)


def test_the_start_goes_from_seed_to_seed() -> None:
    bank = NoiseBank()
    assert torch.equal(bank.start(FrameSpec(seed=5), SHAPE), fixed_noise(5, SHAPE))
    assert torch.equal(bank.start(FrameSpec(seed=5, seed_to=6, seed_blend=1.0), SHAPE), fixed_noise(6, SHAPE))
    middle = bank.start(FrameSpec(seed=5, seed_to=6, seed_blend=0.5, angle=1.0), SHAPE)
    assert middle.std().item() == pytest.approx(1, abs=0.05)


def test_step_noise_does_not_move_with_the_walk() -> None:
    bank = NoiseBank()
    still = bank.step(FrameSpec(seed=5), SHAPE, 0)
    assert torch.equal(bank.step(FrameSpec(seed=5, angle=2.0, seed_to=9, seed_blend=0.4), SHAPE, 0), still)
    assert not torch.equal(bank.step(FrameSpec(seed=5), SHAPE, 1), still)
