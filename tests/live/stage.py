"""A stage without a screen, and pictures to show on it."""

from __future__ import annotations

import numpy as np

from engine.spec import FrameSpec, Picture
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.mailbox import Mailbox
from live.stage.state import HudState, StageSettings

RED, GREEN, BLUE, WHITE = (220, 0, 0), (0, 220, 0), (0, 0, 220), (220, 220, 220)


def quarters(width: int, height: int) -> Picture:
    """A picture whose four quarters are red, green, blue and white."""
    pixels = np.empty((height, width, 3), np.uint8)
    half_x, half_y = width // 2, height // 2
    pixels[:half_y, :half_x], pixels[:half_y, half_x:] = RED, GREEN
    pixels[half_y:, :half_x], pixels[half_y:, half_x:] = BLUE, WHITE
    return Picture(pixels, 1.0, FrameSpec())


def plain(value: int) -> Picture:
    return Picture(np.full((32, 32, 3), value, np.uint8), 1.0, FrameSpec())


class Show:
    """A stage on SDL's dummy display, drawn frame by frame on a clock of its own."""

    def __init__(self, **settings: object) -> None:
        from live.stage.window import Stage

        self.now = 100.0
        self.state = HudState(scene="one", warnings=())
        self.board = ControlBoard()
        declare_performance(self.board)
        self.board.set("/hud", False)
        self.pictures: Mailbox[Picture] = Mailbox()
        given = StageSettings(**{"size": (640, 360), **settings})
        self.stage = Stage(given, self.pictures, self.board, lambda: self.state, clock=lambda: self.now)

    def frame(self, picture: Picture | None = None) -> np.ndarray:
        """Show one frame and return the window's pixels (height, width, 3)."""
        import pygame

        if picture is not None:
            self.pictures.put(picture)
        self.now += 1 / 60
        self.stage.frame()
        return pygame.surfarray.array3d(pygame.display.get_surface()).swapaxes(0, 1).copy()

    def press(self, character: str, name: str, mod: int = 0) -> None:
        import pygame

        event = {"unicode": character, "key": pygame.key.key_code(name), "mod": mod, "scancode": 0}
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, event))


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= 3)
