"""The title card, the help overlay and the note in the middle of the window."""

from __future__ import annotations

import pygame

from live.control.keys import KEYS
from live.stage.layout import lay_out
from live.stage.paint import COLOURS, Painter

__all__ = ["draw_title", "help_card", "note_card"]

_GROUND = (8, 9, 14)
_LINE = 34
_COLUMN = 400


def draw_title(screen: pygame.Surface, loading: str, warnings: tuple[str, ...] = ()) -> None:
    """Draw what is shown before the first picture: the name, what is being done, what is wrong."""
    screen.fill(_GROUND)
    width, height = screen.get_size()
    paint = Painter(screen, lay_out(width, height).scale)
    middle = width // 2, height // 2
    name = paint.text("Bentlight", 96, COLOURS["text"], middle[0], middle[1] - paint.px(30), anchor="center")
    # A ray of light under the name, bent and split in the middle.
    y, half, thick = name.bottom + paint.px(14), name.width // 2, max(2, paint.px(3))
    for i, colour in enumerate(("hot", "warm", "good", "accent", "beat")):
        end = middle[0] + half, y + (i - 2) * paint.px(5)
        pygame.draw.line(screen, COLOURS[colour], (middle[0], y), end, thick)
    pygame.draw.line(screen, COLOURS["text"], (middle[0] - half, y), (middle[0], y), thick)
    top = y + paint.px(36)
    room = width - 2 * paint.px(24)
    paint.text(loading or "starting", 28, COLOURS["quiet"], middle[0], top, anchor="midtop", width=room)
    for i, warning in enumerate(warnings[:3]):
        line = top + paint.px(40 + 30 * i)
        paint.text(warning, 24, COLOURS["warm"], middle[0], line, anchor="midtop", width=room)
    foot = height - paint.px(20)
    paint.text("?  shows the keys", 22, COLOURS["quiet"], middle[0], foot, anchor="midbottom", width=room)


def help_card(width: int, height: int) -> pygame.Surface:
    """Return the table of keys as a surface with alpha, for a window of that size."""
    rows = (len(KEYS) + 1) // 2
    across, down = 2 * _COLUMN + 56, rows * _LINE + 52
    scale = min(max(min(width / 1280, height / 720), 0.66), width / across, height / down)
    card = pygame.Surface((int(across * scale), int(down * scale)), pygame.SRCALPHA)
    paint = Painter(card, scale)
    px = paint.px
    # Twice, since this one is read and not looked past.
    paint.panel(card.get_rect())
    paint.panel(card.get_rect())
    for i, key in enumerate(KEYS):
        x = px(28) + (i // rows) * px(_COLUMN)
        y = px(26) + (i % rows) * px(_LINE)
        paint.text(key.label, 26, COLOURS["accent"], x, y)
        paint.text(key.description, 26, COLOURS["text"], x + px(132), y, width=px(_COLUMN - 150))
    return card.convert_alpha()


def note_card(width: int, height: int, text: str) -> pygame.Surface:
    """Return one short sentence as a surface with alpha, for a window of that size."""
    card = pygame.Surface((1, 1), pygame.SRCALPHA)
    paint = Painter(card, lay_out(width, height).scale)
    words = paint.rendered(text, 34, COLOURS["text"], width - paint.px(80))
    card = pygame.Surface(words.get_rect().inflate(paint.px(48), paint.px(32)).size, pygame.SRCALPHA)
    paint = Painter(card, paint.scale)
    paint.panel(card.get_rect())
    card.blit(words, words.get_rect(center=card.get_rect().center))
    return card.convert_alpha()
