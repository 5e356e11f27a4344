"""Sections on the terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from bench.builtin.readings import Section

__all__ = ["report", "show_section", "show_summary"]

_STYLES = {True: "green", False: "bold red", None: "dim"}


def show_section(console: Console, section: Section, where: str) -> None:
    """Print one section's readings, then its remarks and files."""
    title = f"{section.name}: {section.about} ({where})"
    if section.readings:
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("what", overflow="fold")
        table.add_column("measured", justify="right")
        table.add_column("bar")
        table.add_column("verdict")
        table.add_column("how", overflow="fold")
        for reading in section.readings:
            value = f"{reading.value:.{reading.digits}f} {reading.unit}".strip()
            verdict = f"[{_STYLES[reading.met]}]{reading.verdict}[/]"
            table.add_row(reading.what, value, reading.bar, verdict, reading.note)
        console.print(table)
    else:
        console.print(title)
    for remark in section.remarks:
        console.print(f"  {remark}", markup=False, highlight=False, soft_wrap=True)
    for path in section.files:
        console.print(f"  wrote {path}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  {section.seconds:.0f} s\n", highlight=False)


def show_summary(console: Console, sections: list[Section]) -> None:
    """Print how many bars are met, and those that are not."""
    judged = [(section.name, r) for section in sections for r in section.readings if r.met is not None]
    short = [(name, r) for name, r in judged if not r.met]
    console.print(f"{len(judged) - len(short)} of {len(judged)} bars met.", highlight=False)
    for name, reading in short:
        value = f"{reading.value:.{reading.digits}f}"
        console.print(f"  {name}, {reading.what}: {value}, {reading.bar}, {reading.verdict}", highlight=False)


def report(sections: list[Section], head: dict[str, Any]) -> dict[str, Any]:
    """Everything as JSON can hold it."""
    return {**head, "sections": {section.name: section.plain() for section in sections}}
