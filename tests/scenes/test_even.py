"""A scene's prompts are blended at the paces that it was told."""

from __future__ import annotations

import numpy as np
import pytest

from engine.paces import Pace
from scenes import Patch
from tests.scenes.moving import BASE, TIMED, music, scene, visit, weights

PACE = Pace((0.0, 0.6, 0.7, 1.0), (0.0, 0.1, 0.8, 1.0))
LOOP = "{kind: loop, loops_per_minute: 6}"
"""Four prompts in ten seconds."""
TIMES = np.arange(1, 101) / 10


def played(prompts: str = LOOP, base: str = BASE, learnt=(("one", "two"),), at: int = 0) -> list[dict[str, float]]:
    """The weights of each tenth of a second, the paces learnt at one of them."""
    patch, frames, found = Patch(scene("{}", prompts, base=base), start_s=0), music(10, tempo=0), []
    for k, time_s in enumerate(TIMES):
        if k == at:
            for pair in learnt:
                patch.learn(*pair, PACE)
        heard = frames[(frames["time_s"] > time_s - 0.1 - 1e-6) & (frames["time_s"] <= time_s + 1e-6)]
        found.append(weights(patch.advance(heard, {}, time_s)))
    return found


def test_a_pair_goes_at_its_pace_and_the_others_at_that_of_the_loop() -> None:
    plain, even = played(learnt=()), played()
    for before, after in zip(plain, even, strict=True):
        if set(before) == {"one", "two"}:
            assert after["two"] == pytest.approx(PACE(before["two"]))
        else:
            assert after == before


def test_what_is_learnt_on_the_way_counts_from_the_next_time_on() -> None:
    plain, late = played(learnt=()), played(at=12)
    assert plain[:24] == late[:24], "the first blend goes on as it began"
    again = played("{kind: loop, loops_per_minute: 12}", at=12)
    straight = played("{kind: loop, loops_per_minute: 12}", learnt=())
    second = [k for k in range(50, 60) if 0.1 < straight[k].get("two", 0) < 0.9]
    assert second
    assert all(again[k]["two"] == pytest.approx(PACE(straight[k]["two"])) for k in second)


@pytest.mark.parametrize(
    ("prompts", "base", "pairs"),
    [
        ("{}", BASE, ["one two", "three two", "four three", "four one"]),
        (LOOP, BASE, ["one two", "three two", "four three", "four one"]),
        ("{kind: travel}", TIMED.replace("{text: two, at: 1}", "{text: two}, {text: ice, at: 1}"), ["ice three"]),
        (
            "{}",
            TIMED.replace("{text: three,", "{text: still}, {text: three,"),
            ["three two", "one two", "still two", "still three", "four three", "four one"],
        ),
        ("{kind: loop, blending: slerp}", BASE, []),
        ("{kind: loop, blending: lerp}", BASE, []),
        ("{kind: mixture}", BASE, []),
        ("{}", BASE.replace(", {text: two}, {text: three}, {text: four}", ""), []),
        ("{}", BASE.replace("two", "one").replace("three", "one").replace("four", "one"), []),
    ],
)
def test_the_pairs_are_what_follows_each_other(prompts: str, base: str, pairs: list[str]) -> None:
    assert Patch(scene("{}", prompts, base=base)).pairs == tuple(tuple(pair.split()) for pair in pairs)


def test_a_scene_that_is_edited_goes_on_at_its_pace() -> None:
    patch, frames = Patch(scene("{}", LOOP), start_s=0), music(10, tempo=0)
    patch.learn("one", "two", PACE)
    (before,) = visit(patch, frames[frames["time_s"] <= 1], [1.0])
    edited = Patch(scene("{}", LOOP))
    edited.carry_over(patch)
    after = edited.advance(frames[:0], {}, 1.01)
    assert weights(after)["two"] == pytest.approx(weights(before)["two"], abs=0.02)
    assert abs(weights(before)["two"] - 0.4) > 0.1, "the pace is seen"


def test_the_resting_picture_is_that_of_the_scene_unplayed() -> None:
    bent = "bends: [{name: zoom, operator: zoom, site: unet.mid, set: {factor: 1.5}}]\n"
    resting = Patch(scene("{}", LOOP, bent)).resting
    assert [address for address, _ in resting.plan.slots] == ["zoom/factor", "zoom/mix"]
    assert resting.values == (1.5, 1.0)
    assert (resting.steps, resting.feedback, resting.strength) == (1, 0.0, 1.0)
