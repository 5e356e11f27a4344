"""The render thread's work: nothing heard is lost, and the show goes on without sound."""

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME
from engine.bends import Bend, BendPlan
from engine.errors import NotFinite, OutOfMemory
from engine.spec import FrameSpec, Picture
from live.mailbox import Mailbox
from live.render import HOP_S, LOST_AFTER_S, Hearing, Renderer

PLAN = BendPlan((Bend("zoom", "zoom", "unet.mid"),))


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Reader:
    def __init__(self):
        self.waiting = []
        self.lost = 0

    def hear(self, count, onsets=(), start=0.0):
        frames = np.zeros(count, FEATURE_FRAME)
        frames["time_s"] = start + HOP_S * np.arange(1, count + 1)
        frames["published_s"] = 99.99
        frames["onset"][list(onsets)] = 1
        self.waiting.append(frames)

    def read(self):
        lost, self.lost = self.lost, 0
        frames = np.concatenate([np.zeros(0, FEATURE_FRAME), *self.waiting])
        self.waiting = []
        return frames, lost


class FakePatch:
    steps = 1

    def __init__(self):
        self.visits = []

    def advance(self, frames, control, time_s):
        self.visits.append((len(frames), time_s))
        return FrameSpec(time_s=time_s, plan=PLAN, values=(1.0 + 0.01 * len(self.visits), 1.0))


class FakeGenerator:
    model, size = "fake", (8, 8)

    def __init__(self):
        self.failures = []

    def render(self, spec, previous=None):
        if self.failures:
            raise self.failures.pop()
        pixels = np.full((8, 8, 3), int(spec.values[0] * 100) % 256, np.uint8)
        return Picture(pixels, spec.time_s, spec)


@pytest.fixture
def show():
    clock, reader = Clock(), Reader()
    controls = {}
    renderer = Renderer(reader, lambda: controls, Mailbox(), clock)
    renderer.patch, renderer.generator = FakePatch(), FakeGenerator()
    assert not renderer.step()  # begins to listen
    return renderer, reader, clock, controls


def test_what_was_heard_while_the_model_was_loading_is_passed_over():
    clock, reader = Clock(), Reader()
    renderer = Renderer(reader, dict, Mailbox(), clock)
    assert not renderer.step()
    reader.hear(40, onsets=(3,))
    reader.lost = 7
    clock.now += 600.0
    renderer.patch, renderer.generator = FakePatch(), FakeGenerator()
    assert not renderer.step()
    assert (renderer.stats.onsets_heard, renderer.hearing.hops_lost) == (0, 0)
    reader.hear(2, start=40 * HOP_S)
    assert renderer.step()
    assert renderer.patch.visits == [(2, pytest.approx(42 * HOP_S))]


def test_resting_hops_after_a_long_load_are_only_those_since_the_first_step():
    clock, reader = Clock(), Reader()
    renderer = Renderer(reader, dict, Mailbox(), clock)
    clock.now += 600.0
    renderer.patch, renderer.generator = FakePatch(), FakeGenerator()
    assert not renderer.step()
    clock.now += LOST_AFTER_S + 0.01
    assert renderer.step()
    assert renderer.patch.visits[0][0] == pytest.approx((LOST_AFTER_S + 0.01) / HOP_S, abs=1.5)


def test_after_a_long_sleep_no_more_than_a_second_of_resting_hops_is_made_up():
    clock = Clock()
    hearing = Hearing(Reader(), clock)
    clock.now += 3600.0
    made = hearing.visit()
    assert len(made) == pytest.approx(1.0 / HOP_S, abs=1.5)
    assert made["captured_s"][-1] == pytest.approx(clock.now, abs=2 * HOP_S)
    assert not len(hearing.visit()), "the rest is not made up later"


def test_every_hop_since_the_last_picture_reaches_the_patch(show):
    renderer, reader, _, _ = show
    reader.hear(7)
    assert renderer.step()
    reader.hear(3, start=7 * HOP_S)
    assert renderer.step()
    assert renderer.patch.visits == [(7, pytest.approx(7 * HOP_S)), (3, pytest.approx(10 * HOP_S))]


def test_there_is_no_picture_without_new_sound(show):
    renderer, _, _, _ = show
    assert not renderer.step()
    assert renderer.stats.pictures == 0


def test_onsets_between_two_pictures_are_all_counted_as_shown(show):
    renderer, reader, _, _ = show
    traces = []
    renderer.onset_listener = traces.append
    reader.hear(10, onsets=(2, 5))
    renderer.step()
    assert (renderer.stats.onsets_heard, renderer.stats.onsets_shown) == (2, 2)
    assert [t.time_s for t in traces] == [pytest.approx(3 * HOP_S), pytest.approx(6 * HOP_S)]


def test_after_each_picture_a_blend_may_be_measured_unhurried_where_nothing_was_hit(show, monkeypatch):
    renderer, reader, _, _ = show
    spent = []
    monkeypatch.setattr(renderer.pacer, "spend", lambda *asked, hurried: spent.append((*asked, hurried)))
    reader.hear(3)
    renderer.step()
    reader.hear(3, onsets=(1,))
    renderer.step()
    renderer.step()
    assert spent == [(renderer.generator, 0.0, False), (renderer.generator, 0.0, True)]


def test_a_frozen_picture_stays_while_the_patch_goes_on_but_the_first_is_made(show):
    renderer, reader, _, controls = show
    controls["/freeze"] = True
    reader.hear(1)
    assert renderer.step()
    reader.hear(4, onsets=(1,))
    assert not renderer.step()
    assert renderer.stats.pictures == 1
    assert renderer.stats.onsets_heard == 1
    assert len(renderer.patch.visits) == 2


@pytest.mark.parametrize(("gaps_s", "rate_hz"), [((0.01, 0.09), 20.0), ((1.5,), 1 / 1.5), ((4.2,), 1 / 4.2)])
def test_the_rate_is_that_of_pictures_of_late(show, gaps_s, rate_hz):
    renderer, reader, clock, _ = show
    for number in range(80):
        reader.hear(1, start=number)
        assert renderer.step()
        clock.now += gaps_s[number % len(gaps_s)]
    assert renderer.stats.rate_hz == pytest.approx(rate_hz, rel=0.06)


def test_lost_hops_are_counted(show):
    renderer, reader, _, _ = show
    reader.lost = 5
    reader.hear(1)
    renderer.step()
    assert renderer.hearing.hops_lost == 5


def test_pictures_are_counted_distinct_only_when_they_differ_from_the_one_before(show):
    renderer, reader, _, _ = show
    for i in range(3):
        reader.hear(1, start=i * HOP_S)
        renderer.step()
    renderer.patch.advance = lambda *_: FrameSpec(plan=PLAN, values=(1.0, 1.0))
    for i in range(3, 5):
        reader.hear(1, start=i * HOP_S)
        renderer.step()
    assert renderer.stats.pictures == 5
    assert renderer.stats.distinct == 4
    assert renderer.stats.bends["zoom/factor"].changes == 3
    assert renderer.stats.bends["zoom/mix"].changes == 0


def test_running_out_of_memory_asks_for_a_smaller_size_and_goes_on(show):
    renderer, reader, _, _ = show
    asked = []
    renderer.on_out_of_memory = asked.append
    renderer.generator.failures = [OutOfMemory("full")]
    reader.hear(1)
    assert not renderer.step()
    assert asked == [renderer.generator]
    reader.hear(1)
    assert renderer.step()


def test_a_broken_picture_is_not_shown_and_is_complained_of_once_a_second(show):
    renderer, reader, clock, _ = show
    reader.hear(1)
    assert renderer.step()
    pictures = renderer._pictures
    assert pictures.take() is not None
    told = []
    renderer.on_broken_picture = lambda error: told.append(str(error))
    for bend in (None, None, "wild", "wild"):
        renderer.generator.failures = [NotFinite(bend)]
        reader.hear(1)
        assert not renderer.step()
    assert [("wild" in sentence) for sentence in told] == [False, True]
    clock.now += 1.5
    renderer.generator.failures = [NotFinite("wild")]
    reader.hear(1)
    assert not renderer.step()
    assert len(told) == 3
    assert pictures.take() is None
    assert renderer.stats.pictures == 1
    reader.hear(1)
    assert renderer.step()


def test_without_sound_resting_hops_go_on_at_hop_rate():
    clock, reader = Clock(), Reader()
    hearing = Hearing(reader, clock)
    reader.hear(10, onsets=(9,))
    assert len(hearing.visit()) == 10
    clock.now += LOST_AFTER_S / 2
    assert not len(hearing.visit()), "a short pause is no loss"
    clock.now += 0.8
    made = hearing.visit()
    assert hearing.resting
    assert len(made) == pytest.approx((0.8 + LOST_AFTER_S / 2) / HOP_S, abs=1.5)
    assert np.all(made["rms"] == 0)
    assert np.all(made["onset"] == 0)
    assert np.all(np.diff(made["time_s"]) > 0)
    assert made["time_s"][0] > 10 * HOP_S
    clock.now += 0.1
    assert len(hearing.visit()) == pytest.approx(0.1 / HOP_S, abs=1.5)
    reader.hear(2, start=2.0)
    assert len(hearing.visit()) == 2
    assert not hearing.resting
