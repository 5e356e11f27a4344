"""How paths are handed to libraries."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["for_soundfile"]


def for_soundfile(path: Path) -> str | bytes:
    """Return `path` as soundfile opens it whatever its name: it does not encode what is not Unicode."""
    return str(path) if sys.platform == "win32" else os.fsencode(path)
