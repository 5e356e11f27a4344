"""Models on the Hugging Face hub: what is on this machine, and fetching the rest. Safetensors only."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

from bentlight.errors import ModelMissing

__all__ = ["fetch", "is_half", "is_hub_id", "lacking", "local_copy"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FOLDERS = ("scheduler", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "vae")
_NETWORKS = ("text_encoder", "unet", "vae")
_PLAIN = ("*.json", "*.txt")
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_INDEX = "*.safetensors.index*.json"
"""Which tensor is in which file, of a network that is cut into several."""


def is_hub_id(name: str) -> bool:
    """Tell whether `name` has the form of a hub id, ``owner/name``."""
    return _HUB_ID.fullmatch(name) is not None


def local_copy(model_id: str) -> Path | None:
    """Return the folder of a hub model that is wholly on this machine already, or None."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(model_id, local_files_only=True))
    except (OSError, ValueError):
        return None
    parts = _parts(folder)
    if not parts:
        return folder if _has_weights(folder) else None
    networks = [folder / part for part in parts if part.startswith(_NETWORKS)]
    whole = all(map(_has_weights, networks)) and all(lacking(folder / part) is None for part in parts)
    return folder if whole else None


def lacking(part: Path) -> str | None:
    """Return what a folder of a model lacks beside weights, for people; None when it lacks nothing.

    Parameters
    ----------
    part : Path
        One of a model's folders, named as in stabilityai/sd-turbo.
    """
    if part.name.startswith("tokenizer"):
        vocabularies = (("tokenizer.json",), ("vocab.json", "merges.txt"))
        found = any(all((part / file).is_file() for file in files) for files in vocabularies)
        return None if found else "vocabulary (vocab.json and merges.txt, or tokenizer.json)"
    config = "scheduler_config.json" if part.name == "scheduler" else "config.json"
    return None if (part / config).is_file() else config


def _parts(folder: Path) -> tuple[str, ...]:
    """The folders that a pipeline needs, as it says itself; none where the folder is of one network."""
    try:
        index = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        index = None
    if isinstance(index, dict):
        # What is not part of a model stands there as [null, null].
        return tuple(part for part in _FOLDERS if isinstance(index.get(part), list) and all(index[part]))
    return tuple(part for part in _FOLDERS if not part.endswith("_2")) if (folder / "unet").is_dir() else ()


def _has_weights(folder: Path) -> bool:
    """Whether a network's safetensors are there: one file, or every one that an index names."""
    try:
        named = [json.loads(index.read_text(encoding="utf-8"))["weight_map"] for index in folder.glob(_INDEX)]
        files = {folder / str(file) for weights in named for file in weights.values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return any(folder.glob("*.safetensors")) and all(file.is_file() for file in files)


def fetch(model_id: str) -> Path:
    """Download a model from the hub, or what is missing of it, with a progress bar; returns its folder.

    Of each component only one safetensors file is fetched: half precision where there is one.

    Raises
    ------
    ModelMissing
        If the hub cannot be reached, has no such model, or has it only in formats that can run code.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        names = HfApi().list_repo_files(model_id)
        wanted = files_to_fetch(names)
        if not any(name.endswith(".safetensors") for name in wanted):
            raise ModelMissing(f"{model_id} has no safetensors weights on the hub; only those are loaded.")
        return Path(snapshot_download(model_id, allow_patterns=wanted))
    except ModelMissing:
        raise
    except GatedRepoError:
        raise ModelMissing(
            f"{model_id} asks you to accept its licence on huggingface.co first; then run `hf auth login`."
        ) from None
    except RepositoryNotFoundError:
        raise ModelMissing(f"the hub has no model {model_id}, or it is private; check its name.") from None
    except Exception as error:
        # Whatever transport the hub's client uses brings its own family of errors.
        raise no_room(model_id, error) or unreachable(model_id, error) from error


def no_room(model_id: str, error: Exception) -> ModelMissing | None:
    """Return the error that says that the disk is why a model could not be fetched; None if it is not."""
    from huggingface_hub.constants import HF_HUB_CACHE

    if not isinstance(error, OSError) or error.errno not in _OF_THE_DISK:
        return None
    return ModelMissing(f"{model_id} could not be stored ({os.strerror(error.errno)}); make room in {HF_HUB_CACHE}.")


def unreachable(model_id: str, error: object = "") -> ModelMissing:
    """Return the error that says what to fetch and where to put it."""
    reason = str(error).strip().splitlines()
    return ModelMissing(
        f"{model_id} is not on this machine and the hub cannot be reached"
        f"{f' ({reason[0][:120]})' if reason else ''}; run `bentlight models fetch {model_id}` with a network, "
        f"or copy its folder (model_index.json, {', '.join(_FOLDERS)}) here and give that folder's path as the model."
    )


def files_to_fetch(names: list[str]) -> list[str]:
    """Choose from a repository's file names: configuration, tokenizer, and one safetensors set per component."""
    wanted = [n for n in names if n in ("model_index.json", "config.json")]
    folders = {n.split("/")[0] for n in names if n.count("/") == 1} & set(_FOLDERS)
    for folder in ("", *sorted(folders)):
        prefix = f"{folder}/" if folder else ""
        inside = [n for n in names if n.startswith(prefix) and "/" not in n.removeprefix(prefix)]
        if folder:
            wanted += [n for n in inside if n.endswith(tuple(p.removeprefix("*") for p in _PLAIN))]
        elif folders:
            continue
        weights = [n for n in inside if n.endswith(".safetensors") and "non_ema" not in n]
        half = [n for n in weights if is_half(n)]
        wanted += half or weights
        # An index names the files of one precision; that of the other would name files that are not fetched.
        other = [n for n in inside if n.endswith(".json") and ".index." in n and is_half(n) != bool(half)]
        wanted = [n for n in wanted if n not in other]
    return sorted(set(wanted))


def is_half(name: str) -> bool:
    """Whether a file is of half-precision weights: all, a part (``.fp16-00001-of-00002.safetensors``) or an index."""
    return re.search(r"\.fp16[.-]", name) is not None
