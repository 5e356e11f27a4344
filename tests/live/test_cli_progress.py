"""How far a long command is, on a terminal and in a log."""

from __future__ import annotations

import io

from rich.console import Console

from live.cli.progress import Lines, counting


def test_a_log_gets_a_line_a_minute_with_the_time_left():
    now, told = [0.0], []
    lines = Lines("pictures", told.append, lambda: now[0])
    now[0] = 100.0  # a model was loaded
    for done in range(1, 601):
        lines(done, 600)
        now[0] += 1.0
    assert told[0] == "61 of 600 pictures (10 %), 9 min left"
    assert told[-1] == "600 of 600 pictures (100 %)"
    assert len(told) == 10


def test_what_is_no_terminal_gets_lines_and_a_terminal_bars():
    log, screen = io.StringIO(), io.StringIO()
    for file, terminal in ((log, False), (screen, True)):
        console = Console(file=file, force_terminal=terminal, width=80)
        with counting("first", "second", console=console) as (first, second):
            first(2, 2)
            second(3, 3)
    assert log.getvalue() == "2 of 2 first (100 %)\n3 of 3 second (100 %)\n"
    assert "3/3" in screen.getvalue()
