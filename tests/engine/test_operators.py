"""Every registered operator at every kind of site: neutral, changing, finite, shape kept."""

from __future__ import annotations

import math

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from bentlight.errors import BadInput
from engine.bends.catalog import OPERATORS
from engine.bends.kernels import KERNELS, bend_activation, choose_channels, settle
from engine.bends.plan import Bend

SITES = {
    "text": ("text", (1, 32, 24, 1)),
    "latent": ("latent.0", (1, 4, 8, 8)),
    "unet": ("unet.mid", (2, 32, 12, 20)),
    "decoder": ("decoder.1", (1, 16, 32, 32)),
    "picture": ("picture", (1, 3, 48, 40)),
}
SD = 2.5
CASES = [(name, kind) for name, op in OPERATORS.items() for kind in SITES if kind in op.kinds]
each_case = pytest.mark.parametrize(("name", "kind"), CASES)


def activation(kind: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(11)
    return (SD * torch.randn(SITES[kind][1], generator=generator)).to(dtype)


def bent(name: str, kind: str, x: torch.Tensor, values: list[float], channels: str = "all") -> torch.Tensor:
    bend = Bend("b", name, SITES[kind][0], channels, seed=3)
    bank = torch.tensor(values, dtype=torch.float32)
    setting = settle(bend, x.shape, x.dtype, x.device)
    return bend_activation(name, x, [bank[i] for i in range(len(values))], setting, SD)


def neutral(name: str) -> list[float]:
    return [float(p.default) for p in OPERATORS[name].parameters]


def settings(name: str) -> list[list[float]]:
    """Values with one parameter at either end or on the way there, the rest neutral, fully wet."""
    found = []
    for index, parameter in enumerate(OPERATORS[name].parameters[:-1]):
        for end in (parameter.low, parameter.high):
            for part in (0.35, 1.0):
                values = neutral(name)
                values[-1] = 1.0
                values[index] = float(parameter.default) + part * (end - float(parameter.default))
                if values != neutral(name):
                    found.append(values)
    return found or [[1.0]]


def test_catalogue_and_kernels_name_the_same_operators() -> None:
    assert set(KERNELS) == set(OPERATORS)
    assert len(OPERATORS) >= 12


@each_case
def test_neutral_is_the_identity(name: str, kind: str) -> None:
    x = activation(kind)
    y = bent(name, kind, x, neutral(name))
    if OPERATORS[name].resamples:
        assert (y - x).abs().max() <= 1e-5 * SD
    else:
        assert torch.equal(y, x)


@each_case
def test_dry_is_the_identity_at_every_setting(name: str, kind: str) -> None:
    x = activation(kind)
    for values in settings(name):
        assert torch.equal(bent(name, kind, x, [*values[:-1], 0.0]), x)


@each_case
def test_away_from_neutral_the_activation_changes(name: str, kind: str) -> None:
    x = activation(kind)
    for index in range(max(1, len(OPERATORS[name].parameters) - 1)):
        own = [v for v in settings(name) if v[index] != neutral(name)[index]]
        assert any((bent(name, kind, x, v) - x).abs().mean() > 0.05 * SD for v in own)


@each_case
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_shape_and_type_are_kept_and_all_is_finite(name: str, kind: str, dtype: torch.dtype) -> None:
    for x in (activation(kind, dtype), torch.zeros(SITES[kind][1], dtype=dtype)):
        for values in [neutral(name), *settings(name)]:
            y = bent(name, kind, x, values)
            assert y.shape == x.shape
            assert y.dtype == x.dtype
            assert torch.isfinite(y).all()


@pytest.mark.parametrize(("name", "kind"), [c for c in CASES if c[0] != "hard_threshold"])
def test_half_precision_agrees_with_single(name: str, kind: str) -> None:
    """But for the hard threshold, where a value beside the level may fall on either side of it."""
    x = activation(kind, torch.bfloat16)
    for values in settings(name):
        exact = bent(name, kind, x.float(), values)
        assert (bent(name, kind, x, values).float() - exact).abs().mean() < 0.03 * SD


@each_case
def test_one_capture_serves_every_value(name: str, kind: str) -> None:
    """The operations are the same at every setting, so a graph captured at neutral plays all of them."""
    x = activation(kind)
    setting = settle(Bend("b", name, SITES[kind][0], "even", seed=3), x.shape, x.dtype, x.device)

    def run(x: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
        return bend_activation(name, x, list(bank.unbind()), setting, SD)

    captured = make_fx(run)(x, torch.tensor(neutral(name)))
    for values in settings(name):
        bank = torch.tensor(values)
        assert torch.equal(captured(x, bank), run(x, bank))


@each_case
def test_channels_that_are_not_chosen_stay(name: str, kind: str) -> None:
    x = activation(kind)
    values = settings(name)[0]
    for choice in ("odd", "random:0.4", "1-2"):
        chosen = choose_channels(choice, x.shape[1], seed=3)
        others = [c for c in range(x.shape[1]) if c not in chosen]
        y = bent(name, kind, x, values, choice)
        assert torch.equal(y[:, others], x[:, others])
        if len(chosen) > 1:
            assert not torch.equal(y[:, chosen], x[:, chosen])


@each_case
def test_channels_last_gives_the_same(name: str, kind: str) -> None:
    x = activation(kind)
    values = settings(name)[-1]
    y = bent(name, kind, x.contiguous(memory_format=torch.channels_last), values)
    torch.testing.assert_close(y, bent(name, kind, x, values), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (45, 80), (90, 160), (33, 7)])
@pytest.mark.parametrize("name", [n for n, op in OPERATORS.items() if op.resamples])
def test_an_unmoved_grid_is_exact_at_any_size(name: str, size: tuple[int, int]) -> None:
    x = torch.randn((1, 2, *size), generator=torch.Generator().manual_seed(1))
    y = bent(name, "latent", x, neutral(name))
    assert (y - x).abs().max() <= 1e-5


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


def test_thresholds_count_in_units_of_the_site() -> None:
    x = activation("latent")
    hard = bent("hard_threshold", "latent", x, [1.0, 1.0])
    assert torch.equal(hard != 0, x.abs() >= SD)
    assert torch.equal(bent("hard_threshold", "latent", hard, [1.0, 1.0]), hard)
    soft = bent("soft_threshold", "latent", x, [1.0, 1.0])
    torch.testing.assert_close(soft, x.sign() * (x.abs() - SD).clamp_min(0))


def test_channel_rotation_keeps_length_and_undoes_itself() -> None:
    x = activation("unet")
    y = bent("channel_rotate", "unet", x, [0.8, 1.0])
    torch.testing.assert_close(y.norm(dim=1), x.norm(dim=1))
    torch.testing.assert_close(bent("channel_rotate", "unet", y, [-0.8, 1.0]), x, rtol=0, atol=1e-5)


def test_sign_operators_undo_themselves() -> None:
    x = activation("latent")
    for name in ("invert", "channel_reflect"):
        assert torch.equal(bent(name, "latent", bent(name, "latent", x, [1.0]), [1.0]), x)
    assert torch.equal(bent("channel_reflect", "latent", x, [1.0])[:, ::2], x[:, ::2])


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
    other = settle(Bend("b", "noise", "latent.0", seed=4), x.shape, x.dtype, x.device).noise
    assert not torch.equal(other, settle(Bend("b", "noise", "latent.0", seed=5), x.shape, x.dtype, x.device).noise)


def test_channel_choices() -> None:
    assert choose_channels("all", 5) == [0, 1, 2, 3, 4]
    assert choose_channels("even", 5) == [0, 2, 4]
    assert choose_channels("odd", 5) == [1, 3]
    assert choose_channels("1-3", 5) == [1, 2, 3]
    quarter = choose_channels("random:0.25", 64, seed=1)
    assert len(quarter) == 16
    assert quarter == choose_channels("random:0.25", 64, seed=1)
    assert quarter != choose_channels("random:0.25", 64, seed=2)
    assert len(choose_channels("random:.001", 4)) == 1


@pytest.mark.parametrize("choice", ["3-1", "2-4"])
def test_channels_that_do_not_exist_are_refused(choice: str) -> None:
    with pytest.raises(BadInput, match="0-3"):
        choose_channels(choice, 4)
