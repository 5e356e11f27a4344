"""`Source`: which model, and a name for exactly these weights under exactly this code. Needs no torch."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import hub
from engine.builtin import WEIGHTS
from engine.files import existing
from engine.runtimes.tune import processor

__all__ = ["Source", "code_version"]

_ROOT = Path(__file__).resolve().parents[1]
_CODE = (
    "eager.py",
    "feedback.py",
    "ingredients.py",
    "loading.py",
    "lora.py",
    "measures.py",
    "measuring.py",
    "networks.py",
    "noise.py",
    "pictures.py",
    "resize.py",
    "sampling.py",
    "sites.py",
    "steps.py",
    "text.py",
    "bends",
    "runtimes",
)
"""What decides what a graph computes."""
_LIBRARIES = ("torch", "diffusers", "transformers", "onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
_PARTS = ("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler")
_WHOLE = 64 << 20
_SAMPLES, _SAMPLE = 64, 1 << 16


@dataclass(frozen=True, slots=True)
class Source:
    """A model as it is asked for in `Generator.load`."""

    model: str
    lora: str | None = None
    tiny_autoencoder: str | None = None

    def key(self) -> str | None:
        """Return a name for these weights under this code; None when they are not (all) on this machine."""
        digest = hashlib.sha256(code_version().encode())
        for name in (self.model, self.tiny_autoencoder, self.lora):
            if name is None:
                digest.update(b"none")
                continue
            place = _place(name)
            if place is None:
                return None
            try:
                for path in _files(place):
                    digest.update(f"{path.relative_to(place.parent)} {path.stat().st_size}".encode())
                    _add_content(digest, path)
            except OSError:  # a link to nowhere, a file that must not be read
                return None
        return digest.hexdigest()[:32]

    def name(self) -> str:
        """Return a name for this model that stays when its weights or this code change."""
        asked = (self.model, self.tiny_autoencoder, self.lora)
        return json.dumps([name if name is None else _full_name(name) for name in asked])


def _full_name(name: str) -> str:
    path = existing(name)
    return str(path.resolve()) if name != "builtin" and path is not None else name


def _place(name: str) -> Path | None:
    if name == "builtin":
        return WEIGHTS
    path = existing(name)
    if path is not None:
        return path
    return hub.local_copy(name) if hub.is_hub_id(name) else None


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        beside = place.with_suffix("")
        if beside.is_dir():
            yield from _files(beside)
        return
    # It says of an XL model what it is guided away from.
    if (place / "model_index.json").is_file():
        yield place / "model_index.json"
    folders = [place / part for part in _PARTS if (place / part).is_dir()] or [place]
    for folder in folders:
        yield from sorted(
            p
            for p in folder.iterdir()
            if p.suffix in (".json", ".txt", ".safetensors") and p.name != "model_index.json"
        )


def _add_content(digest: hashlib._Hash, path: Path) -> None:
    """Add a file's content; of more than 64 MB its beginning, which tells every tensor's place, and samples."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= _WHOLE:
            digest.update(file.read())
            return
        digest.update(file.read(1 << 20))
        for index in range(_SAMPLES):
            file.seek(index * (size - _SAMPLE) // (_SAMPLES - 1))
            digest.update(file.read(_SAMPLE))


@functools.cache
def code_version() -> str:
    """Return a name for this version of the code that graphs are exported from, on this processor."""
    digest = hashlib.sha256(processor().encode())
    for name in _LIBRARIES:
        try:
            digest.update(f"{name} {version(name)}".encode())
        except PackageNotFoundError:
            continue
    for name in _CODE:
        path = _ROOT / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.read_bytes())
    return digest.hexdigest()
