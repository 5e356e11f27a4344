"""The latency bench: each leg is the right difference, and a whole run sees every click on the display."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

import scenes
from bentlight.errors import BadInput
from live.bench.clicks import RATE, click_track, starts
from live.bench.latency import LEGS, Sounded, legs_of, measure, ready_made_scene
from live.render import OnsetTrace
from live.stand_ins import display, sound_server
from tests.waiting import cannot_run


def test_each_leg_is_the_difference_of_its_ends():
    # Sounded at stream time 2.0; its hop ended at 2.004 and was handed over at host time 10.004.
    trace = OnsetTrace(time_s=2.004, captured_s=10.004, published_s=10.006, begun_s=10.010, done_s=10.040)
    legs, heard = legs_of([Sounded(2.0, handed_s=9.990), Sounded(3.0, handed_s=10.990)], [trace], [9.9, 10.055])
    assert heard == 1
    expected = (0.010, 0.006, 0.004, 0.030, 0.015, 0.040, 0.065)
    assert {name: pytest.approx(values) for name, values in legs.items()} == {
        name: [value] for name, value in zip(LEGS, expected, strict=True)
    }


def test_legs_that_were_not_watched_are_empty():
    trace = OnsetTrace(2.004, 10.004, 10.006, 10.010, 10.040)
    legs, _ = legs_of([Sounded(2.0)], [trace], None)
    assert [name for name in LEGS if not legs[name]] == [LEGS[0], LEGS[4], LEGS[6]]


def test_clicks_are_found_where_they_were_put():
    samples, times = click_track(12.0, seed=3)
    assert len(times) > 10
    found = starts(samples, RATE)
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.001


@pytest.mark.parametrize("name", ["", *scenes.library()])
def test_every_scene_can_be_given_a_flash(name, tmp_path):
    path = ready_made_scene(name, tmp_path)
    scene = scenes.load(path)
    assert scene.bends[-1].operator == "blend_to_white"
    assert yaml.safe_load(path.read_text())["routes"][-1]["source"] == "onset"


def test_a_scene_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="nowhere"):
        ready_made_scene("nowhere", tmp_path)


def test_clicks_played_into_a_sound_server_are_heard_and_seen_on_a_display():
    if reason := sound_server.missing() or display.missing():
        cannot_run(reason)
    made = measure(seconds=8.0, seed=11)
    assert made["sound_server"]
    assert made["display"]
    assert made["clicks"] >= 5
    assert made["heard"] == made["clicks"]
    assert made["shown"] >= made["clicks"] / 2, "a slow machine may still show one click when the next comes"
    assert all(leg["p50"] >= 0 and leg["p95"] >= leg["p50"] for leg in made["legs"].values())
    assert made["legs"][LEGS[6]]["p50"] > made["legs"][LEGS[1]]["p50"]
