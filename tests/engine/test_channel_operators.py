"""What operators between channels do: their algebra, and the published ones on four channels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from engine.bends import Bend
from engine.bends.kernels import settle
from engine.bends.kernels.channels import hadamard
from tests.engine.test_operator_meaning import TURN, close
from tests.engine.test_operators import SD, activation, bent


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


@pytest.mark.parametrize("plane", ["1-2", "0-2", "0-3", "0-1", "1-3", "2-3"])
def test_plane_rotations_are_those_of_the_paper_on_four_channels(plane: str) -> None:
    x = activation("latent")
    i, j = (int(n) for n in plane.split("-"))
    y = bent("plane_rotate", "latent", x, [0.7, 1.0], plane=plane)
    torch.testing.assert_close(y[:, i], x[:, i] * math.cos(0.7) - x[:, j] * math.sin(0.7), rtol=0, atol=1e-5)
    torch.testing.assert_close(y[:, j], x[:, i] * math.sin(0.7) + x[:, j] * math.cos(0.7), rtol=0, atol=1e-5)
    others = [c for c in range(4) if c not in (i, j)]
    assert torch.equal(y[:, others], x[:, others])
    assert close(bent("plane_rotate", "latent", x, [TURN, 1.0], plane=plane), x)


def test_a_plane_of_many_channels_pairs_runs() -> None:
    x = activation("decoder")
    y = bent("plane_rotate", "decoder", x, [math.pi / 2, 1.0], plane="1-3/8")
    torch.testing.assert_close(y[:, 6:8], x[:, 2:4], rtol=0, atol=1e-5)
    torch.testing.assert_close(y[:, 2:4], -x[:, 6:8], rtol=0, atol=1e-5)
    assert torch.equal(y[:, 8:], x[:, 8:])


def test_six_planes_are_the_product_of_single_ones_from_left_to_right() -> None:
    x = activation("latent")
    angles = [0.3, -0.5, 0.7, 1.1, -0.2, 0.4]
    matrix = torch.eye(4)
    for angle, (i, j) in zip(angles, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], strict=True):
        turn = torch.eye(4)
        turn[i, i] = turn[j, j] = math.cos(angle)
        turn[i, j], turn[j, i] = -math.sin(angle), math.sin(angle)
        matrix = matrix @ turn
    expected = torch.einsum("ij,bjhw->bihw", matrix, x)
    torch.testing.assert_close(bent("six_plane_rotate", "latent", x, [*angles, 1.0]), expected, rtol=0, atol=1e-5)
    one = bent("six_plane_rotate", "unet", activation("unet"), [0, 0, 0, 0.9, 0, 0, 1.0])
    torch.testing.assert_close(one, bent("plane_rotate", "unet", activation("unet"), [0.9, 1.0]), rtol=0, atol=1e-5)


def test_the_free_contraction_is_any_matrix_of_four_groups() -> None:
    x = activation("latent")
    matrix = torch.randn(4, 4, generator=torch.Generator().manual_seed(3)).clamp(-2, 2)
    y = bent("contract_groups", "latent", x, [*matrix.flatten().tolist(), 1.0])
    torch.testing.assert_close(y, torch.einsum("ij,bjhw->bihw", matrix, x), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["latent", "unet", "decoder", "picture"])
def test_the_seeded_contraction_keeps_length_and_closes(kind: str) -> None:
    x = activation(kind)
    y = bent("contract", kind, x, [1.3, -2.1, 0.0, 1.0])
    torch.testing.assert_close(y.norm(dim=1), x.norm(dim=1))
    assert (y - x).abs().mean() > 0.3 * SD
    assert close(bent("contract", kind, x, [TURN, -TURN, 0.0, 1.0]), x, 1e-4)
    stretched = bent("contract", kind, x, [0.0, 0.0, 1.0, 1.0])
    assert close(bent("contract", kind, stretched, [0.0, 0.0, -1.0, 1.0]), x, 1e-4)


def test_the_seeded_contraction_is_a_matrix_exponential() -> None:
    x = activation("unet")
    take, back, once, *_ = settle(Bend("b", "contract", "unet.mid", seed=3), x.shape, x.dtype, x.device).fixed
    assert take is back is None
    torch.testing.assert_close(once, -once.T, rtol=0, atol=1e-6)
    expected = torch.einsum("ij,bjhw->bihw", torch.matrix_exp(once * 0.8), x)
    torch.testing.assert_close(bent("contract", "unet", x, [0.8, 0.0, 0.0, 1.0]), expected, rtol=0, atol=1e-4)


def test_reflections_undo_themselves_and_pass_through_zero() -> None:
    x = activation("latent")
    for group in range(4):
        values = [float(i == group) for i in range(4)]
        y = bent("group_reflect", "latent", x, [*values, 1.0])
        assert torch.equal(y[:, group], -x[:, group])
        assert torch.equal(bent("group_reflect", "latent", y, [*values, 1.0]), x)
    assert not bent("group_reflect", "latent", x, [0.5] * 4 + [1.0]).any()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 12, 64, 77])
def test_hadamard_matrices_of_any_size_are_unitary_and_their_own_inverse(count: int) -> None:
    matrix = hadamard(count)
    np.testing.assert_allclose(matrix @ matrix, np.eye(count), atol=1e-5)
    np.testing.assert_array_equal(matrix, matrix.T)


def test_hadamard_with_the_published_gain_and_without_its_transposition() -> None:
    x = activation("latent")
    sylvester = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    published = torch.einsum("ij,bjhw->bihw", sylvester, x)
    torch.testing.assert_close(bent("hadamard_channels", "latent", x, [2.0, 1.0]), published, rtol=0, atol=1e-5)
    rows = torch.from_numpy(hadamard(8)) @ x
    torch.testing.assert_close(bent("hadamard_rows", "latent", x, [1.0, 1.0]), rows)


def test_a_roll_of_channels_moves_closes_and_keeps_power() -> None:
    x = activation("decoder")
    assert close(bent("channel_roll", "decoder", x, [0.25, 1.0]), x.roll(4, dims=1))
    assert close(bent("channel_roll", "decoder", x, [-1.0, 1.0]), x)
    power = bent("channel_roll", "decoder", torch.randn(1, 16, 64, 64), [3.5 / 16, 1.0]).square().mean()
    assert abs(power - 1) < 0.05


def test_a_swap_exchanges_the_halves() -> None:
    x = activation("decoder")
    assert torch.equal(bent("channel_swap", "decoder", x, [1.0]), x.roll(8, dims=1))
