"""Links in the file system, where there are any."""

from __future__ import annotations

from pathlib import Path

import pytest


def link(path: Path, target: Path) -> None:
    """Make `path` a link to `target`; skip the test where this system lets nobody."""
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("no links here")
