"""The tables of docs/scenes.md, made from the declarations they describe."""

from __future__ import annotations

import math

from analysis.frame import Field
from scenes.schema import TARGETS
from scenes.sources import SOURCES, SWAY

__all__ = ["source_table", "target_table"]


def source_table() -> str:
    """Return the Markdown table of everything a route can listen to."""
    rows = ["| source | range | unit | at rest | every | what it is |", "|---|---|---|---|---|---|"]
    fields: dict[str, Field] = {}
    for source in SOURCES.values():
        if source.name != SWAY:
            fields.setdefault(source.field.name, source.field)
    for field in fields.values():
        name = f"`{field.name}`" if field.size == 1 else f"`{field.name}.0` to `{field.name}.{field.size - 1}`"
        cells = (name, _ends(field.low, field.high), field.unit, f"{field.rest:g}", field.pace, field.description)
        rows.append(f"| {' | '.join(cells)} |")
    sway = SOURCES[SWAY].field
    rows.append(f"| `{SWAY}` | {_ends(sway.low, sway.high)} | | 0 | hop | {sway.description} |")
    return "\n".join(rows)


def target_table() -> str:
    """Return the Markdown table of what a route can move beside the bends."""
    rows = ["| target | range | unit | what it is |", "|---|---|---|---|"]
    for address, p in TARGETS.items():
        assert p.low is not None
        assert p.high is not None
        rows.append(f"| `{address}` | {_ends(p.low, p.high)} | {p.unit} | {p.description} |")
    return "\n".join(rows)


def _ends(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{'-' if value < 0 else ''}2π" if math.isclose(abs(value), math.tau) else f"{value:g}"
