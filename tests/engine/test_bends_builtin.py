"""Bends in the built-in model, from end to end."""

from __future__ import annotations

import math

import numpy as np
import pytest

from engine import Bend, BendPlan, FrameSpec
from engine.builtin import WEIGHTS
from engine.generator import Generator

pytestmark = pytest.mark.skipif(not (WEIGHTS / "model_index.json").exists(), reason="no weights in the checkout")

PLANES = {"R1": "1-2", "R2": "0-2", "R3": "0-3", "R4": "0-1"}


@pytest.fixture(scope="module")
def builtin():
    return Generator.load("builtin", device="cpu", dtype="float32", runtime="eager", size=(128, 128))


def render(model: Generator, bend: Bend | None = None, values: tuple[float, ...] = ()) -> np.ndarray:
    plan = BendPlan(() if bend is None else (bend,))
    spec = FrameSpec(prompts=(("neon cyan and orange flower", 1.0),), seed=46, plan=plan, values=values)
    return model.render(spec).pixels.astype(int)


@pytest.mark.parametrize("plane", PLANES.values(), ids=PLANES)
@pytest.mark.parametrize("site", ["latent.0", "latent.end"])
def test_rotations_by_nothing_and_by_a_whole_turn_give_the_unbent_picture(builtin, site: str, plane: str) -> None:
    plain = render(builtin)
    bend = Bend("turn", "plane_rotate", site, plane=plane)
    assert np.array_equal(render(builtin, bend, (0.0, 1.0)), plain)
    assert np.abs(render(builtin, bend, (2 * math.pi, 1.0)) - plain).max() <= 1
    assert np.abs(render(builtin, bend, (math.pi, 1.0)) - plain).mean() > 2


def test_six_planes_close_too(builtin) -> None:
    plain = render(builtin)
    bend = Bend("turn", "six_plane_rotate", "latent.0")
    assert np.array_equal(render(builtin, bend, (*[0.0] * 6, 1.0)), plain)
    assert np.abs(render(builtin, bend, (*[2 * math.pi] * 6, 1.0)) - plain).max() <= 1
    assert np.abs(render(builtin, bend, (*[0.6] * 6, 1.0)) - plain).mean() > 2


def test_early_bends_change_what_is_drawn_and_late_ones_how_it_looks(builtin) -> None:
    """The later the rotation, the more of the layout stays: the published rule, by correlation of edges."""
    plain = render(builtin)

    def layout(site: str) -> float:
        bent = render(builtin, Bend("turn", "plane_rotate", site), (math.pi / 2, 1.0))
        edges = [np.hypot(*np.gradient(p.mean(axis=2)[::4, ::4])).ravel() for p in (plain, bent)]
        return float(np.corrcoef(*edges)[0, 1])

    assert layout("latent.end") > layout("latent.0")
