"""Files written whole or not at all, and names for new ones."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bentlight.errors import BadInput

__all__ = ["check_writable", "free_name", "whole_file", "write_json"]


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` to write to, and take its place at the end; what was there stays on failure.

    Raises
    ------
    BadInput
        If the file cannot be written.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        # Where nothing could be written there may be nothing to remove either; the reason is what counts.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write JSON, whole or not at all.

    Raises
    ------
    BadInput
        If the file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(data, indent=2) + "\n")


def check_writable(path: Path) -> None:
    """Make the folder of `path`, and see that a file can be written there; what is there stays as it is.

    Raises
    ------
    BadInput
        If it cannot.
    """
    try:
        if path.is_dir():
            raise BadInput(f"{path} is a folder; give the name of a file.")
        if path.parent.is_file():
            raise BadInput(f"{path} cannot be written ({path.parent} is a file); choose another place.")
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.{os.getpid()}.part")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _cannot_write(path, error) from None


def free_name(path: Path) -> Path:
    """Return `path`, or where something has that name the first of ``name-2``, ``name-3``, … that is free."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], numbered) if not name.exists())


def _cannot_write(path: Path, error: OSError) -> BadInput:
    return BadInput(f"{path} cannot be written ({error.strerror}); choose another place.")
