"""Reads a YAML text into plain data and remembers the line of every part. Nothing is ever constructed from a tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

__all__ = ["BYTES_LIMIT", "YamlFault", "read_tree"]

BYTES_LIMIT = 256 * 1024
_DEPTH_LIMIT = 12
_EVENT_LIMIT = 20_000
_SCALAR_LIMIT = 4_000

_NUMBER = re.compile(r"[-+]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][-+]?\d{1,3})?")
_NO_CHARACTER = re.compile(r"\\U(?!000[0-9A-Fa-f]|0010)")

Place = tuple[str | int, ...]


class YamlFault(Exception):
    """A text that is not read; `line` is counted from 1."""

    def __init__(self, line: int | None, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(reason)


def read_tree(text: str) -> tuple[Any, dict[Place, int]]:
    """Return the data of a YAML text (mappings, lists, text, numbers, true/false, null) and a line for every place.

    Refused: tags, anchors and aliases, several documents, keys twice, keys that are not text, deep nesting, endless
    lists, characters YAML does not allow.

    Raises
    ------
    YamlFault
    """
    try:
        _guard(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "not understood"
        raise YamlFault(mark.line + 1 if mark else None, f"this is not valid YAML: {problem}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else None
        raise YamlFault(line, "there is a character here that YAML does not allow; retype the line.") from None
    except (ValueError, OverflowError):
        # An escape such as \UFFFFFFFF, which PyYAML takes for a character without a look.
        found = _NO_CHARACTER.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else None
        raise YamlFault(line, "an escape here stands for no character; write the character itself.") from None
    if root is None:
        raise YamlFault(None, "the file is empty; start from the example in docs/scenes.md.")
    lines: dict[Place, int] = {}
    return _plain(root, (), lines), lines


def _guard(text: str) -> None:
    """Refuse by events, which come one by one: nothing grows before it is refused."""
    depth, documents = 0, 0
    for count, event in enumerate(_events(text)):
        line = event.start_mark.line + 1
        if count > _EVENT_LIMIT:
            raise YamlFault(line, f"there are more than {_EVENT_LIMIT} entries; make the scene smaller.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise YamlFault(line, "anchors (&) and aliases (*) are not used in scenes; write the value out.")
        if getattr(event, "tag", None):
            raise YamlFault(line, f"tags such as {event.tag[:40]!r} are not used in scenes; write a plain value.")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _SCALAR_LIMIT:
            raise YamlFault(line, f"a value has {len(event.value)} characters; {_SCALAR_LIMIT} is the most.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_LIMIT:
                raise YamlFault(line, f"this is nested more than {_DEPTH_LIMIT} deep; scenes are flat.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlFault(line, "a second document begins here (---); a file holds one scene.")


def _events(text: str) -> Iterator[Any]:
    return iter(yaml.parse(text, Loader=yaml.SafeLoader))


def _plain(node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlFault(line, "a key must be a plain word.")
            key = key_node.value
            if key in found:
                raise YamlFault(line, f"{key!r} is given twice here; keep one.")
            lines[(*place, key)] = line
            found[key] = _plain(value_node, (*place, key), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, i), lines) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node)


def _scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.rpartition(":")[2]
    text = node.value
    try:
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in ("yes", "true", "on", "y")
        if kind == "int":
            return _clock_or_int(text)
        if kind == "float":
            return float(text.replace("_", "").replace(".inf", "inf").replace(".Inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return text
    # YAML 1.1 takes 1e-3 and -.5 for text.
    return float(text) if node.style is None and _NUMBER.fullmatch(text) else text


def _clock_or_int(text: str) -> int | str:
    # YAML 1.1 reads 1:30 as sixty-based; the schema reads m:ss itself, and only where a time is meant.
    if ":" in text or len(text) > 40:
        return text
    digits = text.replace("_", "")
    return int(digits, 0) if digits.lower().lstrip("+-").startswith(("0x", "0b")) else int(digits)
