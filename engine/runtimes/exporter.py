"""`Exporter`: asks the exporting process for graphs, off the picture loop. Needs no torch."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO

from engine.runtimes.source import Source
from engine.runtimes.task import Task

__all__ = ["Exporter"]

log = logging.getLogger(__name__)

_ENDING_S = 10.0
_ROOT = Path(__file__).resolve().parents[2]


class Exporter:
    """Has graphs exported by a process that ends when none is left to do.

    First come those that somebody waits for, then what is played, then the rest; each in the order in which they are
    asked for.

    Parameters
    ----------
    source : Source
    folder : Path
        The model's folder in the cache.
    settled : callable
        Called with each task and None, or what went wrong in a sentence; on the exporter's own thread.
    command : list of str or None
        How the process is started; None for the usual way.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        settled: Callable[[Task, str | None], None],
        command: list[str] | None = None,
    ) -> None:
        self._source, self._folder, self._settled = source, folder, settled
        self._command = command or [sys.executable, "-m", "engine.runtimes.export"]
        self._waiting: list[tuple[Task, bool]] = []
        self._begun = 0
        """How many of those that wait are being exported: the first, or none."""
        self._asked: set[str] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._killed: set[str] = set()
        self._barren = 0
        """Processes in a row that ended over their first task."""

    def ask(self, task: Task, *, hurried: bool = False) -> None:
        """Have a graph exported, unless it has been asked for already; `hurried` when somebody waits for it."""
        with self._changed:
            if task.key in self._asked:
                if hurried:
                    self._move(task, True)
                return
            self._asked.add(task.key)
            self._waiting.insert(self._urgent() if hurried else len(self._waiting), (task, hurried))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="exporter", daemon=True)
                self._thread.start()

    def advance(self, task: Task) -> None:
        """Put a graph that is played before all that nobody waits for, if it has been asked for."""
        with self._changed:
            self._move(task, False)

    def resize(self, width: int, height: int) -> None:
        """Have what was asked for and is not begun made for pictures of another size."""
        with self._changed:
            later = self._waiting[self._begun :]
            del self._waiting[self._begun :]
            self._asked -= {task.key for task, _ in later}
            for task, hurried in later:
                fitting = task if task.kind == "model" else replace(task, size=(width, height))
                if fitting.key not in self._asked:
                    self._asked.add(fitting.key)
                    self._waiting.append((fitting, hurried))
                elif hurried:
                    self._move(fitting, True)

    def _urgent(self) -> int:
        """Place behind what is being exported and what somebody waits for."""
        following = enumerate(self._waiting[self._begun :], self._begun)
        return next((place for place, (_, hurried) in following if not hurried), len(self._waiting))

    def _move(self, task: Task, hurried: bool) -> None:
        """Move a task forward, if that is where it is to go."""
        for place in range(self._begun, len(self._waiting)):
            if self._waiting[place][0].key == task.key and not self._waiting[place][1]:
                del self._waiting[place]
                self._waiting.insert(self._urgent(), (task, hurried))
                return

    def pending(self, task: Task) -> bool:
        """Whether a graph has been asked for and is not settled yet."""
        return task.key in self._asked

    def wait(self) -> None:
        """Return when everything that was asked for is settled."""
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    self._changed.notify_all()
                    return
            try:
                self._one_process()
            except Exception as error:
                # Whatever goes wrong, somebody may be waiting for this thread to end.
                log.exception("exporting failed")
                self._give_up(f"exporting failed ({type(error).__name__})")

    def _one_process(self) -> None:
        """Start a process and hand it tasks until none is left, or it fails."""
        with tempfile.TemporaryFile() as said:
            try:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                    encoding="utf-8",
                    env={**os.environ, "PYTHONPATH": _search_path()},
                    # An interrupt in the terminal is the show's to heed; this process ends when nobody talks to it.
                    start_new_session=True,
                )
            except OSError as error:
                self._give_up(f"the exporting process cannot be started ({error.strerror})")
                return
            assert process.stdin is not None
            assert process.stdout is not None
            answered = False
            try:
                print(json.dumps({**asdict(self._source), "folder": str(self._folder)}), file=process.stdin)
                while (following := self._next()) is not None:
                    task, hurried = following
                    print(json.dumps({**task.to_json(), "hurried": hurried}), file=process.stdin, flush=True)
                    answer = process.stdout.readline()
                    if not answer:
                        self._died(task, _status(process), _last_line(said), answered)
                        return
                    answered = True
                    self._tell(task, _error_in(answer))
                process.stdin.close()
                process.wait()
            except (OSError, ValueError) as error:
                self._give_up(f"the exporting process cannot be talked to ({error})")
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                process.stdout.close()

    def _died(self, task: Task, status: int, last_words: str, answered: bool) -> None:
        """Settle the task that a process ended over; the others are for the next one."""
        if status < 0 and task.key not in self._killed:
            # Somebody killed it, most likely for memory; there may be enough now.
            self._killed.add(task.key)
            return
        why = f"was killed (signal {-status})" if status < 0 else f"ended ({last_words})"
        self._tell(task, f"the exporting process {why}")
        self._barren = 0 if answered else self._barren + 1
        if self._barren > 1:
            self._barren = 0
            self._give_up("the exporting process ended twice before it had made anything")

    def _next(self) -> tuple[Task, bool] | None:
        with self._changed:
            self._begun = min(1, len(self._waiting))
            return self._waiting[0] if self._waiting else None

    def _tell(self, task: Task, error: str | None) -> None:
        try:
            self._settled(task, error)
        except Exception:
            log.exception("a graph could not be taken over")
        with self._changed:
            del self._waiting[0]
            self._begun = 0
            self._asked.discard(task.key)

    def _give_up(self, why: str) -> None:
        """Settle everything that waits."""
        while (following := self._next()) is not None:
            self._tell(following[0], why)


def _error_in(answer: str) -> str | None:
    """Return what an answer says went wrong, or None; raises ValueError if it is no answer."""
    content = json.loads(answer)
    if not isinstance(content, dict) or not isinstance(content.get("error", 0), str | None):
        raise ValueError("what it says is no answer")
    error: str | None = content["error"]
    return error


def _status(process: subprocess.Popen[str]) -> int:
    """Return how a process that says no more ended; one that goes on in silence is ended."""
    try:
        return process.wait(_ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return 1


def _search_path() -> str:
    """Where the process finds this package even when it is not installed."""
    return os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))


def _last_line(file: IO[bytes]) -> str:
    file.seek(0)
    lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else "without a word"
