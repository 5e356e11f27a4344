"""Even blends: the pace is measured in pictures, kept, and gone at."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from engine.generator import Generator
from engine.paces import Pace, Paces, evened, measured
from engine.prompts import PromptSpace
from engine.spec import FrameSpec
from engine.sphere import slerp
from tests.engine.onnx_players import opened

SLOW_START = Pace((0.0, 0.5, 0.75, 1.0), (0.0, 0.1, 0.6, 1.0))


def _gone_through(picture) -> Pace:
    measuring = measured(picture)
    while True:
        try:
            next(measuring)
        except StopIteration as end:
            return end.value


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
    pace = _gone_through(_sudden)
    assert _unevenness(_sudden, shares) > 5
    assert _unevenness(_sudden, [pace(share) for share in shares]) < 2.5


def test_the_ends_are_painted_and_every_place_with_every_noise() -> None:
    asked = []

    def picture(weight, seed):
        asked.append((weight, seed))
        return _sudden(weight, seed)

    pace = _gone_through(picture)
    weights, seeds = {weight for weight, _ in asked}, {seed for _, seed in asked}
    assert len(asked) == len(set(asked)) == len(weights) * len(seeds)
    assert {0.0, 1.0} < weights
    assert pace(0) == 0
    assert pace(1) == 1
    assert sum(abs(weight - 0.7) < 0.1 for weight in weights) > len(weights) / 2


def test_what_changes_nothing_is_gone_straight() -> None:
    pace = _gone_through(lambda weight, seed: np.zeros((8, 8, 3), np.uint8))
    assert [pace(share) for share in (0.1, 0.5, 0.9)] == pytest.approx([0.1, 0.5, 0.9])


def test_the_way_back_is_the_same_way() -> None:
    for share in (0.0, 0.2, 0.77, 1.0):
        assert SLOW_START.back(1 - share) == pytest.approx(1 - SLOW_START(share), abs=1e-4)


def test_weights_at_a_pace_sum_to_1_and_a_third_text_comes_without_a_jump() -> None:
    paces = {("a", "b"): SLOW_START, ("a", "c"): SLOW_START.back, ("b", "c"): None}
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


def test_paces_outlast_the_run_in_either_direction(tmp_path) -> None:
    path = tmp_path / "deep" / "paces.json"
    paces = Paces(lambda: path)
    assert paces.of("fire", "smoke") is None
    paces.keep("fire", "smoke", SLOW_START)
    paces.save()
    assert "fire" not in path.read_text()
    again = Paces(lambda: path)
    assert again.of("fire", "smoke") == SLOW_START
    assert again.of("smoke", "fire") == SLOW_START.back
    assert again.of("fire", "ice") is None


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
    ],
)
def test_a_damaged_file_is_measured_anew(tmp_path, content) -> None:
    path = tmp_path / "paces.json"
    path.write_text(content)
    paces = Paces(lambda: path)
    assert paces.of("fire", "smoke") is None
    paces.keep("fire", "smoke", SLOW_START)
    paces.save()
    assert len(json.loads(path.read_text())) == 1
    assert Paces(lambda: path).of("fire", "smoke") == SLOW_START


def test_a_folder_that_cannot_be_written_to_costs_only_the_keeping(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    paces = Paces(lambda: tmp_path / "file" / "paces.json")
    paces.keep("fire", "smoke", SLOW_START)
    paces.save()
    assert paces.of("fire", "smoke") == SLOW_START


def _drawn(text: str) -> np.ndarray:
    return np.random.default_rng(len(text) * 1000 + ord(text[0]) if text else 0).normal(0.5, 1, (1, 5, 24))


@pytest.fixture
def space(tmp_path) -> PromptSpace:
    return PromptSpace(_drawn, paces=Paces(lambda: tmp_path / "paces.json"))


def _between(space: PromptSpace, weight: float, blending: str = "even") -> np.ndarray:
    return space.blend((("fire", 1 - weight), ("smoke", weight)), blending)


def test_even_goes_at_the_pace_and_slerp_at_that_of_the_weights(space: PromptSpace) -> None:
    space.keep_pace("fire", "smoke", SLOW_START)
    there = slerp(space.encode("fire"), space.encode("smoke"), SLOW_START(0.3), axis=-1)
    np.testing.assert_allclose(_between(space, 0.3), there, atol=1e-5)
    np.testing.assert_array_equal(_between(space, SLOW_START(0.3), "slerp"), _between(space, 0.3))


def test_a_pace_that_comes_on_the_way_counts_from_the_next_time_on(space: PromptSpace) -> None:
    _between(space, 0.3)
    space.keep_pace("fire", "smoke", SLOW_START)
    for weight in (0.4, 0.6):
        np.testing.assert_array_equal(_between(space, weight), _between(space, weight, "slerp"))
    _between(space, 0.999)
    np.testing.assert_array_equal(_between(space, 0.4), _between(space, SLOW_START(0.4), "slerp"))


def test_another_embedding_under_the_name_is_another_pair(space: PromptSpace) -> None:
    space.keep("mine", _drawn("one"))
    space.keep_pace("fire", "mine", SLOW_START)
    assert space.pace("mine", "fire") == SLOW_START.back
    space.keep("mine", _drawn("others"))
    assert space.pace("fire", "mine") is None


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_a_generator_measures_keeps_and_blends_evenly(tiny_folder, graphs, tmp_path, runtime) -> None:
    model = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager")
    if runtime == "onnx":
        model = opened(model, graphs)
    model.prompt_space.paces = Paces(lambda: tmp_path / "paces.json")
    pairs = [("blue galaxy", "fire"), ("fire", "fire")]
    model.prepare(prompts=[*pairs[0]], wait=True)
    assert model.unpaced(pairs) == (pairs[0],)
    pictures = sum(1 for _ in model.pacing(*pairs[0], FrameSpec()))
    assert pictures >= 20
    assert model.unpaced(pairs) == ()
    model.save_paces()
    assert (tmp_path / "paces.json").is_file()

    def picture(weight: float, blending: str) -> np.ndarray:
        prompts = (("blue galaxy", 1 - weight), ("fire", weight))
        return model.render(FrameSpec(prompts=prompts, seed=5, blending=blending)).pixels

    pace = model.prompt_space.pace(*pairs[0])
    assert np.array_equal(picture(0.3, "even"), picture(pace(0.3), "slerp"))


def test_a_stream_and_the_painter_have_no_pace(tiny_folder) -> None:
    stream = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager", stream=True)
    painter = Generator.load("painter")
    assert stream.unpaced([("a", "b")]) == painter.unpaced([("a", "b")]) == ()
    assert list(painter.pacing("a", "b", FrameSpec())) == []
    painter.save_paces()
    prompts = (("galaxy", 0.6), ("fire", 0.4))
    even, plain = (stream.render(FrameSpec(prompts=prompts, blending=b)).pixels for b in ("even", "slerp"))
    assert np.array_equal(even, plain)
