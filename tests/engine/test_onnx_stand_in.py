"""Torch stands in for what ONNX Runtime cannot play or has no graph for (yet), without holding up the pictures."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
import torch

from engine import Bend, BendPlan, FrameSpec
from engine.bends.catalog import OPERATORS
from engine.errors import NotFinite
from engine.generator import Generator
from engine.runtimes.exporter import Exporter
from engine.runtimes.source import Source
from engine.runtimes.task import Task
from tests.engine.onnx_players import GRAIN, MOVED, PROMPT, moved, opened
from tests.waiting import wait_until


def test_what_cannot_be_exported_plays_in_torch_and_says_so_once(generator, tmp_path, caplog) -> None:
    settled: list[str | None] = []
    broken = [sys.executable, "-c", "import sys; sys.exit('no room left')"]
    exporter = Exporter(Source("tiny"), tmp_path, lambda task, error: None, broken)
    onnx = opened(generator, tmp_path, exporter)

    def remember(task: Task, error: str | None) -> None:
        settled.append(error)
        onnx._settled(task, error)

    exporter._settled = remember
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED)
    with caplog.at_level(logging.WARNING, "engine"):
        first = onnx.render(spec).pixels
        exporter.wait()
        for _ in range(3):
            assert np.array_equal(onnx.render(spec).pixels, first)
        onnx.prepare(plans=(GRAIN,), wait=True)
    assert np.array_equal(first, generator.render(spec).pixels)
    assert onnx.playing == "eager"
    assert len(settled) == 1
    assert len(caplog.messages) == 1
    assert "grain, turn" in caplog.text
    assert "no room left" in caplog.text


def test_weights_play_in_torch_and_it_is_said_once(generator, onnx, caplog) -> None:
    name = next(n for n, operator in OPERATORS.items() if "weights" in operator.kinds)
    plan = BendPlan((Bend("worn", name, "weights.unet.in"),))
    spec = FrameSpec(prompts=PROMPT, plan=plan, values=tuple(moved(plan.bends[0])))
    with caplog.at_level(logging.WARNING, "engine"):
        for _ in range(2):
            assert np.array_equal(onnx.render(spec).pixels, generator.render(spec).pixels)
    assert onnx.playing == "eager"
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_what_is_not_finite_is_no_picture_and_the_bend_is_named(generator, tmp_path, monkeypatch, runtime) -> None:
    from engine.bends.kernels import KERNELS

    monkeypatch.setitem(KERNELS, "add", lambda x, p, fixed, sd: x / torch.zeros_like(x) * p[0] + x)
    plan = BendPlan((Bend("still", "rotate", "unet.mid"), Bend("wild", "add", "unet.up.0")))
    player: Generator = generator if runtime == "eager" else opened(generator, tmp_path)
    with pytest.raises(NotFinite) as caught:
        player.render(FrameSpec(prompts=PROMPT, plan=plan, values=(0.3, 1.0, 1.0, 1.0)))
    if runtime == "onnx":
        wait_until(lambda: player._stand_in._broken[plan] is not None, 60, "the bend to be found")
        with pytest.raises(NotFinite) as caught:
            player.render(FrameSpec(prompts=PROMPT, plan=plan, values=(0.3, 1.0, 1.0, 1.0)))
    assert caught.value.bend == "wild"
    assert "wild" in str(caught.value)
