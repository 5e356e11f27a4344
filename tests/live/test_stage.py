"""The window: what it shows, at what pace, and which keys play what."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from bentlight.errors import DeviceMissing
from engine.spec import FrameSpec, Picture
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.mailbox import Mailbox
from live.stage.fit import crop_to_fill, fit_inside
from live.stage.headless import HeadlessStage
from live.stage.pacing import Pacer
from live.stage.state import HudState, StageSettings
from tests.live.screen import Screen, need_screen

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


@pytest.fixture
def show(monkeypatch) -> Iterator[Show]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = Show()
    yield made
    made.stage.close()


def near(pixel: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= 3)


@pytest.mark.parametrize("window", [(640, 360), (1920, 1080), (500, 900), (333, 333)])
@pytest.mark.parametrize("picture", [(256, 256), (512, 288), (97, 301), (1, 1)])
def test_a_fitted_picture_touches_two_sides_keeps_its_aspect_and_is_centred(picture, window):
    rect = fit_inside(picture, window)
    assert rect.width == window[0] or rect.height == window[1]
    assert rect.width <= window[0]
    assert rect.height <= window[1]
    assert abs(rect.width / picture[0] - rect.height / picture[1]) <= 1 / min(picture)
    assert abs(2 * rect.x + rect.width - window[0]) <= 1
    assert abs(2 * rect.y + rect.height - window[1]) <= 1
    crop = crop_to_fill(picture, window)
    assert 0 <= crop.x <= crop.x + crop.width <= picture[0]
    assert 0 <= crop.y <= crop.y + crop.height <= picture[1]


def test_a_late_frame_leaves_whole_intervals_out_and_keeps_the_phase():
    pacer = Pacer(0.1, 5.0)
    waits = [pacer.tick(now) for now in (5.02, 5.13, 5.31, 5.87, 5.9)]
    assert [round(tick.wait_s, 6) for tick in waits] == [0.08, 0.07, 0.0, 0.0, 0.0]
    assert [tick.skipped for tick in waits] == [0, 0, 0, 4, 0]
    assert pacer.tick(5.91).wait_s == pytest.approx(0.09)


def test_lateness_never_accumulates():
    pacer, now, frames = Pacer(1 / 60, 0.0), 0.0, 0
    while now < 10.0:
        now += 0.021
        now += pacer.tick(now).wait_s
        frames += 1
    # 21 ms of work for every 16.7 ms: as many frames as the work allows, and none in a hurry.
    assert 400 <= frames <= 10.0 / 0.021 + 1


def test_the_window_opens_with_a_title_card_and_says_what_is_being_done(show):
    first = show.frame()
    show.state = HudState(loading="loading something else")
    second = show.frame()
    assert first.max() > 150
    assert not np.array_equal(first, second)


def test_a_square_picture_stands_between_bars_and_fills_when_asked(show):
    pixels = show.frame(quarters(64, 64))
    assert not pixels[:, :139].any()
    assert not pixels[:, -139:].any()
    assert near(pixels[20, 160], RED)
    assert near(pixels[-20, -160], WHITE)
    show.board.set("/fill", True)
    filled = show.frame()
    assert near(filled[5, 5], RED)
    assert near(filled[5, -5], GREEN)
    assert near(filled[-5, 5], BLUE)
    # Cropped above and below alike: the middle stays in the middle.
    assert near(filled[170, 5], RED)
    assert near(filled[190, 5], BLUE)


def test_colours_and_sides_are_the_pictures_own(show):
    pixels = show.frame(quarters(640, 360))
    for (y, x), colour in zip([(9, 9), (9, -9), (-9, 9), (-9, -9)], [RED, GREEN, BLUE, WHITE], strict=True):
        assert near(pixels[y, x], colour)


def test_a_picture_that_is_not_contiguous_is_shown_rightly(show):
    wide = quarters(64, 64).pixels
    pixels = show.frame(Picture(wide[:, ::-1], 1.0, FrameSpec()))
    assert near(pixels[20, 160], GREEN)


def test_pictures_are_counted_once_and_frames_each_time(show):
    opened = show.stage.presented
    for value in (10, 20, 30):
        show.frame(plain(value))
        show.frame()
    assert (show.stage.shown, show.stage.presented - opened) == (3, 6)
    assert show.stage.fps == pytest.approx(60, rel=0.2)


def test_freeze_holds_the_picture_and_leaves_the_newest_for_later(show):
    show.frame(plain(50))
    show.press(" ", "space")
    assert near(show.frame(plain(90))[180, 320], (50, 50, 50))
    assert near(show.frame(plain(120))[180, 320], (50, 50, 50))
    show.press(" ", "space")
    assert near(show.frame()[180, 320], (120, 120, 120))


def test_blackout_is_black_and_comes_back_to_the_newest_picture(show):
    show.frame(plain(50))
    show.press("b", "b")
    assert not show.frame().any()
    assert not show.frame(plain(90)).any()
    show.press("b", "b")
    assert near(show.frame()[180, 320], (90, 90, 90))


def test_the_hud_lies_over_the_picture_and_leaves_no_trace(show):
    show.board.set("/fill", True)
    without = show.frame(quarters(64, 36))
    show.press("h", "h")
    for step in range(8):
        show.state = HudState(scene="one", rms=step / 8, peak=step / 8, bands=(step / 8,) * 8, onset_count=step)
        over = show.frame()
    assert (np.abs(over.astype(int) - without).max(axis=2) > 30).mean() > 0.1
    assert near(over[170, 100], RED)
    show.press("h", "h")
    np.testing.assert_array_equal(show.frame(), without)


def test_help_appears_and_leaves_no_trace(show):
    without = show.frame(quarters(64, 36))
    show.press("?", "/")
    assert not np.array_equal(show.frame(), without)
    show.press("?", "/")
    np.testing.assert_array_equal(show.frame(), without)


def test_fullscreen_fills_the_display_and_escape_gives_the_window_back(show):
    show.frame(quarters(64, 64))
    show.press("f", "f")
    show.frame()
    assert show.stage.size == (1024, 768)
    assert near(show.frame()[20, 512 - 300], RED)
    show.press("\x1b", "escape")
    show.frame()
    assert show.stage.size == (640, 360)


def test_only_the_second_quit_in_two_seconds_ends_the_show(show):
    import pygame

    def press_and_run(frames: int) -> int:
        show.press("\x11", "q", pygame.KMOD_CTRL)
        left = itertools.count()
        before = show.stage.presented
        for _ in range(frames):
            if show.stage._quit:
                break
            next(left)
            show.frame()
        return show.stage.presented - before

    calm = show.frame(plain(50))
    assert press_and_run(1) == 1
    assert not np.array_equal(show.frame(), calm), "a note says that one more press quits"
    show.now += 3.0
    np.testing.assert_array_equal(show.frame(), calm)
    assert press_and_run(12) == 12
    assert [event.address for event in show.board.take_events() if event.address == "/quit"] == []
    assert press_and_run(12) == 1
    assert [event.address for event in show.board.take_events() if event.address == "/quit"] == ["/quit"]


def test_closing_the_window_also_takes_two(show):
    import pygame

    for _ in range(2):
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        show.now += 0.5
        show.frame()
    assert "/quit" in [event.address for event in show.board.take_events()]


def test_letters_with_control_or_alt_play_nothing(show):
    import pygame

    for mod in (pygame.KMOD_CTRL, pygame.KMOD_META, pygame.KMOD_ALT):
        show.press("b", "b", mod)
    show.frame()
    assert show.board.get("/blackout") is False


def test_a_hud_that_cannot_be_told_does_not_end_the_show(show, caplog):
    show.board.set("/hud", True)
    show.frame(plain(50))

    def broken() -> HudState:
        raise RuntimeError("no numbers today")

    show.stage._hud_state = broken
    for value in range(20):
        show.frame(plain(value))
    assert show.stage.shown == 21
    assert caplog.text.count("RuntimeError: no numbers today") == 1


def test_a_projector_that_is_gone_leaves_the_show_on_the_display_that_is_there(show, monkeypatch):
    show.stage._settings = StageSettings(display=1, size=(640, 360))
    before = show.frame(plain(50))
    show.press("f", "f")
    assert not np.array_equal(show.frame(), before), "a note says so"
    assert show.stage.size == (1024, 768)
    show.now += 60.0
    assert near(show.frame()[384, 512], (50, 50, 50))


def test_without_any_display_left_the_window_stays_as_it_is(show, monkeypatch):
    import pygame

    before = show.frame(plain(50))
    monkeypatch.setattr(pygame.display, "get_desktop_sizes", list)
    show.board.set("/fullscreen", True)
    assert not np.array_equal(show.frame(), before), "a note says so"
    assert show.stage.size == (640, 360)
    assert show.board.get("/fullscreen") is False
    show.now += 60.0
    np.testing.assert_array_equal(show.frame(), before)


@pytest.fixture
def failing(monkeypatch) -> Iterator[Show]:
    """A show of which every frame from now on fails, so many times as `faults` says."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr("live.stage.window._FAULT_PAUSE_S", 0.0)
    made = Show(refresh_hz=500.0)
    made.faults, drawn = 0, made.stage.frame

    def frame() -> None:
        if made.faults:
            made.faults -= 1
            raise ValueError("bad frame")
        drawn()

    monkeypatch.setattr(made.stage, "frame", frame)
    yield made
    made.stage.close()


def test_frames_that_fail_are_passed_over_and_logged_once(failing, caplog):
    failing.faults, opened = 20, failing.stage.presented
    counted = itertools.count()
    failing.stage.run(lambda: next(counted) >= 25)
    assert failing.stage.presented - opened == 5
    assert caplog.text.count("ValueError: bad frame") == 1


def test_frames_that_never_succeed_end_the_show(failing):
    failing.faults = 10**9
    with pytest.raises(ValueError, match="bad frame"):
        failing.stage.run(lambda: False)


def test_run_shows_until_it_is_told_to_stop(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    show = Show(refresh_hz=500.0)
    show.pictures.put(plain(70))
    counted = itertools.count()
    show.stage.run(lambda: next(counted) >= 5)
    assert (show.stage.presented, show.stage.shown) == (6, 1)


def test_a_display_that_is_not_there_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(DeviceMissing, match=r"no display 3; choose one of 0 \(1024 x 768\) with --display"):
        Show(display=3)


def test_no_display_at_all_is_said_in_one_sentence(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":9876")
    with pytest.raises(DeviceMissing, match=r"no display .*--headless"):
        Show()


def test_headless_takes_every_picture_and_ends_when_told():
    pictures: Mailbox[Picture] = Mailbox()
    stage = HeadlessStage(pictures)
    feeding = threading.Event()

    def feed() -> None:
        for value in range(20):
            pictures.put(plain(value))
        feeding.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    stage.run(lambda: feeding.is_set() and not pictures.wait(0))
    feeder.join(30.0)
    assert stage.picture is not None
    assert stage.picture.pixels[0, 0, 0] == 19
    assert stage.shown + pictures.replaced == 20


_ON_A_DISPLAY = """
import sys, time
import numpy as np
from engine.spec import FrameSpec, Picture
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.mailbox import Mailbox
from live.stage.state import HudState, StageSettings
from live.stage.window import Stage

pixels = np.empty((64, 64, 3), np.uint8)
pixels[:32, :32], pixels[:32, 32:], pixels[32:, :32], pixels[32:, 32:] = (220,0,0), (0,220,0), (0,0,220), (220,)*3
board = ControlBoard()
declare_performance(board)
pictures = Mailbox()
stage = Stage(StageSettings(size=(320, 240)), pictures, board, lambda: HudState(scene="one"))
print("title", flush=True)
for line in sys.stdin:
    address, _, value = line.strip().partition(" ")
    if address == "picture":
        pictures.put(Picture(pixels, 1.0, FrameSpec()))
    else:
        board.set(address, value == "1")
    for _ in range(6):
        stage.frame()
    print(address, *stage.size, flush=True)
stage.close()
"""


def test_a_real_display_shows_the_picture_windowed_and_fullscreen_without_a_window_manager():
    need_screen()
    with Screen(800, 600) as screen:
        child = subprocess.Popen(
            [sys.executable, "-c", _ON_A_DISPLAY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **screen.environment},
        )
        assert child.stdin is not None
        assert child.stdout is not None

        def ask(command: str) -> str:
            child.stdin.write(command + "\n")
            child.stdin.flush()
            return child.stdout.readline().strip()

        try:
            assert child.stdout.readline() == "title\n"
            title = screen.settled()
            assert title.max() > 150, "the title card is there before any picture"
            ask("/hud 0")
            ask("picture")
            window = screen.settled(title)
            assert ask("/hud 1") == "/hud 320 240"
            over = screen.settled(window)
            assert (np.abs(over.astype(int) - window).max(axis=2) > 30).sum() > 3000, "the HUD lies over the picture"
            ask("/hud 0")
            np.testing.assert_array_equal(screen.settled(over), window)
            assert ask("/fullscreen 1") == "/fullscreen 800 600"
            full = screen.settled(window)
            for (y, x), colour in zip(
                [(9, 109), (9, -110), (-10, 109), (-10, -110)], [RED, GREEN, BLUE, WHITE], strict=True
            ):
                assert near(full[y, x], colour), (y, x, full[y, x])
            assert not full[:, :98].any(), "a square stands between bars"
            assert not full[:, -98:].any(), "a square stands between bars"
            ask("/fill 1")
            filled = screen.settled(full)
            assert near(filled[5, 5], RED)
            assert near(filled[-5, -5], WHITE)
            ask("/fill 0")
            assert ask("/fullscreen 0") == "/fullscreen 320 240"
            np.testing.assert_array_equal(screen.settled(filled), window)
        finally:
            child.stdin.close()
            child.wait(30)
            child.stdout.close()
        assert child.returncode == 0
