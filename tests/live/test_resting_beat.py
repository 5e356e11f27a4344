"""While nothing is heard, the tempo, taps, clock and metre of whoever plays hold all the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from live.capture.control_block import Command
from live.render import HOP_S, Hearing
from tests.live.test_render import Clock, Reader


class Lost:
    """Ears that are lost after two seconds at 120 BPM, a beat and a half into a bar."""

    def __init__(self, **asked: object) -> None:
        self.clock, self.command = Clock(), Command(**asked)
        reader = Reader()
        self.hearing = Hearing(reader, self.clock, lambda: self.command)
        reader.hear(10)
        reader.waiting[0]["tempo"], reader.waiting[0]["beat_phase"], reader.waiting[0]["bar_beat"] = 120, 0.5, 2
        self.hearing.visit()
        self.began_s = self.clock.now

    def wait(self, seconds: float, step_s: float = 0.04) -> np.ndarray:
        made = []
        for _ in range(round(seconds / step_s)):
            self.clock.now += step_s
            made.append(self.hearing.visit())
        return np.concatenate(made)

    def ask(self, **changes: object) -> None:
        self.command = replace(self.command, **changes)


def beats(frames: np.ndarray) -> np.ndarray:
    began = frames[frames["beat"] > 0]
    return began["captured_s"] - began["beat_phase"] * 60 / began["tempo"]


def test_without_a_tempo_that_was_said_there_is_none():
    made = Lost(metre=3).wait(2)
    assert not made["tempo"].any()
    assert not made["beat_phase"].any()
    assert (made["metre"] == 3).all()


def test_a_held_tempo_goes_on_from_the_beat_and_the_bar_that_were_heard():
    lost = Lost(tempo_bpm=120.0)
    made = lost.wait(6)
    assert (made["tempo"] == 120).all()
    since = made["captured_s"] - lost.began_s
    assert made["beat_phase"] == pytest.approx((0.5 + 2 * since) % 1, abs=1e-4)
    assert made["bar_phase"] == pytest.approx((1.5 + 2 * since) / 4 % 1, abs=1e-4)
    assert made["bar_beat"] == pytest.approx(np.floor(1.5 + 2 * since) % 4 + 1)
    assert np.diff(beats(made)) == pytest.approx(0.5, abs=1e-3)
    assert len(beats(made)) == 12
    assert (made["next_beat_s"] <= 0.5).all()


def test_a_tempo_and_a_metre_set_meanwhile_are_obeyed():
    lost = Lost()
    lost.wait(1)
    lost.ask(tempo_bpm=90.0, metre=3)
    made = lost.wait(4)
    assert (made["tempo"] == 90).all()
    assert (made["metre"] == 3).all()
    assert np.diff(made["captured_s"]) == pytest.approx(HOP_S)
    ones = made["captured_s"][np.flatnonzero((made["beat"] > 0) & (made["bar_beat"] == 1))]
    assert np.diff(ones) == pytest.approx(2.0, abs=0.02)
    lost.ask(tempo_bpm=0.0)
    assert not lost.wait(0.2)["tempo"].any()


def test_taps_set_tempo_and_beat_and_the_one_can_be_told():
    lost = Lost()
    lost.wait(1)
    for count in range(1, 5):
        lost.ask(taps=count, tap_s=(*lost.command.tap_s, lost.clock.now))
        lost.wait(0.6)
    first_s = lost.command.tap_s[0]
    lost.ask(downbeats=1, downbeat_s=lost.clock.now)
    made = lost.wait(3)
    assert made["tempo"] == pytest.approx(100)
    assert (beats(made) - first_s + 0.3) % 0.6 == pytest.approx(0.3, abs=0.01)
    assert made["bar_beat"][0] == 1
    assert not lost.wait(3)["tempo"][-1], "five seconds after the last tap"


def test_an_outside_clock_has_the_last_word_for_three_seconds():
    lost = Lost(tempo_bpm=120.0)
    lost.wait(1)
    lost.ask(clock_bpm=96.0, clock_phase=0.25, clock_s=lost.clock.now)
    at_s, made = lost.clock.now, lost.wait(2.5)
    assert made["tempo"] == pytest.approx(96)
    assert made["beat_phase"] == pytest.approx((0.25 + (made["captured_s"] - at_s) * 1.6) % 1, abs=1e-4)
    assert lost.wait(1)["tempo"][-1] == 120


@pytest.mark.parametrize(("off_s", "ago_s"), [(-0.06, 0.02), (0.06, 0.0)])
def test_a_beat_that_is_tapped_a_little_early_or_late_is_one_beat(off_s, ago_s):
    lost, tapped_s = Lost(tempo_bpm=120.0), 0.75 + off_s
    # Hops may have been made since the tap by the time that it is known.
    before = lost.wait(tapped_s + ago_s, step_s=0.005)
    lost.ask(taps=1, tap_s=(lost.clock.now - ago_s,))
    made = np.concatenate([before, lost.wait(1.1, step_s=0.005)])
    at_s = made["captured_s"][made["beat"] > 0] - lost.began_s
    assert at_s == pytest.approx([0.25, min(0.75, tapped_s + ago_s), tapped_s + 0.5, tapped_s + 1.0], abs=0.012)


def test_a_nudge_moves_the_beat():
    lost, still = Lost(tempo_bpm=120.0), Lost(tempo_bpm=120.0)
    for one in (lost, still):
        one.wait(1)
    lost.ask(nudged=0.5)
    moved, went = lost.wait(0.8)["beat_phase"], still.wait(0.8)["beat_phase"]
    assert moved == pytest.approx((went + 0.5) % 1, abs=1e-5)
