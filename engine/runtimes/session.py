"""ONNX Runtime sessions over exported graphs. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from engine.errors import OutOfMemory
from engine.runtimes.store import Graph

__all__ = ["Session"]


class Session:
    """A graph ready to run.

    Parameters
    ----------
    graph : Graph
    providers : sequence
        As `providers_for` gives them.
    threads : int or None
        Threads of one run on the CPU; None for as many as there are cores.

    Attributes
    ----------
    inputs : frozenset of str
        Names of the inputs.
    """

    def __init__(self, graph: Graph, providers: Sequence[Any], threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.inter_op_num_threads = 1
        if threads is not None:
            options.intra_op_num_threads = max(1, threads)
        # Threads that wait for work in a loop take the core that the ears and the stage need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The session reads the weights where they are: every session of a model shares them.
        self._weights = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in graph.weights.items()}
        self._arrays = list(graph.weights.values())
        if self._weights:
            options.add_external_initializers(list(self._weights), list(self._weights.values()))
        with enough_memory():
            self._session = onnxruntime.InferenceSession(graph.model, options, providers=list(providers))
        self.inputs = frozenset(node.name for node in self._session.get_inputs())

    def run(self, values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Run the graph; values that it has no input for are left out."""
        with enough_memory():
            return self._session.run(None, {name: values[name] for name in self.inputs})


@contextmanager
def enough_memory() -> Iterator[None]:
    """Turn a lack of memory into an `OutOfMemory`."""
    try:
        yield
    except MemoryError:
        raise OutOfMemory("there is not enough memory for pictures of this size; choose a smaller one.") from None
    except Exception as error:
        if "Failed to allocate memory" in str(error) or "bad allocation" in str(error):
            raise OutOfMemory("there is not enough memory for pictures of this size; choose a smaller one.") from None
        raise
