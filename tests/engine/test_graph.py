"""The graph runtime: captured once, moved without capturing again, the same pixels as eager torch.

The tape stands in for CUDA: it plays what was captured and nothing else, and refuses what a CUDA graph could not hold.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends.catalog import OPERATORS
from engine.bends.kernels import KERNELS
from engine.errors import NotFinite
from engine.generator import Generator
from engine.loading import load_components
from engine.runtimes.graph import GraphGenerator
from engine.runtimes.tape import NotCapturable, TapeCapturer

PROMPT = (("blue galaxy", 1.0),)
SITES = {
    "text": "text",
    "latent": "latent.0",
    "unet": "unet.up.0",
    "decoder": "decoder.0",
    "picture": "picture",
    "weights": "weights.unet.up.1.resnet.0.conv1",
}
GRAIN = BendPlan((Bend("grain", "noise", "unet.mid", seed=4), Bend("turn", "rotate", "unet.up.0")))
MOVED = (0.5, 0.8, 0.7, 1.0)


def opened(folder, limit: int = 16, dtype: torch.dtype = torch.float32) -> GraphGenerator:
    return GraphGenerator(
        load_components(str(folder), dtype), torch.device("cpu"), dtype, capturer=TapeCapturer(), limit=limit
    )


@pytest.fixture(scope="module")
def graph(tiny_folder) -> GraphGenerator:
    return opened(tiny_folder, limit=4)


@pytest.fixture
def new(tiny_folder) -> GraphGenerator:
    return opened(tiny_folder)


def captures(generator: GraphGenerator) -> int:
    assert isinstance(generator._capturer, TapeCapturer)
    return generator._capturer.captures


def assert_equal(graph: GraphGenerator, eager: Generator, spec: FrameSpec, previous=None) -> np.ndarray:
    theirs = eager.render(spec, previous).pixels
    assert np.array_equal(graph.render(spec, previous).pixels, theirs)
    assert graph.playing == "graph"
    return theirs


def moved(bend: Bend, share: float = 0.35) -> tuple[float, ...]:
    """Values away from neutral: part of the way to the far end, and mostly wet."""
    values = []
    for p in bend.parameters[:-1]:
        low, high, rest = float(p.low), float(p.high), float(p.default)
        end = high if high - rest >= rest - low else low
        values.append(p.clamp(rest + share * (end - rest)))
    return (*values, 0.8)


@pytest.mark.parametrize("name", [name for name, op in OPERATORS.items() if "graph" in op.runtimes])
def test_every_operator_at_every_kind_of_site_paints_what_eager_paints(graph, generator, name: str) -> None:
    """One plan holds the operator at each kind of site that suits it; then each of them alone is moved off neutral."""
    kinds = [kind for kind in SITES if kind in OPERATORS[name].kinds]
    plan = BendPlan(
        tuple(Bend(kind, name, SITES[kind], "even" if kind in ("unet", "decoder") else "all", seed=3) for kind in kinds)
    )
    still = generator.render(FrameSpec(prompts=PROMPT, seed=2)).pixels
    before, changed = captures(graph), 0
    for alone in plan.bends:
        values = [
            v
            for bend in plan.bends
            for v in (moved(bend) if bend is alone else tuple(float(p.default) for p in bend.parameters))
        ]
        pixels = assert_equal(graph, generator, FrameSpec(prompts=PROMPT, seed=2, plan=plan, values=tuple(values)))
        changed += not np.array_equal(pixels, still)
    assert captures(graph) == before + 1
    assert changed >= 1


def test_moving_anything_but_the_plan_captures_nothing(new, generator) -> None:
    first = FrameSpec(prompts=PROMPT, plan=GRAIN, values=MOVED)
    pictures = {assert_equal(new, generator, first).tobytes()}
    for change in (
        {"values": (1.0, 1.0, 0.2, 0.5)},
        {"seed": 9},
        {"angle": 0.7},
        {"prompts": (("fire", 0.5), ("blue galaxy", 0.5))},
        {"time_s": 3.0, "seed": 4, "values": (0.1, 1.0, 3.0, 1.0)},
    ):
        pictures.add(assert_equal(new, generator, replace(first, **change)).tobytes())
    assert captures(new) == 1
    assert len(pictures) == 6


@pytest.mark.parametrize(("steps", "guidance"), [(1, 1.0), (2, 1.0), (3, 4.0), (1, 3.0)])
@pytest.mark.parametrize("model", ["tiny", "kl"])
def test_steps_and_guidance(model: str, steps: int, guidance: float, request) -> None:
    folder, eager = (
        request.getfixturevalue(f"{model}_folder"),
        request.getfixturevalue({"tiny": "generator", "kl": "kl_generator"}[model]),
    )
    captured = opened(folder)
    spec = FrameSpec(prompts=PROMPT, seed=5, steps=steps, guidance=guidance, plan=GRAIN, values=MOVED)
    assert_equal(captured, eager, spec)
    assert_equal(captured, eager, replace(spec, seed=6, values=(1.0, 0.4, 0.1, 1.0)))
    if guidance > 1:
        assert_equal(captured, eager, replace(spec, guidance=guidance + 1.5))
    assert captures(captured) == 1


@pytest.mark.parametrize("model", ["tiny", "kl"])
def test_feedback(model: str, request) -> None:
    captured = opened(request.getfixturevalue(f"{model}_folder"))
    eager = request.getfixturevalue({"tiny": "generator", "kl": "kl_generator"}[model])
    spec = FrameSpec(prompts=PROMPT, seed=5, feedback=0.5, plan=GRAIN, values=MOVED)
    captured.prepare(plans=[GRAIN], feedback=True)
    last = eager.render(replace(spec, seed=1))
    unfed = assert_equal(captured, eager, spec)
    assert not np.array_equal(assert_equal(captured, eager, spec, last), unfed)
    assert_equal(captured, eager, replace(spec, feedback=0.2), eager.render(replace(spec, seed=8)))
    assert_equal(captured, eager, replace(spec, feedback=0.0), last)
    assert captures(captured) == 1


@pytest.mark.parametrize("model", ["tiny", "kl"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_picture_that_begins_at_another(model: str, steps: int, request) -> None:
    captured = opened(request.getfixturevalue(f"{model}_folder"))
    eager = request.getfixturevalue({"tiny": "generator", "kl": "kl_generator"}[model])
    spec = FrameSpec(prompts=PROMPT, seed=5, steps=steps, plan=GRAIN, values=MOVED)
    captured.prepare(plans=[GRAIN], steps=steps, late=True)
    assert captures(captured) == 2
    last = eager.render(replace(spec, seed=1))
    pictures = {
        assert_equal(captured, eager, replace(spec, strength=strength, feedback=feedback), last).tobytes()
        for strength, feedback in ((0.3, 0.0), (0.7, 0.0), (0.95, 0.4))
    }
    assert len(pictures) == 3
    # A strength of 1, and a first picture, which has none to begin at, were made ready too.
    assert_equal(captured, eager, replace(spec, strength=1.0), last)
    assert_equal(captured, eager, replace(spec, strength=1.0, feedback=0.4), last)
    assert_equal(captured, eager, replace(spec, strength=0.3))
    assert captures(captured) == 2


def test_feedback_of_a_picture_of_another_size(new, generator) -> None:
    large = generator.render(FrameSpec(prompts=PROMPT, seed=1))
    new.resize(48, 64)
    spec = FrameSpec(prompts=PROMPT, feedback=0.5)
    ours = new.render(spec, large).pixels
    generator.resize(48, 64)
    try:
        theirs = generator.render(spec, large).pixels
    finally:
        generator.resize(32, 32)
    # Eager keeps the fractions of a level that resizing gives; what is fine in a picture is amplified to noise.
    assert np.abs(ours.astype(int) - theirs).mean() <= 0.5


def test_a_new_plan_is_captured_once_and_the_old_one_is_kept(new, generator) -> None:
    other = BendPlan((Bend("flip", "invert", "unet.up.1"),))
    for plan, values in ((GRAIN, MOVED), (other, (0.7,)), (BendPlan(), ()), (GRAIN, MOVED), (other, (0.2,))):
        assert_equal(new, generator, FrameSpec(prompts=PROMPT, plan=plan, values=values))
    assert captures(new) == 3


def test_the_graph_that_was_not_used_for_longest_goes_first(tiny_folder, generator) -> None:
    two = opened(tiny_folder, limit=2)
    plans = [BendPlan((Bend(f"b{i}", "noise", "unet.mid", seed=i),)) for i in range(3)]

    def render(index: int) -> None:
        assert_equal(two, generator, FrameSpec(prompts=PROMPT, plan=plans[index], values=(0.8, 1.0)))

    for index in (0, 1, 0, 2):
        render(index)
    assert captures(two) == 3
    assert len(two._graphs) == 2
    render(0)
    assert captures(two) == 3
    render(1)
    assert captures(two) == 4


def test_prepared_plans_cost_the_picture_loop_nothing(new, generator) -> None:
    new.prepare(prompts=["blue galaxy"], plans=[GRAIN], steps=2, guidance=3.0)
    assert captures(new) == 1
    assert_equal(new, generator, FrameSpec(prompts=PROMPT, plan=GRAIN, values=MOVED, steps=2, guidance=2.0))
    assert captures(new) == 1


def test_another_size_is_captured_anew_and_lets_go_of_the_old_graphs(new, generator) -> None:
    spec = FrameSpec(prompts=PROMPT, plan=GRAIN, values=MOVED)
    new.render(spec)
    new.resize(48, 40)
    assert not new._graphs
    assert new.render(spec).pixels.shape == (40, 48, 3)
    new.resize(32, 32)
    assert_equal(new, generator, spec)


def test_bent_weights_are_read_by_the_graph_and_put_back(new, generator) -> None:
    bend = Bend("w", "multiply", SITES["weights"], "even")
    plan = BendPlan((bend, Bend("x", "add", "unet.mid", "odd")))
    plain = assert_equal(new, generator, FrameSpec(prompts=PROMPT))
    for values in ((3.0, 1.0, 0.0, 1.0), (3.0, 1.0, 1.0, 1.0), (2.0, 0.5, 1.0, 1.0), (1.0, 1.0, 0.0, 1.0)):
        pixels = assert_equal(new, generator, FrameSpec(prompts=PROMPT, plan=plan, values=values))
    assert np.array_equal(pixels, plain)
    assert_equal(new, generator, FrameSpec(prompts=PROMPT, plan=plan, values=(3.0, 1.0, 0.0, 1.0)))
    assert np.array_equal(assert_equal(new, generator, FrameSpec(prompts=PROMPT)), plain)
    assert captures(new) == 2


def test_pictures_are_their_own(new) -> None:
    first = new.render(FrameSpec(prompts=PROMPT, seed=1))
    kept = first.pixels.copy()
    new.render(FrameSpec(prompts=PROMPT, seed=2))
    assert np.array_equal(first.pixels, kept)
    assert first.pixels.flags.c_contiguous
    assert not first.pixels.flags.writeable


def test_what_is_not_finite_is_no_picture_and_the_bend_is_named(new, generator, monkeypatch) -> None:
    monkeypatch.setitem(KERNELS, "blur", lambda x, p, fixed, sd: x / (1 - p[0]))
    plan = BendPlan((Bend("fine", "add", "unet.mid", "odd"), Bend("broken", "blur", "unet.up.0")))
    spec = FrameSpec(prompts=PROMPT, plan=plan, values=(0.5, 1.0, 0.1, 1.0))
    assert_equal(new, generator, spec)
    monkeypatch.setitem(KERNELS, "blur", lambda x, p, fixed, sd: x / (p[0] - p[0]))
    broken = BendPlan((Bend("fine", "add", "unet.mid", "odd"), Bend("bad", "blur", "unet.up.0")))
    with pytest.raises(NotFinite, match="the bend bad"):
        new.render(replace(spec, plan=broken))
    assert new.playing == "graph"
    assert_equal(new, generator, FrameSpec(prompts=PROMPT))


def test_bad_specs_are_refused_and_the_next_picture_is_made(new, generator) -> None:
    for change, words in (
        ({"values": (1.0,)}, "4 bend values; 1"),
        ({"steps": 9}, "from 1 to 8"),
        ({"guidance": float("nan")}, "finite"),
        ({"prompts": ()}, "weights"),
        ({"plan": BendPlan((Bend("b", "add", "unet.up.7"),)), "values": (0.0, 1.0)}, r"unet\.up\.7"),
    ):
        with pytest.raises(BadInput, match=words):
            new.render(replace(FrameSpec(prompts=PROMPT, plan=GRAIN, values=MOVED), **change))
    assert captures(new) == 0
    assert_equal(new, generator, FrameSpec(prompts=PROMPT, plan=GRAIN, values=MOVED))


REFUSED = {
    "reads": (lambda x, p: x * p[0].item(), "wait for a value"),
    "branches": (lambda x, p: x if p[0] > 0 else -x, "wait for a value"),
    "makes numbers": (lambda x, p: x + torch.tensor(0.5), "made on the host"),
    "copies from the host": (lambda x, p: x + torch.from_numpy(np.ones(1, np.float32)), "made on the host"),
    "draws": (lambda x, p: x + torch.randn_like(x), "random numbers"),
    "selects": (lambda x, p: x + x[x > 0].mean(), "wait for a value"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_graph_cannot_hold_plays_eager_and_says_so_once(new, monkeypatch, caplog, what: str) -> None:
    work, why = REFUSED[what]
    monkeypatch.setitem(KERNELS, "blur", lambda x, p, fixed, sd: work(x, p))
    plan = BendPlan((Bend("odd_one", "blur", "unet.mid"),))
    spec = FrameSpec(prompts=PROMPT, plan=plan, values=(0.1, 1.0))
    with caplog.at_level(logging.WARNING, logger="engine"):
        new.prepare(plans=[plan])
        for seed in range(3):
            assert new.render(replace(spec, seed=seed)).pixels.shape == (32, 32, 3)
            assert new.playing == "eager"
    assert [r.message for r in caplog.records if "odd_one" in r.message and why in r.message] == [
        r.message for r in caplog.records
    ]
    assert len(caplog.records) == 1
    new.render(FrameSpec(prompts=PROMPT))
    assert new.playing == "graph"


def test_an_operator_that_declares_no_graph_plays_eager_and_says_so_once(new, generator, monkeypatch, caplog) -> None:
    monkeypatch.setitem(OPERATORS, "blur", replace(OPERATORS["blur"], runtimes=frozenset({"eager"})))
    spec = FrameSpec(prompts=PROMPT, plan=BendPlan((Bend("mist", "blur", "unet.mid"),)), values=(0.1, 1.0))
    with caplog.at_level(logging.WARNING, logger="engine"):
        for seed in range(3):
            changed = replace(spec, seed=seed)
            assert np.array_equal(new.render(changed).pixels, generator.render(changed).pixels)
    assert new.playing == "eager"
    assert [r.message for r in caplog.records] == [
        "the bend mist: played eagerly, without a CUDA graph: a CUDA graph cannot hold mist"
    ]


class Full(TapeCapturer):
    """A device with memory for so many graphs."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.owner = room, None

    def capture(self, work):
        if len(self.owner._graphs) >= self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().capture(work)


@pytest.mark.parametrize("room", [0, 1])
def test_lack_of_memory_gives_up_other_graphs_and_then_this_one(tiny_folder, generator, caplog, room: int) -> None:
    full = Full(room)
    tight = GraphGenerator(
        load_components(str(tiny_folder), torch.float32), torch.device("cpu"), torch.float32, capturer=full
    )
    full.owner = tight
    with caplog.at_level(logging.WARNING, logger="engine"):
        for plan, values in ((BendPlan(), ()), (GRAIN, MOVED)):
            spec = FrameSpec(prompts=PROMPT, plan=plan, values=values)
            assert np.array_equal(tight.render(spec).pixels, generator.render(spec).pixels)
            assert tight.playing == ("graph" if room else "eager")
    assert len(tight._graphs) == room
    assert len(caplog.records) == (0 if room else 2)
    assert all("no memory for it" in r.message for r in caplog.records)


def test_a_tape_plays_operations_and_no_python() -> None:
    x, y = torch.ones(4), torch.zeros(4)
    runs = []

    def work() -> None:
        runs.append(1)
        z = (x * 2).view(2, 2)
        z += 1
        y.copy_(z.reshape(-1))

    play = TapeCapturer().capture(work)
    count = len(runs)
    x.fill_(5)
    play()
    assert y.tolist() == [11] * 4
    assert len(runs) == count
    with pytest.raises(NotCapturable):
        TapeCapturer().capture(lambda: y.fill_(float(x.sum())))


def test_without_a_cuda_device_the_runtime_is_refused_and_auto_takes_another(tiny_folder) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    for device in ("auto", "cpu"):
        with pytest.raises(BadInput, match="NVIDIA"):
            Generator.load(str(tiny_folder), device=device, runtime="graph")
    assert Generator.load(str(tiny_folder), device="cpu").runtime == "eager"


def test_on_a_cuda_device_auto_is_graph_for_every_model(tiny_folder, monkeypatch) -> None:
    monkeypatch.setattr("engine.generator.graphics_device", lambda: True)
    monkeypatch.setattr("engine.devices.find_device", lambda name: torch.device("cuda"))
    asked = []
    monkeypatch.setattr(GraphGenerator, "open", classmethod(lambda cls, model, *a, **o: asked.append(model)))
    for model in ("builtin", str(tiny_folder)):
        Generator.load(model)
    assert asked == ["builtin", str(tiny_folder)]
