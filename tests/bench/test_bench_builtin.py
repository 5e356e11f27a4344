"""What surrounds the measures: held-out captions, bars, and the judge's reading of its own answers."""

from __future__ import annotations

import json
import math
import random
from types import SimpleNamespace

import pytest
import torch
from rich.progress import Progress

from bench.builtin.bends import SWEEPS, coarse_share, replaced_by_noise
from bench.builtin.captions import draw_captions, is_held_out
from bench.builtin.coupling import by_class, top_confusions
from bench.builtin.judge import HEADS, Judge, labels, trained_judge
from bench.builtin.readings import Reading
from bench.builtin.setting import QUICK, Setting
from bench.builtin.speed import best_rate
from engine.bends import operator
from engine.builtin.vocabulary import COLOURS, understand


@pytest.mark.parametrize("held_out", [True, False])
def test_captions_keep_to_their_side_and_take_turns_through_forms(held_out):
    forms = ["galaxy", "fire", "ocean"]
    captions = draw_captions(random.Random(1), 30, forms, held_out=held_out)
    meanings = [understand(caption) for caption in captions]
    assert {is_held_out(meaning) for meaning in meanings} == {held_out}
    assert [meaning.form for meaning in meanings] == forms * 10


def test_captions_take_turns_through_colours_when_asked_and_repeat_with_the_seed():
    drawn = [draw_captions(random.Random(2), 32, ["fire", "smoke"], held_out=False, every_colour=True) for _ in "ab"]
    assert drawn[0] == drawn[1]
    for form in (0, 1):
        assert {understand(caption).first for caption in drawn[0][form::2]} == set(COLOURS)


@pytest.mark.parametrize(
    ("reading", "met", "verdict"),
    [
        (Reading("a", 0.91, 0.9), True, "met"),
        (Reading("a", 0.85, 0.9), False, "short by 0.050"),
        (Reading("a", 3.5, at_most=3.0), False, "short by 0.500"),
        (Reading("a", 1.4, 0.75, 1.25, digits=2), False, "short by 0.15"),
        (Reading("a", math.nan, 0.9), False, "no value"),
        (Reading("a", 7.0), None, ""),
    ],
)
def test_a_reading_says_whether_its_bar_is_met(reading, met, verdict):
    assert reading.met is met
    assert reading.verdict == verdict


def test_right_answers_are_the_captions_words():
    right = labels(["neon cyan and orange fire"])
    assert {name: HEADS[name][int(right[name])] for name in HEADS} == {"form": "fire", "colour": "cyan", "mood": "neon"}


class Steps:
    """A clock that moves on by a second each time it is looked at, so that a run has as many steps on any machine."""

    def __init__(self):
        self.looks = 0

    def monotonic(self):
        self.looks += 1
        return float(self.looks)


@pytest.mark.parametrize("fault", ["picture", "gradient"])
def test_one_bad_step_costs_the_judge_nothing_of_what_it_learnt(monkeypatch, tmp_path, fault):
    painted = []

    def paint(captions, noise):
        painted.append(len(captions))
        pictures = torch.rand(len(captions), 3, 128, 128)
        if len(painted) == 4:
            pictures[1, 0] = float("nan") if fault == "picture" else 3e38
        return pictures

    monkeypatch.setattr("bench.builtin.judge._painted", paint)
    monkeypatch.setattr("bench.builtin.judge._EVERY", 4)
    monkeypatch.setattr("bench.builtin.judge.time", Steps())
    with Progress(disable=True) as progress:
        model = SimpleNamespace(device=torch.device("cpu"))
        setting = Setting(model, QUICK, 0, 0.2, tmp_path, tmp_path, progress, fresh=True)
        judge, _ = trained_judge(setting)
    assert len(painted) > 8
    assert all(torch.isfinite(value).all() for value in judge.state_dict().values())
    assert all(torch.isfinite(answers).all() for answers in judge(torch.rand(2, 3, 128, 128)).values())


def test_a_kept_judge_goes_on_learning_when_there_is_more_time_and_on_other_pictures(monkeypatch, tmp_path):
    noises, told, kept = [], [], []

    def paint(captions, noise):
        noises.append(noise[0, 0, 0, 0].item())
        return torch.rand(len(captions), 3, 128, 128)

    monkeypatch.setattr("bench.builtin.judge._painted", paint)
    monkeypatch.setattr("bench.builtin.judge.time", Steps())
    with Progress(disable=True) as progress:
        for minutes in (0.1, 0.1, 0.2):
            model = SimpleNamespace(device=torch.device("cpu"))
            setting = Setting(model, QUICK, 0, minutes, tmp_path, tmp_path, progress, fresh=True)
            told.append(trained_judge(setting)[1].split(" (")[0])
            kept.append(json.loads(next(tmp_path.glob("judge-*.json")).read_text(encoding="utf-8")))
    assert told == ["judge trained now", "judge kept from an earlier run", "judge of an earlier run"]
    assert kept[0] == kept[1]
    # A minute is sixty steps here, with the look at the clock before the first and after the last.
    assert [k["pictures"] // 32 for k in kept] == [5, 5, 9]
    assert kept[2]["minutes"] >= 0.2
    first, second = noises[:6], noises[6:]
    assert first[0] == second[0], "both are checked on the same pictures"
    assert len(set(first + second)) == len(first + second) - 1, "and learn from different ones"


@pytest.mark.parametrize(("same", "enough"), [(True, True), (True, False), (False, True)])
def test_the_judge_that_ships_is_taken_as_it_is_if_it_learnt_enough_from_this_painter_and_else_begun_from(
    monkeypatch, tmp_path, same, enough
):
    monkeypatch.setattr("bench.builtin.judge._painted", lambda captions, noise: torch.rand(len(captions), 3, 128, 128))
    monkeypatch.setattr("bench.builtin.judge.time", Steps())
    shipped = tmp_path / "ships" / "judge.safetensors"
    monkeypatch.setattr("bench.builtin.judge.SHIPPED", shipped)
    with Progress(disable=True) as progress:

        def setting(folder: str, seed: int = 0) -> Setting:
            model = SimpleNamespace(device=torch.device("cpu"))
            return Setting(model, QUICK, seed, 0.1, tmp_path, tmp_path / folder, progress)

        first, told = trained_judge(setting("made"))
        assert told.startswith("judge trained now")
        shipped.parent.mkdir()
        for made in (tmp_path / "made").iterdir():
            (shipped.parent / ("judge" + made.suffix)).write_bytes(made.read_bytes())
        history = shipped.with_suffix(".json")
        history.write_text(json.dumps(json.loads(history.read_text()) | {"enough": enough}))
        if not same:
            monkeypatch.setattr("bench.builtin.judge._key", lambda seed: f"another painter's {seed}")
        judge, told = trained_judge(setting("used", seed=3))
    if same and enough:
        assert told.startswith("judge that ships (")
        assert "trained" not in told
        for name, x in judge.state_dict().items():
            torch.testing.assert_close(x, first.state_dict()[name], rtol=1e-3, atol=1e-3, check_dtype=False)
    else:
        assert told.startswith("judge that ships" if same else "judge of another painter")
        assert "trained further now" in told
        kept = json.loads(next((tmp_path / "used").glob("*.json")).read_text(encoding="utf-8"))
        assert kept["earlier"] == pytest.approx(0.1, abs=0.05)
        assert kept["minutes"] >= 0.1


def test_the_judge_answers_every_question_whatever_the_pictures_size():
    judge = Judge().eval()
    for size in ((128, 128), (256, 256)):
        answers = judge.read(torch.rand(2, 3, *size))
        assert {name: tuple(got.shape) for name, got in answers.items()} == dict.fromkeys(HEADS, (2,))
    assert judge.described(torch.rand(2, 3, 128, 128)).shape == (2, 256)


def test_confusion_tables_in_words():
    table = torch.tensor([[8, 2, 0], [0, 4, 0], [0, 0, 0]])
    assert by_class(table, ("a", "b", "c")) == pytest.approx({"a": 0.8, "b": 1.0})
    assert top_confusions(table, ("a", "b", "c")) == "a for b (2)"


def test_replacement_noise_has_each_activations_mean_and_deviation():
    x = torch.randn(2, 8, 32, 32) * torch.tensor([1.0, 5.0])[:, None, None, None] + 3
    got = replaced_by_noise(x, torch.Generator().manual_seed(0))
    assert torch.allclose(got.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)), atol=0.2)
    assert torch.allclose(got.std(dim=(1, 2, 3)), x.std(dim=(1, 2, 3)), rtol=0.05)
    assert (got - x).abs().mean() > 0.5


def test_a_change_of_layout_is_coarse_and_one_of_texture_is_not():
    layout, texture = torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
    layout[..., :32] = 1
    texture[..., ::2] = -1
    assert coarse_share(layout) == pytest.approx(1)
    assert coarse_share(texture) == pytest.approx(0)


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.operator)
def test_a_sweep_starts_at_neutral_and_stays_in_range(sweep):
    parameter = operator(sweep.operator).parameters[0]
    values = sweep.values(13)
    assert len(values) == 13
    assert values[0] == parameter.default
    assert values[-1] == pytest.approx(sweep.end)
    assert all(parameter.low <= value <= parameter.high for value in values)


def test_the_best_rate_is_that_of_the_quickest_window():
    # Calls take 0.5 s each in the first window and 0.25 s in the second, on a clock that only they move.
    now = [0.0]

    def draw(index: int) -> None:
        now[0] += 0.5 if index < 2 else 0.25

    assert best_rate(draw, 2, 1.0, lambda: now[0]) == pytest.approx(4)
