"""Files: what people name, and files that nobody ever sees half of."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["existing", "write_whole"]


def existing(name: str) -> Path | None:
    """Return the file or folder that somebody named, ``~`` for a home; None if there is none, or cannot be any."""
    try:
        path = Path(name).expanduser()
        return path if name and path.exists() else None
    except (OSError, RuntimeError, ValueError):  # a name too long, nobody's home, a zero byte
        return None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            # Else a power cut can leave the name on an empty file.
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
