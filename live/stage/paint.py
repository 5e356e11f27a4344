"""Colours, type and panels of everything drawn over the picture."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pygame

__all__ = ["COLOURS", "Painter"]

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "text": (242, 244, 248),
    "quiet": (184, 191, 204),
    "faint": (58, 63, 76),
    "accent": (94, 214, 255),
    "good": (92, 224, 150),
    "warm": (255, 196, 74),
    "hot": (255, 92, 84),
    "beat": (206, 150, 255),
}

_PANEL = (10, 12, 18, 204)
_EDGE = (255, 255, 255, 22)
_TEXTS_KEPT = 400
_SMALLEST_TYPE = 11
# Text is drawn larger and scaled down: at its own size, whole pixels between letters make uneven gaps.
_OVERSAMPLED = 3


class Painter:
    """Draws text and panels on one surface at one scale, from caches.

    Parameters
    ----------
    screen : pygame.Surface
    scale : float
        Pixels per unit; a window of 1280 x 720 has 1.
    """

    def __init__(self, screen: pygame.Surface, scale: float) -> None:
        self.screen, self.scale = screen, scale
        self._fonts: dict[float, Any] = {}
        self._texts: OrderedDict[tuple[str, float, Colour, int], pygame.Surface] = OrderedDict()
        self._panels: dict[tuple[int, int], pygame.Surface] = {}

    def px(self, units: float) -> int:
        """Return `units` in pixels."""
        return round(units * self.scale)

    def font(self, units: float) -> Any:
        """Return the font, oversampled; pygame's own, since looking through a system's fonts takes seconds."""
        if units not in self._fonts:
            self._fonts[units] = pygame.font.Font(None, max(_SMALLEST_TYPE, self.px(units)) * _OVERSAMPLED)
        return self._fonts[units]

    def rendered(self, text: str, units: float, colour: Colour, width: int = 0) -> pygame.Surface:
        """Return `text` as a surface, cut with an ellipsis to `width` pixels (0: not cut)."""
        key = (text, units, colour, width)
        found = self._texts.get(key)
        if found is None:
            font = self.font(units)
            plain = "".join(c if c.isprintable() and ord(c) < 0x10000 else " " for c in text)
            if width and font.size(plain)[0] > width * _OVERSAMPLED:
                plain = _cut(font, plain, width * _OVERSAMPLED)
            # Scaling a surface without any width would end the program.
            large = font.render(plain or " ", True, colour)
            size = max(1, large.get_width() // _OVERSAMPLED), max(1, large.get_height() // _OVERSAMPLED)
            found = pygame.transform.smoothscale(large.convert_alpha(), size)
            self._texts[key] = found
            if len(self._texts) > _TEXTS_KEPT:
                self._texts.popitem(last=False)
        else:
            self._texts.move_to_end(key)
        return found

    def text(
        self, text: str, units: float, colour: Colour, x: int, y: int, *, anchor: str = "topleft", width: int = 0
    ) -> pygame.Rect:
        """Draw `text` with the named corner or edge of its box at (x, y), and return the box."""
        surface = self.rendered(text, units, colour, width)
        return self.screen.blit(surface, surface.get_rect(**{anchor: (x, y)}))

    def panel(self, box: pygame.Rect) -> None:
        """Draw a half-transparent rounded panel."""
        surface = self._panels.get(box.size)
        if surface is None:
            radius = self.px(10)
            surface = pygame.Surface(box.size, pygame.SRCALPHA)
            pygame.draw.rect(surface, _PANEL, surface.get_rect(), border_radius=radius)
            pygame.draw.rect(surface, _EDGE, surface.get_rect(), max(1, self.px(1)), border_radius=radius)
            # Panels blend much faster in the screen's own layout.
            surface = surface.convert_alpha()
            if len(self._panels) > 24:
                self._panels.clear()
            self._panels[box.size] = surface
        self.screen.blit(surface, box)

    def bar(self, box: pygame.Rect, colour: Colour) -> None:
        """Draw a filled bar with slightly rounded corners."""
        if box.width > 0 and box.height > 0:
            pygame.draw.rect(self.screen, colour, box, border_radius=self.px(2))

    def lamp(self, x: int, y: int, radius: int, colour: Colour, brightness: float) -> None:
        """Draw a lamp: a disc between faint (0) and its full colour (1)."""
        faint = COLOURS["faint"]
        mixed = tuple(round(f + (c - f) * min(1.0, max(0.0, brightness))) for f, c in zip(faint, colour, strict=True))
        pygame.draw.circle(self.screen, mixed, (x, y), radius)


def _cut(font: Any, text: str, width: int) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if font.size(text[:middle].rstrip() + "…")[0] <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…"
