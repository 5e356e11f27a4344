"""What single operators do: their algebra, their units, the faults of the originals."""

from __future__ import annotations

import math

import pytest
import torch

from engine.bends import Bend
from engine.bends.kernels import settle
from engine.noise import fixed_noise
from tests.engine.test_operators import SD, activation, bent, neutral

TURN = 2 * math.pi


def close(a: torch.Tensor, b: torch.Tensor, within: float = 1e-5) -> bool:
    return bool((a - b).abs().max() <= within * SD)


def test_a_quarter_turn_is_counter_clockwise_and_a_whole_one_closes() -> None:
    x = activation("decoder")
    assert torch.allclose(bent("rotate", "decoder", x, [math.pi / 2, 1.0]), torch.rot90(x, 1, (2, 3)), atol=1e-3)
    assert torch.allclose(bent("rotate", "decoder", x, [2 * math.pi, 1.0]), x, atol=1e-3)


def test_rotation_keeps_circles_round_on_wide_sites() -> None:
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(64.0), indexing="ij")
    distance = torch.hypot(rows - 11.5, columns - 31.5)
    disc = torch.sigmoid(8 - distance)[None, None]
    turned = bent("rotate", "latent", disc, [0.7, 1.0])
    # Further out the mirrored edges bring in copies of the disc.
    assert (turned - disc)[0, 0][distance < 11].abs().max() < 0.05


def test_zoom_magnifies_about_the_centre() -> None:
    x = torch.zeros(1, 1, 16, 16)
    x[..., 6:10, 6:10] = 1
    assert bent("zoom", "latent", x, [2.0, 1.0]).sum() > 3 * x.sum()
    assert bent("zoom", "latent", x, [0.5, 1.0])[..., 4:12, 4:12].sum() < 0.5 * x.sum()


def test_translation_moves_right_and_down() -> None:
    x = torch.zeros(1, 1, 8, 16)
    x[..., 2, 4] = 1
    y = bent("translate", "latent", x, [0.25, 0.5, 1.0])
    assert y[0, 0, 6, 8] == 1
    assert y[0, 0, 2, 4] == 0


def test_the_edges_mirror_about_the_border_pixels_so_that_a_deep_map_answers_to_small_movements_everywhere() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4).square()
    moved = bent("translate", "latent", x, [0.25, 0.0, 1.0])
    torch.testing.assert_close(moved, x[..., [1, 0, 1, 2]])
    for name, values in (("zoom", [0.9]), ("translate", [0.02, -0.02])):
        assert ((bent(name, "latent", x, [*values, 1.0]) - x).abs() > 1e-3)[0, 0, :, 0].all()
    one = torch.full((1, 1, 1, 1), 3.0)
    torch.testing.assert_close(bent("zoom", "latent", one, [0.5, 1.0]), one)


def test_thresholds_count_in_units_of_the_site() -> None:
    x = activation("latent")
    hard = bent("hard_threshold", "latent", x, [1.0, 1.0])
    assert torch.equal(hard != 0, x.abs() >= SD)
    assert torch.equal(bent("hard_threshold", "latent", hard, [1.0, 1.0]), hard)
    soft = bent("soft_threshold", "latent", x, [1.0, 1.0])
    torch.testing.assert_close(soft, x.sign() * (x.abs() - SD).clamp_min(0))


def test_morphology_interpolates_between_whole_radii() -> None:
    x = activation("decoder")
    one, two = (bent("dilate", "decoder", x, [r, 1.0]) for r in (1.0, 2.0))
    torch.testing.assert_close(two, torch.nn.functional.max_pool2d(x, 5, 1, 2))
    torch.testing.assert_close(bent("dilate", "decoder", x, [1.5, 1.0]), (one + two) / 2)
    torch.testing.assert_close(bent("erode", "decoder", x, [1.5, 1.0]), -bent("dilate", "decoder", -x, [1.5, 1.0]))


def test_blur_keeps_the_mean_and_matches_a_gaussian() -> None:
    x = torch.zeros(1, 1, 65, 65)
    x[..., 32, 32] = 1
    y = bent("blur", "latent", x, [2 / 65, 1.0])
    places = torch.arange(65.0) - 32
    row = torch.exp(-(places**2) / 8)
    torch.testing.assert_close(y[0, 0], torch.outer(row, row) / row.sum() ** 2, rtol=0, atol=1e-6)


def test_noise_is_fixed_by_the_seed() -> None:
    x = activation("latent")
    assert torch.equal(bent("noise", "latent", x, [1.0, 1.0]), bent("noise", "latent", x, [1.0, 1.0]))
    assert not torch.equal(
        bent("noise", "latent", x, [1.0, 1.0], seed=4), bent("noise", "latent", x, [1.0, 1.0], seed=5)
    )


def test_noise_is_not_what_a_picture_of_the_same_seed_starts_from() -> None:
    x = torch.from_numpy(fixed_noise(4, (1, 4, 32, 32)))
    added = bent("noise", "latent", x, [1.0, 1.0], seed=4) - x
    assert abs(float((added * x).mean())) < 0.1


def test_thresholds_have_no_holes() -> None:
    """An exact zero stays zero: the published soft threshold divides by it."""
    zero = torch.zeros(1, 4, 8, 8)
    for name in ("soft_threshold", "hard_threshold", "shrink_threshold"):
        assert torch.equal(bent(name, "latent", zero, [0.7, 1.0]), zero)
    x = activation("latent")
    y = bent("shrink_threshold", "latent", x, [0.6, 1.0])
    torch.testing.assert_close(y, torch.where(x.abs() >= 0.6 * SD, x * 0.4, 0.0))
    assert set(bent("binary_threshold", "latent", x, [0.5, 1.0]).unique().tolist()) == {-SD, SD}


def test_pointwise_curves() -> None:
    x = activation("latent")
    torch.testing.assert_close(bent("absolute", "latent", x, [1.0]), x.abs())
    torch.testing.assert_close(bent("clamp", "latent", x, [-0.5, 1.5, 1.0]), x.clamp(-0.5 * SD, 1.5 * SD))
    torch.testing.assert_close(bent("invert_reciprocal", "latent", x, [0.5, 1.0]), 2 * SD - x)
    squared = bent("power", "latent", x, [2.0, 1.0])
    big = (x.abs() > 0.01 * SD) & (x.abs() < 8 * SD)
    torch.testing.assert_close(squared[big], (x.sign() * (x / SD).square() * SD)[big], rtol=1e-4, atol=1e-5)
    logs = bent("log", "latent", x, [3.0, 1.0])
    torch.testing.assert_close(logs, x.sign() * SD * torch.log1p(3 * x.abs() / SD) / math.log(4), rtol=1e-4, atol=1e-5)
    steps = bent("quantise", "latent", x, [0.5, 1.0])
    assert close((steps / (0.5 * SD)).round() * 0.5 * SD, steps)


def test_rescaling_uses_the_whole_range() -> None:
    y = bent("rescale", "unet", activation("unet"), [-1.0, 3.0, 1.0])
    torch.testing.assert_close(y.amin(dim=(1, 2, 3)), torch.full((2,), -SD), rtol=0, atol=1e-5)
    torch.testing.assert_close(y.amax(dim=(1, 2, 3)), torch.full((2,), 3 * SD), rtol=0, atol=1e-5)


def test_a_wavefolder_never_passes_its_ceiling_and_leaves_small_values_in_proportion() -> None:
    x = activation("latent") * 10
    y = bent("wavefold", "latent", x, [3.0, 1.5, 1.0])
    assert y.abs().max() <= 1.5 * SD + 1e-4
    small = torch.full((1, 1, 1, 1), 0.1 * SD)
    assert close(bent("wavefold", "latent", small, [3.0, 1.5, 1.0]), 3 * small)


def test_normalisers() -> None:
    x = activation("unet")
    assert close(bent("normalise_max", "unet", x, [2.0, 1.0]).abs().amax(dim=(1, 2, 3)), torch.full((2,), 2 * SD))
    length = bent("normalise_channels", "unet", x, [1.0, 1.0]).square().mean(dim=1).sqrt()
    torch.testing.assert_close(length, torch.full_like(length, SD), rtol=1e-4, atol=0)
    for index, axes in enumerate(((1, 2, 3), 1, 2, 3)):
        values = [float(i == index) for i in range(4)]
        assert bent("remove_mean", "unet", x, [*values, 1.0]).mean(dim=axes).abs().max() < 1e-5 * SD


def test_sparse_adding_takes_the_stated_share_and_grows() -> None:
    x = torch.zeros(1, 16, 64, 64)
    some = bent("add_sparse", "decoder", x, [2.0, 0.05, 1.0]) != 0
    more = bent("add_sparse", "decoder", x, [2.0, 0.25, 1.0]) != 0
    assert 0.045 < some.float().mean() < 0.055
    assert 0.24 < more.float().mean() < 0.26
    assert not (some & ~more).any()


def test_a_bump_lies_at_the_same_place_at_every_resolution() -> None:
    small, large = (
        bent("bump", "latent", torch.zeros(1, 4, n, n), [2.0, 0.5, -0.25, 0.2, 1.0])[0, 0] for n in (32, 64)
    )
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large[None], 2)[0], small, rtol=0, atol=0.02 * SD)
    row, column = divmod(int(large.argmax()), 64)
    assert abs(column - (31.5 + 16)) <= 1
    assert abs(row - (31.5 - 8)) <= 1
    assert abs(large.max() - 2 * SD) < 0.02 * SD


@pytest.mark.parametrize("side", [32, 64, 128])
def test_a_scroll_wraps_and_closes(side: int) -> None:
    x = torch.randn(1, 2, side, side + 8)
    torch.testing.assert_close(
        bent("scroll", "latent", x, [8 / (side + 8), 0.25, 1.0]), x.roll((side // 4, 8), (2, 3)), rtol=0, atol=1e-3
    )
    torch.testing.assert_close(bent("scroll", "latent", x, [1.0, -1.0, 1.0]), x, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", ["zoom", "translate", "flip", "mirror"])
def test_small_and_large_sites_are_sampled_alike(name: str, monkeypatch) -> None:
    """Two matrix products and a grid are two ways to the same samples."""
    x = activation("picture")[..., :48]
    values = {"zoom": [1.7], "translate": [0.31, -0.2], "flip": [0.8, 0.3], "mirror": [0.4, 0.9]}[name]
    matrices = bent(name, "picture", x, [*values, 1.0])
    monkeypatch.setattr("engine.bends.kernels.resample._MATRIX_SIDE", 0)
    torch.testing.assert_close(bent(name, "picture", x, [*values, 1.0]), matrices, rtol=0, atol=1e-3)


def test_flips_and_folds() -> None:
    x = activation("decoder")
    assert close(bent("flip", "decoder", x, [1.0, 0.0, 1.0]), x.flip(3))
    assert close(bent("flip", "decoder", x, [0.0, 1.0, 1.0]), x.flip(2))
    folded = bent("mirror", "decoder", x, [1.0, 0.0, 1.0])
    assert close(folded, folded.flip(3))
    assert close(folded[..., :16], x[..., :16])


def test_a_kaleidoscope_has_the_symmetry_of_its_wedges() -> None:
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    x = torch.sin(columns / 9 + rows / 14) + torch.cos(rows / 11)
    y = bent("kaleidoscope", "latent", x[None, None], [1.0, 4.0, 0.3, 1.0])
    disc = torch.hypot(rows - 31.5, columns - 31.5) < 30
    assert (torch.rot90(y, 1, (2, 3)) - y)[0, 0][disc].abs().max() < 0.02
    assert (y - x)[0, 0][disc].abs().mean() > 0.2


def test_a_shear_moves_the_upper_rows_right() -> None:
    x = torch.zeros(1, 1, 17, 33)
    x[..., 16] = 1
    y = bent("shear", "latent", x, [0.5, 0.0, 1.0])
    assert y[0, 0, 0].argmax() == 20
    assert y[0, 0, 8].argmax() == 16
    assert y[0, 0, 16].argmax() == 12


def test_a_swirl_turns_the_centre_and_spares_the_rim() -> None:
    x = torch.randn(1, 1, 65, 65)
    turned = bent("swirl", "latent", x, [TURN, 0.12, 1.0])
    assert (turned - x)[..., :4, :].abs().mean() < 0.05
    assert (turned - x)[..., 28:37, 28:37].abs().mean() > 0.3


def test_a_warp_is_smooth_seeded_and_the_same_at_every_resolution() -> None:
    small, large = (
        settle(Bend("b", "warp", "latent.0", seed=4), (1, 1, n, n), torch.float32, torch.device("cpu")).fixed[0]
        for n in (32, 96)
    )
    torch.testing.assert_close(large[:, 1::3, 1::3], small, rtol=0, atol=1e-5)
    assert (small[:, 1:] - small[:, :-1]).abs().max() < 0.9
    x = activation("decoder")
    assert not close(bent("warp", "decoder", x, [0.1, 0, 1.0]), bent("warp", "decoder", x, [0.1, 0, 1.0], seed=9), 0.1)
    assert close(bent("warp", "decoder", x, [0.1, TURN, 1.0]), bent("warp", "decoder", x, [0.1, 0.0, 1.0]), 1e-3)


def test_pixels_grow_to_cells_of_the_right_mean() -> None:
    x = activation("decoder")
    cells = torch.nn.functional.avg_pool2d(x, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(bent("pixelate", "decoder", x, [4 / 32, 1.0]), cells, rtol=0, atol=1e-4)


def test_outlines() -> None:
    step = torch.zeros(1, 1, 8, 8)
    step[..., 4:] = 1
    sobel = bent("sobel", "latent", step, [1.0, 1.0])
    assert torch.equal(sobel[0, 0, 3], torch.tensor([0, 0, 0, 0.5, 0.5, 0, 0, 0]))
    gradient = bent("morphological_gradient", "latent", step, [1.0, 1.0])
    assert torch.equal(gradient[0, 0, 3], torch.tensor([0, 0, 0, 1.0, 1.0, 0, 0, 0]))


def test_the_matrix_exponential_is_one_and_keeps_each_channels_norm() -> None:
    x = activation("latent")
    y = bent("matrix_exp", "latent", x, [1.5, 1.0])
    norm = x.norm(dim=(2, 3), keepdim=True)
    unit = x / norm
    exact = (torch.matrix_exp(1.5 * unit) - torch.eye(8)) / 1.5
    exact = exact / exact.norm(dim=(2, 3), keepdim=True) * norm
    torch.testing.assert_close(y, exact, rtol=0, atol=1e-4 * SD)
    for depth in (-6.0, 6.0):
        y = bent("matrix_exp", "latent", x, [depth, 1.0])
        torch.testing.assert_close(y.norm(dim=(2, 3), keepdim=True), norm)


def test_a_shift_in_frequency_moves_a_single_line() -> None:
    places = torch.arange(64.0)
    x = torch.cos(2 * math.pi * 5 * places / 64).expand(1, 1, 64, 64)
    strength = torch.fft.rfft(bent("frequency_shift", "latent", x, [3.0, 0.0, 1.0])[0, 0, 7]).abs()
    assert int(strength.argmax()) == 8
    strength[8] = 0
    assert strength.max() < 0.01


def test_a_tilt_weighs_frequencies_and_keeps_the_mean_and_an_even_spectrums_energy() -> None:
    x = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(2)) + 0.7
    for tilt in (-1.0, 1.0):
        y = bent("spectral_tilt", "latent", x, [tilt, 1.0])
        assert abs(y.mean() - x.mean()) < 1e-4
        assert abs(y.var() / x.var() - 1) < 0.1
        coarse = (torch.nn.functional.avg_pool2d(v, 8).var() for v in (y, x))
        assert (next(coarse) > 2 * next(coarse)) == (tilt < 0)


@pytest.mark.parametrize("size", [(16, 16), (9, 16), (16, 9)])
def test_scrambled_phases_keep_the_spectrum(size: tuple[int, int]) -> None:
    x = activation("decoder")[..., : size[0], : size[1]]
    y = bent("phase_scramble", "decoder", x, [1.0, 1.0])
    before, after = (torch.fft.rfft2(v).abs() for v in (x, y))
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)
    assert (y - x).abs().mean() > 0.5 * SD


def test_colours_of_the_picture() -> None:
    luma = torch.tensor([0.299, 0.587, 0.114])[None, :, None, None]
    x = activation("picture").clamp(-1, 1)
    for values in ("hue", [1.7, 1.0]), ("saturation", [0.3, 1.0]), ("saturation", [0.0, 1.0]):
        y = bent(values[0], "picture", x, values[1])
        assert ((y - x) * luma).sum(dim=1).abs().max() < 1e-3
    grey = bent("saturation", "picture", x, [0.0, 1.0])
    assert (grey.amax(dim=1) - grey.amin(dim=1)).max() < 1e-5
    assert close(bent("hue", "picture", x, [TURN, 1.0]), x)
    red = torch.tensor([1.0, -1, -1])[None, :, None, None]
    assert bent("hue", "picture", red, [TURN / 3, 1.0]).argmax(dim=1) != 0
    assert torch.equal(bent("blend_to_white", "picture", x, [1.0, 1.0]), torch.ones_like(x))
    assert torch.equal(bent("blend_to_white", "picture", x, [-1.0, 1.0]), -torch.ones_like(x))


def test_zero_angles_are_the_identity_bit_for_bit() -> None:
    for name in ("plane_rotate", "six_plane_rotate", "contract", "hue"):
        kind = "picture" if name == "hue" else "latent"
        assert torch.equal(bent(name, kind, activation(kind), neutral(name)), activation(kind))
