"""ONNX Runtime's rewriting of a graph for this machine's processor, done once, when the graph is exported.

A session that rewrites its graph itself keeps a copy of every weight in the layout that the processor likes. Rewritten
before, the weights lie in that layout on disk, under the hash of their content: all graphs of a model share them again,
and a session opens in a fraction of the time.
"""

from __future__ import annotations

import functools
import platform
from pathlib import Path

__all__ = ["processor", "tune"]


def tune(path: Path) -> Path | None:
    """Rewrite a graph; the result lies beside it. None when ONNX Runtime cannot, and then it plays the graph as it is.

    Parameters
    ----------
    path : Path
        An ONNX model with its weights.
    """
    import onnxruntime

    tuned = path.with_name("tuned.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.optimized_model_filepath = str(tuned)
    # Beside the graph, since a file of more than 2 GB cannot be one.
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "tuned.weights")
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    try:
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception:  # whatever it is, the graph as it was exported still plays
        return None
    return tuned if tuned.is_file() else None


@functools.cache
def processor() -> str:
    """Return a name for what decides the layout: a graph rewritten on one processor need not run on another."""
    found = [platform.system(), platform.machine(), platform.processor()]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            found += sorted({line.strip() for line in file if line.lower().startswith(("flags", "features"))})
    except OSError:
        pass  # not Linux: the processor's name tells its family
    return " ".join(found)
