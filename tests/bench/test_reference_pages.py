"""`bench.reference` writes the tables it says, where it says, and nothing when it is only asked what it does."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from bench import reference


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for name in reference.TABLES:
        shutil.copy(reference.DOCS / name, tmp_path)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench.reference", *arguments])
    return reference.main()


def test_help_writes_nothing(monkeypatch, pages, capsys) -> None:
    monkeypatch.setattr(reference, "DOCS", pages)
    before = {path: path.stat().st_mtime_ns for path in pages.iterdir()}
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "--help")
    assert end.value.code == 0
    assert "--only" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in pages.iterdir()} == before


def test_a_table_that_was_changed_by_hand_is_written_anew_on_the_page_asked_for(monkeypatch, pages) -> None:
    for name in reference.TABLES:
        path = pages / name
        path.write_text(path.read_text("utf-8").replace("\n<!-- end -->", "\nmeddled\n<!-- end -->"), "utf-8")
    assert run(monkeypatch, "--docs", str(pages), "--only", "scenes.md") == 0
    assert "meddled" not in (pages / "scenes.md").read_text("utf-8")
    assert "meddled" in (pages / "hearing.md").read_text("utf-8")
    assert run(monkeypatch, "--docs", str(pages)) == 0
    for name in reference.TABLES:
        assert (pages / name).read_text("utf-8") == (reference.DOCS / name).read_text("utf-8")


def test_every_mark_names_the_command(monkeypatch) -> None:
    for name, tables in reference.TABLES.items():
        page = (reference.DOCS / name).read_text("utf-8")
        for mark in tables:
            assert f"<!-- {mark}: made by `python -m bench.reference`" in page
