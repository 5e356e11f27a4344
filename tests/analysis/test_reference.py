"""docs/hearing.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import FEATURES, FIELDS, Field
from analysis.frame import FEATURE_FRAME
from analysis.reference import field_table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hearing.md").read_text(encoding="utf-8")


def test_the_table_is_that_of_the_declarations() -> None:
    shown = re.search(r"<!-- fields:.*?-->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert shown
    assert shown[1] == field_table()


def test_the_example_runs() -> None:
    room: dict[str, Any] = {"block": np.zeros((1100, 2), np.float32)}
    exec(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0], room)
    assert room["frames"].shape == (4,)
    assert room["frames"].dtype == FEATURE_FRAME
    room["block"] = np.zeros(100, np.int16)
    exec("frames = analyzer.process(block)", room)
    assert room["frames"].shape == (0,)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_field_is_declared_whole(field: Field) -> None:
    assert field.low <= field.rest <= field.high
    assert field.description
    assert field.every >= 1
    assert field.size >= 1
    assert FEATURE_FRAME[field.name].base == field.dtype


def test_names_are_told_apart() -> None:
    assert len({field.name for field in FIELDS}) == len(FIELDS)
    assert all(field.high < float("inf") for field in FEATURES)
