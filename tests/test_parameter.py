"""A parameter lets in what it declares and nothing else."""

import math
import struct

import pytest

from bentlight.errors import BadInput
from bentlight.parameter import Parameter

LEVEL = Parameter("level", 0.5, 0.0, 2.0, "site sd")
STEPS = Parameter("steps", 1, 1, 8, kind="int")
CURVE = Parameter("curve", "linear", kind="choice", choices=("linear", "square"))


@pytest.mark.parametrize("value", [0, 0.0, 2, 1.25])
def test_a_number_in_range_passes(value):
    assert LEVEL.parse(value) == float(value)


@pytest.mark.parametrize(("low", "high"), [(-2 * math.pi, 2 * math.pi), (-4 * math.pi, 4 * math.pi), (0.02, 0.3)])
def test_limits_arrive_in_single_precision_too(low, high):
    parameter = Parameter("angle", 0.1, low, high, "rad")
    for limit in (low, high):
        assert parameter.parse(struct.unpack(">f", struct.pack(">f", limit))[0]) == limit
    with pytest.raises(BadInput, match="angle"):
        parameter.parse(high * (1 + 1e-5))


@pytest.mark.parametrize("value", [-2e-6, 2.0000002, 2.000002])
def test_what_is_hardly_beyond_a_limit_is_the_limit(value):
    assert LEVEL.parse(value) in (0.0, 2.0)


@pytest.mark.parametrize("value", [2.00001, -1e-5, 2.1])
def test_a_refused_number_never_reads_as_one_that_is_admissible(value):
    with pytest.raises(BadInput) as refusal:
        LEVEL.parse(value)
    told = float(str(refusal.value).split(";")[0].split()[-1])
    assert not 0 <= told <= 2
    with pytest.raises(BadInput, match=r"is 6\.2834; it must be from -6\.2832 to 6\.2832 rad"):
        Parameter("angle", 0.1, -6.2832, 6.2832, "rad").parse(6.2834)
    with pytest.raises(BadInput, match=r"is 123456\.5; .* whole"):
        Parameter("seed", 0, 0, 2**31 - 1, kind="int").parse(123456.5)


@pytest.mark.parametrize(("sent", "meant"), [(7.0000005, 7), (6.9995, 7), (0.9992, 1), (8.0009, 8)])
def test_a_fader_need_not_hit_a_whole_number_exactly(sent, meant):
    assert STEPS.parse(sent) == meant
    assert isinstance(STEPS.parse(sent), int)
    with pytest.raises(BadInput, match="whole"):
        STEPS.parse(7.002)


@pytest.mark.parametrize("value", [-0.01, 2.01, math.nan, math.inf, "1", None, True, [1]])
def test_anything_else_is_refused_with_the_name_in_the_sentence(value):
    with pytest.raises(BadInput, match="level"):
        LEVEL.parse(value)


def test_the_sentence_tells_the_range_and_the_unit():
    with pytest.raises(BadInput, match=r"from 0 to 2 site sd"):
        LEVEL.parse(3)


def test_a_whole_number_may_come_as_a_float_but_a_fraction_may_not():
    assert STEPS.parse(2.0) == 2
    assert isinstance(STEPS.parse(2.0), int)
    with pytest.raises(BadInput, match="whole"):
        STEPS.parse(2.5)


def test_a_choice_names_its_choices():
    assert CURVE.parse("square") == "square"
    with pytest.raises(BadInput, match="linear, square"):
        CURVE.parse("cubic")


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(BadInput, match="characters"):
        Parameter("prompt", "", kind="text").parse("x" * 501)


@pytest.mark.parametrize(("value", "expected"), [(-1, 0.0), (5, 2.0), (1.5, 1.5), (math.nan, 0.5), (math.inf, 0.5)])
def test_clamping_always_gives_a_finite_value_in_range(value, expected):
    assert LEVEL.clamp(value) == expected
