"""The libraries of the extra ``track``, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bentlight.errors import BadInput

__all__ = ["need"]


def need(module: str) -> Any:
    """Import a module of the extra ``track`` and return it.

    Raises
    ------
    BadInput
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise BadInput(
            f"the study of a whole track needs {package}, which is not installed; "
            "install it with: pip install 'bentlight[track]'"
        ) from None
