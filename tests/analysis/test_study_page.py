"""docs/hearing-track.md says what is so."""

import re
from pathlib import Path

from analysis.study.whole import SIGNALS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hearing-track.md").read_text(encoding="utf-8")


def table() -> str:
    rows = ["| signal | values | range | what it is |", "|---|---|---|---|"]
    rows += [f"| `{name}` | {size} | {span} | {what} |" for name, (size, span, what) in SIGNALS.items()]
    return "\n".join(rows)


def test_the_table_of_signals_is_that_of_the_declarations():
    shown = re.search(r"<!-- signals:.*?-->\n(.*?)\n<!-- end -->", PAGE, re.DOTALL)
    assert shown
    assert shown[1] == table()
