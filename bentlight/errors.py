"""Errors that are the user's to mend. Each message is one sentence: what, where, what to do."""

from __future__ import annotations

__all__ = ["BentlightError", "BadInput", "BadScene", "DeviceMissing", "ModelMissing"]


class BentlightError(Exception):
    """Base of every error this project raises for a reason the user can act on.

    The command line prints the message on standard error and ends with status 2.
    """


class BadInput(BentlightError):
    """A value, file or option given by the user cannot be used."""


class BadScene(BentlightError):
    """A scene file is refused.

    Parameters
    ----------
    path : str
        The file, as the user would name it.
    line : int or None
        Line of the fault, counted from 1; None when the file as a whole is at fault.
    reason : str
        What is wrong and what would be right.
    """

    def __init__(self, path: str, line: int | None, reason: str) -> None:
        self.path, self.line, self.reason = path, line, reason
        where = f"{path}:{line}" if line else path
        super().__init__(f"{where}: {reason}")


class DeviceMissing(BentlightError):
    """A sound card, display or other device is not there."""


class ModelMissing(BentlightError):
    """A model, or a part of one, is not on this machine or cannot be used."""
