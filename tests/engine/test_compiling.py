"""Compiled blocks: the same pictures, and another plan compiles nothing anew."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from engine import Bend, BendPlan, FrameSpec
from engine.compiling import compile_blocks
from engine.generator import Generator

PROMPT = (("blue galaxy", 1.0),)
SITES = ("unet.in", "unet.down.1.attention.0", "unet.mid", "unet.up.0.resnet.1", "unet.skip.1", "decoder.0", "picture")


@pytest.fixture
def compiled(tiny_folder):
    """A model whose blocks are compiled by what only counts."""
    torch._dynamo.reset()
    found = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager")
    count: list[int] = []

    def backend(module, examples):
        count.append(1)
        return module.forward

    assert compile_blocks(*found.networks, backend=backend) >= 8
    yield found, count
    torch._dynamo.reset()


def test_bends_act_and_new_plans_compile_nothing(compiled, generator) -> None:
    ours, count = compiled
    plain = FrameSpec(prompts=PROMPT, seed=3)
    assert np.array_equal(ours.render(plain).pixels, generator.render(plain).pixels)
    versions = len(count)
    assert versions > 0
    for number, site in enumerate(SITES):
        plan = BendPlan((Bend("b", "invert", site, seed=number),))
        for amount in (0.4, 1.0):
            spec = FrameSpec(prompts=PROMPT, seed=3, plan=plan, values=(amount,))
            pixels = ours.render(spec).pixels
            assert np.array_equal(pixels, generator.render(spec).pixels)
            assert not np.array_equal(pixels, generator.render(plain).pixels)
    assert len(count) == versions


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="since torch 2.6")
def test_measuring_compiles_nothing(compiled, generator, monkeypatch) -> None:
    ours, count = compiled
    monkeypatch.setattr("engine.measuring._MEASURES_VERSION", -20)
    assert ours._known_measures() == generator._known_measures()
    assert not count
    ours.render(FrameSpec(prompts=PROMPT))
    assert count


def test_bent_weights_are_seen(compiled, generator) -> None:
    ours, count = compiled
    ours.render(FrameSpec(prompts=PROMPT))
    versions = len(count)
    plan = BendPlan((Bend("w", "multiply", "weights.unet.up.1.resnet.0.conv1", "even"),))
    for factor in (3.0, 0.5, 1.0):
        spec = FrameSpec(prompts=PROMPT, plan=plan, values=(factor, 1.0))
        assert np.array_equal(ours.render(spec).pixels, generator.render(spec).pixels)
    assert len(count) == versions


def test_blocks_that_cannot_be_compiled_are_run_as_they_are(tiny_folder, generator, caplog) -> None:
    """As without a C++ compiler, or where the compiler fails on a kind of block."""
    torch._dynamo.reset()
    found = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager")
    tried: list[int] = []

    def broken(module, examples):
        tried.append(1)
        raise RuntimeError("no working C++ compiler")

    compile_blocks(*found.networks, backend=broken)
    spec = FrameSpec(prompts=PROMPT, seed=3)
    assert np.array_equal(found.render(spec).pixels, generator.render(spec).pixels)
    assert len(tried) > 1
    (said,) = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert "run as it is" in said
    assert "no working C++ compiler" in said
    assert "\n" not in said
    torch._dynamo.reset()
