"""The figures of `bentlight bench`: rows add up, ratios are ratios, windows and memory count what they say."""

from __future__ import annotations

import json

import pytest

from bentlight.errors import BadInput
from engine.bends import Bend, BendPlan
from live.bench.cost import picture_cost
from live.bench.memory import memory
from live.bench.pictures import generator_speed, window_speed
from live.bench.stages import BENDS, BETWEEN, DECODER, STAGES, UNET, layer_stages, stages, text_cost_ms
from live.bench.stopwatch import Stopwatch
from live.cli.pictures import _over_unbent, _ratio
from tests.engine.conftest import _own_cache, generator, tiny_folder  # noqa: F401
from tests.engine.onnx_players import opened

PLAN = BendPlan((Bend("add", "add", "latent.0"), Bend("turn", "rotate", "unet.mid"), Bend("mix", "add", "decoder.0")))
PROMPT = "blue galaxy"


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture
def player(generator, folder, request):  # noqa: F811
    return generator if request.param == "eager" else opened(generator, folder)


def test_a_stopwatch_charges_nothing_twice() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    inner = watch.wrapped(lambda: clock.work(2), "inner")
    with watch.stage("outer"):
        clock.work(1)
        inner()
        clock.work(4)
        with pytest.raises(ZeroDivisionError):
            watch.wrapped(lambda: clock.work(8) or 1 / 0, "inner")()
        clock.work(16)
    clock.work(100)
    assert watch.spent_s == {"outer": 21, "inner": 10}


def test_a_watched_function_is_put_back() -> None:
    class Owner:
        def act(self) -> str:
            return "done"

    owner, watch = Owner(), Stopwatch(Clock())
    with watch.watching(owner, "act", "acting"):
        assert owner.act() == "done"
        assert "act" in vars(owner)
    assert "act" not in vars(owner)
    assert watch.spent_s == {"acting": 0}


@pytest.mark.parametrize("plan", [BendPlan(), PLAN], ids=["unbent", "bent"])
@pytest.mark.parametrize("player", ["eager", "onnx"], indirect=True)
def test_the_stages_add_up_to_the_whole(player, plan: BendPlan) -> None:
    made = stages(player, plan, PROMPT, 4)
    times = dict(made["rows"])
    assert list(times) == [stage for stage in STAGES if stage in times]
    assert sum(times.values()) == pytest.approx(made["whole_ms"], rel=0.02, abs=0.2)
    assert made["whole_ms"] > 0
    assert made["unwatched_ms"] > 0
    assert times[UNET] > 0
    assert times[DECODER] > 0
    assert all(ms >= 0 for stage, ms in times.items() if stage != BETWEEN)
    assert (times.get(BENDS, 0.0) > 0) == bool(plan.bends)
    assert (BETWEEN in times) == (player.runtime == "onnx")


@pytest.mark.parametrize("player", ["eager", "onnx"], indirect=True)
def test_watching_leaves_no_trace(player) -> None:
    from engine import FrameSpec, eager

    spec = FrameSpec(prompts=((PROMPT, 1.0),), seed=3, plan=PLAN, values=PLAN.neutral)
    before, plain = player.render(spec).pixels, eager.to_pixels
    stages(player, PLAN, PROMPT, 2)
    assert (player.render(spec).pixels == before).all()
    assert eager.to_pixels is plain
    assert "blend" not in vars(getattr(player, "_prompts", None) or player._ready.prompts)
    assert text_cost_ms(player, 2) > 0


def test_a_layer_belongs_where_its_name_says_or_with_the_layer_before_it() -> None:
    from onnx import helper

    def node(name: str, source: str) -> object:
        return helper.make_node("Identity", [source], [name + ":out"], name=name)

    names = ["/Mul", "/unet/conv_in/Conv", "ReorderOutput", "/unet/bends.0/Add", "/Add", "/decoder/layers.0/Conv"]
    names += ["ReorderOutput_token_1", "/Cast"]
    nodes = [node(name, names[i - 1] + ":out" if i else "start") for i, name in enumerate(names)]
    graph = helper.make_graph(nodes, "g", [], [])
    found = layer_stages(helper.make_model(graph).SerializeToString())
    assert [found[name] for name in names] == [
        "latent arithmetic",
        "UNet",
        "UNet",
        "bends",
        "latent arithmetic",
        "decoder",
        "decoder",
        "to 8-bit pixels",
    ]


def test_windows_count_the_pictures_made_in_them() -> None:
    clock = Clock()
    players = {"quick": lambda index: clock.work(0.5), "slow": lambda index: clock.work(2 if index < 9 else 4)}
    quick, slow = window_speed(players, 10, 3, clock)
    assert quick == {"what": "quick", "best_per_s": 2, "median_per_s": 2, "worst_per_s": 2}
    assert slow["what"] == "slow"
    assert slow["best_per_s"] == 0.5
    assert slow["worst_per_s"] == pytest.approx(0.25, abs=0.05)


def test_ratios_are_of_medians_and_of_the_same_runtime() -> None:
    speed = generator_speed({"onnx, no bends": lambda index: None}, 20)
    assert set(speed[0]) >= {"what", "median_ms", "p95_ms", "p99_ms", "pictures_per_s", "best_per_s"}
    rows = [
        {"what": f"{runtime}, {words}", "median_ms": ms}
        for runtime, words, ms in (("onnx", "no bends", 10), ("onnx", "4 bends", 11), ("eager", "4 bends", 30))
    ]
    assert _over_unbent(rows[1], rows) == "1.10"
    assert _over_unbent(rows[2], rows) == "–"
    assert _ratio(34, 20) == "1.70"


def test_the_cost_has_every_point_and_leaves_the_size_as_it_was(generator) -> None:  # noqa: F811
    rows = picture_cost({"eager": generator}, PROMPT, (16, 32), (1, 2), 2, PLAN)
    assert [(row["side"], row["steps"]) for row in rows] == [(16, 1), (32, 1), (32, 2)]
    assert all(0 < row["median_ms"] <= row["p95_ms"] for row in rows)
    assert generator.size == (32, 32)


def test_memory_is_read_when_it_says_and_every_plan_is_played(generator) -> None:  # noqa: F811
    readings = iter(range(100, 10_000, 10))
    plans = {"one": BendPlan(), "two": PLAN, "three": BendPlan((Bend("a", "add", "unet.mid"),))}
    played = []

    class Watched:
        def prepare(self, **how) -> None:
            generator.prepare(**how)

        def render(self, spec):
            played.append(spec.plan)
            return generator.render(spec)

    made = memory(Watched(), plans, PROMPT, 120, settled=60, stay=30, read_mb=lambda: next(readings))
    assert made["bare_mb"] == 100
    assert made["graphs"] == [("one", 10), ("two", 10), ("three", 10)]
    assert made["per_graph_mb"] == 10
    assert [index for index, _ in made["samples"]] == [50, 60, 100, 120]
    assert (made["settled_mb"], made["end_mb"], made["growth_mb"], made["peak_mb"]) == (150, 170, 20, 170)
    assert set(played[3 : 3 + 60]) == set(plans.values())
    assert len(played) == 123


def test_the_report_is_whole_as_tables_and_as_json(monkeypatch, capsys, generator, folder) -> None:  # noqa: F811
    from live.cli import main, pictures

    monkeypatch.setattr(pictures, "_generators", lambda *_: {"onnx": opened(generator, folder), "eager": generator})
    monkeypatch.setattr("live.bench.pictures.FOUR_BENDS", PLAN)
    monkeypatch.setattr("live.bench.pictures.TWELVE_BENDS", PLAN)
    show = {"scene": "s", "seconds": 5.0, "pictures_per_s": 30.0, "distinct": 9, "pictures": 9, "width": 32}
    show |= {"height": 32, "steps": 1, "feature_age_ms": dict.fromkeys(("p50", "p95", "p99"), 1.0), "picture_ms": {}}
    show |= {"onsets_heard": 1, "onsets_shown": 1, "hops_lost": 0, "memory_mb": [(0.0, 1.0)], "memory_growth_mb": 0.0}
    monkeypatch.setattr("live.bench.pictures.show_speed", lambda *_: show)
    asked = ["bench", "pictures", "--model", "tiny", "--threads", "1", "--pictures", "20"]
    assert main([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["what"] for row in found["generator"]} == {
        f"{runtime}, {words}" for runtime in ("onnx", "eager") for words in ("no bends", "4 bends", "12 bends")
    }
    assert {"onnx, no bends", "onnx, 4 bends", "eager, no bends", "eager, 4 bends"} <= set(found["stages"])
    assert main(asked) == 0
    said = capsys.readouterr().out
    for word in ("over no bends", *STAGES, "whole", "a text never seen", "distinct pictures"):
        assert word in said


def test_a_plan_that_onnx_runtime_does_not_play_has_no_stages_and_that_is_said(generator, folder, monkeypatch):  # noqa: F811
    player = opened(generator, folder)

    def refuse(*_: object) -> None:
        raise RuntimeError("no such operator")

    with monkeypatch.context() as patched:
        patched.setattr("engine.runtimes.shelf.Session", refuse)
        with pytest.raises(BadInput, match="does not play the bends add, turn, mix"):
            stages(player, PLAN, PROMPT, 2)


def test_runtimes_are_compared_on_one_device(monkeypatch) -> None:
    from engine.generator import Generator
    from live.cli import pictures

    asked = []
    monkeypatch.setattr(Generator, "load", lambda model, **how: asked.append(how))
    pictures._generators("tiny", 1)
    assert {how["runtime"] for how in asked} == {"onnx", "eager"}
    assert {how["device"] for how in asked} == {"cpu"}
