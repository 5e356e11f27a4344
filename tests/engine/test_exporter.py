"""Whatever the exporting process does, what was asked for is settled and nobody waits for ever."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from engine.runtimes.exporter import Exporter
from engine.runtimes.source import Source
from engine.runtimes.task import MODEL, Task
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


_ANSWERING = "import sys; input(); [print('{\"error\": null}', flush=True) for line in sys.stdin]"


def order(tmp_path, ask) -> list[tuple[int, int]]:
    """(width, steps) of graphs in the order in which they are made: what `ask` asks for while the first one is."""
    made: list[tuple[int, int]] = []

    def settled(task: Task, error: str | None) -> None:
        assert error is None
        if not made:
            ask(exporter)
        made.append((task.size[0], task.steps))

    exporter = Exporter(Source("tiny"), tmp_path, settled, [sys.executable, "-c", _ANSWERING])
    exporter.ask(picture(1))
    exporter.wait()
    return made


def picture(steps: int, side: int = 32) -> Task:
    return Task("picture", (side, side), GRAIN, steps)


def test_what_somebody_waits_for_comes_first_and_then_what_is_played(tmp_path) -> None:
    def ask(exporter: Exporter) -> None:
        for steps in range(1, 7):
            exporter.ask(picture(steps))
        exporter.ask(picture(5), hurried=True)
        exporter.ask(picture(7), hurried=True)
        exporter.ask(picture(5))
        exporter.advance(picture(4))
        exporter.advance(picture(6))
        exporter.advance(picture(5))
        exporter.advance(picture(8))

    assert [steps for _, steps in order(tmp_path, ask)] == [1, 5, 7, 6, 4, 2, 3]


def test_after_a_change_of_size_nothing_is_made_for_the_old_one(tmp_path) -> None:
    def ask(exporter: Exporter) -> None:
        for steps in (2, 3):
            exporter.ask(picture(steps))
        exporter.ask(picture(3, 16))
        exporter.ask(MODEL)
        exporter.resize(16, 16)
        assert not exporter.pending(picture(3))
        assert exporter.pending(picture(1)), "is being made"
        exporter.ask(picture(3, 16))

    assert order(tmp_path, ask) == [(32, 1), (16, 2), (16, 3), (0, 1)]


def test_what_somebody_waits_for_at_either_size_comes_first_after_a_change_of_size(tmp_path) -> None:
    def ask(exporter: Exporter) -> None:
        exporter.ask(picture(2, 16))
        exporter.ask(picture(3, 16))
        exporter.ask(picture(4))
        exporter.ask(picture(3), hurried=True)
        exporter.resize(16, 16)

    assert order(tmp_path, ask) == [(32, 1), (16, 3), (16, 2), (16, 4)]


_PLAYED = """
import os, signal, sys
input()
for line in sys.stdin:
    {act}
    print('{{"error": null}}', flush=True)
"""


def settle_six(tmp_path, act: str) -> tuple[dict[int, str | None], str]:
    """Six graphs, of 1 to 6 steps, asked of a process that does `act` before it answers: what became of each."""
    settled: dict[int, str | None] = {}
    marks = tmp_path / "marks"
    marks.touch()
    code = _PLAYED.format(act=act.replace("MARKS", repr(str(marks))))
    exporter = Exporter(
        Source("tiny"), tmp_path, lambda task, error: settled.update({task.steps: error}), [sys.executable, "-c", code]
    )
    for steps in range(1, 7):
        exporter.ask(Task("picture", (32, 32), GRAIN, steps))
    waiting = threading.Thread(target=exporter.wait, daemon=True)
    waiting.start()
    waiting.join(120)
    assert not waiting.is_alive()
    return settled, marks.read_text()


def test_a_graph_that_a_process_dies_of_costs_the_others_nothing(tmp_path) -> None:
    settled, _ = settle_six(tmp_path, "if '\"steps\": 2' in line: sys.exit('no such thing')")
    assert "no such thing" in str(settled.pop(2))
    assert settled == dict.fromkeys((1, 3, 4, 5, 6))


def test_a_process_that_was_killed_is_given_another_try(tmp_path) -> None:
    kill = "if '\"steps\": 2' in line and not open(MARKS).read(): open(MARKS, 'w').write('x'); os.kill(os.getpid(), 9)"
    settled, marks = settle_six(tmp_path, kill)
    assert marks == "x"
    assert settled == dict.fromkeys(range(1, 7))
    always = "if '\"steps\": 2' in line: open(MARKS, 'a').write('x'); os.kill(os.getpid(), 9)"
    settled, marks = settle_six(tmp_path, always)
    assert "killed (signal 9)" in str(settled.pop(2))
    assert marks == "xxx"
    assert settled == dict.fromkeys((1, 3, 4, 5, 6))


def test_processes_that_always_die_are_not_tried_for_ever(tmp_path) -> None:
    settled, marks = settle_six(tmp_path, "open(MARKS, 'a').write('x'); sys.exit('never')")
    assert len(settled) == 6
    assert all(settled.values())
    assert marks == "xx"


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a group are POSIX")
def test_an_interrupt_in_the_terminal_is_not_the_exporters(tmp_path) -> None:
    settled, marks = settle_six(tmp_path, "open(MARKS, 'w').write(str(os.getsid(0)))")
    assert settled == dict.fromkeys(range(1, 7))
    assert int(marks) != os.getsid(0)


def test_a_process_that_goes_on_without_a_word_is_ended(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("engine.runtimes.exporter._ENDING_S", 0.2)
    settled, _ = settle_six(tmp_path, "os.close(1); import time; time.sleep(600)")
    assert len(settled) == 6
    assert all(settled.values())
