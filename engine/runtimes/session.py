"""ONNX Runtime sessions over exported graphs. Needs no torch."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
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
    profile : Path or None
        Beginning of the name of a file that the time of every layer is written to; see `end_profile`.

    Attributes
    ----------
    inputs : frozenset of str
        Names of the inputs.
    """

    def __init__(
        self, graph: Graph, providers: Sequence[Any], threads: int | None = None, profile: Path | None = None
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.inter_op_num_threads = 1
        if threads is not None:
            options.intra_op_num_threads = max(1, threads)
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        # Threads that wait for work in a loop take the core that the ears and the stage need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The session reads a tuned graph's weights where they are: every session of a model shares them.
        self._weights = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in graph.weights.items()}
        self._arrays = list(graph.weights.values())
        self._shares_arena = graph.tuned
        if graph.tuned:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(graph.folder))
            for name, value in self._weights.items():
                options.add_initializer(name, value)
            _share_arena()
            options.add_session_config_entry("session.use_env_allocators", "1")
        elif self._weights:
            options.add_external_initializers(list(self._weights), list(self._weights.values()))
        with enough_memory():
            self._session = onnxruntime.InferenceSession(graph.model, options, providers=list(providers))
        self.inputs = frozenset(node.name for node in self._session.get_inputs())

    def run(self, values: Mapping[str, np.ndarray], *, give_back: bool = False) -> list[np.ndarray]:
        """Run the graph; values that it has no input for are left out.

        Parameters
        ----------
        values : mapping of str to ndarray
        give_back : bool
            Give memory that all sessions share back to the system afterwards: what pictures of another size took.
        """
        options = None
        # A session's own memory went when the session was closed.
        if give_back and self._shares_arena:
            import onnxruntime

            options = onnxruntime.RunOptions()
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        with enough_memory():
            return self._session.run(None, {name: values[name] for name in self.inputs}, options)

    def end_profile(self) -> Path:
        """Stop timing layers, and return the file that says how long each took: JSON, Chrome's trace events."""
        return Path(self._session.end_profiling())


@functools.cache
def _share_arena() -> None:
    """Let all sessions keep what passes between layers in one place: only one of them makes a picture at a time."""
    import onnxruntime

    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    # Refused when this process has such a place already, and then that one is used.
    with contextlib.suppress(Exception):
        onnxruntime.create_and_register_allocator(place, None)


@contextlib.contextmanager
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
