"""Files written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bentlight.errors import BadInput

__all__ = ["whole_file", "write_json"]


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
        raise BadInput(f"{path} cannot be written ({error.strerror}); choose another place.") from None
    finally:
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
