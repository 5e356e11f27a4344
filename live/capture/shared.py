"""Named shared memory that only its creator unlinks, and records in it that are never read torn."""

from __future__ import annotations

import os
import sys
import threading
import zlib
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

import numpy as np

__all__ = ["RecordRing", "Segment"]

_patching = threading.Lock()


class Segment(SharedMemory):
    """A piece of shared memory.

    Before Python 3.13 every process that attaches is made to unlink the memory when it ends, also one that only
    visits. Here only the creator's tracker knows of it.

    Parameters
    ----------
    name : str or None
        Name to attach to, or to create under; None lets the system choose one.
    size : int
        Bytes to create; 0 attaches.
    """

    def __init__(self, name: str | None = None, size: int = 0) -> None:
        if size:
            super().__init__(name, create=True, size=size)
        elif sys.version_info >= (3, 13):
            super().__init__(name, track=False)
        else:
            with _patching:
                register = resource_tracker.register
                resource_tracker.register = lambda *_: None
                try:
                    super().__init__(name)
                finally:
                    resource_tracker.register = register

    @property
    def memory(self) -> memoryview:
        """The memory itself."""
        assert self.buf is not None
        return self.buf

    def __del__(self) -> None:
        try:
            super().__del__()  # type: ignore[misc]
        except BufferError:
            # Arrays over the memory are still alive and keep it mapped; only the descriptor is ours to give back.
            descriptor = getattr(self, "_fd", -1)
            if descriptor >= 0:
                self._fd = -1
                os.close(descriptor)
        except AttributeError:
            # It was never opened.
            return


class RecordRing:
    """Records in a shared buffer: one writer, any number of readers, no lock.

    Record number n lies in slot n modulo the number of slots. A slot holds a sequence count (2n + 1 while record n is
    being written, 2n + 2 once it is there), a checksum over n and the record, and the record. A reader takes a record
    only if the count is right before and after copying and the checksum fits: the second catches what a
    processor with weak memory ordering may do to the first. Nothing here ever waits for the writer.

    Parameters
    ----------
    buffer : memoryview
    offset : int
        Where the ring begins, in bytes; a multiple of 8.
    record : numpy dtype
    slots : int
    """

    def __init__(self, buffer: memoryview, offset: int, record: np.dtype, slots: int) -> None:
        layout = self._layout(record)
        fields = layout.fields
        assert fields is not None
        self._head = np.ndarray((1,), np.uint64, buffer, offset)
        cells = np.ndarray((slots,), layout, buffer, offset + 8)
        self._counts, self._sums = cells["count"], cells["sum"]
        self._bodies = np.ndarray(
            (slots, record.itemsize), np.uint8, buffer, offset + 8 + fields["body"][1], (layout.itemsize, 1)
        )
        self._record, self.slots = record, slots

    @staticmethod
    def _layout(record: np.dtype) -> np.dtype:
        return np.dtype([("count", "u8"), ("sum", "u4"), ("body", "u1", (record.itemsize,))], align=True)

    @classmethod
    def size(cls, record: np.dtype, slots: int) -> int:
        """Bytes the ring needs, a multiple of 8."""
        return 8 + -(-cls._layout(record).itemsize * slots // 8) * 8

    @property
    def head(self) -> int:
        """Number of records written so far."""
        return int(self._head[0])

    def write(self, record: np.ndarray) -> None:
        """Write one record; only ever called by the one writer."""
        number = self.head
        slot = number % self.slots
        body = record.tobytes()
        self._counts[slot] = 2 * number + 1
        self._bodies[slot] = np.frombuffer(body, np.uint8)
        self._sums[slot] = zlib.crc32(body, number & 0xFFFFFFFF)
        self._counts[slot] = 2 * number + 2
        self._head[0] = number + 1

    def get(self, number: int, tries: int = 4) -> np.ndarray | None:
        """Return record `number`, shape (), or None when it is not there (any more).

        Tries a few times when the record seems torn, then gives up.
        """
        slot, whole = number % self.slots, 2 * number + 2
        for _ in range(tries):
            if int(self._counts[slot]) != whole:
                return None
            body = self._bodies[slot].tobytes()
            expected = int(self._sums[slot])
            if int(self._counts[slot]) == whole and zlib.crc32(body, number & 0xFFFFFFFF) == expected:
                return np.frombuffer(body, self._record)[0]
        return None

    def newest(self, tries: int = 16) -> np.ndarray | None:
        """Return the newest whole record, shape (), or None when there is none."""
        for _ in range(tries):
            head = self.head
            if head == 0:
                return None
            record = self.get(head - 1, 1)
            if record is not None:
                return record
        return None
