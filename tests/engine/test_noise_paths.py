"""Paths through the noises: unit variance, smooth, closed, the same every time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest

from bentlight.errors import BadInput
from engine.noise import NoiseBank, fixed_noise
from engine.noise_paths import KINDS, MASKS
from engine.spec import FrameSpec, NoisePath

SHAPE = (1, 4, 32, 32)
WIDE = (1, 4, 24, 40)

PATHS = {
    "walk": NoisePath("walk", (3, 4), blend=0.4),
    "slerp": NoisePath("slerp", (3, 9, 12)),
    "spline": NoisePath("spline", (3, 9, 12, 40)),
    "spline of two": NoisePath("spline", (3, 9)),
    "rotation": NoisePath("rotation", (3,), spread=0.3, tilt=0.1),
    "perlin": NoisePath("perlin", (3,), grain=0.5),
    "coarse perlin": NoisePath("perlin", (3,), grain=0.0, cells=3),
    "fine perlin": NoisePath("perlin", (3,), grain=1.0),
    "layers": NoisePath("layers", (3,), fast_turns=0.3, fast=0.5),
    "masked layers": NoisePath("layers", (3,), fast_turns=0.3, fast=0.8, mask="centre"),
    "coarse layers": NoisePath("layers", (3,), fast_turns=0.3, fast=0.6, mask="coarse"),
    "fine layers": NoisePath("layers", (3,), fast_turns=0.3, fast=1.0, mask="fine", cells=6),
    "mixture": NoisePath("mixture", (3, 9, 12), weights=(0.2, 0.0, 0.7)),
}
MOVED = {
    "blend of a walk": lambda u: NoisePath("walk", (3, 4), turns=0.2, blend=u),
    "spread": lambda u: NoisePath("rotation", (3,), turns=0.2, spread=u),
    "tilt": lambda u: NoisePath("rotation", (3,), turns=0.2, tilt=u),
    "grain": lambda u: NoisePath("perlin", (3,), turns=0.2, grain=u),
    "fast turns": lambda u: NoisePath("layers", (3,), fast_turns=u, fast=1.0),
    "fast": lambda u: NoisePath("layers", (3,), turns=0.2, fast=u, mask="left"),
    "weights": lambda u: NoisePath("mixture", (3, 9, 12), weights=(1 - u, u, 0.1)),
}


@pytest.fixture(scope="module")
def bank() -> NoiseBank:
    return NoiseBank(limit=400)


def _noise(bank: NoiseBank, path: NoisePath, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return bank.start(FrameSpec(paths=((path, 1.0),)), shape)


def _strides(bank: NoiseBank, path: Callable[[float], NoisePath], steps: int) -> np.ndarray:
    """Root mean square of each step of a path; independent noises are 1.41 apart."""
    noises = [_noise(bank, path(i / steps)) for i in range(steps + 1)]
    return np.array([np.sqrt(np.mean((b - a) ** 2)) for a, b in pairwise(noises)])


def test_every_kind_is_tried_here() -> None:
    assert {path.kind for path in PATHS.values()} == set(KINDS)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("shape", [SHAPE, WIDE])
def test_a_path_has_unit_variance_everywhere(name: str, shape: tuple[int, ...], bank: NoiseBank) -> None:
    for turns in (0.0, 0.07, 0.125, 0.31, 0.5, 0.77):
        noise = _noise(bank, replace(PATHS[name], turns=turns), shape)
        assert noise.dtype == np.float32
        assert noise.shape == shape
        # Cells leave a few dozen independent values to count by.
        loose = 0.35 if name == "coarse perlin" else 0.2 if name == "perlin" else 0.06
        assert noise.std() == pytest.approx(1, abs=loose)
        assert noise.mean() == pytest.approx(0, abs=loose)


@pytest.mark.parametrize(
    "name",
    ["perlin", "coarse perlin", "rotation", "masked layers", "coarse layers", "fine layers", "spline", "mixture"],
)
def test_every_single_pixel_has_unit_variance_over_seeds(name: str) -> None:
    bank, shape = NoiseBank(), (1, 2, 8, 8)
    path = PATHS[name]
    drawn = [
        _noise(bank, replace(path, seeds=tuple(1000 * s + seed for seed in path.seeds), turns=0.19), shape)
        for s in range(700)
    ]
    spread = np.std(drawn, axis=0)
    assert spread.min() > 0.85
    assert spread.max() < 1.15


@pytest.mark.parametrize("name", PATHS)
def test_a_path_is_smooth_and_closed(name: str, bank: NoiseBank) -> None:
    path = PATHS[name]
    strides = _strides(bank, lambda u: replace(path, turns=u), 240)
    assert strides.mean() > 0.0005
    # One turn is at most eight noises long, each 90 degrees from the next.
    assert strides.max() < 1.8 * 8 * (math.pi / 2) / 240
    if name not in ("mixture", "spline of two"):  # of two, a curve turns back at each
        assert strides.min() > 0.2 * strides.mean(), "it dwells nowhere"
    np.testing.assert_allclose(_noise(bank, replace(path, turns=1.0)), _noise(bank, path), atol=1e-5)
    np.testing.assert_allclose(
        _noise(bank, replace(path, turns=-0.25)), _noise(bank, replace(path, turns=7.75)), atol=1e-5
    )


@pytest.mark.parametrize("name", MOVED)
def test_a_number_moves_a_path_smoothly(name: str, bank: NoiseBank) -> None:
    strides = _strides(bank, MOVED[name], 200)
    assert strides.mean() > 0.001
    assert strides.max() < 0.05


@pytest.mark.parametrize("kind", ["slerp", "spline"])
def test_a_ring_meets_each_of_its_seeds_exactly(kind: str, bank: NoiseBank) -> None:
    for i, seed in enumerate((3, 9, 12, 40)):
        noise = _noise(bank, NoisePath(kind, (3, 9, 12, 40), turns=i / 4))
        np.testing.assert_allclose(noise, fixed_noise(seed, SHAPE), atol=1e-5)


def test_a_spline_has_no_corners_where_slerp_has(bank: NoiseBank) -> None:
    def corner(kind: str) -> float:
        before, at, after = (_noise(bank, NoisePath(kind, (3, 9, 12), turns=1 / 3 + d)) for d in (-1e-3, 0, 1e-3))
        return float(np.linalg.norm(after - 2 * at + before) / np.linalg.norm(after - at))

    assert corner("spline") < 0.1
    assert corner("slerp") > 1


def test_spread_makes_one_side_go_ahead_and_nothing_else(bank: NoiseBank) -> None:
    lagging = _noise(bank, NoisePath("rotation", (3,), turns=0.2, spread=0.4))
    for column in (0, 10, 31):
        alone = NoisePath("rotation", (3,), turns=0.2 + 0.4 * ((column + 0.5) / 32 - 0.5))
        np.testing.assert_allclose(lagging[..., column], _noise(bank, alone)[..., column], atol=1e-5)


def test_cells_are_coarse_and_grain_is_fine(bank: NoiseBank) -> None:
    def likeness(grain: float) -> float:
        noise = _noise(bank, NoisePath("perlin", (3,), turns=0.3, grain=grain))
        return float(np.corrcoef(noise[..., 1:].ravel(), noise[..., :-1].ravel())[0, 1])

    assert likeness(0.0) > 0.8
    assert abs(likeness(1.0)) < 0.1


@pytest.mark.parametrize("mask", MASKS)
def test_layers_show_the_fast_walk_where_the_mask_says(mask: str, bank: NoiseBank) -> None:
    slow = _noise(bank, NoisePath("layers", (3,), fast=0.0, mask=mask))
    change = np.abs(_noise(bank, NoisePath("layers", (3,), fast=1.0, mask=mask)) - slow).mean(axis=(0, 1))
    inside = {"centre": change[14:18, 14:18], "edge": change[:3, :3], "left": change[:, :4], "right": change[:, -4:]}
    inside |= {"top": change[:4], "bottom": change[-4:], "all": change}
    outside = {"centre": change[:3, :3], "edge": change[14:18, 14:18], "left": change[:, -4:], "right": change[:, :4]}
    outside |= {"top": change[-4:], "bottom": change[:4], "all": np.zeros(1)}
    assert inside[mask].mean() > 0.9
    assert outside[mask].mean() < 0.2


@pytest.mark.parametrize("shape", [SHAPE, WIDE])
def test_layers_can_keep_the_fast_walk_to_the_coarse_or_the_fine_part(shape: tuple[int, ...], bank: NoiseBank) -> None:
    """Layout from one stack of noises and details from another, or the other way about; both together are all."""

    def at(mask: str, fast: float, cells: int = 4) -> np.ndarray:
        return _noise(
            bank, NoisePath("layers", (3,), turns=0.1, fast_turns=0.4, fast=fast, mask=mask, cells=cells), shape
        )

    slow, quick = at("all", 0.0), at("all", 1.0)
    coarse, fine = at("coarse", 1.0), at("fine", 1.0)
    np.testing.assert_allclose(coarse + fine, slow + quick, atol=1e-5)
    height, width = shape[-2:]
    for mask, changed in (("coarse", coarse), ("fine", fine)):
        np.testing.assert_allclose(at(mask, 0.0), slow, atol=1e-6)
        # Means over blocks of half a half wave tell the layout, what is left of it the details.
        layout, was, would = (
            x.reshape(*shape[:2], 4, height // 4, 4, width // 4).mean(axis=(3, 5)).ravel()
            for x in (changed, slow, quick)
        )
        follows, other = (would, was) if mask == "coarse" else (was, would)
        assert np.corrcoef(layout, follows)[0, 1] > 0.6
        assert abs(np.corrcoef(layout, other)[0, 1]) < 0.4
    # Few values are coarse, most are fine.
    assert np.mean((coarse - slow) ** 2) < 0.1
    assert np.mean((fine - slow) ** 2) > 1
    assert np.mean((at("coarse", 1.0, 12) - slow) ** 2) > np.mean((coarse - slow) ** 2)


def test_a_part_of_no_weight_is_not_in_a_mixture(bank: NoiseBank) -> None:
    alone = _noise(bank, NoisePath("mixture", (3, 9), weights=(0.0, 0.4)))
    np.testing.assert_allclose(alone, fixed_noise(9, SHAPE), atol=1e-6)


def test_two_paths_cross_fade_from_one_to_the_other(bank: NoiseBank) -> None:
    one, other = PATHS["spline"], PATHS["layers"]
    fade = [bank.start(FrameSpec(paths=((one, 1.0), (other, i / 100))), SHAPE) for i in range(101)]
    np.testing.assert_allclose(fade[0], _noise(bank, one), atol=1e-6)
    np.testing.assert_allclose(fade[-1], _noise(bank, other), atol=1e-6)
    assert max(np.sqrt(np.mean((b - a) ** 2)) for a, b in pairwise(fade)) < 0.03
    assert all(noise.std() == pytest.approx(1, abs=0.06) for noise in fade)


def test_a_path_of_the_first_kind_is_the_walk_that_a_spec_without_paths_has(bank: NoiseBank) -> None:
    plain = bank.start(FrameSpec(seed=3, seed_to=4, seed_blend=0.4, angle=2.0), SHAPE)
    np.testing.assert_allclose(
        _noise(bank, NoisePath("walk", (3, 4), 2.0 / (2 * math.pi), 0.4)), plain, rtol=0, atol=1e-6
    )


def test_stillness_and_pulls_go_from_the_path_to_a_fixed_noise(bank: NoiseBank) -> None:
    for name in ("still", "pulls"):
        noises = []
        for amount in np.linspace(0, 1, 101).tolist():
            put = {"still": amount} if name == "still" else {"pulls": ((77, amount),)}
            noises.append(bank.start(FrameSpec(seed=3, angle=1.0, **put), SHAPE))
        np.testing.assert_array_equal(noises[0], bank.start(FrameSpec(seed=3, angle=1.0), SHAPE))
        assert all(noise.std() == pytest.approx(1, abs=0.05) for noise in noises)
        assert max(np.sqrt(np.mean((b - a) ** 2)) for a, b in pairwise(noises)) < 0.03
        later = bank.start(FrameSpec(seed=3, angle=2.0, **put), SHAPE)
        np.testing.assert_allclose(later, noises[-1], atol=1e-5)
        if name == "pulls":
            np.testing.assert_allclose(noises[-1], fixed_noise(77, SHAPE), atol=1e-6)


def test_a_pull_keeps_its_variance_when_the_path_passes_its_anchor(bank: NoiseBank) -> None:
    for angle in np.linspace(0, 2 * math.pi, 25).tolist():
        if abs(angle - math.pi) > 0.3:  # opposite noises have no arc between them
            assert bank.start(FrameSpec(seed=3, angle=angle, pulls=((3, 0.5),)), SHAPE).std() > 0.9


@pytest.mark.parametrize("name", PATHS)
def test_a_path_is_plain_data_that_json_keeps(name: str, bank: NoiseBank) -> None:
    path = replace(PATHS[name], turns=0.37)
    read = json.loads(json.dumps(asdict(path)))
    again = NoisePath(**{key: tuple(value) if isinstance(value, list) else value for key, value in read.items()})
    assert again == path
    assert np.array_equal(_noise(NoiseBank(), again), _noise(bank, path))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        (NoisePath("circle"), "there are walk"),
        (NoisePath("walk", ()), "at least one seed"),
        (NoisePath("walk", (-1,)), "0 or more"),
        (NoisePath(turns=math.nan), "finite"),
        (NoisePath("perlin", times=1), "at least 2 times"),
        (NoisePath("layers", mask="star"), "there are all"),
        (NoisePath("layers", mask="fine", cells=0), "at least 1 cell"),
        (NoisePath("mixture", (1, 2), weights=(1.0,)), "2 seeds but 1"),
        (NoisePath("mixture", (1, 2), weights=(0.0, 0.0)), "not all 0"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(path: NoisePath, reason: str, bank: NoiseBank) -> None:
    with pytest.raises(BadInput, match=reason):
        _noise(bank, path)


@pytest.mark.parametrize("spec", [FrameSpec(still=math.nan), FrameSpec(pulls=((1, math.inf),))])
def test_shares_that_are_not_finite_are_refused(spec: FrameSpec, bank: NoiseBank) -> None:
    with pytest.raises(BadInput, match="finite"):
        bank.start(spec, SHAPE)
