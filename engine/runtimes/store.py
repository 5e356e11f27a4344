"""The cache of exported graphs on disk: whole or not there, checked when read, weights kept once. Needs no torch.

A model's folder holds one file per graph and one per weight tensor, each tensor under the hash of its content, so that
graphs share what they have in common, on disk and in memory. A graph's file is a line that names the format, the
SHA-256 of the rest, and the rest: the length of an index (8 bytes, little-endian), the index (JSON: whether the graph
is tuned, and which tensor each of its weights is) and the ONNX model without its weights.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from engine.files import write_whole
from engine.runtimes.task import Task

__all__ = ["Graph", "Store", "Tensors", "graphs_folder", "tensor_place"]

_FORMAT = b"bentlight graph 2\n"
_DIGEST = 32
_LENGTH = 8
_SOURCE = "source.txt"
_UNUSED_S, _IN_USE_S = 30 * 86400.0, 86400.0

MOST_VERSIONS = 2
"""Versions of a model's graphs that are kept: of these weights and this program, and of those before."""


def graphs_folder() -> Path:
    """Return where graphs are kept between runs."""
    return Path(platformdirs.user_cache_dir("bentlight", appauthor=False)) / "graphs"


@dataclass(frozen=True, slots=True)
class Graph:
    """An exported graph.

    Attributes
    ----------
    model : bytes
        The ONNX model, its weights marked as external.
    weights : mapping of str to ndarray
        The weights by name, shared between graphs; not to be written to.
    folder : Path
        Where the places of the weights that the model names begin.
    tuned : bool
        Whether it has been rewritten for this machine's processor; see `engine.runtimes.tune`.
    """

    model: bytes
    weights: Mapping[str, np.ndarray]
    folder: Path
    tuned: bool


Tensors = dict[str, tuple[str, tuple[int, ...], bytes]]
"""Weights to be written: numpy's name of the type, shape and raw content by name."""


class Store:
    """The graphs of one model.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # A tensor stays in memory as long as a graph uses it.
        self._read: weakref.WeakValueDictionary[str, np.ndarray] = weakref.WeakValueDictionary()

    def has(self, task: Task) -> bool:
        """Whether there is a graph for a task, sound or not."""
        return self._path(task).is_file()

    def read(self, task: Task) -> Graph | None:
        """Read a graph; None if there is none, or it is damaged, and then it is removed so that it is made anew."""
        path = self._path(task)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        try:
            rest = content[len(_FORMAT) + _DIGEST :]
            if content[: len(_FORMAT) + _DIGEST] != _FORMAT + hashlib.sha256(rest).digest():
                raise ValueError("the content is not what was written")
            end = _LENGTH + int.from_bytes(rest[:_LENGTH], "little")
            index = json.loads(rest[_LENGTH:end])
            weights = {name: self._tensor(*entry) for name, entry in index["tensors"].items()}
        except (OSError, ValueError):
            _discard(path)
            return None
        return Graph(rest[end:], weights, self.folder, bool(index["tuned"]))

    def write(self, task: Task, model: bytes, tensors: Tensors, *, tuned: bool = False) -> None:
        """Write a graph and those of its tensors that are not there yet, each file whole or not at all."""
        index = {}
        for name, (dtype, shape, content) in tensors.items():
            digest = hashlib.sha256(content).hexdigest()
            index[name] = (digest, dtype, shape)
            path = self.folder / tensor_place(digest)
            if not _has_size(path, len(content)):
                write_whole(path, content)
        listed = json.dumps({"tuned": tuned, "tensors": index}).encode()
        rest = len(listed).to_bytes(_LENGTH, "little") + listed + model
        write_whole(self._path(task), _FORMAT + hashlib.sha256(rest).digest() + rest)

    def read_facts(self) -> dict[str, Any] | None:
        """Return what `write_facts` wrote; None if there is nothing, or it is damaged."""
        try:
            facts = json.loads((self.folder / "model.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return facts if isinstance(facts, dict) and facts.get("complete") else None

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Write what is to be known of the model besides its graphs."""
        content = json.dumps({**facts, "complete": True}, indent=1)
        write_whole(self.folder / "model.json", content.encode("utf-8"))

    @property
    def paces(self) -> Path:
        """Where the paces of even blends are kept."""
        return self.folder / "paces.json"

    def opened(self, source: str) -> None:
        """Note that the graphs are in use now, and which model, whatever its version, they are of."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            if _source_of(self.folder) != source:
                write_whole(self.folder / _SOURCE, source.encode("utf-8"))
            os.utime(self.folder)

    def tidy(self) -> None:
        """Remove the graphs of models that were not used for a month, and of all but two versions of this one.

        A version that was opened in the last day stays: somebody may be playing it.
        """
        now, own = time.time(), _source_of(self.folder)
        try:
            used = {other: other.stat().st_mtime for other in self.folder.parent.iterdir() if other != self.folder}
        except OSError:
            return
        versions = sorted((o for o in used if own and _source_of(o) == own), key=used.__getitem__, reverse=True)
        for other, used_s in used.items():
            if used_s < now - (_IN_USE_S if other in versions[MOST_VERSIONS - 1 :] else _UNUSED_S):
                shutil.rmtree(other, ignore_errors=True)

    def _path(self, task: Task) -> Path:
        return self.folder / f"{task.key}.graph"

    def _tensor(self, digest: str, dtype: str, shape: list[int]) -> np.ndarray:
        known = self._read.get(digest)
        if known is not None:
            return known
        path = self.folder / tensor_place(digest)
        try:
            # Mapped: processes that play the same model share the memory. An empty file cannot be mapped.
            content = np.memmap(path, np.uint8, "r")
            sound = hashlib.sha256(content.data).hexdigest() == digest
        except (OSError, ValueError):
            sound = False
        if not sound:
            _discard(path)
            raise ValueError("a tensor is not what was written")
        tensor = np.asarray(content).view(dtype).reshape(shape)
        self._read[digest] = tensor
        return tensor


def tensor_place(digest: str) -> str:
    """Return where in a model's folder the tensor of a hash lies."""
    return f"tensors/{digest}"


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def _discard(path: Path) -> None:
    """Remove a damaged file, if that is possible: on some systems not while another process has it open."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def _source_of(folder: Path) -> str:
    """What `Store.opened` noted in a model's folder; empty where it noted nothing."""
    try:
        return (folder / _SOURCE).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
