"""Every built-in scene paints the same picture in every runtime: fixed seed, values as the demo track moves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.generator import Generator
from scenes import library, load
from tests.engine.similarity import ssim
from tests.engine.test_onnx import assert_alike, opened
from tests.scenes.test_library import specs

SIDE = 96
LEAST = dict.fromkeys(library(), 0.99)
"""Least structural similarity, scene by scene; one whose bends magnify rounding may be given less, with the reason."""


@pytest.fixture(scope="module")
def eager() -> Generator:
    return Generator.load("builtin", device="cpu", dtype="float32", runtime="eager", size=(SIDE, SIDE))


def played(name: str, frames: np.ndarray) -> list:
    return specs(load(name), frames, [7.3, 11.9])


@pytest.mark.parametrize("name", library())
def test_onnx_runtime_plays_a_scene_as_torch_does(name: str, eager, demo_frames, tmp_path) -> None:
    onnx = opened(eager, tmp_path)
    onnx.resize(SIDE, SIDE)
    for spec in played(name, demo_frames):
        ours, theirs = (runtime.render(replace(spec, feedback=0.0)).pixels for runtime in (onnx, eager))
        assert onnx.playing == "onnx"
        assert theirs.std() > 5
        assert_alike(ours, theirs)
        assert ssim(ours, theirs) >= LEAST[name]


@pytest.mark.parametrize("name", library())
def test_a_decoder_in_half_precision_is_not_seen(name: str, eager, demo_frames) -> None:
    half = Generator.load("builtin", device="cpu", dtype="float32", runtime="eager", size=(SIDE, SIDE))
    half._decode_in_bfloat16()
    for spec in played(name, demo_frames):
        ours, theirs = (model.render(spec).pixels for model in (half, eager))
        assert np.abs(ours.astype(int) - theirs).mean() <= 1.5
        assert ssim(ours, theirs) >= 0.97


def test_the_measure_tells_pictures_apart() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    assert ssim(picture, picture) == pytest.approx(1)
    noisy = np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
    noisier = np.clip(picture + rng.normal(0, 40, picture.shape), 0, 255).astype(np.uint8)
    assert 1 > ssim(picture, noisy) > ssim(picture, noisier)
    assert ssim(picture, np.roll(picture, 2, axis=1)) < 0.9
