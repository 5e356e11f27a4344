"""The tables of docs/scenes.md, made from the declarations they describe."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

from pydantic.fields import FieldInfo

from analysis.frame import Field
from engine.noise_paths import BANDS, MASKS
from engine.prompts import BLENDINGS
from scenes.blocks import BLOCKS, Block
from scenes.fields import Part
from scenes.motion import NOISE_KINDS, PROMPT_KINDS, Motion, NoiseMotion, PromptMotion
from scenes.schema import TARGETS
from scenes.sources import DEAF, SOURCES, VECTORS

__all__ = ["block_table", "motion_table", "source_table", "target_table"]

_IN_WORDS: dict[tuple[str, str], tuple[str, str]] = {
    ("noise", "kind"): ("above", "walk"),
    ("noise", "seeds"): (
        "2 to 32, or a list of so many",
        "4; drift 8; mixture one for each value; sections one for each prompt",
    ),
    ("noise", "bars"): ("", "as fast as `noise_turns_per_minute` says"),
    ("noise", "arc"): ("", "all the way round"),
    ("noise", "anchors"): ("a list of one or two seeds", "none"),
    ("noise", "mask"): (", ".join((*MASKS, *BANDS)), "all"),
    ("noise", "by"): (", ".join(VECTORS), "bands"),
    ("prompts", "kind"): ("above", "cues"),
    ("prompts", "blending"): (", ".join(("even", *BLENDINGS)), "even"),
    ("prompts", "bars"): ("", "as fast as `loops_per_minute` says"),
    ("prompts", "by"): (", ".join(VECTORS), "bands"),
}
"""What is no range and no number: which values a key of `motion` takes, and what stands where it is not said."""


def source_table() -> str:
    """Return the Markdown table of everything a route can listen to."""
    rows = ["| source | range | unit | at rest | every | what it is |", "|---|---|---|---|---|---|"]
    fields: dict[str, Field] = {}
    for source in SOURCES.values():
        if source.name not in DEAF:
            fields.setdefault(source.field.name, source.field)
    for field in fields.values():
        name = f"`{field.name}`" if field.size == 1 else f"`{field.name}.0` to `{field.name}.{field.size - 1}`"
        cells = (name, _ends(field.low, field.high), field.unit, f"{field.rest:g}", field.pace, field.description)
        rows.append(f"| {' | '.join(cells)} |")
    for source in SOURCES.values():
        if source.name in DEAF:
            rows.append(f"| `{source.name}` | 0 to 1 | | 0 | hop | {source.field.description} |")
    return "\n".join(rows)


def target_table() -> str:
    """Return the Markdown table of what a route can move beside the bends."""
    rows = ["| target | range | unit | what it is |", "|---|---|---|---|"]
    for address, p in TARGETS.items():
        assert p.low is not None
        assert p.high is not None
        rows.append(f"| `{address}` | {_ends(p.low, p.high)} | {p.unit} | {p.description} |")
    return "\n".join(rows)


def block_table() -> str:
    """Return the Markdown table of what a route's `through` can hold."""
    rows = ["| block | settings (a bare number is the first) | what it does |", "|---|---|---|"]
    for name, kind in BLOCKS.items():
        settings = ", ".join(_setting(kind, key) for key in kind.model_fields)
        rows.append(f"| `{name}` | {settings} | {kind.what} |")
    return "\n".join(rows)


def motion_table() -> str:
    """Return the Markdown table of every key of a scene's `motion`: its range and what it is when not said."""
    rows = ["| in | key | range | when not said | with kind |", "|---|---|---|---|---|"]
    parts: tuple[tuple[str, type[Part], dict[str, frozenset[str]]], ...] = (
        ("motion", Motion, {}),
        ("noise", NoiseMotion, NOISE_KINDS),
        ("prompts", PromptMotion, PROMPT_KINDS),
    )
    for part, declared, kinds in parts:
        for key, field in declared.model_fields.items():
            if part == "motion" and key in ("noise", "prompts"):
                continue
            values, default = _IN_WORDS.get((part, key), ("", ""))
            values = values or " ".join(f"{word} {value:g}" for word, value in _bounds(field)).removeprefix("from ")
            where = [kind for kind, keys in kinds.items() if key in keys]
            every = "" if len(where) == len(kinds) else ", ".join(where)
            rows.append(f"| {part} | `{key}` | {values} | {default or f'{field.default:g}'} | {every} |")
    return "\n".join(rows)


def _setting(kind: type[Block], key: str) -> str:
    """A key with its range and what it is when not said."""
    field = kind.model_fields[key]
    bounds = [f"{word} {value:g}" for word, value in _bounds(field)]
    default = "" if field.default is None else f"; {field.default:g}"
    return f"`{key}` ({' '.join(bounds)}{default})"


def _bounds(field: FieldInfo) -> Iterator[tuple[str, float]]:
    """The least and the most a setting may be, wherever pydantic keeps them."""
    parts = [field.metadata, *(getattr(part, "__metadata__", ()) for part in get_args(field.annotation))]
    found = [item for part in parts for item in part]
    found += [inner for item in found if isinstance(item, FieldInfo) for inner in item.metadata]
    for item in found:
        for word, name in (("from", "ge"), ("above", "gt"), ("to", "le")):
            if hasattr(item, name):
                yield word, getattr(item, name)


def _ends(low: float, high: float) -> str:
    return f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{'-' if value < 0 else ''}2π" if math.isclose(abs(value), math.tau) else f"{value:g}"
