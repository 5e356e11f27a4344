"""The HUD at every size: nothing over anything else, nothing outside, whatever it is told."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from live.control.keys import KEYS
from live.stage.state import HudState

pygame = pytest.importorskip("pygame")

from live.stage.cards import draw_title, help_card, note_card  # noqa: E402
from live.stage.hud import Hud  # noqa: E402
from live.stage.layout import lay_out  # noqa: E402
from live.stage.paint import COLOURS, Painter  # noqa: E402

SIZES = [
    (320, 180),
    (640, 360),
    (640, 480),
    (800, 600),
    (1280, 720),
    (1920, 1080),
    (3840, 2160),
    (720, 1280),
    (2560, 600),
]
LONG = "a text that goes on and on, " * 20
FULL = HudState(
    rms=0.5, peak=1.0, bands=(1.0,) * 8, onset_count=3, tempo=299.0, beat_phase=0.0, pictures_per_s=1234.5,
    sound_age_ms=123456.0, scene=LONG, prompt=LONG, input_name=LONG, input_state=LONG, input_ok=False,
    osc_accepted=10**9, osc_dropped=10**9, recording_s=359_999.0, warnings=(LONG,) * 5,
)  # fmt: skip


@pytest.fixture(autouse=True)
def display(monkeypatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    pygame.font.init()
    pygame.display.set_mode((320, 180), 0, 32)
    yield
    pygame.display.quit()


def surface(width: int, height: int) -> pygame.Surface:
    made = pygame.Surface((width, height), 0, 32)
    made.fill((90, 90, 90))
    return made


def pixels(made: pygame.Surface) -> np.ndarray:
    return pygame.surfarray.array3d(made).swapaxes(0, 1).copy()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_panels_lie_inside_the_window_and_never_over_each_other(size):
    layout = lay_out(*size)
    boxes = [layout.hearing, layout.rates, layout.scene, layout.sound, *layout.warnings]
    window = pygame.Rect(0, 0, *size)
    for box in boxes:
        assert box.width > 0
        assert box.height > 0
        assert window.contains(box)
    for one, other in itertools.combinations(boxes, 2):
        assert not one.colliderect(other), (one, other)


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (1280, 720), (720, 1280)], ids=str)
@pytest.mark.parametrize("state", [HudState(), FULL], ids=["empty", "full"])
def test_nothing_is_drawn_outside_the_panels(size, state):
    screen = surface(*size)
    before = pixels(screen)
    hud = Hud(screen)
    hud.draw(state, 60.0, 100.0)
    changed = (pixels(screen) != before).any(axis=2)
    assert changed.mean() > 0.03
    for box in hud.boxes(state):
        changed[box.top : box.bottom, box.left : box.right] = False
    assert not changed.any()


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (1920, 1080)], ids=str)
def test_texts_of_one_panel_do_not_overlap(size, monkeypatch):
    drawn: list[tuple[str, pygame.Rect]] = []
    real = Painter.text

    def noting(self, text, *arguments, **options):
        rect = real(self, text, *arguments, **options)
        if text:
            drawn.append((text, rect))
        return rect

    monkeypatch.setattr(Painter, "text", noting)
    Hud(surface(*size)).draw(FULL, 60.0, 100.0)
    assert len(drawn) > 15
    for (one, box), (other, against) in itertools.combinations(drawn, 2):
        # The line box of a font is taller than its letters; those lie in the middle 60 %.
        inner = box.inflate(0, -round(box.height * 0.4))
        assert not inner.colliderect(against.inflate(0, -round(against.height * 0.4))), (one, other)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0, 1e30])
def test_numbers_that_make_no_sense_are_drawn_within_their_bars(bad):
    screen = surface(640, 360)
    hud = Hud(screen)
    state = HudState(rms=bad, peak=bad, bands=(bad,) * 8, beat_phase=bad, tempo=120.0, sound_age_ms=bad)
    hud.draw(state, bad, 1.0)
    hud.draw(state, bad, 2.0)


def test_the_meter_grows_with_the_level_and_the_peak_is_held_then_falls():
    def lit(rms: float, peak: float, now: float, hud: Hud, screen: pygame.Surface) -> tuple[int, int]:
        screen.fill((90, 90, 90))
        hud.draw(HudState(rms=rms, peak=peak), 60.0, now)
        row = pixels(screen)[hud.layout.hearing.y + round(24 * hud.layout.scale)]
        green = int((row == COLOURS["good"]).all(axis=1).sum())
        marks = np.flatnonzero((row == COLOURS["text"]).all(axis=1) | (row == COLOURS["hot"]).all(axis=1))
        return green, int(marks.max(initial=0))

    screen = surface(1280, 720)
    widths = [lit(rms, 0.0, 1.0, Hud(screen), screen)[0] for rms in (0.0, 0.01, 0.05, 0.2)]
    assert widths == sorted(set(widths))
    hud = Hud(screen)
    marks = [lit(0.01, peak, now, hud, screen)[1] for now, peak in [(1.0, 0.9), (1.5, 0.1), (2.1, 0.1), (4.0, 0.1)]]
    assert marks[0] == marks[1] == marks[2] > marks[3] > 0


def test_the_onset_lamp_lights_at_a_new_hit_and_fades():
    screen = surface(1280, 720)
    hud = Hud(screen)

    def brightness(count: int, now: float) -> int:
        screen.fill((0, 0, 0))
        hud.draw(HudState(onset_count=count), 60.0, now)
        box = hud.layout.hearing
        warm = pixels(screen)[box.top : box.bottom, box.left : box.right].astype(int)
        return int(((warm[..., 0] - warm[..., 2]) > 20).sum())

    assert brightness(5, 1.0) == 0, "hits before the window opened do not light the lamp"
    assert brightness(6, 2.0) > 300
    assert brightness(6, 2.1) > 300
    assert brightness(6, 2.3) == 0


def test_the_lamp_of_a_recording_is_lit_only_while_it_runs():
    def red(recording: float | None) -> int:
        screen = surface(1280, 720)
        Hud(screen).draw(HudState(recording_s=recording), 60.0, 1.0)
        box = lay_out(1280, 720).sound
        part = pixels(screen)[box.top : box.bottom, box.left : box.right].astype(int)
        return int((part[..., 0] - part[..., 1] > 100).sum())

    assert red(None) == 0
    assert red(3.0) > 100


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_cards_fit_into_the_window(size):
    for card in (help_card(*size), note_card(*size, LONG)):
        assert card.get_width() <= size[0]
        assert card.get_height() <= size[1]
    draw_title(surface(*size), LONG, (LONG,) * 9)


def test_help_shows_every_key(monkeypatch):
    drawn: list[str] = []
    real = Painter.text
    monkeypatch.setattr(Painter, "text", lambda self, text, *a, **o: (drawn.append(text), real(self, text, *a, **o))[1])
    help_card(1280, 720)
    assert set(drawn) == {text for key in KEYS for text in (key.label, key.description)}


@pytest.mark.parametrize("text", ["", "a\0b\n\tc", "\ud800", "日本語 🎹", "x" * 5000, "\u202eleft"])
def test_any_text_from_outside_can_be_drawn(text):
    screen = surface(640, 360)
    box = Painter(screen, 1.0).text(text, 24, COLOURS["text"], 10, 10, width=300)
    assert box.width <= 310


def test_texts_are_cached_within_bounds():
    paint = Painter(surface(640, 360), 1.0)
    for number in range(1000):
        paint.text(str(number), 24, COLOURS["text"], 0, 0)
    assert paint.rendered("999", 24, COLOURS["text"]) is paint.rendered("999", 24, COLOURS["text"])
    assert len(paint._texts) <= 400
