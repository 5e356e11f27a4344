"""Painted masks: grey pictures beside a scene file that say where a bend acts."""

from __future__ import annotations

import io
import os
import re
import warnings
from pathlib import Path

import numpy as np

from bentlight.errors import BadInput
from engine.bends import Painted

__all__ = ["MASK_FILE", "mask_path", "read_mask"]

MASK_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,60}\.png")
"""A plain file name: no folder, no dot but the one of its ending."""

_FOLDER = "masks"
_BYTES_LIMIT = 4 << 20
_SIDE_LIMIT = 2048
_KEPT = 256
"""Longest side of what is kept; sites of models are smaller."""


def mask_path(folder: Path, name: str) -> Path:
    """Return where a mask is: in the scene's folder, else in the folder ``masks`` beside the scene.

    Raises
    ------
    BadInput
        If `name` is no plain file name.
    """
    if not MASK_FILE.fullmatch(name):
        raise BadInput(f"mask {name[:60]!r} is no plain name of a .png file.")
    own = folder / name
    return own if os.path.isfile(own) else folder / _FOLDER / name


def read_mask(folder: Path, name: str) -> Painted:
    """Read a mask: white bends, black and transparent leave as it is.

    Parameters
    ----------
    folder : Path
        The scene file's own.
    name : str
        Plain name of a PNG picture of any size up to 2048 x 2048 pixels and 4 MB.

    Raises
    ------
    BadInput
        If there is no such file, it is a link to somewhere else, or it is not such a picture.
    """
    path = mask_path(folder, name)
    if not os.path.isfile(path):
        raise BadInput(f"mask {name} is not there; put it beside the scene file, or in a folder {_FOLDER} there.")
    own = folder.resolve()
    if path.resolve().parent not in (own, own / _FOLDER):
        raise BadInput(f"mask {name} is a link to somewhere else; put the picture itself there.")
    try:
        with path.open("rb") as file:
            data = file.read(_BYTES_LIMIT + 1)
    except OSError as error:
        raise BadInput(f"mask {name} cannot be read ({error.strerror}).") from None
    if len(data) > _BYTES_LIMIT:
        raise BadInput(f"mask {name} is larger than {_BYTES_LIMIT >> 20} MB; save it smaller.")
    return Painted.of(_levels(data, name))


def _levels(data: bytes, name: str) -> np.ndarray:
    """Grey levels (height, width), uint8, the longest side at most `_KEPT`."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=("PNG",)) as opened:
                # The size stands in the header: nothing is unpacked before it is checked.
                width, height = opened.size
                if max(width, height) > _SIDE_LIMIT:
                    raise BadInput(
                        f"mask {name} is {width} x {height} pixels; {_SIDE_LIMIT} x {_SIDE_LIMIT} is the most."
                    )
                if opened.mode.startswith("I"):
                    # Sixteen bits: the decoder's own way to eight cuts off instead of scaling.
                    picture = Image.fromarray((np.asarray(opened).astype(np.float32) / 257).round().astype(np.uint8))
                else:
                    shown = opened.convert("RGBA")
                    picture = Image.new("L", shown.size, 0)
                    picture.paste(shown.convert("L"), mask=shown.getchannel("A"))
            scale = _KEPT / max(width, height)
            if scale < 1:
                size = (max(1, round(width * scale)), max(1, round(height * scale)))
                picture = picture.resize(size, Image.Resampling.BOX)
            return np.asarray(picture, np.uint8)
    except BadInput:
        raise
    except Exception:
        # A broken file ends in whatever the decoder was at.
        raise BadInput(f"mask {name} is no PNG picture that can be read; save it as PNG again.") from None
