"""The bend that broke a picture is named: it and no other, of activations and of weights."""

from __future__ import annotations

import pytest
import torch

from engine import Bend, BendPlan, FrameSpec
from engine.bends.kernels import KERNELS
from engine.errors import NotFinite
from engine.generator import Generator

PROMPT = (("blue galaxy", 1.0),)
WEIGHTS = "weights.unet.up.1.resnet.0.conv1"


@pytest.fixture
def wild(monkeypatch) -> None:
    """A factor above 1 makes values far too large, one of 2 infinite ones."""

    def harm(x, p, fixed, sd):
        return x * torch.where(p[0] >= 2, float("inf"), torch.where(p[0] > 1, 1e30, 1.0))

    monkeypatch.setitem(KERNELS, "multiply", harm)


def culprit(generator: Generator, *bends: Bend, moved: dict[str, float]) -> str | None:
    plan = BendPlan(bends)
    values = [moved.get(address, rest) for (address, _), rest in zip(plan.slots, plan.neutral, strict=True)]
    with pytest.raises(NotFinite) as caught:
        generator.render(FrameSpec(prompts=PROMPT, plan=plan, values=tuple(values)))
    return caught.value.bend


@pytest.mark.parametrize("factor", [1.5, 2.0], ids=["too large", "not finite"])
@pytest.mark.parametrize("site", [WEIGHTS, "unet.mid", "unet.up.0"])
@pytest.mark.parametrize("last", [False, True])
def test_the_one_that_broke_it_is_named(generator, wild, site: str, factor: float, last: bool) -> None:
    bends = [
        Bend("wild", "multiply", site),
        Bend("turn", "rotate", "unet.mid"),
        Bend("push", "add", "decoder.0", "odd"),
        Bend("light", "add", "picture"),
        Bend("weigh", "add", "weights.unet.mid.resnet.0.conv1"),
    ]
    moved = {"wild/factor": factor, "turn/angle": 0.4, "push/amount": 0.5, "light/amount": 0.1, "weigh/amount": 0.2}
    assert culprit(generator, *(reversed(bends) if last else bends), moved=moved) == "wild"


def test_a_bend_that_is_not_moved_is_not_suspected(generator, monkeypatch) -> None:
    monkeypatch.setattr(type(generator), "_seen", lambda self, picture, latent: (None, False))
    still = (Bend("turn", "rotate", "unet.mid"), Bend("weigh", "add", WEIGHTS))
    assert culprit(generator, *still, moved={}) is None
    assert culprit(generator, *still, moved={"turn/angle": 0.5}) == "turn"
    assert culprit(generator, *still, moved={"weigh/amount": 0.5}) == "weigh"
