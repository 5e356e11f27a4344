"""The arithmetic of the measures, on cases whose answers are known."""

from __future__ import annotations

import math

import pytest
import torch

from bench.builtin.measures import (
    circle,
    confusion,
    difference,
    high_frequency_energy,
    mean_pairwise,
    psnr_db,
    retrieval_rank,
    spearman,
    step_ratio,
)


def wave(cycles: int, size: int = 64) -> torch.Tensor:
    """A picture (1, 3, size, size) of a grey wave across, of that many cycles."""
    across = 0.5 + 0.4 * torch.sin(2 * math.pi * cycles * torch.arange(size) / size)
    return across.expand(1, 3, size, size)


@pytest.mark.parametrize(("cycles", "in_upper_half"), [(2, False), (10, False), (22, True), (30, True)])
def test_a_wave_counts_in_the_half_of_the_spectrum_it_is_in(cycles, in_upper_half):
    energy = float(high_frequency_energy(wave(cycles)))
    assert energy == pytest.approx(0.4**2 / 2 if in_upper_half else 0, rel=0.02, abs=1e-5)


def test_bands_of_the_spectrum_add_up_to_the_variance():
    noise = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    parts = [high_frequency_energy(noise, low, high, windowed=False) for low, high in ((0, 0.25), (0.25, 0.5))]
    whole = high_frequency_energy(noise, 0, windowed=False)
    assert torch.allclose(sum(parts) + high_frequency_energy(noise, windowed=False), whole, rtol=1e-4)


def test_a_blurred_picture_has_less_fine_structure_and_brightness_does_not_matter():
    sharp = 0.8 * torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    soft = torch.nn.functional.avg_pool2d(sharp, 3, 1, 1)
    assert high_frequency_energy(soft) < 0.2 * high_frequency_energy(sharp)
    assert torch.allclose(high_frequency_energy(sharp + 0.2), high_frequency_energy(sharp), rtol=0.02)


def test_the_jump_between_opposite_edges_is_no_fine_structure():
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    assert high_frequency_energy(ramp) < 0.01 * high_frequency_energy(ramp, windowed=False)


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        ([1, 2, 3, 4], [1, 8, 27, 64], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4], [5, 5, 5, 5], 0.0),
        ([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], 0.8),
        ([1, 2, 3], [1, 1, 2], math.sqrt(3) / 2),
    ],
)
def test_spearman_is_the_correlation_of_ranks(x, y, expected):
    assert spearman(torch.tensor(x), torch.tensor(y)) == pytest.approx(expected)


def test_retrieval_rank_counts_what_is_as_near_or_nearer():
    others = torch.tensor([[0.0, 1.0], [0.0, 3.0], [5.0, 5.0]])
    asked = torch.tensor([0.0, 0.0])
    assert retrieval_rank(asked, torch.tensor([0.0, 0.5]), others) == 0
    assert retrieval_rank(asked, torch.tensor([1.0, 0.0]), others) == 1
    assert retrieval_rank(asked, torch.tensor([0.0, 4.0]), others) == 2


def test_the_circle_begins_at_its_first_noise_goes_round_evenly_and_keeps_variance():
    x, y = torch.randn(2, 1, 4, 32, 32, generator=torch.Generator().manual_seed(2))
    walked = circle(x, y, 12)
    assert walked.shape == (12, 4, 32, 32)
    assert torch.equal(walked[:1], x)
    assert torch.allclose(walked[3:4], y, atol=1e-6)
    assert torch.allclose(walked[6:7], -x, atol=1e-6)
    steps = (walked - walked.roll(-1, 0)).flatten(1).norm(dim=1)
    assert step_ratio(steps) == pytest.approx(1, abs=0.05)
    assert torch.allclose(walked.var(dim=(1, 2, 3)), torch.ones(12), atol=0.1)


def test_step_ratio_finds_the_jump():
    assert step_ratio(torch.tensor([1.0, 1.0, 1.0, 5.0])) == pytest.approx(2.5)
    assert step_ratio(torch.zeros(4)) == 1


def test_differences_and_distances_on_plain_pictures():
    black, grey = torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.1)
    assert float(difference(black, grey)) == pytest.approx(25.5)
    assert float(psnr_db(grey, black)) == pytest.approx(20, abs=1e-3)
    assert mean_pairwise(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])) == pytest.approx(10 / 3)


def test_a_confusion_table_has_what_was_in_rows():
    table = confusion(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 1, 0]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
