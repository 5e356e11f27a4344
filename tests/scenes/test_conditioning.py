"""Conditioning blocks: their formulas, their bounds, and that the length of a hop does not matter."""

import math
import statistics
from collections.abc import Callable

import numpy as np
import pytest

from scenes.blocks import BLOCKS, Chain, Step
from scenes.conditioning import Hold, Median, Moment, Normaliser, Quantiser, Slew, two_slopes

HOP_S = 256 / 48_000
BEATS_PER_S = 2.0
SETTINGS = [
    *({name: {}} for name in BLOCKS),
    {"follow": {"attack_ms": 30, "release_ms": 300}},
    {"median": 333},
    {"hold": "0.5s"},
    {"normalise": {"window_s": 2, "low": 0, "high": 1}},
    {"compress": {"threshold": 0.3, "ratio": 0, "knee": 0.4}},
    {"compress": {"threshold": 0, "ratio": 0}},
    {"expand": {"threshold": 1, "ratio": 0}},
    {"expand": {"threshold": 0.6, "ratio": 0.1, "knee": 1}},
    {"quantise": 4},
    {"slew": {"up_per_s": 0.5, "down_per_s": 30}},
    {"plateau": 0.2},
]


def named(settings: dict) -> str:
    return str(settings)


def chain(*settings: dict) -> Chain:
    return Chain([Step.model_validate(one) for one in settings])


def run(block, values, dt_s: float = HOP_S, start_s: float = 0.0) -> list[float]:
    """What comes out after each hop."""
    found = []
    for value in values:
        start_s += dt_s
        found.append(block.step(float(value), Moment(dt_s, BEATS_PER_S * start_s)))
    return found


@pytest.mark.parametrize("settings", SETTINGS, ids=named)
def test_hop_size_does_not_change_a_block(settings):
    values = np.random.default_rng(2).random(400) ** 2
    coarse, fine = chain(settings), chain(settings)
    for one in (coarse, fine):
        one.settle(0.0)
    out = run(coarse, values, 0.016)
    again = run(fine, np.repeat(values, 4), 0.004)[3::4]
    assert out == pytest.approx(again, abs=1e-9)


@pytest.mark.parametrize("settings", SETTINGS, ids=named)
def test_a_block_stays_within_0_and_1_whatever_comes(settings):
    rng = np.random.default_rng(5)
    one = chain(settings)
    assert 0 <= one.settle(1.0) <= 1
    assert 0 <= one.settle(0.0) <= 1
    values = np.concatenate([rng.random(500), np.zeros(100), np.ones(100), rng.integers(0, 2, 200), [1e-300, 5e-324]])
    hops = np.concatenate([rng.random(600) * 0.02, [0.0, 1e-12, 50.0, 1e9], np.full(len(values) - 604, HOP_S)])
    now = 0.0
    for value, dt_s in zip(values, hops, strict=True):
        now += dt_s
        out = one.step(float(value), Moment(float(dt_s), BEATS_PER_S * now))
        assert math.isfinite(out)
        assert 0 <= out <= 1


@pytest.mark.parametrize("settings", [s for s in SETTINGS if "normalise" not in s], ids=named)
def test_a_settled_block_stands_where_a_constant_leaves_it(settings):
    for value in (0.0, 0.3, 1.0):
        settled, played = chain(settings), chain(settings)
        played.settle(1 - value)
        level = settled.settle(value)
        assert run(played, [value] * 4000)[-1] == pytest.approx(level, abs=1e-6)
        assert run(settled, [value] * 3) == pytest.approx([level] * 3, abs=1e-9)


@pytest.mark.parametrize("settings", SETTINGS, ids=named)
def test_an_edited_block_goes_on_where_the_old_one_stood(settings):
    values = np.random.default_rng(8).random(700)
    old, new = chain(settings), chain(settings)
    old.settle(0.0)
    new.settle(0.0)
    run(old, values)
    new.take(old)
    more = np.random.default_rng(9).random(50)
    start_s = 700 * HOP_S
    assert run(new, more, start_s=start_s) == run(old, more, start_s=start_s)


def test_blocks_of_a_chain_find_their_own_kind_again_when_another_is_put_between():
    old, new = chain({"hold": 2000}, {"slew": 1}), chain({"power": 2}, {"hold": 3000}, {"gate": 0.1}, {"slew": 1})
    for one in (old, new):
        one.settle(0.0)
    level = run(old, [1.0] + [0.0] * 100)[-1]
    new.take(old)
    assert run(new, [0.0], start_s=1.0)[0] == pytest.approx(level + HOP_S)


@pytest.mark.parametrize(("before_s", "after_s"), [(0.2, 0.1), (0.1, 0.2), (0.1, 0.1)])
def test_a_median_of_another_length_takes_over_what_was_heard(before_s, after_s):
    old, new = Median(before_s), Median(after_s)
    old.settle(0.0)
    new.settle(0.0)
    run(old, [0.8] * 100)
    new.take(old)
    assert run(new, [0.1])[0] == 0.8


@pytest.mark.parametrize("length", [3, 5, 9, 41])
def test_the_median_of_an_odd_number_of_hops_is_that_of_their_values(length):
    values = np.random.default_rng(1).random(300).tolist()
    block = Median(length * HOP_S)
    block.settle(0.0)
    before = [0.0] * (length - 1) + values
    expected = [statistics.median(before[i : i + length]) for i in range(len(values))]
    assert run(block, values) == expected


def test_the_median_is_half_its_window_late_and_drops_what_is_shorter():
    block = Median(0.095)
    block.settle(0.0)
    out = run(block, [0.0] * 20 + [1.0] * 9 + [0.0] * 40 + [1.0] * 20, 0.005)
    assert not any(out[:78])
    assert out.index(1.0) + 1 - 69 == 10


def test_a_peak_stands_exactly_as_long_as_the_hold():
    block = Hold(0.05)
    block.settle(0.0)
    # The peak's own hop, and ten after it.
    assert run(block, [0.9] + [0.2] * 12, 0.005) == [0.9] * 11 + [0.2] * 2


def test_slew_rises_and_falls_in_straight_lines():
    block = Slew(2.0, 0.5)
    block.settle(0.0)
    assert run(block, [1.0, 1.0], 0.1) == pytest.approx([0.2, 0.4])
    assert run(block, [0.0, 0.0, 0.38], 0.1) == pytest.approx([0.35, 0.3, 0.38])


def test_follow_has_the_releases_of_the_published_chain():
    # Published for 20 values a second as y = (1 - alpha) x + alpha y; alpha 0.7 is 140 ms.
    block = chain({"follow": -1000 / 20 / math.log(0.7)})
    block.settle(0.0)
    level, expected = 0.0, []
    for value in (1.0, 0.2, 0.1, 0.6, 0.0):
        level = value if value > level else 0.3 * value + 0.7 * level
        expected.append(level)
    assert run(block, (1.0, 0.2, 0.1, 0.6, 0.0), 0.05) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("settings", "points"),
    [
        ({"gate": 0.3}, {0.0: 0, 0.29: 0, 0.3: 0.3, 1.0: 1}),
        ({"power": 3}, {0.0: 0, 0.5: 0.125, 1.0: 1}),
        ({"plateau": 0.2}, {0.0: 1, 0.5: 0.9, 1.0: 0.8}),
        # 0.5 + 0.5 * 0.5 = 0.75 is the top
        ({"compress": {"threshold": 0.5, "ratio": 0.5}}, {0.0: 0, 0.5: 0.5 / 0.75, 0.8: 0.65 / 0.75, 1.0: 1}),
        ({"expand": {"threshold": 0.5, "ratio": 0.5}}, {0.0: 0, 0.5: 0.25 / 0.75, 0.8: 0.55 / 0.75, 1.0: 1}),
    ],
    ids=str,
)
def test_blocks_without_memory_have_their_formula(settings, points):
    for value, expected in points.items():
        assert chain(settings).settle(value) == pytest.approx(expected)


@pytest.mark.parametrize("knee", [0.0, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("slopes", [(1.0, 0.3), (0.2, 1.0)])
def test_a_knee_joins_the_slopes_without_a_jump(slopes, knee):
    values = [two_slopes(x, 0.5, *slopes, knee) for x in np.linspace(0, 1, 1001)]
    steps = np.diff(values)
    assert (values[0], values[-1]) == (0.0, pytest.approx(1.0))
    assert (steps >= 0).all()
    assert steps.max() <= 0.001 * max(slopes) / (sum(slopes) / 2) * 1.001
    if knee:
        assert np.abs(np.diff(steps)).max() < 0.5 * abs(slopes[1] - slopes[0]) * 0.001


def heard(block: Normaliser, draw: Callable[[int], np.ndarray], seconds: float) -> None:
    run(block, draw(round(seconds / HOP_S)))


def test_the_normaliser_finds_the_percentiles_of_what_was_heard():
    rng = np.random.default_rng(4)
    block = Normaliser(30.0, 0.05, 0.95)
    heard(block, lambda n: rng.uniform(0.3, 0.5, n), 60)
    # Uniform from 0.3 to 0.5, with what is left of the first second's range: 1 s in 27.
    assert block.ends == pytest.approx((0.31, 0.49), abs=0.02)
    assert run(block, [0.4])[0] == pytest.approx(0.5, abs=0.06)
    assert run(block, [0.29, 0.6]) == pytest.approx([0, 1], abs=0.02)


def test_the_normaliser_follows_a_quieter_piece_within_its_window():
    rng = np.random.default_rng(4)
    block = Normaliser(10.0, 0.05, 0.95)
    heard(block, lambda n: rng.uniform(0.6, 0.9, n), 60)
    assert max(run(block, [0.3])) == 0
    heard(block, lambda n: rng.uniform(0.1, 0.3, n), 40)
    assert block.ends == pytest.approx((0.11, 0.3), abs=0.03)


def test_silence_keeps_what_the_normaliser_learned():
    rng = np.random.default_rng(4)
    block = Normaliser(5.0, 0.05, 0.95)
    heard(block, lambda n: rng.uniform(0.2, 0.6, n), 30)
    before = block.ends
    assert not any(run(block, np.zeros(5000)))
    assert block.ends == before


def test_what_hardly_changes_is_not_blown_up():
    rng = np.random.default_rng(4)
    block = Normaliser(5.0, 0.05, 0.95)
    heard(block, lambda n: 0.5 + 0.001 * rng.standard_normal(n), 60)
    out = run(block, 0.5 + 0.001 * rng.standard_normal(500))
    assert max(out) - min(out) < 0.1


def test_the_smallest_and_the_largest_can_be_asked_for():
    rng = np.random.default_rng(4)
    block = Normaliser(30.0, 0.0, 1.0)
    heard(block, lambda n: rng.uniform(0.3, 0.5, n), 120)
    assert block.ends == pytest.approx((0.3, 0.5), abs=0.02)
    assert run(block, [0.3, 0.4, 0.5]) == pytest.approx([0, 0.5, 1], abs=0.1)


@pytest.mark.parametrize(("low", "high"), [(0.05, 0.95), (0.0, 1.0)])
def test_faint_hiss_stays_faint(low, high):
    rng = np.random.default_rng(4)
    block = Normaliser(30.0, low, high)
    heard(block, lambda n: rng.uniform(0.02, 0.03, n), 120)
    assert block.ends == (0.0, pytest.approx(0.1, abs=1e-6))
    assert max(run(block, rng.uniform(0.02, 0.03, 500))) <= 0.3 + 1e-6


@pytest.mark.parametrize("beats", [0.5, 1, 4])
def test_a_quantised_value_changes_only_where_a_beat_falls(beats):
    values = np.random.default_rng(6).random(2000)
    block = Quantiser(beats)
    block.settle(0.0)
    out = run(block, values)
    places = BEATS_PER_S * HOP_S * np.arange(1, 2001)
    changes = np.flatnonzero(np.diff(out)) + 1
    falls = np.flatnonzero(np.diff(np.floor(places / beats + 1e-9))) + 1
    assert changes.tolist() == falls.tolist()
    assert [out[i] for i in changes] == [values[i] for i in changes]
