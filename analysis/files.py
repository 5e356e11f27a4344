"""What a sound file says of itself, or why it cannot be used, in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bentlight.errors import BadInput
from bentlight.paths import for_soundfile

__all__ = ["sound_info", "unreadable"]

_UNKNOWN = 2**62
"""A file that was written into a pipe does not know its length; libsndfile then takes it for endless."""


def sound_info(path: Path) -> Any:
    """Return what `soundfile.info` does of a file that can be used; damage further on is not seen.

    Raises
    ------
    BadInput
        If it cannot be read as sound, holds none, or does not say how long it is.
    """
    import soundfile

    try:
        info = soundfile.info(for_soundfile(path))
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        raise unreadable(path, error) from None
    if not info.frames:
        raise BadInput(f"{path} holds no sound; use a file with at least one sample.")
    if info.frames >= _UNKNOWN:
        raise BadInput(
            f"{path} does not say how long it is, as when it was written into a pipe; "
            f"write it anew, for example with: ffmpeg -i {path.name} new-{path.name}"
        )
    return info


def unreadable(path: Path, error: Exception) -> BadInput:
    """Return the sentence that says that a file is no sound, and why."""
    # Of samples without a header, soundfile asks for what a header would have said.
    reason = "samples without a header" if isinstance(error, TypeError) else _reason(error)
    return BadInput(f"{path} cannot be read as sound ({reason}); use wav, flac, ogg or mp3.")


def _reason(error: Exception) -> str:
    reason = getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).rstrip(".")
