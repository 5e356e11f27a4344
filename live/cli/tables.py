"""Tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["show"]

PIPE_WIDTH = 200


def show(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; into a pipe it is wide, so that no cell is cut."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    if not table.row_count:
        table.add_row("none", *[""] * (len(columns) - 1))
    console.print(table)
