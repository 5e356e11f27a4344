"""The operators' reference page is whole, and its numbers come from the schedules."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from bench.operators import (
    INTRODUCTION,
    operator_section,
    page,
    published_levels,
    shown,
    step_levels,
    step_section,
    travelled,
)
from engine.bends import OPERATORS
from engine.layers import site_of_layer
from engine.measures import SiteInfo

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operators.md").read_text(encoding="utf-8")


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


def test_what_is_not_measured_on_the_page_is_that_of_the_declarations() -> None:
    for part in (INTRODUCTION, step_section(), *map(operator_section, OPERATORS.values())):
        assert part.strip() in PAGE, part[:60]


def test_sites_that_show_nothing_are_said() -> None:
    text = page([SiteInfo(f"unet.skip.{i}", "unet", (96, 4, 4), 1.0, "a norm reads this") for i in (5, 6, 7)])
    for where in (text, PAGE):
        rows = {row[1]: row[2] for row in re.finditer(r"^\| `unet\.skip\.(\d)` (.*)$", where, re.MULTILINE)}
        assert {i for i, row in rows.items() if "seen" in row} == {"6", "7"}


def test_layers_of_the_paper_are_at_the_sites_that_the_engine_says_for_the_steps_of_the_built_in_model() -> None:
    said = re.search(r"site_of_layer\(30, 3, timesteps=\((\d+), (\d+), (\d+)\)\)", (DOCS / "engine.md").read_text())
    assert said
    timesteps = [int(t) for t in said.groups()]
    assert timesteps == [round(t) for t, _, _ in step_levels(3).values() if t >= 0]
    row = next(line for line in PAGE.splitlines() if line.startswith("| 30 | 381 "))
    assert row.split(" | ")[5] == f"`{site_of_layer(30, 3, timesteps)}`"
