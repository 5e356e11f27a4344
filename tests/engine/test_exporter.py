"""Whatever the exporting process does, what was asked for is settled and nobody waits for ever."""

from __future__ import annotations

import sys
import threading

import pytest

from engine.runtimes.exporter import Exporter
from engine.runtimes.source import Source
from engine.runtimes.task import Task
from tests.engine.onnx_players import GRAIN


@pytest.mark.parametrize("answer", ["7", "[]", "null", "{}", '{"error": 3}', "hello"])
def test_an_exporting_process_that_answers_nonsense_ends_the_wait(tmp_path, answer: str) -> None:
    settled: list[str | None] = []
    command = [sys.executable, "-c", f"input(); input(); print({answer!r}, flush=True); input()"]
    exporter = Exporter(Source("tiny"), tmp_path, lambda task, error: settled.append(error), command)
    for steps in (1, 2):
        exporter.ask(Task("picture", (32, 32), GRAIN, steps))
    waiting = threading.Thread(target=exporter.wait, daemon=True)
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()
    assert len(settled) == 2
    assert all(settled)


def test_what_is_printed_while_exporting_is_no_answer(tmp_path) -> None:
    code = """
import os
from engine.runtimes import export
def answers(asked, lines):
    for line in lines:
        print("from Python")
        os.write(1, b"from C")
        yield None
export._answers = answers
export.main()
"""
    settled: list[str | None] = []
    command = [sys.executable, "-c", code]
    exporter = Exporter(Source("tiny"), tmp_path, lambda task, error: settled.append(error), command)
    exporter.ask(Task("picture", (32, 32), GRAIN))
    exporter.wait()
    assert settled == [None]


def test_without_room_for_what_the_process_says_the_wait_ends_too(tmp_path, monkeypatch) -> None:
    def full() -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("engine.runtimes.exporter.tempfile.TemporaryFile", full)
    settled: list[str | None] = []
    exporter = Exporter(Source("tiny"), tmp_path, lambda task, error: settled.append(error))
    exporter.ask(Task("picture", (32, 32), GRAIN))
    waiting = threading.Thread(target=exporter.wait, daemon=True)
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()
    assert all(settled)
    assert len(settled) == 1
