"""docs/scenes.md says what is so."""

import re
from pathlib import Path

import pytest

from scenes import Patch, loads
from scenes.reference import _bounds, block_table, motion_table, source_table, target_table
from scenes.schema import Route, Scene

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scenes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("mark", "table"),
    [("sources", source_table), ("targets", target_table), ("blocks", block_table), ("motion", motion_table)],
)
def test_the_tables_are_those_of_the_declarations(mark, table):
    shown = re.search(rf"<!-- {mark}:.*?-->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert shown
    assert shown[1] == table()


def test_the_example_says_the_range_of_what_no_table_has():
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1]
    for model, key in ((Scene, "prompt_blend_s"), (Route, "period_s"), (Route, "hold_ms")):
        field = model.model_fields[key]
        ends = " to ".join(f"{end:g}" for _, end in _bounds(field))
        said = re.search(rf"{key}: .*# (.*(?:\n +# .*)*)", example)[1]
        assert ends in said, key
        assert f"{field.default:g} when not said" in said, key


def test_the_example_loads_and_plays():
    scene = loads(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1], "docs/scenes.md")
    assert len(scene.routes) == 5
    assert len(Patch(scene).plan.slots) == 6


def test_the_chains_and_oscillators_of_the_page_load():
    whole, *parts = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    routes = [part.removeprefix("routes:\n") for part in parts if re.match(r"routes:|  - {name", part)]
    assert len(routes) == 2
    for part in routes:
        assert len(loads(whole + part).routes) == 5 + 2
