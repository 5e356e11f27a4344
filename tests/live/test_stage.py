"""The window: what it shows, at what pace, and which keys play what."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from engine.spec import FrameSpec, Picture
from live.mailbox import Mailbox
from live.stage.fit import crop_to_fill, fit_inside
from live.stage.headless import HeadlessStage
from live.stage.pacing import Pacer
from live.stage.state import HudState
from tests.live.stage import BLUE, GREEN, RED, WHITE, near, plain, quarters


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


@pytest.mark.parametrize("shown", ["/hud", "/help"])
def test_blackout_is_black_whatever_is_shown_over_the_picture(show, shown):
    show.board.set(shown, True)
    show.frame(plain(50))
    with_it = show.frame()
    show.press("b", "b")
    assert not show.frame().any()
    show.press("b", "b")
    np.testing.assert_array_equal(show.frame(), with_it)


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
