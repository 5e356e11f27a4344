"""Every built-in scene, at fixed seeds and fixed music, looks the same in every runtime as in torch with float32."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME, FEATURES, rest_frame
from live.preparing import prepare_for
from scenes import Patch, library, load
from tests.similarity import ssim

HOP_S = 256 / 48000
SEED = 7
MOMENTS_S = (0.27, 1.01, 1.66)
"""Just after a hit, on a beat, and between two."""
LEAST_SSIM = 0.999


def fixed_music(seconds: float = 2.0, tempo: float = 120.0) -> np.ndarray:
    """Frames in which every feature with a range moves on its own sine, with a hit four times a second."""
    frames = np.array([rest_frame()] * round(seconds / HOP_S), FEATURE_FRAME)
    time_s = (1 + np.arange(len(frames))) * HOP_S
    for number, field in enumerate(FEATURES):
        if np.isfinite(field.high) and field.name not in ("onset", "onset_strength", "tempo", "beat_phase", "silent"):
            shape = (len(frames),) if field.size == 1 else (len(frames), field.size)
            phase = np.arange(field.size) if field.size > 1 else 0
            turn = (2 * np.pi * (0.4 + 0.07 * number) * time_s).reshape(-1, *[1] * (len(shape) - 1)) + number + phase
            frames[field.name] = field.low + (field.high - field.low) * (0.5 + 0.4 * np.sin(turn))
    beats = time_s * tempo / 60
    hit = np.diff(np.floor(2 * beats), prepend=0.0) > 0
    frames["onset"] = hit
    frames["onset_strength"] = 0.8 * hit
    frames["onset_count"] = np.cumsum(hit)
    frames["beat_count"] = np.floor(beats)
    frames["beat_phase"] = beats % 1
    frames["tempo"] = tempo
    frames["silent"] = 0
    frames["index"] = np.arange(len(frames))
    frames["time_s"] = time_s
    return frames


def fixed_specs(name: str) -> list:
    """What a scene asks for at the moments."""
    patch, frames, done, found = Patch(load(name), seed=SEED, start_s=0.0), fixed_music(), 0, []
    for time_s in MOMENTS_S:
        upto = int(np.searchsorted(frames["time_s"], time_s, side="right"))
        found.append(patch.advance(frames[done:upto], {}, time_s))
        done = upto
    return found


@pytest.fixture(scope="session")
def onnx():
    """The shipped model in ONNX Runtime, with every scene's graph; exported once for this version of the code."""
    from engine.generator import Generator

    generator = Generator.load("builtin", runtime="onnx", device="cpu", threads=1)
    generator.prepare(plans=[load(name).plan for name in library()], wait=True)
    return generator


@pytest.fixture(scope="session")
def float32():
    """The shipped model in torch, decoder and all in float32."""
    from engine.generator import Generator

    return Generator.load("builtin", runtime="eager", device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def half():
    """The same with a decoder in bfloat16."""
    from engine.generator import Generator

    generator = Generator.load("builtin", runtime="eager", device="cpu", dtype="float32")
    generator._decode_in_bfloat16()
    return generator


@pytest.mark.parametrize("name", library())
def test_a_scene_looks_the_same_in_both_runtimes(name: str, onnx, float32) -> None:
    prepare_for(onnx, Patch(load(name)), wait=True)
    last = None
    for spec in fixed_specs(name):
        ours, theirs = onnx.render(spec, last), float32.render(spec, last)
        assert onnx.playing == "onnx"
        difference = np.abs(ours.pixels.astype(int) - theirs.pixels.astype(int))
        assert (difference <= 2).mean() >= 0.999
        assert difference.mean() <= 0.3
        assert ssim(ours.pixels, theirs.pixels) >= LEAST_SSIM
        last = theirs


@pytest.fixture(scope="session")
def graph():
    """The same in the graph runtime, on a tape instead of a CUDA device."""
    import torch

    from engine.loading import load_components
    from engine.runtimes.graph import GraphGenerator
    from engine.runtimes.tape import TapeCapturer

    parts = load_components("builtin", torch.float32)
    return GraphGenerator(parts, torch.device("cpu"), torch.float32, capturer=TapeCapturer(), limit=2)


@pytest.mark.parametrize("name", list(library())[:3])
def test_a_captured_scene_looks_the_same(name: str, graph, float32) -> None:
    prepare_for(graph, Patch(load(name)))
    last, ready = None, graph._capturer.captures
    for spec in fixed_specs(name):
        ours, theirs = graph.render(spec, last), float32.render(spec, last)
        assert graph.playing == "graph"
        assert np.array_equal(ours.pixels, theirs.pixels)
        last = theirs
    assert graph._capturer.captures == ready


@pytest.mark.parametrize("name", library())
def test_a_decoder_in_half_precision_is_not_seen(name: str, half, float32) -> None:
    for spec in fixed_specs(name)[:2]:
        ours, theirs = (model.render(spec).pixels for model in (half, float32))
        assert np.abs(ours.astype(int) - theirs).mean() <= 1.5
        assert ssim(ours, theirs) >= 0.97


@pytest.mark.parametrize("name", library())
def test_the_gate_would_see_bends_that_stand_still(name: str, float32) -> None:
    spec = fixed_specs(name)[-1]
    still = replace(spec, values=spec.plan.neutral)
    assert ssim(float32.render(spec).pixels, float32.render(still).pixels) < 0.95


def test_similarity_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(0, 256, (24, 31, 3)).astype(np.uint8)
    assert ssim(picture, picture) == pytest.approx(1)
    dark, light = (np.full((16, 16, 3), level, np.uint8) for level in (80, 120))
    c1 = (0.01 * 255) ** 2
    assert ssim(dark, light) == pytest.approx((2 * 80 * 120 + c1) / (80**2 + 120**2 + c1))
    assert ssim(picture, 255 - picture) < -0.5
    slightly = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255)
    coarsely = np.clip(picture + rng.normal(0, 40, picture.shape), 0, 255)
    assert ssim(picture, coarsely) < ssim(picture, slightly) < 1
