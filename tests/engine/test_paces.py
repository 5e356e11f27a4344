"""Even blends: the pace is measured in pictures, kept, and gone at."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from engine.bends import Bend, BendPlan
from engine.generator import Generator
from engine.paces import Pace, Paces, evened, measure
from engine.spec import FrameSpec
from tests.engine.onnx_players import opened

SLOW_START = Pace((0.0, 0.5, 0.75, 1.0), (0.0, 0.1, 0.6, 1.0))


def _sudden(weight: float, seed: int) -> np.ndarray:
    """A picture that changes over near 0.7, a little elsewhere with each noise."""
    place = 0.7 + (seed % 7) * 0.002
    shown = 255 * (0.1 * weight + 0.9 / (1 + np.exp(-(weight - place) / 0.01)))
    return np.full((8, 8, 3), shown)


def _unevenness(picture, weights) -> float:
    pictures = [picture(weight, 3) for weight in weights]
    steps = [np.abs(a - b).mean() for a, b in pairwise(pictures)]
    return float(max(steps) / np.mean(steps))


def test_a_sudden_change_is_spread_over_the_whole_way() -> None:
    shares = np.linspace(0, 1, 60)
    pace = measure(_sudden)
    assert _unevenness(_sudden, shares) > 5
    assert _unevenness(_sudden, [pace(share) for share in shares]) < 2.5


def test_the_ends_are_painted_and_every_place_with_every_noise() -> None:
    asked = []

    def picture(weight, seed):
        asked.append((weight, seed))
        return _sudden(weight, seed)

    pace = measure(picture)
    weights, seeds = {weight for weight, _ in asked}, {seed for _, seed in asked}
    assert len(asked) == len(set(asked)) == len(weights) * len(seeds)
    assert {0.0, 1.0} < weights
    assert pace(0) == 0
    assert pace(1) == 1
    assert sum(abs(weight - 0.7) < 0.1 for weight in weights) > len(weights) / 2


def test_what_changes_nothing_is_gone_straight() -> None:
    pace = measure(lambda weight, seed: np.zeros((8, 8, 3), np.uint8))
    assert [pace(share) for share in (0.1, 0.5, 0.9)] == pytest.approx([0.1, 0.5, 0.9])


def test_a_part_without_any_change_is_passed_quickly_but_not_in_no_time() -> None:
    pace = Pace.through([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 5.0, 5.0])
    assert pace(0.0) == 0
    assert 0.4 < pace(0.02) < 0.6
    steps = np.diff([pace(share) for share in np.linspace(0, 1, 1001)])
    assert steps.min() > 0
    assert steps.max() < 0.06


def test_weights_at_a_pace_sum_to_1_and_a_third_text_comes_without_a_jump() -> None:
    paces = {("a", "b"): SLOW_START, ("a", "c"): SLOW_START, ("b", "c"): None}
    two = evened({"a": 0.75, "b": 0.25}, {("a", "b"): SLOW_START})
    assert two == pytest.approx({"a": 1 - SLOW_START(0.25), "b": SLOW_START(0.25)})
    third = evened({"a": 0.75 - 1e-6, "b": 0.25, "c": 1e-6}, paces)
    assert {**two, "c": 0.0} == pytest.approx(third, abs=1e-4)
    rng = np.random.default_rng(4)
    for _ in range(50):
        weights = dict(zip("abc", rng.dirichlet(np.ones(3)).tolist(), strict=True))
        even = evened(weights, paces)
        assert sum(even.values()) == pytest.approx(1)
        assert min(even.values()) >= 0
        assert evened(weights, dict.fromkeys(paces)) == pytest.approx(weights)


def test_paces_outlast_the_run_beside_those_of_others(tmp_path) -> None:
    path = tmp_path / "deep" / "paces.json"
    paces, others = Paces(lambda: path), Paces(lambda: path)
    assert paces.of("one") is None
    assert others.of("one") is None
    paces.keep("one", SLOW_START)
    paces.save()
    others.keep("two", SLOW_START)
    others.save()
    again = Paces(lambda: path)
    assert again.of("one") == again.of("two") == SLOW_START
    assert again.of("three") is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"a-b": 3}',
        '{"a-b": [0, 1]}',
        '{"a-b": [[0, 1], [0, 0.5, 1]]}',
        '{"a-b": [[0, 1, 0.5, 1], [0, 0.2, 0.5, 1]]}',
        '{"a-b": [[0, NaN, 1], [0, 0.5, 1]]}',
        '{"a-b": [[0, "x", 1], [0, 0.5, 1]]}',
        '{"a-b": [[0, 0.5, 0.5, 1], [0, 0.2, 0.5, 1]]}',
    ],
)
def test_a_damaged_file_is_measured_anew(tmp_path, content) -> None:
    path = tmp_path / "paces.json"
    path.write_text(content)
    paces = Paces(lambda: path)
    assert paces.of("a-b") is None
    paces.keep("c-d", SLOW_START)
    paces.save()
    assert len(json.loads(path.read_text())) == 1
    assert Paces(lambda: path).of("c-d") == SLOW_START


def test_a_folder_that_cannot_be_written_to_costs_only_the_keeping(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    paces = Paces(lambda: tmp_path / "file" / "paces.json")
    paces.keep("one", SLOW_START)
    paces.save()
    assert paces.of("one") == SLOW_START


@pytest.fixture(params=["eager", "onnx"])
def model(request, tiny_folder, graphs, tmp_path):
    found = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager")
    if request.param == "onnx":
        found = opened(found, graphs)
    found._paces = Paces(lambda: tmp_path / "paces.json")
    found.prepare(prompts=["fire", "smoke"], plans=[FrameSpec().plan], wait=True)
    return found


def test_a_generator_measures_and_keeps_a_pace(model, tmp_path) -> None:
    spec = FrameSpec(seed=3, feedback=0.5, strength=0.5)
    assert model.pace("fire", "smoke", spec) is None
    assert model.can_pace(spec)
    pictures = sum(1 for _ in model.pacing("fire", "smoke", spec))
    assert pictures == 51
    pace = model.pace("fire", "smoke", spec)
    assert (pace(0), pace(1)) == (0, 1)
    model.paces.save()
    model._paces = Paces(lambda: tmp_path / "paces.json")
    assert model.pace("fire", "smoke", spec) == pace


def test_a_pace_is_that_of_two_texts_in_one_kind_of_picture(model) -> None:
    spec, bend = FrameSpec(), BendPlan((Bend("turn", "rotate", "unet.mid"),))
    list(model.pacing("fire", "smoke", spec))
    assert model.pace("fire", "smoke", spec) is not None
    assert model.pace("fire", "ice", spec) is None
    assert model.pace("fire", "smoke", FrameSpec(steps=2)) is None
    assert model.pace("fire", "smoke", FrameSpec(plan=bend, values=(0.0, 1.0))) is None
    width, height = model.size
    model.resize(2 * width, height)
    try:
        assert model.pace("fire", "smoke", spec) is None
    finally:
        model.resize(width, height)
    model.keep("smoke", 2 * model.embedding("ice"))
    assert model.pace("fire", "smoke", spec) is None


def test_what_was_begun_at_another_size_is_not_kept(model) -> None:
    width, height = model.size
    pacing = model.pacing("fire", "smoke", FrameSpec())
    for _ in range(51):
        next(pacing)
    model.resize(2 * width, height)
    try:
        assert next(pacing, "over") == "over"
    finally:
        model.resize(width, height)
    assert model.pace("fire", "smoke", FrameSpec()) is None


def test_a_stream_and_the_painter_measure_nothing(tiny_folder) -> None:
    stream = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager", stream=True)
    for model in (stream, Generator.load("painter")):
        assert model.paces is None
        assert not model.can_pace(FrameSpec())
        assert model.pace("a", "b", FrameSpec()) is None
        assert list(model.pacing("a", "b", FrameSpec())) == []


def test_nothing_is_measured_while_another_graph_plays(tiny_folder, graphs) -> None:
    model = opened(Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager"), graphs)
    plan = BendPlan((Bend("turn", "rotate", "unet.mid"),))
    spec = FrameSpec(plan=plan, values=(0.0, 1.0))
    assert not model.can_pace(spec)
    model.prepare(plans=[plan], wait=True)
    assert model.can_pace(spec)
