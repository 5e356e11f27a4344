"""`Stage`: the window, on the main thread, in pygame.

A plain surface and ``display.flip``: both let other threads run meanwhile, where pygame's ``_sdl2`` renderer holds the
interpreter for milliseconds and ``SCALED | FULLSCREEN`` is drawn wrongly without a window manager.
"""

from __future__ import annotations

import glob
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# Otherwise SDL turns a SIGTERM into a wish to quit, which is only granted when pressed twice.
os.environ.setdefault("SDL_NO_SIGNAL_HANDLERS", "1")

import pygame

from bentlight.clock import now_s
from bentlight.errors import DeviceMissing
from engine.spec import Picture
from live.control.board import ControlBoard
from live.control.keys import TwicePressed, find_key, play_key
from live.mailbox import Mailbox
from live.stage.cards import draw_title, help_card, note_card
from live.stage.fit import crop_to_fill, fit_inside
from live.stage.hud import Hud
from live.stage.pacing import Pacer
from live.stage.state import HudState, StageSettings

__all__ = ["Stage", "StageSettings"]

log = logging.getLogger(__name__)

_USUAL_HZ = 60.0
_IDLE_S = 2.0
_NOTE_S = 6.0
_FAULT_PAUSE_S = 0.1
_FAULTS_MOST = 50


class Stage:
    """Shows the newest picture at the display's pace, plays the keys on the board, draws the HUD.

    The window opens at once, with a title card, in the thread that makes the stage; `run` belongs to the same one,
    which has to be the main thread. It follows the board's ``/blackout``, ``/freeze``, ``/hud``, ``/help``,
    ``/fullscreen`` and ``/fill``.

    Parameters
    ----------
    settings : StageSettings
    pictures : Mailbox of Picture
        Pictures are taken from here; while frozen they are left there.
    board : ControlBoard
        With the addresses of the performance declared.
    hud : callable
        Returns the `HudState` of the moment; called once per frame while something of it is shown.
    clock : callable
        Host clock in seconds.

    Attributes
    ----------
    presented : int
        Frames given to the display.
    shown : int
        Pictures among them: each counted once.
    skipped : int
        Display intervals left out because a frame came late.
    picture : Picture or None
        What is shown.
    fps : float
        Frames per second lately.

    Raises
    ------
    DeviceMissing
        If there is no display, or none of that number.
    """

    def __init__(
        self,
        settings: StageSettings,
        pictures: Mailbox[Picture],
        board: ControlBoard,
        hud: Callable[[], HudState],
        *,
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._settings, self._pictures, self._board, self._hud_state, self._clock = (
            settings,
            pictures,
            board,
            hud,
            clock,
        )
        self.presented = self.shown = self.skipped = 0
        self.picture: Picture | None = None
        self._source: pygame.Surface | None = None
        self._state = HudState()
        self._times: deque[float] = deque(maxlen=90)
        self._quitting = TwicePressed(clock=clock)
        self._quit = False
        self._moved_s = clock()
        self._cursor = True
        self._window_size = settings.size
        self._fullscreen = False
        self._fault = ""
        self._told, self._told_until_s = "", 0.0
        self._dirty = True
        self._look: tuple[object, ...] = ()
        self._cards: dict[str, tuple[str, pygame.Surface]] = {}
        self._ground: list[tuple[pygame.Rect, pygame.Surface]] = []
        _open_display(settings.display)
        board.set("/fullscreen", settings.fullscreen)
        try:
            self._set_mode(settings.fullscreen)
            self.frame()
        except pygame.error as error:
            self.close()
            raise DeviceMissing(f"No window can be opened ({error}); play with --headless.") from None

    @property
    def fps(self) -> float:
        """Frames per second over the last ones."""
        if len(self._times) < 2 or self._times[-1] <= self._times[0]:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of what is drawn on, in pixels."""
        return self._screen.get_size()

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Show pictures until `should_stop` says so or quit is pressed twice; then close the window.

        A frame that fails is passed over, after a pause of a tenth of a second; the fiftieth in a row is raised.
        """
        hz = self._settings.refresh_hz or _display_hz(self._settings.display)
        pacer = Pacer(1.0 / hz, self._clock())
        faults = 0
        try:
            while not (self._quit or should_stop()):
                try:
                    self.frame()
                    faults = 0
                except Exception as error:
                    faults += 1
                    if faults >= _FAULTS_MOST:
                        raise
                    self._log_once("a frame could not be drawn", error)
                    time.sleep(_FAULT_PAUSE_S)
                tick = pacer.tick(self._clock())
                self.skipped += tick.skipped
                if tick.wait_s > 0:
                    time.sleep(tick.wait_s)
        finally:
            self.close()

    def close(self) -> None:
        """Close the window."""
        pygame.display.quit()

    def frame(self) -> None:
        """Look at the keys, draw one frame and give it to the display."""
        now = self._clock()
        for event in pygame.event.get():
            self._handle(event, now)
        values = self._board.values()
        if bool(values["/fullscreen"]) != self._fullscreen:
            self._change_mode(bool(values["/fullscreen"]))
        if pygame.display.get_surface().get_size() != self._drawn_size:
            self._adopt_screen()
        if not (values["/freeze"] and self.picture is not None):
            self._take_picture()

        blackout, fill = bool(values["/blackout"]), bool(values["/fill"])
        title = self.picture is None
        hud_on = bool(values["/hud"]) and not title and not blackout
        if hud_on or title:
            self._ask_state()
        self._card("help", "keys" if values["/help"] and not blackout else "")
        self._card("note", self._note(now))
        boxes = self._hud.boxes(self._state) if hud_on else []
        boxes += [card.get_rect(center=self._screen.get_rect().center) for _, card in self._cards.values()]

        told = (self._state.loading, self._state.warnings) if title else ()
        look = (blackout, fill, told, tuple(tuple(box) for box in boxes))
        if self._dirty or look != self._look:
            self._draw_ground(blackout=blackout, fill=fill)
            self._look, self._dirty = look, False
            self._ground = [(box, self._screen.subsurface(box).copy()) for box in boxes]
        else:
            for box, ground in self._ground:
                self._screen.blit(ground, box)
        if hud_on:
            self._hud.draw(self._state, self.fps, now)
        for _, card in self._cards.values():
            self._screen.blit(card, card.get_rect(center=self._screen.get_rect().center))
        self._hide_cursor(now)
        pygame.display.flip()
        self.presented += 1
        self._times.append(self._clock())

    # What is drawn -------------------------------------------------------------------------------------

    def _take_picture(self) -> None:
        picture = self._pictures.take()
        if picture is None:
            return
        height, width = picture.pixels.shape[:2]
        pixels: Any = np.ascontiguousarray(picture.pixels)
        # In the screen's own layout, which scaling straight onto the screen asks for.
        self._source = pygame.image.frombuffer(pixels, (width, height), "RGB").convert(self._screen)
        self.picture = picture
        self.shown += 1
        self._dirty = True

    def _draw_ground(self, *, blackout: bool, fill: bool) -> None:
        screen = self._screen
        if blackout:
            screen.fill((0, 0, 0))
        elif self._source is None:
            draw_title(screen, self._state.loading, self._state.warnings)
        elif fill:
            crop = crop_to_fill(self._source.get_size(), screen.get_size())
            pygame.transform.smoothscale(self._source.subsurface(crop), screen.get_size(), screen)
        else:
            rect = fit_inside(self._source.get_size(), screen.get_size())
            if rect[2:] != screen.get_size():
                screen.fill((0, 0, 0))
            pygame.transform.smoothscale(self._source, (rect.width, rect.height), screen.subsurface(rect))

    def _card(self, name: str, text: str) -> None:
        """Keep the card `name` ready for `text`; none for an empty one."""
        if not text:
            self._cards.pop(name, None)
        elif name not in self._cards or self._cards[name][0] != text:
            size = self._screen.get_size()
            self._cards[name] = text, help_card(*size) if name == "help" else note_card(*size, text)

    def _note(self, now: float) -> str:
        if self._quitting.waiting:
            return f"{'Cmd' if sys.platform == 'darwin' else 'Ctrl'} Q once more to quit"
        return self._told if now < self._told_until_s else ""

    def _tell(self, text: str) -> None:
        log.warning(text)
        self._told, self._told_until_s = text, self._clock() + _NOTE_S

    def _log_once(self, what: str, error: Exception) -> None:
        # Said once, not sixty times a second.
        if repr(error) != self._fault:
            self._fault = repr(error)
            log.exception(what)

    def _ask_state(self) -> None:
        try:
            self._state = self._hud_state()
        except Exception as error:
            # Whatever is wrong with the numbers, the pictures go on.
            self._log_once("the HUD could not be told its state", error)

    # The window ----------------------------------------------------------------------------------------

    def _set_mode(self, fullscreen: bool) -> None:
        display, desktops = self._settings.display, pygame.display.get_desktop_sizes()
        if not desktops:
            raise pygame.error("no display is connected")
        if display >= len(desktops):
            self._tell(f"display {display} is gone; display 0 is used")
            display = 0
        if fullscreen:
            # A size of (0, 0) would mean the first display's, whichever is asked for.
            size, flags = desktops[display], pygame.FULLSCREEN
        else:
            size, flags = self._window_size, pygame.RESIZABLE
        # Without a window manager X11 leaves a window that becomes fullscreen where it was; centred at full size it
        # lies right before it does.
        os.environ["SDL_VIDEO_CENTERED"] = "1"
        if fullscreen and pygame.display.get_surface() is not None and pygame.display.get_driver() == "x11":
            pygame.display.set_mode(size, pygame.NOFRAME, 32, display)
        # Leaving fullscreen takes two calls where SDL keeps the size at the first.
        for _ in range(2):
            if pygame.display.set_mode(size, flags, 32, display).get_size() == size:
                break
        pygame.display.set_caption(self._settings.title)
        self._fullscreen = fullscreen
        self._adopt_screen()

    def _change_mode(self, fullscreen: bool) -> None:
        if fullscreen:
            self._window_size = self._screen.get_size()
        try:
            self._set_mode(fullscreen)
        except pygame.error as error:
            self._tell(f"the window cannot change to {'fullscreen' if fullscreen else 'windowed'}: {error}")
            self._board.set("/fullscreen", self._fullscreen)

    def _adopt_screen(self) -> None:
        self._screen = pygame.display.get_surface()
        self._drawn_size = self._screen.get_size()
        self._hud = Hud(self._screen)
        self._cards, self._ground, self._look, self._dirty = {}, [], (), True

    def _hide_cursor(self, now: float) -> None:
        visible = not self._fullscreen and now - self._moved_s < _IDLE_S
        if visible != self._cursor:
            pygame.mouse.set_visible(visible)
            self._cursor = visible

    def _handle(self, event: pygame.event.Event, now: float) -> None:
        if event.type == pygame.QUIT:
            self._press_quit()
        elif event.type == pygame.MOUSEMOTION:
            self._moved_s = now
        elif event.type == pygame.KEYDOWN:
            command = event.mod & (pygame.KMOD_CTRL | pygame.KMOD_META)
            if command and event.key == pygame.K_q:
                self._press_quit()
            elif not command and not event.mod & pygame.KMOD_ALT:
                shifted = bool(event.mod & pygame.KMOD_SHIFT)
                found = find_key(event.unicode, pygame.key.name(event.key), event.scancode, shifted=shifted)
                if found is not None:
                    play_key(self._board, *found)

    def _press_quit(self) -> None:
        if self._quitting.press():
            self._board.trigger("/quit")
            self._quit = True


def _open_display(display: int) -> None:
    missing = "There is no display ({}); connect one or play with --headless."
    linux = sys.platform.startswith("linux")
    told = [name for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER") if os.environ.get(name)]
    if linux and not told and not glob.glob("/dev/dri/card*"):
        # SDL would take its invisible driver and say nothing.
        raise DeviceMissing(missing.format("neither DISPLAY nor WAYLAND_DISPLAY is set"))
    if linux and not glob.glob("/dev/dri/renderD*"):
        # SDL's way through OpenGL takes 18 ms a frame where OpenGL is drawn by the processor.
        os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
    try:
        pygame.display.init()
        pygame.font.init()
        sizes = pygame.display.get_desktop_sizes()
    except pygame.error as error:
        raise DeviceMissing(missing.format(error)) from None
    if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in told:
        pygame.display.quit()
        raise DeviceMissing(missing.format("SDL finds none"))
    if not 0 <= display < len(sizes):
        pygame.display.quit()
        there = ", ".join(f"{i} ({w} x {h})" for i, (w, h) in enumerate(sizes))
        raise DeviceMissing(f"There is no display {display}; choose one of {there} with --display.")


def _display_hz(display: int) -> float:
    """Return the display's refresh rate where this pygame can tell it, else the usual one."""
    rates: list[int] = getattr(pygame.display, "get_desktop_refresh_rates", list)()
    rate = rates[display] if display < len(rates) else 0
    return float(rate) if rate and rate > 0 else _USUAL_HZ
