"""Fixed noises and where a picture's noises come from."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine.noise import NoiseBank, fixed_noise, walk
from engine.spec import FrameSpec

SHAPE = (1, 4, 32, 32)


@pytest.mark.parametrize("seed", [0, 42, 2**31 - 1, 2**32 + 7])
@pytest.mark.parametrize("shape", [(1,), (7,), (15,), (16,), (17,), (3, 5, 7), SHAPE, (1, 4, 64, 64)])
def test_a_seed_means_what_it_means_elsewhere(seed: int, shape: tuple[int, ...]) -> None:
    expected = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).numpy()
    noise = fixed_noise(seed, shape)
    assert noise.dtype == np.float32
    assert noise.shape == shape
    np.testing.assert_allclose(noise, expected, rtol=0, atol=1e-5)


def test_a_seed_gives_the_same_bits_every_time() -> None:
    assert np.array_equal(fixed_noise(7, SHAPE, 3), fixed_noise(7, SHAPE, 3))
    assert fixed_noise(5, (4,)).tolist() == pytest.approx([-0.4868, -0.6038, -0.5581, 0.6675], abs=1e-4)


def test_streams_and_seeds_are_independent() -> None:
    noises = [fixed_noise(seed, SHAPE, stream).ravel() for seed in (0, 1, 2) for stream in (0, 1, 2)]
    assert np.abs(np.corrcoef(noises) - np.eye(9)).max() < 0.1


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(BadInput, match="0 or more"):
        fixed_noise(-1, SHAPE)


def test_noise_and_prompt_blending_need_no_torch() -> None:
    code = "import sys, engine.noise, engine.prompts; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_walk_closes_and_keeps_unit_variance() -> None:
    x, y = fixed_noise(1, SHAPE), fixed_noise(1, SHAPE, 1)
    assert np.array_equal(walk(x, y, 0.0), x)
    assert np.array_equal(walk(x, y, 2 * math.pi), x)
    np.testing.assert_allclose(walk(x, y, math.pi / 2), y, atol=1e-6)
    for angle in np.linspace(0, 7, 30).tolist():
        assert walk(x, y, angle).std() == pytest.approx(1, abs=0.05)


def test_the_bank_keeps_what_it_drew_and_forgets_the_oldest() -> None:
    bank = NoiseBank(limit=2)
    first = bank.get(1, SHAPE)
    assert bank.get(1, SHAPE) is first
    bank.get(2, SHAPE)
    bank.get(3, SHAPE)
    assert bank.get(1, SHAPE) is not first
    assert np.array_equal(bank.get(1, SHAPE), first)


def test_what_the_bank_hands_out_is_the_callers_own() -> None:
    bank = NoiseBank()
    for spec in (FrameSpec(seed=5), FrameSpec(seed=5, angle=1.0), FrameSpec(seed=5, seed_to=6, seed_blend=0.5)):
        before = bank.start(spec, SHAPE).copy()
        bank.start(spec, SHAPE)[:] = 0
        assert np.array_equal(bank.start(spec, SHAPE), before)
    bank.step(FrameSpec(seed=5), SHAPE, 0)[:] = 0
    assert bank.step(FrameSpec(seed=5), SHAPE, 0).any()


def test_the_start_goes_from_seed_to_seed() -> None:
    bank = NoiseBank()
    assert np.array_equal(bank.start(FrameSpec(seed=5), SHAPE), fixed_noise(5, SHAPE))
    assert np.array_equal(bank.start(FrameSpec(seed=5, seed_to=6, seed_blend=1.0), SHAPE), fixed_noise(6, SHAPE))
    middle = bank.start(FrameSpec(seed=5, seed_to=6, seed_blend=0.5, angle=1.0), SHAPE)
    assert middle.std() == pytest.approx(1, abs=0.05)


def test_step_noise_does_not_move_with_the_walk() -> None:
    bank = NoiseBank()
    still = bank.step(FrameSpec(seed=5), SHAPE, 0)
    assert np.array_equal(bank.step(FrameSpec(seed=5, angle=2.0, seed_to=9, seed_blend=0.4), SHAPE, 0), still)
    assert not np.array_equal(bank.step(FrameSpec(seed=5), SHAPE, 1), still)
