"""Recording a picture's work on the device once, to run it again without Python: `Capturer`, and the one for CUDA."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

__all__ = ["Capturer", "CudaCapturer"]

_WARM_UPS = 3
"""Runs before a capture, in which libraries make what they keep: handles, workspaces, plans, compiled code."""


class Capturer(Protocol):
    """What records work on a device.

    Attributes
    ----------
    pinned : bool
        Whether the host's side of copies is to be locked in memory.
    """

    pinned: bool

    def scope(self) -> AbstractContextManager[Any]:
        """Where everything that is captured, played or copied must be queued."""

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return what does again what `work` does on the device, reading and writing the same memory.

        Parameters
        ----------
        work : callable
            Is run a few times.

        Raises
        ------
        RuntimeError
            If it cannot be captured.
        """

    def wait(self) -> None:
        """Return when all that has been queued so far in the scope is done."""


class CudaCapturer:
    """CUDA graphs, on a stream of their own, each with a memory pool of its own.

    Parameters
    ----------
    device : torch.device
    """

    pinned = True

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self._done = torch.cuda.Event()
        # The model was loaded on another one.
        self._stream.wait_stream(torch.cuda.current_stream(device))

    def scope(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        for _ in range(_WARM_UPS):
            work()
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on using the device: one may be encoding a prompt on the default stream.
        mode = "thread_local"
        with torch.cuda.graph(graph, pool=torch.cuda.graph_pool_handle(), stream=self._stream, capture_error_mode=mode):
            work()
        return graph.replay

    def wait(self) -> None:
        # This picture's work only, not the whole device's.
        self._done.record(self._stream)
        self._done.synchronize()
