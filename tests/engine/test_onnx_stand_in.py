"""Torch stands in for what ONNX Runtime cannot play or has no graph for (yet), without holding up the pictures."""

from __future__ import annotations

import logging
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends.catalog import OPERATORS
from engine.eager import EagerGenerator
from engine.errors import NotFinite, OutOfMemory
from engine.generator import Generator
from engine.runtimes.exporter import Exporter
from engine.runtimes.onnx import OnnxGenerator, _Way
from engine.runtimes.providers import providers_for
from engine.runtimes.source import Source
from engine.runtimes.stand_in import StandIn
from engine.runtimes.store import Store
from engine.runtimes.task import MODEL, Task, near
from engine.runtimes.trace import export
from tests.engine.layouts import made
from tests.engine.onnx_players import GRAIN, MOVED, PROMPT, assert_alike, moved, opened
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


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_a_model_that_breaks_without_a_bend_is_said_to(generator, graphs, monkeypatch, runtime) -> None:
    plan = BendPlan((Bend("still", "rotate", "unet.mid"),))
    if runtime == "eager":
        player: Generator = generator
        monkeypatch.setattr(generator, "_seen", lambda picture, latents: (None, False))
    else:
        player = opened(generator, graphs)
        monkeypatch.setattr(player, "_run", lambda *_: [np.zeros((32, 32, 3), np.uint8), np.array(np.nan)])
        monkeypatch.setattr(player._stand_in, "culprit", lambda *_: pytest.fail("nothing to look for"))
    for bent in (BendPlan(), plan):
        with pytest.raises(NotFinite, match="the model itself, not a bend") as caught:
            player.render(FrameSpec(prompts=PROMPT, plan=bent, values=bent.neutral))
        assert caught.value.bend is None


class Broken:
    """What stands where ONNX Runtime has no use for a graph."""

    def __init__(self, *_: object) -> None:
        raise RuntimeError("INVALID_PROTOBUF\nand more")


def test_a_graph_that_cannot_be_opened_plays_in_torch_and_says_so_once(
    generator, tmp_path, monkeypatch, caplog
) -> None:
    onnx = opened(generator, tmp_path)
    monkeypatch.setattr("engine.runtimes.shelf.Session", Broken)
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED)
    with caplog.at_level(logging.WARNING, "engine"):
        onnx.prepare(plans=(GRAIN,))
        for _ in range(2):
            assert np.array_equal(onnx.render(spec).pixels, generator.render(spec).pixels)
    assert onnx.playing == "eager"
    assert len(onnx._exporter.asked) == 1
    assert len(caplog.messages) == 1
    assert "cannot open it: INVALID_PROTOBUF" in caplog.text


def test_a_model_that_cannot_be_opened_plays_in_torch(generator, tmp_path, monkeypatch, caplog) -> None:
    export(generator, MODEL, Store(tmp_path))
    monkeypatch.setattr("engine.runtimes.exported.Session", Broken)
    exporter = Asked()
    onnx = opened(generator, tmp_path, exporter)
    assert exporter.asked == [MODEL]
    with caplog.at_level(logging.WARNING, "engine"):
        onnx._settled(MODEL, None)
    assert "the model plays in torch" in caplog.text
    onnx.prepare(plans=(GRAIN,), wait=True)
    assert np.array_equal(
        onnx.render(FrameSpec(prompts=PROMPT)).pixels, generator.render(FrameSpec(prompts=PROMPT)).pixels
    )


@pytest.mark.parametrize("exported", [False, True])
def test_a_bend_before_a_later_step_is_prepared_where_no_graph_is_there_yet(generator, tmp_path, exported) -> None:
    if exported:
        export(generator, MODEL, Store(tmp_path))
    onnx = opened(generator, tmp_path, Asked())
    plan = BendPlan((Bend("late", "multiply", "latent.1"),))
    onnx.prepare(("blue galaxy",), (plan,), steps=2)
    with pytest.raises(BadInput, match="1 step"):
        onnx.prepare(("blue galaxy",), (plan,), steps=1)


@pytest.mark.parametrize("kind", ["picture", "feedback"])
def test_a_graph_that_fails_while_it_plays_is_dropped_and_torch_plays(
    generator, graphs, monkeypatch, caplog, kind: str
) -> None:
    onnx = opened(generator, graphs)
    spec = FrameSpec(prompts=PROMPT, seed=1, feedback=0.4)
    last = onnx.render(FrameSpec(prompts=PROMPT, seed=8))
    onnx.render(spec, last)
    task = onnx._feedback((32, 32)) if kind == "feedback" else onnx._picture((32, 32), BendPlan(), 1, 1.0, late=False)

    def fail(values: object, **options: object) -> None:
        raise RuntimeError("the device was removed")

    monkeypatch.setattr(onnx._shelf.get(task), "run", fail)
    with caplog.at_level(logging.WARNING, "engine"):
        for _ in range(2):
            assert np.array_equal(onnx.render(spec, last).pixels, generator.render(spec, last).pixels)
            assert onnx.playing == "eager"
    assert not onnx._shelf.holds(task)
    assert len(caplog.messages) == 1
    assert "cannot run it: the device was removed" in caplog.text


def test_too_little_memory_for_a_graph_is_no_reason_to_play_in_torch(generator, graphs, monkeypatch) -> None:
    onnx = opened(generator, graphs)
    onnx.prepare(plans=(BendPlan(),))
    for session in onnx._shelf._sessions.values():
        monkeypatch.setattr(session._session, "run", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(OutOfMemory):
            session.run(dict.fromkeys(session.inputs))
    with pytest.raises(OutOfMemory):
        onnx.render(FrameSpec(prompts=PROMPT))
    assert not onnx._shelf._refused


class Slow(StandIn):
    """Takes as long to load as a test wants."""

    def __init__(self, model: EagerGenerator) -> None:
        super().__init__(Source("tiny"), 1)
        self.begun, self.may_end = threading.Event(), threading.Event()
        self._slow = model

    def model(self) -> EagerGenerator:
        with self._loading:
            if self._model is None:
                assert threading.current_thread() is not threading.main_thread()
                self.begun.set()
                assert self.may_end.wait(60)
                self._model = self._slow
        return self._model


class Asked(Exporter):
    """Remembers what it is asked for, and makes none of it."""

    def __init__(self) -> None:
        super().__init__(Source("tiny"), Path(), lambda *_: None)
        self.asked: list[Task] = []
        self.hurried: list[Task] = []
        self.advanced: list[Task] = []
        self.sizes: list[tuple[int, int]] = []

    def advance(self, task: Task) -> None:
        self.advanced.append(task)

    def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    def ask(self, task: Task, *, hurried: bool = False) -> None:
        if hurried:
            self.hurried.append(task)
        if task not in self.asked:
            self.asked.append(task)

    def pending(self, task: Task) -> bool:
        return task in self.asked

    def wait(self) -> None:
        pass


FEW = BendPlan((Bend("few", "rotate", "unet.mid", seed=11),))
"""Only the graphs that `slow` says are there."""


@pytest.fixture
def slow(generator, graphs):
    """Some graphs of one plan are there; torch is not, and the test says when."""
    opened(generator, graphs).prepare(plans=(FEW,), feedback=True)
    stand_in = Slow(generator)
    onnx = opened(generator, graphs, Asked(), stand_in)
    yield onnx, stand_in
    stand_in.may_end.set()
    if stand_in._loader is not None:
        stand_in._loader.join(60)


@pytest.mark.parametrize(
    ("wanted", "played"),
    [
        ({"strength": 0.5}, {}),
        ({"strength": 0.5, "feedback": 0.3}, {"feedback": 0.3}),
        ({"guidance": 4.0}, {}),
        ({"steps": 3}, {}),
        ({"steps": 2, "guidance": 4.0, "feedback": 0.3, "strength": 0.5}, {"feedback": 0.3}),
    ],
    ids=lambda numbers: "+".join(numbers) or "plain",
)
def test_while_torch_loads_the_nearest_graph_plays_and_then_what_was_asked(
    generator, slow, caplog, wanted: dict, played: dict
) -> None:
    onnx, stand_in = slow
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=FEW, values=(0.6, 0.8))
    last = generator.render(FrameSpec(prompts=PROMPT, seed=8))
    with caplog.at_level(logging.INFO, "engine"):
        for _ in range(3):
            made = onnx.render(replace(spec, **wanted), last)
            assert_alike(made.pixels, generator.render(replace(spec, **played), last).pixels)
            assert onnx.playing == "onnx"
    assert len(caplog.messages) == 1
    assert stand_in.begun.wait(60)
    assert onnx._exporter.asked
    stand_in.may_end.set()
    wait_until(lambda: stand_in.loaded, 60, "torch to be loaded")
    exact = generator.render(replace(spec, **wanted), last).pixels
    assert np.array_equal(onnx.render(replace(spec, **wanted), last).pixels, exact)
    assert onnx.playing == "eager"


def test_the_exporter_is_told_what_is_played_and_waited_for_and_at_which_size(generator, slow) -> None:
    onnx, stand_in = slow
    told = onnx._exporter
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=FEW, values=(0.6, 0.8), steps=3, feedback=0.4)
    onnx.render(spec, generator.render(spec))
    assert [(task.kind, task.steps) for task in told.advanced] == [("picture", 3)]
    stand_in.may_end.set()
    wait_until(lambda: stand_in.loaded, 60, "torch to be loaded")
    onnx.prepare(plans=(FEW,), steps=2)
    assert not told.hurried
    onnx.prepare(plans=(FEW,), steps=2, wait=True)
    assert [(task.kind, task.steps) for task in told.hurried] == [("picture", 2)]
    onnx.resize(*onnx.size)
    assert not told.sizes
    onnx.resize(48, 32)
    assert told.sizes == [(48, 32)]
    onnx.resize(32, 32)


def test_whoever_waits_gets_no_picture_that_was_not_asked_for(generator, slow) -> None:
    onnx, stand_in = slow
    stand_in._model = None
    onnx.prepare(plans=(FEW,), wait=True)
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=FEW, values=(0.6, 0.8), steps=3)
    stand_in.may_end.set()
    found = []
    thread = threading.Thread(target=lambda: found.append(onnx.render(spec)))
    thread.start()
    thread.join(60)
    assert np.array_equal(found[0].pixels, generator.render(spec).pixels)


def test_the_nearest_is_the_wanted_one_and_strength_goes_first() -> None:
    picture, feedback = Task("picture", (32, 32), GRAIN, 2, guided=True, late=True), Task("feedback", (32, 32))
    ways = list(near(picture, feedback, 4))
    assert ways[:4] == [
        (picture, feedback),
        (replace(picture, late=False), feedback),
        (replace(picture, late=False), None),
        (replace(picture, guided=False), feedback),
    ]
    assert len(set(ways)) == len(ways) == 4 * 2 * 3
    assert [way[0].steps for way in ways[::6]] == [2, 1, 3, 4]


def test_without_guidance_a_guided_graph_paints_the_same(generator, graphs) -> None:
    opened(generator, graphs).prepare(plans=(GRAIN,), guidance=4.0)
    onnx = opened(generator, graphs)
    for guidance in (1.0, 0.0):
        spec = FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED, guidance=guidance)
        task = onnx._picture((32, 32), GRAIN, 1, 4.0, late=False)
        way = _Way(task, onnx._obtain(task))
        pixels, _ = onnx._made(spec, None, (32, 32), onnx._ready, way)
        assert_alike(pixels, generator.render(spec).pixels)


def test_how_a_picture_is_guided_is_not_guessed_before_the_model_is_ready(tmp_path) -> None:
    made("lcm", tmp_path)
    model = Generator.load(str(tmp_path / "model"), device="cpu", dtype="float32", runtime="eager")
    exporter, store = Asked(), Store(tmp_path / "graphs")
    source = Source(str(tmp_path / "model"))
    onnx = OnnxGenerator(source, store, providers_for("cpu"), 1, exporter, StandIn(source, 1, model))
    plan = BendPlan((Bend("turn", "rotate", "unet.mid"),))
    onnx.prepare(plans=(plan,), guidance=8.0, late=True)
    assert exporter.asked == [MODEL]
    export(model, MODEL, store)
    onnx._settled(MODEL, None)
    pictures = [task for task in exporter.asked if task.kind == "picture"]
    assert [(task.plan, task.guided, task.late) for task in pictures] == [(plan, False, False), (plan, False, True)]


def test_a_culprit_is_forgotten_after_a_sound_picture_and_a_failed_search_is_survived(generator, monkeypatch) -> None:
    class Model:
        said: object = "first"

        def broken_bend(self, *_: object) -> str:
            if isinstance(self.said, Exception):
                raise self.said
            return str(self.said)

    model = Model()
    stand_in, spec = StandIn(Source("tiny"), 1, model), FrameSpec(prompts=PROMPT, plan=GRAIN)
    stand_in.culprit(spec, None)
    wait_until(lambda: stand_in.culprit(spec, None) == "first", 60, "the first bend to be found")
    stand_in.forget_culprit(GRAIN)
    model.said = "second"
    assert stand_in.culprit(spec, None) is None
    wait_until(lambda: stand_in.culprit(spec, None) == "second", 60, "the second bend to be found")
    stand_in.forget_culprit(GRAIN)
    model.said = RuntimeError("no")
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    assert stand_in.culprit(spec, None) is None
    wait_until(
        lambda: not any(thread.name == "search for a broken bend" for thread in threading.enumerate()),
        60,
        "the search to end",
    )
    assert not died
    assert stand_in.culprit(spec, None) is None


def test_a_bend_that_breaks_every_other_picture_is_searched_for_once_at_a_time() -> None:
    begun, go_on = [], threading.Event()

    class Model:
        def broken_bend(self, *_: object) -> str:
            begun.append(1)
            go_on.wait(60)
            return "turn"

    stand_in, spec = StandIn(Source("tiny"), 1, Model()), FrameSpec(prompts=PROMPT, plan=GRAIN)
    for _ in range(10):
        stand_in.culprit(spec, None)
        stand_in.forget_culprit(GRAIN)
    assert len(begun) <= 1
    go_on.set()
    wait_until(lambda: stand_in.culprit(spec, None) == "turn", 60, "the bend to be found")


def test_a_sound_picture_forgets_the_culprit(generator, graphs) -> None:
    onnx = opened(generator, graphs)
    onnx._stand_in._broken[GRAIN] = "turn"
    onnx.render(FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED))
    assert GRAIN not in onnx._stand_in._broken
