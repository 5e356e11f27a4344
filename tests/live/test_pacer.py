"""Blends are measured between the pictures of a show, which hardly wait for it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine.spec import FrameSpec
from live.pacer import SHARE, Pacer, pace_now

PICTURE_S = 0.02


class Generator:
    """Takes as long for a picture of the measuring as for one of the show."""

    def __init__(self):
        self.now = 50.0
        self.prompt_space = object()
        self.paced, self.painted, self.saved = [], 0, 0
        self.broken = ()

    def unpaced(self, pairs):
        return tuple(pair for pair in pairs if pair not in self.paced)

    def pacing(self, first, second, spec):
        assert spec == RESTING
        for _ in range(10):
            self.now += PICTURE_S
            self.painted += 1
            if first in self.broken:
                raise RuntimeError("no picture")
            yield
        self.paced.append((first, second))

    def save_paces(self):
        self.saved += 1


RESTING = FrameSpec(steps=2)


def patch(*pairs):
    return SimpleNamespace(pairs=pairs, resting=RESTING)


@pytest.fixture
def generator():
    return Generator()


@pytest.fixture
def pacer(generator):
    return Pacer(lambda: generator.now)


def play(pacer, generator, pictures):
    for _ in range(pictures):
        generator.now += PICTURE_S
        pacer.spend(generator, PICTURE_S)


def test_every_pair_is_measured_in_turn_at_a_small_part_of_the_time(pacer, generator):
    pacer.want(generator, patch(("a", "b"), ("b", "c")))
    play(pacer, generator, 400)
    assert generator.paced == [("a", "b"), ("b", "c")]
    assert generator.painted == 20
    begun = Generator()
    pacer = Pacer(lambda: begun.now)
    pacer.want(begun, patch(("a", "b")))
    play(pacer, begun, 50)
    assert begun.painted <= 50 * SHARE + 2


def test_after_a_hit_nothing_is_measured_and_made_up_for_later(pacer, generator):
    pacer.want(generator, patch(("a", "b")))
    for _ in range(60):
        generator.now += PICTURE_S
        pacer.spend(generator, PICTURE_S, hurried=True)
    assert generator.painted == 0
    play(pacer, generator, 6)
    assert generator.painted == 6


def test_what_is_known_is_not_measured_again(pacer, generator):
    generator.paced.append(("a", "b"))
    pacer.want(generator, patch(("a", "b"), ("b", "c")))
    play(pacer, generator, 400)
    assert generator.painted == 10


def test_a_new_scene_goes_first(pacer, generator):
    pacer.want(generator, patch(("a", "b"), ("b", "c"), ("c", "d")))
    play(pacer, generator, 5)
    pacer.want(generator, patch(("x", "y")))
    play(pacer, generator, 400)
    assert generator.paced == [("a", "b"), ("x", "y")]


def test_a_pair_that_cannot_be_measured_costs_neither_the_show_nor_the_others(pacer, generator, caplog):
    generator.broken = ("a",)
    pacer.want(generator, patch(("a", "b"), ("b", "c")))
    play(pacer, generator, 400)
    assert generator.paced == [("b", "c")]
    assert "could not be measured" in caplog.text


def test_nothing_is_measured_until_the_model_has_its_prompts(pacer, generator):
    space, generator.prompt_space = generator.prompt_space, None
    pacer.want(generator, patch(("a", "b")))
    play(pacer, generator, 100)
    assert generator.painted == 0
    generator.prompt_space = space
    play(pacer, generator, 400)
    assert generator.paced == [("a", "b")]


def test_offline_a_blend_is_measured_when_it_is_come_to(generator):
    scene = patch(("a", "b"), ("b", "c"))
    pace_now(generator, scene, FrameSpec(prompts=(("a", 1.0),)))
    pace_now(generator, scene, FrameSpec(prompts=(("a", 1.0), ("b", 0.0))))
    assert generator.painted == 0
    for _ in range(2):
        pace_now(generator, scene, FrameSpec(prompts=(("a", 0.9), ("b", 0.1))))
    assert generator.paced == [("a", "b")]
    assert generator.saved == 1
