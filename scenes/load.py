"""Reads scene files: the built-in ones by name, others by path. A bad file is refused with its line and a reason."""

from __future__ import annotations

import os
from functools import cache, partial
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bentlight.errors import BadInput, BadScene
from scenes.masks import mask_path, read_mask
from scenes.schema import Scene
from scenes.sources import did_you_mean
from scenes.yaml_tree import BYTES_LIMIT, Place, YamlFault, read_tree

__all__ = ["files", "library", "load", "loads"]

_LIBRARY = Path(__file__).parent / "library"


def library() -> dict[str, Path]:
    """Return the built-in scenes' files by name, in the order of the number keys."""
    return {path.stem: path for path in sorted(_LIBRARY.glob("*.yaml"))}


def load(name_or_path: str | Path) -> Scene:
    """Read a scene.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a built-in scene, or path of a scene file.

    Raises
    ------
    BadInput
        If there is neither such a scene nor such a file.
    BadScene
        If the file is refused; with file, line and reason.
    """
    named = library()
    if isinstance(name_or_path, str) and name_or_path in named:
        path = named[name_or_path]
    else:
        path = Path(name_or_path)
        if not os.path.isfile(path):
            raise BadInput(f"there is no scene {str(name_or_path)!r}{did_you_mean(str(name_or_path), named)}")
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_LIMIT + 1)
    except OSError as error:
        raise BadScene(str(path), None, f"cannot be read ({error.strerror}).") from None
    if len(data) > BYTES_LIMIT:
        raise BadScene(str(path), None, f"is larger than {BYTES_LIMIT // 1024} KB; a scene is a page or two.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadScene(
            str(path), data.count(b"\n", 0, error.start) + 1, "is not UTF-8 text; save it as UTF-8."
        ) from None
    return loads(text, str(path), folder=path.parent)


def files(path: Path, scene: Scene) -> tuple[Path, ...]:
    """Return every file that a scene was read from: its own and those of its masks."""
    return (path, *(mask_path(path.parent, name) for name in scene.masks))


def loads(text: str, path: str = "scene", *, folder: Path | None = None) -> Scene:
    """Read a scene from its text.

    Parameters
    ----------
    text : str
    path : str
        Only for the message.
    folder : Path or None
        Where its painted masks lie; None for nowhere.

    Raises
    ------
    BadScene
    """
    if len(text) > BYTES_LIMIT:
        raise BadScene(path, None, f"is larger than {BYTES_LIMIT // 1024} KB; a scene is a page or two.")
    try:
        data, lines = read_tree(text)
    except YamlFault as fault:
        raise BadScene(path, fault.line, fault.reason) from None
    if not isinstance(data, dict):
        raise BadScene(path, 1, "a scene is a list of `key: value` lines; start from the example in docs/scenes.md.")
    try:
        # Bends may share a mask: each is read once.
        masks = None if folder is None else cache(partial(read_mask, folder))
        return Scene.model_validate(data, context={"masks": masks})
    except ValidationError as error:
        # A key that is not known comes before one that is missing: it is the same key, mistyped.
        found = error.errors()
        # What was refused in a list is missing in it as well.
        found = [one for one in found if one["type"] != "too_short" or not any(_inside(one, other) for other in found)]
        faults = [(details["type"] == "missing", *_fault(details, lines)) for details in found]
        _, line, reason = min(faults)
        raise BadScene(path, line, reason) from None


def _inside(outer: ErrorDetails, inner: ErrorDetails) -> bool:
    """Whether one error is about a part of what the other is about."""
    depth = len(outer["loc"])
    return len(inner["loc"]) > depth and inner["loc"][:depth] == outer["loc"]


def _fault(error: ErrorDetails, lines: dict[Place, int]) -> tuple[int, str]:
    """Line and reason of one pydantic error; what is missing in the file has the line of its parent."""
    place = _place(error)
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place, 1), _reason(error)


def _place(error: ErrorDetails) -> Place:
    """Where in the file an error is: pydantic's own place, or what the validator says of it."""
    context = error.get("ctx", {})
    inside = (context["key"],) if "key" in context else ()
    return tuple(context.get("place", (*error["loc"], *inside)))


def _reason(error: ErrorDetails) -> str:
    kind, given = error["type"], error.get("input")
    where = _say(_place(error))
    if kind == "scene":
        return error["msg"]
    if kind == "step":
        return f"{where}: {error['msg']}"
    if kind == "missing":
        return f"{where} is missing; add it."
    if kind == "extra_forbidden":
        key = str(error["loc"][-1])
        return f"there is no key {key!r} here{did_you_mean(key, _keys(error['loc']))}"
    if kind == "value_error":
        text = str(error["ctx"]["error"])
        return f"{where}: {text}" if text.endswith(("?", ".")) else f"{where}: {text}."
    if kind == "string_pattern_mismatch":
        return f"{where} is {given!r}; {_PATTERN_HELP.get(str(error['loc'][-1]), 'it is not of the right form')}."
    if kind in _KIND_HELP:
        return f"{where} is {_short(given)}; it must be {_KIND_HELP[kind]}."
    return f"{where} is {_short(given)}: {error['msg'][0].lower()}{error['msg'][1:]}."


_KIND_HELP = {
    "model_type": "`key: value` lines",
    "dict_type": "`key: value` lines",
    "tuple_type": "a list",
    "string_type": "a text; put it in quotes",
    "literal_error": "follow or hit",
    "finite_number": "a finite number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "int_type": "a whole number",
}
_PATTERN_HELP = {
    "name": "use lower-case letters, digits and underscores (in a scene's name dashes too), a letter first, 32 at most",
    "model": "name builtin or a hub id such as stabilityai/sd-turbo; folders are given with --model",
}


def _say(place: Place) -> str:
    """``('routes', 2, 'to')`` as ``routes 3: to``."""
    said = ""
    for part in place:
        if isinstance(part, int):
            said += f" {part + 1}"
        else:
            said += f": {part}" if said else part
    return said or "the scene"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(place: Place) -> list[str]:
    """Keys that are known where the key at the end of `place` was found."""
    from scenes import blocks, motion, schema

    part: dict[str, type[BaseModel]] = {
        "prompts": schema.Prompt,
        "motion": motion.Motion,
        "bends": schema.BendEntry,
        "routes": schema.Route,
    }
    model: type[BaseModel] = part.get(str(place[0]), Scene) if len(place) > 1 else Scene
    if len(place) > 2 and place[0] == "motion":
        model = motion.NoiseMotion if place[1] == "noise" else motion.PromptMotion
    if len(place) > 3 and place[2] == "through":
        model = blocks.BLOCKS.get(str(place[4]), blocks.Step) if len(place) > 5 else blocks.Step
    return [field.alias or name for name, field in model.model_fields.items()]
