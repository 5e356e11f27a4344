"""Bends inside a running model: every site acts, values move without rebuilding, plans swap."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends.catalog import OPERATORS
from engine.generator import Generator
from engine.witness import Witness

SPEC = MappingProxyType({"prompts": (("blue galaxy", 1.0),), "seed": 3})


def difference(a, b) -> float:
    return float(np.abs(a.pixels.astype(float) - b.pixels.astype(float)).mean())


def bent(generator, *bends: Bend, values=None, **spec):
    plan = BendPlan(bends)
    return generator.render(FrameSpec(**SPEC, **spec, plan=plan, values=plan.neutral if values is None else values))


@pytest.mark.parametrize("name", ["generator", "kl_generator"])
def test_every_site_of_a_model_can_be_bent(name: str, request) -> None:
    generator = request.getfixturevalue(name)
    plain = generator.render(FrameSpec(**SPEC))
    for site in generator.sites():
        if site.address.startswith("latent.") and site.address not in ("latent.0", "latent.end"):
            continue
        neutral = bent(generator, Bend("b", "invert", site.address))
        assert np.array_equal(neutral.pixels, plain.pixels), site.address
        turned = bent(generator, Bend("b", "invert", site.address), values=(1.0,))
        assert difference(turned, plain) > 0.05, site.address


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_runs_inside_the_model(generator, name: str) -> None:
    plain = generator.render(FrameSpec(**SPEC))
    site, channels = ("unet.up.0", "even") if "unet" in OPERATORS[name].kinds else ("picture", "all")
    bend = Bend("b", name, site, channels, seed=2)
    assert difference(bent(generator, bend), plain) < 0.05
    changed = [float(p.default) + 0.4 * ((p.high or p.low) - float(p.default)) for p in bend.parameters[:-1]]
    assert difference(bent(generator, bend, values=(*changed, 1.0)), plain) > 0.05


def test_a_latent_between_steps_is_bent_only_when_there_is_such_a_step(generator) -> None:
    bend = Bend("b", "invert", "latent.1")
    plain = generator.render(FrameSpec(**SPEC))
    assert difference(bent(generator, bend, values=(1.0,)), plain) == 0
    two = generator.render(FrameSpec(**SPEC, steps=2))
    assert difference(bent(generator, bend, values=(1.0,), steps=2), two) > 0.5


def test_a_skip_bends_what_the_up_path_receives_and_nothing_else(generator) -> None:
    generator.render(FrameSpec(**SPEC))
    unet = generator._unet
    seen: dict[str, torch.Tensor] = {}
    handles = [
        unet.mid_block.register_forward_hook(lambda m, a, out: seen.update(mid=out.clone())),
        unet.up_blocks[0].register_forward_pre_hook(
            lambda m, a, k: seen.update(skips=tuple(s.clone() for s in k["res_hidden_states_tuple"])), with_kwargs=True
        ),
    ]
    try:
        bend = Bend("b", "multiply", "unet.skip.2")
        bent(generator, bend)
        before = dict(seen)
        bent(generator, bend, values=(0.0, 1.0))
    finally:
        for handle in handles:
            handle.remove()
    assert torch.equal(seen["mid"], before["mid"])
    plain = bent(generator, bend)
    assert difference(bent(generator, bend, values=(0.0, 1.0)), plain) > 0.05


@pytest.mark.parametrize("level", [0, 1])
def test_what_a_level_hands_down_and_across_is_bent_once_for_both(generator, level) -> None:
    unet, seen = generator._unet, []
    below = unet.down_blocks[1] if level == 0 else unet.mid_block
    handles = [
        below.register_forward_pre_hook(
            lambda m, a, k: seen.append(a[0] if a else k["hidden_states"]), with_kwargs=True
        )
    ]
    handles += [
        block.register_forward_pre_hook(lambda m, a, k: seen.extend(k["res_hidden_states_tuple"]), with_kwargs=True)
        for block in unet.up_blocks
    ]
    try:
        bent(generator, Bend("b", "multiply", f"unet.down.{level}"), values=(0.0, 1.0))
    finally:
        for handle in handles:
            handle.remove()
    handed_down, *skips = seen
    assert not handed_down.any()
    assert [s.shape for s in skips if not s.any()] == [handed_down.shape]


def test_moving_values_rebuilds_nothing(generator) -> None:
    plan = BendPlan((Bend("turn", "rotate", "unet.mid"), Bend("push", "add", "unet.up.0", "odd")))
    generator.prepare(plans=[plan])
    compiled = generator._runtime.compile(plan)
    count, bank = generator._runtime.compilations, compiled.bank
    place = bank.data_ptr()
    for step in range(6):
        generator.render(FrameSpec(**SPEC, plan=plan, values=(step / 5, 1.0, step / 2, 1.0)))
    assert generator._runtime.compilations == count
    assert compiled.bank is bank
    assert bank.data_ptr() == place


@pytest.mark.parametrize("kind", ["float32", "float16", "decoder in bfloat16", "full autoencoder"])
def test_what_bends_need_for_a_size_is_made_when_they_are_prepared(tiny_folder, kl_folder, monkeypatch, kind) -> None:
    folder = kl_folder if kind == "full autoencoder" else tiny_folder
    dtype = "float16" if kind == "float16" else "float32"
    player = Generator.load(str(folder), device="cpu", dtype=dtype, runtime="eager", size=(48, 40))
    if kind == "decoder in bfloat16":
        player._decode_in_bfloat16()
    sites = ("text", "latent.0", "latent.1", "latent.end", "unet.in", "unet.mid", "unet.skip.1", "unet.up.1.resnet.0")
    bends = [
        Bend(f"b{n}", "contract" if "unet" in site else "add", site, sparse=0.5)
        for n, site in enumerate((*sites, "decoder.0", "decoder.2", "picture"))
    ]
    plan = BendPlan(tuple(bends))
    player.prepare(plans=[plan], steps=2, guidance=2.0)
    monkeypatch.setattr("engine.bends.hooks.settle", lambda *_: pytest.fail("settled while a picture was waited for"))
    player.render(FrameSpec(**SPEC, plan=plan, values=plan.neutral, steps=2, guidance=2.0))


def test_sizes_that_are_no_longer_played_keep_no_memory(generator) -> None:
    plans = [BendPlan((Bend("b", "noise", site, sparse=0.5),)) for site in ("decoder.1", "picture")]
    pictures = {}
    for size in ((32, 32), (48, 32), (32, 48), (32, 32)):
        generator.resize(*size)
        for plan in plans:
            picture = generator.render(FrameSpec(**SPEC, plan=plan, values=(0.5, 1.0))).pixels
            assert np.array_equal(picture, pictures.setdefault((size, plan), picture))
            kept = [seat._settings for row in generator._runtime.compile(plan).seats.values() for seat in row]
            assert [len(settings) for settings in kept] == [1]


def test_all_values_live_in_one_small_tensor(generator) -> None:
    plan = BendPlan((Bend("a", "translate", "unet.in"), Bend("b", "noise", "text"), Bend("c", "blur", "picture")))
    compiled = generator._runtime.compile(plan)
    assert compiled.bank.shape == (len(plan.slots),)
    store = compiled.bank.untyped_storage().data_ptr()
    for seats in compiled.seats.values():
        for seat in seats:
            assert all(p.untyped_storage().data_ptr() == store for p in seat._parameters)


def test_equal_plans_are_compiled_once_and_a_swap_leaves_nothing_behind(generator) -> None:
    def plan() -> BendPlan:
        return BendPlan((Bend("flip", "invert", "unet.up.1"),))

    plain = generator.render(FrameSpec(**SPEC))
    generator.render(FrameSpec(**SPEC, plan=plan(), values=(1.0,)))
    count = generator._runtime.compilations
    assert np.array_equal(generator.render(FrameSpec(**SPEC)).pixels, plain.pixels)
    generator.render(FrameSpec(**SPEC, plan=plan(), values=(1.0,)))
    assert generator._runtime.compilations == count


def test_bends_at_one_site_act_in_the_order_of_the_plan(generator) -> None:
    push, flip = Bend("push", "add", "latent.end"), Bend("flip", "invert", "latent.end")
    one = bent(generator, push, flip, values=(1.0, 1.0, 1.0))
    other = bent(generator, flip, push, values=(1.0, 1.0, 1.0))
    assert difference(one, other) > 0.5


def test_values_out_of_range_or_not_finite_do_no_harm(generator) -> None:
    bend = Bend("push", "add", "unet.up.0", "odd")
    plain = bent(generator, bend)
    assert np.array_equal(bent(generator, bend, values=(float("nan"), float("inf"))).pixels, plain.pixels)
    most = bent(generator, bend, values=(4.0, 1.0))
    assert np.array_equal(bent(generator, bend, values=(1e9, 7.0)).pixels, most.pixels)


def test_a_wrong_number_of_values_is_refused(generator) -> None:
    with pytest.raises(BadInput, match="2 bend values; 1"):
        bent(generator, Bend("push", "add", "unet.mid"), values=(1.0,))


def test_a_site_the_model_lacks_is_refused_with_those_there_are(generator) -> None:
    with pytest.raises(BadInput, match=r"push names the site unet\.up\.7.*unet\.up\.1"):
        generator.prepare(plans=[BendPlan((Bend("push", "add", "unet.up.7"),))])
    assert generator.render(FrameSpec(**SPEC)).pixels.shape == (32, 32, 3)


def test_a_plan_can_be_prepared_while_its_bends_are_watched(generator) -> None:
    plan = generator._runtime.compile(BendPlan((Bend("grain", "noise", "unet.mid"),)))
    shapes = {site.address: site.shape for site in generator.sites()}
    with Witness().watching(plan):
        plan.settle(shapes, {})
    assert all(seat._settings for _, seat in plan._seated)


def test_channels_the_site_lacks_are_refused_when_preparing(generator) -> None:
    with pytest.raises(BadInput, match="0-15"):
        generator.prepare(plans=[BendPlan((Bend("push", "add", "unet.in", "8-40"),))])


def test_noted_sites_are_those_where_uniform_changes_are_cancelled(generator) -> None:
    plain = generator.render(FrameSpec(**SPEC))
    noted = [s.address for s in generator.sites() if "group norm" in s.note]
    assert noted
    for address in noted:
        assert difference(bent(generator, Bend("b", "multiply", address), values=(2.0, 1.0)), plain) < 0.05
        assert difference(bent(generator, Bend("b", "multiply", address, "even"), values=(2.0, 1.0)), plain) > 0.05
