"""What callers hand in wrong is said in one sentence; what numpy made is taken like plain numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec, Picture
from engine.bends import Painted
from engine.checks import check_steps
from engine.generator import Generator
from engine.noise import NoiseBank, fixed_noise
from engine.runtimes.task import Task

PROMPT = (("blue galaxy", 1.0),)
SPEC = FrameSpec(prompts=PROMPT, seed=3)
PIXELS = np.zeros((8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, steps=1.5),
        replace(SPEC, steps=None),
        replace(SPEC, values=None),
        replace(SPEC, prompts="blue galaxy"),
        replace(SPEC, guidance=None),
        replace(SPEC, feedback="much"),
        replace(SPEC, seed=1.5),
        replace(SPEC, seed=None),
        replace(SPEC, seed=-1),
    ],
)
def test_a_spec_that_is_none_is_refused(generator, spec) -> None:
    with pytest.raises(BadInput, match=r"^[^\n]+\.$"):
        generator.render(spec)


def test_numbers_of_numpy_are_numbers(generator) -> None:
    numpy = replace(
        SPEC,
        seed=np.int64(3),
        seed_to=np.uint32(5),
        seed_blend=np.float32(0.5),
        angle=np.float32(0.5),
        steps=np.int64(2),
        guidance=np.float64(1.0),
    )
    plain = replace(SPEC, seed=3, seed_to=5, seed_blend=0.5, angle=0.5, steps=2)
    assert np.array_equal(generator.render(numpy).pixels, generator.render(plain).pixels)


def test_a_seed_that_is_no_whole_number_is_not_taken_for_one_that_is_kept() -> None:
    bank = NoiseBank()
    kept = bank.get(7, (1, 4, 2, 2))
    assert bank.get(np.int64(7), (1, 4, 2, 2)) is kept
    assert np.array_equal(fixed_noise(np.int32(7), (1, 4, 2, 2), 1), fixed_noise(7, (1, 4, 2, 2), 1))
    for seed in (7.0, None, "7"):
        with pytest.raises(BadInput, match="whole number"):
            bank.get(seed, (1, 4, 2, 2))


@pytest.mark.parametrize(
    "pixels",
    [
        PIXELS.tolist(),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((0, 8, 3), np.uint8),
        torch.zeros((8, 8, 3), dtype=torch.uint8),
        None,
    ],
    ids=["list", "rgba", "grey", "floats", "nothing", "tensor", "none"],
)
def test_pixels_that_are_none_are_refused(pixels) -> None:
    with pytest.raises(BadInput, match=r"\(height, width, 3\)"):
        Picture(pixels, 0.0, SPEC)


def test_an_array_is_not_the_picture_before(generator) -> None:
    with pytest.raises(BadInput, match="give a Picture"):
        generator.render(replace(SPEC, strength=0.5), PIXELS)
    generator.render(replace(SPEC, strength=0.5), Picture(PIXELS, 0.0, SPEC))


def test_a_plan_takes_any_iterable_of_bends_and_refuses_the_rest() -> None:
    bends = (Bend("a", "zoom", "unet.mid"), Bend("b", "zoom", "unet.mid"))
    assert BendPlan(iter(bends)) == BendPlan(list(bends)) == BendPlan(bends)
    assert hash(BendPlan(list(bends))) == hash(BendPlan(bends))
    for wrong, reason in ((bends[0], "tuple of bends"), (["a"], "Bend\\("), (bends[:1] * 2, "two bends .* called a")):
        with pytest.raises(BadInput, match=reason):
            BendPlan(wrong)


@pytest.mark.parametrize("field", [{"channels": 3}, {"rows": 0.5}, {"seed": 1.5}, {"seed": None}, {"name": None}])
def test_a_bend_of_other_kinds_of_values_is_refused(field) -> None:
    with pytest.raises(BadInput, match=r"must be a (text|whole number)"):
        Bend(**{"name": "b", "operator": "zoom", "site": "unet.mid", **field})


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_a_painted_mask_of_nothing_is_refused(shape) -> None:
    with pytest.raises(BadInput, match="at least one"):
        Painted.of(np.zeros(shape))


def test_a_task_of_numpy_numbers_is_that_of_plain_ones() -> None:
    def task(number, share) -> Task:
        painted = Painted(number(2), number(2), bytes(4))
        bend = Bend("b", "zoom", "unet.mid", seed=number(4), sparse=share(0.5), mask="painted", painted=painted)
        return Task("picture", (64, 64), BendPlan((bend,)))

    assert task(np.int64, np.float32).key == task(int, float).key


def test_a_bend_beyond_the_last_step_is_refused_when_it_is_prepared(generator) -> None:
    late = BendPlan((Bend("late", "rotate", "latent.2"), Bend("end", "rotate", "latent.end")))
    generator.prepare(plans=[late], steps=3)
    check_steps(late, 8)
    with pytest.raises(BadInput, match=r"the bend late is at latent\.2, and a picture of 2 steps .* 3 steps or more"):
        generator.prepare(plans=[late], steps=2)


@pytest.mark.parametrize(
    "wrong",
    [{"prompts": "neon"}, {"prompts": [("neon", 1.0)]}, {"steps": 1.5}, {"plans": BendPlan()}, {"plans": [None]}],
    ids=["text", "weights", "steps", "plan", "none"],
)
def test_what_is_to_be_prepared_is_checked(generator, wrong) -> None:
    with pytest.raises(BadInput, match=r"^[^\n]+\.$"):
        generator.prepare(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 256},
        {"size": (256,)},
        {"size": "256x256"},
        {"size": ("a", "b")},
        {"size": (float("nan"), 64)},
        {"threads": 1.5},
        {"threads": "2"},
        {"model": None},
        {"model": 3},
        {"lora": 3},
    ],
)
def test_what_a_model_is_loaded_with_is_checked(tiny_folder, wrong) -> None:
    with pytest.raises(BadInput, match=r"^[^\n]+\.$"):
        Generator.load(**{"model": str(tiny_folder), "device": "cpu", "dtype": "float32", **wrong})


def test_a_path_is_a_model_and_loading_leaves_the_random_numbers(tiny_folder) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    generator = Generator.load(Path(tiny_folder), device="cpu", dtype="float32")
    assert torch.equal(torch.get_rng_state(), before)
    assert generator.model == str(tiny_folder)


def test_an_embedding_that_is_handed_out_cannot_be_written_to(generator) -> None:
    shown = generator.embedding("a kept text")
    with pytest.raises(ValueError, match="read-only"):
        shown[:] = 0
    mine = shown.copy()
    generator.keep("mine", mine)
    before = generator.render(replace(SPEC, prompts=(("mine", 1.0),))).pixels
    mine[:] = 0
    after = generator.render(replace(SPEC, prompts=(("mine", 1.0), ("mine", 0.0)))).pixels
    assert np.array_equal(before, after)
