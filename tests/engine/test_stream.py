"""Stream batch: the pictures of plain sampling at one pass each, late by a stated number, in eager torch and graphs."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends.kernels import KERNELS
from engine.errors import NotFinite
from engine.generator import Generator
from engine.loading import load_components
from engine.runtimes.graph import GraphGenerator
from engine.runtimes.tape import TapeCapturer

PROMPT = (("blue galaxy", 1.0),)
PLAN = BendPlan((Bend("flip", "rotate", "unet.mid"), Bend("late", "add", "latent.1", "odd")))
SPEC = FrameSpec(prompts=PROMPT, seed=3, plan=PLAN, values=(0.6, 1.0, 0.5, 0.7))


@pytest.fixture(params=["tiny", "kl"])
def model(request):
    """A folder, and the same model without a stream; the second samples with fresh noise at every step."""
    return request.getfixturevalue(f"{request.param}_folder"), request.getfixturevalue(
        {"tiny": "generator", "kl": "kl_generator"}[request.param]
    )


def opened(folder, runtime: str) -> Generator:
    if runtime == "eager":
        return Generator.load(str(folder), device="cpu", dtype="float32", runtime="eager", stream=True)
    parts = load_components(str(folder), torch.float32)
    made = GraphGenerator(parts, torch.device("cpu"), torch.float32, capturer=TapeCapturer())
    made.stream()
    return made


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    """A row of a batch is rounded otherwise than a batch of one."""
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def passes(generator) -> list[int]:
    """Rows of every pass of the network from now on."""
    rows: list[int] = []
    generator._unet.register_forward_pre_hook(lambda module, args: rows.append(len(args[0])))
    return rows


runtimes = pytest.mark.parametrize("runtime", ["eager", "graph"])


@runtimes
@pytest.mark.parametrize(("steps", "guidance"), [(1, 1.0), (2, 1.0), (4, 1.0), (3, 2.5)])
def test_with_a_constant_spec_every_picture_is_the_plain_one(model, runtime: str, steps: int, guidance: float) -> None:
    folder, plain = model
    spec = replace(SPEC, steps=steps, guidance=guidance)
    stream, expected = opened(folder, runtime), plain.render(spec).pixels
    for _ in range(steps + 1):
        assert_alike(stream.render(spec).pixels, expected)
    assert stream.playing == runtime


@runtimes
@pytest.mark.parametrize("steps", [2, 3, 4])
def test_a_picture_comes_out_steps_minus_one_calls_after_it_was_begun(model, runtime: str, steps: int) -> None:
    folder, plain = model
    stream = opened(folder, runtime)
    texts = ("blue galaxy", "fire", "slow smoke")
    specs = [replace(SPEC, seed=10 + i, prompts=((texts[i % 3], 1.0),), steps=steps) for i in range(7)]
    came = [stream.render(spec) for spec in specs]
    for call, picture in enumerate(came):
        begun = max(0, call - (steps - 1))
        assert_alike(picture.pixels, plain.render(specs[begun]).pixels)
        assert picture.spec is specs[call]
    assert len({picture.pixels.tobytes() for picture in came}) == 7 - (steps - 1)


def test_one_pass_of_the_network_makes_a_picture(tiny_folder) -> None:
    stream = opened(tiny_folder, "eager")
    stream.prepare(plans=[PLAN], steps=3)
    rows = passes(stream)
    spec = replace(SPEC, steps=3)
    for seed in range(4):
        stream.render(replace(spec, seed=seed))
    # Two to fill the batch, then one each.
    assert rows == [3] * (2 + 4)
    rows.clear()
    stream.render(replace(spec, guidance=3.0))
    stream.render(replace(spec, guidance=3.5))
    assert rows == [6] * (2 + 2)


@runtimes
def test_bend_values_act_on_all_pictures_under_way_at_once(tiny_folder, generator, runtime: str) -> None:
    stream = opened(tiny_folder, runtime)
    still = replace(SPEC, steps=2, values=PLAN.neutral)
    for _ in range(2):
        before = stream.render(still).pixels
    hit = stream.render(replace(still, values=(0.0, 1.0, 2.0, 1.0))).pixels
    assert np.abs(hit.astype(int) - before).mean() > 0.5
    # The bend before the last step has no memory, and is all that the picture shows of the hit.
    assert_alike(hit, generator.render(replace(still, values=(0.0, 1.0, 2.0, 1.0))).pixels)
    assert_alike(stream.render(still).pixels, before)


@runtimes
@pytest.mark.parametrize(
    "change",
    [{"plan": BendPlan((Bend("b", "invert", "unet.mid"),)), "values": (0.5,)}, {"steps": 2}, {"guidance": 2.0}],
    ids=["plan", "steps", "guidance"],
)
def test_a_change_of_plan_steps_or_guidance_begins_anew(tiny_folder, generator, runtime: str, change) -> None:
    stream = opened(tiny_folder, runtime)
    spec = replace(SPEC, steps=3)
    for seed in range(3):
        stream.render(replace(spec, seed=seed))
    other = replace(spec, seed=9, **change)
    assert_alike(stream.render(other).pixels, generator.render(other).pixels)
    assert_alike(stream.render(spec).pixels, generator.render(spec).pixels)


@runtimes
def test_another_size_begins_anew(tiny_folder, generator, runtime: str) -> None:
    stream = opened(tiny_folder, runtime)
    spec = replace(SPEC, steps=2)
    stream.render(spec)
    stream.resize(48, 40)
    assert stream.render(spec).pixels.shape == (40, 48, 3)
    stream.resize(32, 32)
    other = replace(spec, seed=7)
    assert_alike(stream.render(other).pixels, generator.render(other).pixels)


@runtimes
def test_the_same_size_again_changes_nothing(tiny_folder, runtime: str) -> None:
    one, other = opened(tiny_folder, runtime), opened(tiny_folder, runtime)
    for seed in range(5):
        if seed == 3:
            one.resize(*one.size)
        spec = replace(SPEC, seed=seed, steps=3)
        assert np.array_equal(one.render(spec).pixels, other.render(spec).pixels)


def test_a_graph_keeps_the_latents_that_it_plays_with(tiny_folder) -> None:
    """A CUDA graph knows them by address only: what nobody held would be given to something else."""
    stream = opened(tiny_folder, "graph")
    stream.render(replace(SPEC, steps=3))
    (waiting,) = [weakref.ref(tensor) for tensor in stream._stream._waiting.values()]
    stream._stream.forget()
    (picture,) = stream._graphs.values()
    # The tape holds tensors, as a CUDA graph does not.
    picture._play = None
    gc.collect()
    assert waiting() is not None


@runtimes
def test_the_same_calls_give_the_same_pictures(tiny_folder, runtime: str) -> None:
    specs = [replace(SPEC, seed=i, steps=3, feedback=0.3, values=(0.1 * i, 1.0, 0.2, 1.0)) for i in range(6)]
    runs = []
    for _ in range(2):
        stream, last, made = opened(tiny_folder, runtime), None, []
        for spec in specs:
            last = stream.render(spec, last)
            made.append(last.pixels)
        runs.append(made)
    assert all(np.array_equal(a, b) for a, b in zip(*runs, strict=True))


@runtimes
def test_pictures_that_begin_at_another_are_made_one_by_one(tiny_folder, generator, runtime: str) -> None:
    stream, last = opened(tiny_folder, runtime), generator.render(SPEC)
    spec = replace(SPEC, steps=3)
    stream.render(replace(spec, seed=1))
    late = replace(spec, seed=2, strength=0.6)
    assert_alike(stream.render(late, last).pixels, generator.render(late, last).pixels)
    after = replace(spec, seed=4)
    assert_alike(stream.render(after, last).pixels, generator.render(after, last).pixels)


def test_both_runtimes_stream_alike(tiny_folder) -> None:
    eager, graph = opened(tiny_folder, "eager"), opened(tiny_folder, "graph")
    last = [None, None]
    for i in range(6):
        spec = replace(SPEC, seed=i, steps=3, feedback=0.4 * (i % 2), values=(0.1 * i, 1.0, 0.2, 1.0))
        last = [eager.render(spec, last[0]), graph.render(spec, last[1])]
        assert np.array_equal(last[0].pixels, last[1].pixels)


def test_preparing_another_plan_leaves_the_pictures_under_way_alone(tiny_folder) -> None:
    one, other = opened(tiny_folder, "graph"), opened(tiny_folder, "graph")
    specs = [replace(SPEC, seed=i, steps=3) for i in range(4)]
    for index, spec in enumerate(specs):
        if index == 2:
            one.prepare(plans=[BendPlan((Bend("b", "invert", "unet.mid"),))], steps=3)
        assert np.array_equal(one.render(spec).pixels, other.render(spec).pixels)


@runtimes
def test_after_a_broken_picture_the_stream_begins_anew(tiny_folder, generator, monkeypatch, runtime: str) -> None:
    monkeypatch.setitem(KERNELS, "blur", lambda x, p, fixed, sd: torch.where(p[0] > 0, x / (p[0] - p[0]), x))
    stream = opened(tiny_folder, runtime)
    spec = FrameSpec(prompts=PROMPT, steps=3, plan=BendPlan((Bend("bad", "blur", "latent.1"),)), values=(0.0, 1.0))
    stream.render(spec)
    with pytest.raises(NotFinite, match="the bend bad"):
        [stream.render(replace(spec, values=(0.1, 1.0))) for _ in range(3)]
    for seed in range(3):
        after = replace(spec, seed=seed)
        assert_alike(stream.render(after).pixels, generator.render(replace(spec, seed=max(0, seed - 2))).pixels)


@runtimes
def test_a_picture_that_breaks_at_its_first_step_is_noticed_with_its_own_spec(
    tiny_folder, monkeypatch, runtime
) -> None:
    monkeypatch.setitem(KERNELS, "blur", lambda x, p, fixed, sd: torch.where(p[0] > 0, x / (p[0] - p[0]), x))
    stream = opened(tiny_folder, runtime)
    plan = BendPlan((Bend("bad", "blur", "latent.0"), Bend("calm", "add", "unet.mid", "odd")))
    spec = FrameSpec(prompts=PROMPT, steps=4, plan=plan, values=(0.0, 1.0, 0.0, 1.0))
    stream.render(spec)
    with pytest.raises(NotFinite, match="the bend bad"):
        stream.render(replace(spec, values=(0.1, 1.0, 0.0, 1.0)))
    for seed in range(5):
        stream.render(replace(spec, seed=seed, values=(0.0, 1.0, 0.5, 1.0)))


def test_what_cannot_stream_says_so(tiny_folder) -> None:
    for options, words in (
        ({"runtime": "onnx"}, "ONNX Runtime cannot stream"),
        ({"device": "dml"}, "ONNX Runtime cannot stream"),
    ):
        with pytest.raises(BadInput, match=words):
            Generator.load(str(tiny_folder), stream=True, **options)
    with pytest.raises(BadInput, match="painter"):
        Generator.load("painter", stream=True)
    with pytest.raises(BadInput, match="cannot stream and compile"):
        Generator.load("builtin", runtime="onnx", stream=True, compiled=True)


def test_auto_takes_a_runtime_that_can_stream() -> None:
    assert Generator.load("builtin", device="cpu", stream=True).runtime == "eager"
