"""Weights as sites: they bend the picture, are written only on a change, and come back bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends.hooks import BendRuntime, CompiledPlan
from engine.bends.weights import WeightSite, find_weight, weight_sites
from engine.measures import Measure

SPEC = MappingProxyType({"prompts": (("blue galaxy", 1.0),), "seed": 3})
CONV = "weights.unet.up.1.resnet.0.conv1"
OPERATORS = ("multiply", "noise", "channel_roll", "channel_swap")


@pytest.fixture
def sites(generator) -> dict[str, WeightSite]:
    return weight_sites(generator._modules)


@pytest.fixture(autouse=True)
def _weights_stay(generator) -> Iterator[None]:
    """Whatever a test does, the model is left as it was loaded."""
    before = {name: p.clone() for name, p in generator._unet.named_parameters()}
    yield
    generator.render(FrameSpec(**SPEC))
    for name, parameter in generator._unet.named_parameters():
        assert torch.equal(parameter, before[name]), name


def render(generator, *bends: Bend, values: tuple[float, ...] = ()) -> np.ndarray:
    return generator.render(FrameSpec(**SPEC, plan=BendPlan(bends), values=values)).pixels.astype(float)


def test_every_weight_is_listed_once_under_its_finest_site(sites, generator) -> None:
    assert CONV in sites
    assert sites[CONV].weight is generator._unet.up_blocks[1].resnets[0].conv1.weight
    assert "weights.unet.in" in sites
    assert "weights.unet.out" in sites
    assert any(address.startswith("weights.unet.mid.attention.0.transformer_blocks.0.attn1") for address in sites)
    assert any(address.startswith("weights.decoder.") for address in sites)
    assert len({id(site.weight) for site in sites.values()}) == len(sites)
    for site in sites.values():
        assert np.prod(site.shape) == site.weight.numel()
        assert site.info.kind == "weights"
        assert site.info.sd > 0
        Bend("b", "multiply", site.address)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_bent_weight_moves_the_picture_and_comes_back(generator, name: str) -> None:
    plain = render(generator)
    bend = Bend("b", name, CONV, seed=1)
    rest = tuple(float(p.default) for p in bend.parameters)
    far = (*((p.high + p.default) / 2 for p in bend.parameters[:-1]), 1.0)
    weight = find_weight(CONV, generator._modules).weight
    before = weight.clone()
    assert np.array_equal(render(generator, bend, values=rest), plain)
    assert np.abs(render(generator, bend, values=far) - plain).mean() > 0.05
    assert not torch.equal(weight, before)
    assert np.array_equal(render(generator, bend, values=rest), plain)
    assert torch.equal(weight, before)


def test_another_plan_puts_the_weights_back_and_the_first_takes_them_again(generator) -> None:
    bend = Bend("b", "multiply", CONV, channels="even")
    plain = render(generator)
    bent = render(generator, bend, values=(0.0, 1.0))
    assert np.array_equal(render(generator), plain)
    assert np.array_equal(render(generator, bend, values=(0.0, 1.0)), bent)


def test_a_plan_that_goes_out_of_use_keeps_no_copy_of_the_weights(generator) -> None:
    bend = Bend("b", "multiply", CONV, "even")
    first = render(generator, bend, values=(3.0, 1.0))
    seat = generator._runtime.compile(BendPlan((bend,))).weights[CONV]
    assert seat._original is not None
    plain = render(generator)
    assert seat._original is None
    assert np.array_equal(render(generator, bend, values=(3.0, 1.0)), first)
    assert np.array_equal(render(generator), plain)


def test_the_unit_of_a_weight_is_its_own_also_while_another_plan_bends_it(generator) -> None:
    add = Bend("a", "add", CONV, seed=1)
    expected = render(generator, add, values=(1.0, 1.0))
    generator._runtime._kept.pop(BendPlan((add,)))
    render(generator, Bend("b", "multiply", CONV), values=(4.0, 1.0))
    assert np.array_equal(render(generator, add, values=(1.0, 1.0)), expected)


def test_weights_are_written_only_when_a_value_changes(generator) -> None:
    plan = BendPlan((Bend("w", "multiply", CONV), Bend("x", "add", "unet.mid", "odd")))
    compiled = generator._runtime.use(plan)
    seat = compiled.weights[CONV]
    for values, writes in (
        ((1.0, 1.0, 0.0, 1.0), 0),
        ((1.5, 1.0, 0.0, 1.0), 1),
        ((1.5, 1.0, 2.0, 1.0), 1),
        ((1.7, 1.0, 2.0, 1.0), 2),
        ((1.0, 1.0, 2.0, 1.0), 3),
        ((1.0, 1.0, 2.0, 1.0), 3),
    ):
        compiled.write(values)
        assert seat.writes == writes


def test_bends_of_one_weight_act_in_order(generator) -> None:
    weight = find_weight(CONV, generator._modules).weight
    before = weight.clone()
    compiled = generator._runtime.use(BendPlan((Bend("a", "channel_swap", CONV), Bend("b", "multiply", CONV, "0-7"))))
    compiled.write((1.0, 3.0, 1.0))
    expected = before.roll(8, dims=0)
    expected[:8] *= 3
    assert torch.equal(weight, expected)


def test_a_weight_that_is_not_there_is_refused_with_the_nearest(generator) -> None:
    bend = Bend("b", "multiply", "weights.unet.up.1.resnet.0.conv9")
    with pytest.raises(BadInput, match=rf"no {bend.site}.*{CONV}"):
        generator.prepare(plans=[BendPlan((bend,))])


def test_only_operators_that_suit_weights_may_sit_there() -> None:
    with pytest.raises(BadInput, match="zoom does not suit"):
        Bend("b", "zoom", CONV)
    with pytest.raises(BadInput, match="picture plane"):
        Bend("b", "multiply", CONV, mask="circle")


def test_other_runtimes_refuse_plans_with_weights() -> None:
    plan = BendPlan((Bend("fine", "zoom", "unet.mid"), Bend("deep", "noise", CONV)))
    assert plan.runtimes == {"eager", "graph"}
    plan.require("eager")
    with pytest.raises(BadInput, match=f"deep .noise at {CONV}. runs in eager, graph, not in onnx"):
        plan.require("onnx")
    with pytest.raises(BadInput, match="only PyTorch"):
        CompiledPlan(plan, {"unet.mid": Measure(4, 1.0)}, torch.device("cpu"))


def test_a_plan_knows_the_runtimes_of_its_operators() -> None:
    assert BendPlan().runtimes == {"eager", "graph", "onnx"}
    assert BendPlan((Bend("p", "phase_scramble", "unet.mid"),)).runtimes == {"eager", "graph"}


def test_half_precision_and_channels_last_weights_come_back_too() -> None:
    from engine.sites import ModuleSite

    conv = torch.nn.Conv2d(8, 8, 3).to(torch.bfloat16, memory_format=torch.channels_last)
    before, strides = conv.weight.detach().clone(), conv.weight.stride()
    runtime = BendRuntime({"unet.in": ModuleSite("unet.in", "unet", conv)}, dict, torch.device("cpu"))
    compiled = runtime.use(BendPlan((Bend("b", "quantise", "weights.unet.in"),)))
    compiled.write((1.0, 1.0))
    assert not torch.equal(conv.weight, before)
    runtime.use(BendPlan())
    assert torch.equal(conv.weight, before)
    assert conv.weight.stride() == strides
