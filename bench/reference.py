"""Writes the tables of docs/engine.md, hearing.md and scenes.md from declarations: ``python -m bench.reference``."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from analysis.reference import field_table
from engine.layers import layer_table
from scenes.reference import block_table, motion_table, source_table, target_table

DOCS = Path(__file__).resolve().parents[1] / "docs"
TABLES = {
    "engine.md": {"layers": layer_table},
    "hearing.md": {"fields": field_table},
    "scenes.md": {
        "blocks": block_table,
        "motion": motion_table,
        "sources": source_table,
        "targets": target_table,
    },
}


def main() -> int:
    """Write every table into its place, between its two marks."""
    parser = argparse.ArgumentParser(prog="python -m bench.reference", description=__doc__)
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder of the pages (default: docs)")
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=list(TABLES), help="write these pages only")
    wishes = parser.parse_args()
    for name in wishes.only:
        path, tables = wishes.docs / name, TABLES[name]
        page = path.read_text(encoding="utf-8")
        for mark, table in tables.items():
            pattern = re.compile(rf"(<!-- {mark}:[^\n]*-->\n).*?(?=\n<!-- end -->)", re.DOTALL)
            page, count = pattern.subn(lambda found, table=table: found[1] + table(), page)
            if count != 1:
                print(f"{path} has {count} places for the table {mark}; it needs one.", file=sys.stderr)
                return 1
        path.write_text(page, encoding="utf-8")
        print(f"Wrote {path}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
