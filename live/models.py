"""Which models are on this machine, and fetching others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from bentlight.errors import BadInput, ModelMissing
from engine.hub import no_room

__all__ = ["fetch", "listing", "vocabulary"]

SUGGESTED = (
    ("stabilityai/sd-turbo", "512 x 512, one step; needs a GPU to be played live"),
    ("stabilityai/sdxl-turbo", "512 x 512, one step, large; needs a GPU of 12 GB"),
    ("SimianLuo/LCM_Dreamshaper_v7", "512 x 512, four steps; needs a GPU to be played live"),
    ("madebyollin/taesd", "a tiny autoencoder for Stable Diffusion models (--tiny-autoencoder)"),
)
# Weights as safetensors, and the settings and word lists beside them: nothing that could run code.
PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "README.md")


def listing() -> list[tuple[str, str, str, str]]:
    """Return rows (model, where, size, what it is) for what is here and for what is worth fetching."""
    from engine.builtin import WEIGHTS

    rows = [("builtin", str(WEIGHTS), megabytes(WEIGHTS), "256 x 256, one step, real time on two cores")]
    rows.append(("painter", "no model", "", "the program that drew the built-in model's training pictures"))
    here = cached()
    suggested = dict(SUGGESTED)
    for name, (path, size) in here.items():
        rows.append((name, path, size, suggested.get(name, "fetched")))
    rows += [
        (name, "not here: bentlight models fetch " + name, "", what) for name, what in SUGGESTED if name not in here
    ]
    return rows


def cached() -> dict[str, tuple[str, str]]:
    """Return the hub models in the local cache: name → (path, size)."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        info = scan_cache_dir()
    except CacheNotFound:
        return {}
    return {
        repo.repo_id: (str(repo.repo_path), f"{repo.size_on_disk / 1e6:.0f} MB")
        for repo in info.repos
        if repo.repo_type == "model"
    }


def fetch(model: str) -> Path:
    """Download a model from the hub, with progress, and return its folder.

    Raises
    ------
    ModelMissing
        If it cannot be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(model, allow_patterns=list(PATTERNS)))
    except HFValidationError:
        raise BadInput(f"{model!r} is no hub id; it should look like stabilityai/sd-turbo.") from None
    except Exception as error:
        if (full := no_room(model, error)) is not None:
            raise full from None
        # Whatever transport the hub's client uses brings its own family of errors.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelMissing(
            f"{model} could not be fetched ({reason}); check the connection and the name, or fetch it on another "
            "machine and give its folder as --model."
        ) from None


def megabytes(folder: Path) -> str:
    """Return the size of a folder for people."""
    return f"{sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB"


def vocabulary(model: str) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Return the words a model knows: kind → what is said of each, and rows of (word, that).

    Raises
    ------
    BadInput
        If nothing is known of the model's words.
    """
    if model != "builtin":
        raise BadInput(f"the words of {model} are not known; only those of builtin are.")
    from engine.builtin.vocabulary import (
        COLOUR_WORDS,
        DENSITY_WORDS,
        FORMS,
        LEARNT,
        MOOD_WORDS,
        PALETTES,
        PLACE_WORDS,
        SCALE_WORDS,
        STANDS_IN,
    )  # fmt: skip

    def spellings(words: Mapping[str, Iterable[str]]) -> tuple[str, list[tuple[str, str]]]:
        return "also understood", [(first, ", ".join(others)) for first, *others in words.values()]

    palettes = [(name, f"{a}, {b}" + f", {mood}" * (mood != "plain")) for name, (a, b, mood) in PALETTES.items()]
    return {
        "forms": spellings({form: FORMS[form] for form in LEARNT}),
        "other forms": ("drawn as", [(FORMS[word][0], FORMS[form][0]) for word, form in STANDS_IN.items()]),
        "colours": spellings(COLOUR_WORDS),
        "moods": spellings(MOOD_WORDS),
        "palettes": ("colours and mood", palettes),
        "density": spellings(DENSITY_WORDS),
        "scale": spellings(SCALE_WORDS),
        "place": spellings(PLACE_WORDS),
    }
