"""The table of docs/hearing.md, made from the declarations it describes."""

from __future__ import annotations

import math

from analysis.frame import FIELDS

__all__ = ["field_table"]


def field_table() -> str:
    """Return the Markdown table of every field of a frame."""
    rows = ["| field | values | range | unit | at rest | every | what it is |", "|---|---|---|---|---|---|---|"]
    for field in FIELDS:
        high = "" if math.isinf(field.high) else f"{field.high:g}"
        ends = f"{field.low:g} to {high}" if high else f"{field.low:g} and above"
        cells = (f"`{field.name}`", str(field.size), ends, field.unit, f"{field.rest:g}", field.pace, field.description)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
