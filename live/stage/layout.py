"""Where the HUD's panels lie, for any size of window from 320 x 180."""

from __future__ import annotations

from dataclasses import dataclass

import pygame

__all__ = ["Layout", "lay_out"]

_MARGIN = 18
_HEARING = (500, 148)
_RATES = (372, 148)
_TOP = 84
_WARNING = 40
_WARNINGS_MOST = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes in pixels, none over another.

    Attributes
    ----------
    scale : float
        Pixels per unit.
    hearing, rates, scene, sound : pygame.Rect
        Bottom left, bottom right, top left, top right.
    warnings : tuple of pygame.Rect
        One box a line, from the top down.
    """

    scale: float
    hearing: pygame.Rect
    rates: pygame.Rect
    scene: pygame.Rect
    sound: pygame.Rect
    warnings: tuple[pygame.Rect, ...]


def lay_out(width: int, height: int) -> Layout:
    """Return the layout for a window of `width` x `height` pixels.

    Small windows get type that is larger in proportion, as far as the panels still fit beside each other.
    """
    across = _HEARING[0] + _RATES[0] + 3 * _MARGIN
    down = _TOP + _HEARING[1] + _WARNINGS_MOST * _WARNING + 3 * _MARGIN
    scale = min(max(min(width / 1280, height / 720), 0.66), width / across, height / down)

    def px(units: float) -> int:
        return int(units * scale)

    margin = px(_MARGIN)
    bottom = height - margin
    hearing = pygame.Rect(margin, bottom - px(_HEARING[1]), px(_HEARING[0]), px(_HEARING[1]))
    rates = pygame.Rect(width - margin - px(_RATES[0]), hearing.y, px(_RATES[0]), hearing.height)
    sound = pygame.Rect(width - margin - px(_RATES[0]), margin, px(_RATES[0]), px(_TOP))
    scene = pygame.Rect(margin, margin, min(px(700), sound.x - 2 * margin), px(_TOP))
    line = px(_WARNING)
    top = scene.bottom + margin // 2
    warnings = tuple(
        pygame.Rect(margin, top + i * line, width - 2 * margin, line - px(5)) for i in range(_WARNINGS_MOST)
    )
    return Layout(scale, hearing, rates, scene, sound, warnings)
