"""`Shelf`: the graphs that are open in ONNX Runtime, and the tasks that it cannot do. Needs no torch."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import OutOfMemory
from engine.runtimes.exported import first_line
from engine.runtimes.session import Session
from engine.runtimes.store import Store
from engine.runtimes.task import Task

__all__ = ["MOST_SESSIONS", "Shelf"]

log = logging.getLogger(__name__)

MOST_SESSIONS = 48
"""Most graphs kept ready; the one that was not used for longest goes first."""


class Shelf:
    """Open graphs by task. Any thread may open one; the lock is never held while it is opened.

    Parameters
    ----------
    store : Store
        Where graphs lie that have been exported.
    providers : list
        As `providers_for` gives them.
    threads : int or None
        Threads of one picture on the CPU.
    """

    def __init__(self, store: Store, providers: list[Any], threads: int | None) -> None:
        self._store, self._providers, self._threads = store, providers, threads
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()

    def holds(self, task: Task) -> bool:
        """Whether a task's graph is open."""
        return task.key in self._sessions

    def refuses(self, task: Task) -> bool:
        """Whether ONNX Runtime has been found unable to do a task."""
        return task.key in self._refused

    def get(self, task: Task) -> Session | None:
        """Return a task's graph if it is open, as the one used last."""
        with self._lock:
            session = self._sessions.get(task.key)
            if session is not None:
                self._sessions.move_to_end(task.key)
        return session

    def at_hand(self, task: Task) -> Session | None:
        """Return a graph that is open, or lies in the store; nothing is exported."""
        session = self.get(task)
        if session is None and not self.refuses(task) and self._store.has(task):
            session = self.open(task)
        return session

    def open(self, task: Task) -> Session | None:
        """Open a task's graph; None if there is none, or ONNX Runtime refuses it, and then so is the task."""
        graph = self._store.read(task)
        if graph is None:
            return None
        try:
            session = Session(graph, self._providers, self._threads)
        except OutOfMemory:
            raise
        except Exception as error:
            self.refuse(task, f"ONNX Runtime cannot open it: {first_line(error)}")
            return None
        with self._lock:
            self._sessions[task.key] = session
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def refuse(self, task: Task, why: str) -> None:
        """Close a task's graph and leave the task to torch from now on."""
        with self._lock:
            self._sessions.pop(task.key, None)
            if task.key in self._refused:
                return
            self._refused[task.key] = why
        what = {"model": "the model", "feedback": "feedback", "picture": task.plan}[task.kind]
        log.warning("%s plays in torch: %s", what, why.rstrip("."))

    @contextmanager
    def profiled(self, task: Task, profile: Path) -> Iterator[Session | None]:
        """Have an open graph played by a session that writes what each layer took to a file; None: it is not open."""
        played, graph = self.get(task), self._store.read(task)
        if played is None or graph is None:
            yield None
            return
        session = self._sessions[task.key] = Session(graph, self._providers, self._threads, profile)
        try:
            yield session
        finally:
            self._sessions[task.key] = played

    def clear(self) -> None:
        """Close all graphs. They stay in the store."""
        with self._lock:
            self._sessions.clear()
