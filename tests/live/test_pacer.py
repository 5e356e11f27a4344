"""Blends are measured between the pictures of a show, which hardly waits for it."""

from __future__ import annotations

import pytest

from engine.paces import PICTURES, Pace
from engine.spec import FrameSpec
from live.pacer import SHARE, Pacer, pace_now

PICTURE_S = 0.02
PACE = Pace((0.0, 0.5, 1.0), (0.0, 0.2, 1.0))
RESTING = FrameSpec(steps=2)


class Kept:
    saved = 0

    def save(self):
        self.saved += 1


class Generator:
    """Takes as long for a picture of the measuring as for one of the show."""

    def __init__(self):
        self.now, self.size = 50.0, (8, 8)
        self.paces, self.ready = Kept(), True
        self.known, self.painted = {}, 0
        self.broken = ()

    def can_pace(self, spec):
        return self.ready

    def pace(self, first, second, spec):
        assert spec == RESTING
        return self.known.get((first, second))

    def pacing(self, first, second, spec):
        assert spec == RESTING
        for _ in range(10):
            self.now += PICTURE_S
            self.painted += 1
            if first in self.broken:
                raise RuntimeError("no picture")
            yield
        self.known[first, second] = PACE


class Patch:
    resting = RESTING

    def __init__(self, *pairs):
        self.pairs, self.learnt = pairs, []

    def learn(self, first, second, pace):
        assert pace is PACE
        self.learnt.append((first, second))


@pytest.fixture
def generator():
    return Generator()


@pytest.fixture
def pacer(generator):
    return Pacer(lambda: generator.now)


def play(pacer, generator, pictures, **how):
    for _ in range(pictures):
        generator.now += PICTURE_S
        pacer.spend(generator, PICTURE_S, **how)


def test_every_pair_is_measured_in_turn_and_told_at_a_small_part_of_the_time(pacer, generator):
    patch = Patch(("a", "b"), ("b", "c"))
    pacer.want(generator, patch)
    play(pacer, generator, 50)
    assert 3 <= generator.painted <= 50 * SHARE + 2
    assert patch.learnt == []
    play(pacer, generator, 250)
    assert generator.painted == 20
    assert patch.learnt == [("a", "b"), ("b", "c")]


def test_a_busy_passage_is_not_made_up_for_by_a_slow_one(pacer, generator):
    pacer.want(generator, Patch(("a", "b")))
    play(pacer, generator, 1)
    play(pacer, generator, 500, hurried=True)
    assert generator.painted == 1
    play(pacer, generator, 20)
    assert generator.painted <= 1 + 2 + 20 * SHARE


def test_nothing_is_measured_where_a_picture_takes_long(pacer, generator):
    pacer.want(generator, Patch(("a", "b")))
    for _ in range(50):
        pacer.spend(generator, 0.5)
    assert generator.painted == 0


def test_what_is_known_is_told_at_once_and_not_measured_again(pacer, generator):
    generator.known["a", "b"] = PACE
    patch = Patch(("a", "b"), ("b", "c"))
    pacer.want(generator, patch)
    assert patch.learnt == [("a", "b")]
    play(pacer, generator, 400)
    assert generator.painted == 10
    assert patch.learnt == [("a", "b"), ("b", "c")]


@pytest.mark.parametrize("change", ["scene", "size"])
def test_what_is_begun_is_dropped_with_its_scene_or_size(pacer, generator, change):
    first, second = Patch(("a", "b"), ("b", "c")), Patch(("x", "y"))
    pacer.want(generator, first)
    play(pacer, generator, 30)
    assert 0 < generator.painted < 10
    if change == "scene":
        pacer.want(generator, second)
    else:
        generator.size = (16, 8)
    play(pacer, generator, 400)
    assert first.learnt == ([] if change == "scene" else [("a", "b"), ("b", "c")])
    assert second.learnt == ([("x", "y")] if change == "scene" else [])


def test_a_pair_that_cannot_be_measured_costs_neither_the_show_nor_the_others(pacer, generator, caplog):
    generator.broken = ("a",)
    patch = Patch(("a", "b"), ("b", "c"))
    pacer.want(generator, patch)
    play(pacer, generator, 400)
    assert patch.learnt == [("b", "c")]
    assert "could not be measured" in caplog.text


def test_it_waits_until_the_scene_can_be_measured(pacer, generator):
    generator.ready = False
    patch = Patch(("a", "b"))
    pacer.want(generator, patch)
    play(pacer, generator, 100)
    assert generator.painted == 0
    generator.ready = True
    play(pacer, generator, 200)
    assert patch.learnt == [("a", "b")]


def test_offline_all_is_measured_first_and_kept(generator, caplog):
    generator.broken, told = ("b",), []
    patch = Patch(("a", "b"), ("b", "c"), ("c", "d"))
    pace_now(generator, patch, told.append)
    assert patch.learnt == [("a", "b"), ("c", "d")]
    assert generator.paces.saved == 3, "each at once: with a large model it takes long, and may be stopped"
    assert len(told) == 1
    assert "3 blends" in told[0]
    assert "could not be measured" in caplog.text
    again = Patch(("a", "b"))
    pace_now(generator, again, told.append)
    assert again.learnt == [("a", "b")]
    assert len(told) == 1


def test_offline_each_picture_is_counted(generator):
    told = []
    pace_now(generator, Patch(("a", "b"), ("b", "c")), None, lambda *numbers: told.append(numbers))
    assert {total for _, total in told} == {2 * PICTURES}
    done = [number for number, _ in told]
    assert done == sorted(set(done))
    assert max(done) <= 2 * PICTURES
