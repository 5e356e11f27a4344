"""`Mailbox`: the one-slot hand-over between two threads. The newest item wins; nothing queues up."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A slot for one item, written by one thread and emptied by another.

    An item that is not taken before the next one comes is replaced and counted, so a slow reader sees fewer items
    but never older ones. ``None`` means empty and cannot be put.

    Examples
    --------
    >>> box = Mailbox()
    >>> box.put("first"); box.put("second")
    >>> box.take(), box.take(), box.replaced
    ('second', None, 1)
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._count = 0
        self._replaced = 0

    def put(self, item: T) -> None:
        """Leave `item`, in place of one that still lies there. Never blocks for a reader."""
        if item is None:
            raise ValueError("a mailbox cannot hold None, which means empty.")
        with self._condition:
            if self._item is not None:
                self._replaced += 1
            self._item = item
            self._count += 1
            self._condition.notify_all()

    def take(self) -> T | None:
        """Return the item and empty the slot; None when nothing lies there."""
        with self._condition:
            item, self._item = self._item, None
            return item

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until an item lies there, at most `timeout_s` (None: without end). Return whether one does."""
        with self._condition:
            return self._condition.wait_for(lambda: self._item is not None, timeout_s)

    @property
    def count(self) -> int:
        """Items ever put."""
        with self._condition:
            return self._count

    @property
    def replaced(self) -> int:
        """Items that were replaced before anyone took them."""
        with self._condition:
            return self._replaced
