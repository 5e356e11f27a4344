"""How a picture lies in a window: all of it with bars (fit), or cropped to fill."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Rect", "crop_to_fill", "fit_inside"]


class Rect(NamedTuple):
    """Left, top, width and height in pixels."""

    x: int
    y: int
    width: int
    height: int


def fit_inside(picture: tuple[int, int], window: tuple[int, int]) -> Rect:
    """Return the largest centred part of the window with the picture's aspect.

    Parameters
    ----------
    picture, window : (int, int)
        Width and height, each at least 1.
    """
    scale = min(window[0] / picture[0], window[1] / picture[1])
    width = min(window[0], max(1, round(picture[0] * scale)))
    height = min(window[1], max(1, round(picture[1] * scale)))
    return Rect((window[0] - width) // 2, (window[1] - height) // 2, width, height)


def crop_to_fill(picture: tuple[int, int], window: tuple[int, int]) -> Rect:
    """Return the largest centred part of the picture with the window's aspect.

    Parameters
    ----------
    picture, window : (int, int)
        Width and height, each at least 1.
    """
    return fit_inside(window, picture)
