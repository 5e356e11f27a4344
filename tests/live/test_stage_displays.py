"""The window and its displays: one that is gone, none at all, frames that fail, and a real one."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from bentlight.errors import DeviceMissing
from live.stage.state import StageSettings
from tests.live.screen import Screen, need_screen
from tests.live.stage import BLUE, GREEN, RED, WHITE, Show, near, plain


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
