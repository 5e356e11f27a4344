"""The operators' reference page is whole, and its numbers come from the schedules."""

from __future__ import annotations

import math
import re

import pytest

from bench.operators import page, published_levels, shown, step_levels, travelled
from engine.bends import OPERATORS


@pytest.mark.parametrize("name", OPERATORS)
def test_a_strip_stays_in_range_and_moves(name: str) -> None:
    declared = OPERATORS[name]
    parameter, values = travelled(declared)
    (own,) = (p for p in declared.parameters if p.name == parameter)
    numbers = [v for v in values if v is not None]
    assert len(values) == 5
    assert all(own.low <= v <= own.high for v in numbers)
    assert numbers == sorted(set(numbers))
    assert all(bend.site.split(".")[0] in declared.kinds for bend in shown(declared))


def test_the_published_noise_levels_are_those_of_fifty_ddim_steps() -> None:
    levels = published_levels()
    assert [levels[i][0] for i in (0, 10, 20, 30, 40, 49)] == [981, 781, 581, 381, 181, 1]
    assert levels[30][1:] == pytest.approx((0.67, 0.74), abs=0.01)
    assert all(math.isclose(a * a + b * b, 1) for _, a, b in levels.values())


def test_the_page_has_every_operator_and_every_step() -> None:
    text = page(())
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == set(OPERATORS)
    for declared in OPERATORS.values():
        assert all(f"| `{p.name}` |" in text for p in declared.parameters)
    noises = [level[2] for level in step_levels(4).values()]
    assert noises == sorted(noises, reverse=True)
    assert "| 50 | after the last | 1.00 / 0.00 | `latent.end` |" in text
    assert max(map(len, text.splitlines())) < 600
