"""`Hud`: levels, rates, scene and warnings, drawn over the picture."""

from __future__ import annotations

import itertools
import math

import pygame

from live.stage.layout import Layout, lay_out
from live.stage.paint import COLOURS, Painter
from live.stage.state import HudState

__all__ = ["Hud"]

_FLOOR_DB = -60.0
_TICKS_DB = (-48, -36, -24, -12, -6)
_WARM_DB, _HOT_DB = -12.0, -3.0
_PEAK_HOLD_S = 1.2
_PEAK_FALL_DB_S = 24.0
_LAMP_S = 0.25
_NUMBERS_S = 0.25


class Hud:
    """Draws a `HudState`; what moves by itself (held peak, lamps) moves with the clock it is given.

    Parameters
    ----------
    screen : pygame.Surface
        What is drawn on. After a change of size a new `Hud` is made.
    """

    def __init__(self, screen: pygame.Surface) -> None:
        self.layout: Layout = lay_out(*screen.get_size())
        self._paint = Painter(screen, self.layout.scale)
        self._held_db = _FLOOR_DB
        self._held_at_s = 0.0
        self._last_s: float | None = None
        self._onsets: int | None = None
        self._onset_at_s = -math.inf
        self._numbers_at_s = -math.inf
        self._numbers = ("", "", "", "", "")

    def boxes(self, state: HudState) -> list[pygame.Rect]:
        """Return what `draw` covers for this state."""
        layout = self.layout
        return [layout.hearing, layout.rates, layout.scene, layout.sound, *layout.warnings[: len(state.warnings)]]

    def draw(self, state: HudState, stage_fps: float, now_s: float) -> None:
        """Draw everything.

        Parameters
        ----------
        state : HudState
        stage_fps : float
            Frames the window presents per second.
        now_s : float
            Host clock.
        """
        self._draw_hearing(state, now_s)
        self._draw_rates(state, stage_fps, now_s)
        self._draw_scene(state)
        self._draw_sound(state, now_s)
        self._draw_warnings(state.warnings)
        self._last_s = now_s

    def _draw_hearing(self, state: HudState, now_s: float) -> None:
        paint, box = self._paint, self.layout.hearing
        px = paint.px
        paint.panel(box)
        pad = px(16)
        left, width = box.x + pad, box.width - 2 * pad

        meter = pygame.Rect(left, box.y + px(14), width, px(20))
        self._draw_meter(meter, state, now_s)

        ground = box.bottom - px(14)
        top = meter.bottom + px(24)
        bands = max(1, len(state.bands))
        step = px(270) // bands
        for i, level in enumerate(state.bands):
            slot = pygame.Rect(left + i * step, top, step - px(6), ground - top)
            paint.bar(slot, COLOURS["faint"])
            height = round(slot.height * _unit(level))
            paint.bar(pygame.Rect(slot.x, ground - height, slot.width, height), COLOURS["accent"])

        if self._onsets is not None and state.onset_count != self._onsets:
            self._onset_at_s = now_s
        self._onsets = state.onset_count
        radius = px(17)
        middle = (top + ground) // 2 - px(9)
        x = left + px(318)
        paint.lamp(x, middle, radius, COLOURS["warm"], 1.0 - (now_s - self._onset_at_s) / _LAMP_S)
        paint.text("onset", 19, COLOURS["quiet"], x, ground + px(1), anchor="midbottom")

        x = left + px(416)
        known = state.tempo > 0
        swing = (1.0 - _unit(state.beat_phase)) ** 2 if known else 0.0
        paint.lamp(x, middle, radius, COLOURS["faint"], 0.0)
        if known:
            paint.lamp(x, middle, max(px(5), round(radius * (0.35 + 0.65 * swing))), COLOURS["beat"], 0.35 + swing)
        tempo = f"{state.tempo:.0f} BPM" if known else "no beat"
        paint.text(tempo, 19, COLOURS["quiet"], x, ground + px(1), anchor="midbottom")

    def _draw_meter(self, box: pygame.Rect, state: HudState, now_s: float) -> None:
        paint = self._paint
        rms_db, peak_db = _decibels(state.rms), _decibels(state.peak)
        elapsed_s = now_s - self._last_s if self._last_s is not None else 0.0
        if peak_db >= self._held_db:
            self._held_db, self._held_at_s = peak_db, now_s
        elif now_s - self._held_at_s > _PEAK_HOLD_S:
            self._held_db = max(_FLOOR_DB, peak_db, self._held_db - _PEAK_FALL_DB_S * elapsed_s)

        paint.bar(box, COLOURS["faint"])
        edges = (_FLOOR_DB, _WARM_DB, _HOT_DB, 0.0)
        for (low, high), name in zip(itertools.pairwise(edges), ("good", "warm", "hot"), strict=True):
            if rms_db > low:
                x = _place(low, box)
                paint.bar(pygame.Rect(x, box.y, _place(min(rms_db, high), box) - x, box.height), COLOURS[name])
        if self._held_db > _FLOOR_DB:
            colour = COLOURS["hot" if self._held_db > _HOT_DB else "text"]
            x = _place(self._held_db, box)
            paint.bar(pygame.Rect(min(x, box.right - 1) - paint.px(2), box.y, max(2, paint.px(3)), box.height), colour)
        y = box.bottom + paint.px(3)
        for db in _TICKS_DB:
            paint.text(str(db), 16, COLOURS["quiet"], _place(db, box), y, anchor="midtop")
        paint.text("dB", 16, COLOURS["quiet"], box.right, y, anchor="topright")

    def _draw_rates(self, state: HudState, stage_fps: float, now_s: float) -> None:
        paint, box = self._paint, self.layout.rates
        px = paint.px
        paint.panel(box)
        # Numbers that change with every frame cannot be read.
        if now_s - self._numbers_at_s >= _NUMBERS_S:
            self._numbers_at_s = now_s
            age = "–" if state.sound_age_ms is None else f"{state.sound_age_ms:.0f}"
            self._numbers = (
                f"{state.pictures_per_s:.1f}",
                f"{stage_fps:.0f}",
                age,
                _short(state.osc_accepted),
                f"{_short(state.osc_dropped)} dropped" if state.osc_dropped else "",
            )
        pictures, fps, age, osc, dropped = self._numbers
        column = (box.width - px(32)) // 2
        row = (box.height - px(20)) // 2
        cells = (
            (pictures, f"pictures/s {state.runtime}".rstrip(), COLOURS["text"]),
            (fps, "display/s", COLOURS["text"]),
            (age, "ms sound age", COLOURS["text"]),
            (osc, "OSC", COLOURS["text"]),
        )
        for i, (number, label, colour) in enumerate(cells):
            x = box.x + px(16) + (i % 2) * column
            y = box.y + px(12) + (i // 2) * row
            paint.text(number, 44, colour, x, y, width=column)
            name = paint.text(label, 19, COLOURS["quiet"], x, y + px(33), width=column)
            if label == "OSC" and dropped:
                paint.text(
                    dropped,
                    19,
                    COLOURS["warm"],
                    name.right + px(6),
                    name.y,
                    width=max(1, x + column - name.right - px(6)),
                )

    def _draw_scene(self, state: HudState) -> None:
        paint, box = self._paint, self.layout.scene
        paint.panel(box)
        px = paint.px
        width = box.width - px(32)
        paint.text(state.scene or "no scene", 38, COLOURS["text"], box.x + px(16), box.y + px(14), width=width)
        paint.text(state.prompt, 24, COLOURS["quiet"], box.x + px(16), box.y + px(52), width=width)

    def _draw_sound(self, state: HudState, now_s: float) -> None:
        paint, box = self._paint, self.layout.sound
        paint.panel(box)
        px = paint.px
        left, right = box.x + px(16), box.right - px(16)
        width = right - left
        if state.recording_s is not None:
            minutes, seconds = divmod(int(state.recording_s), 60)
            clock = paint.text(
                f"{minutes:d}:{seconds:02d}", 30, COLOURS["hot"], right, box.y + px(15), anchor="topright"
            )
            breath = 0.7 + 0.3 * math.cos(2 * math.pi * now_s)
            paint.lamp(clock.x - px(16), clock.centery - px(1), px(8), COLOURS["hot"], breath)
            width = clock.x - px(36) - left
        paint.text(state.input_name or "no input", 28, COLOURS["text"], left, box.y + px(16), width=width)
        colour = COLOURS["good" if state.input_ok else "hot"]
        paint.text(state.input_state, 24, colour, left, box.y + px(52), width=right - left)

    def _draw_warnings(self, warnings: tuple[str, ...]) -> None:
        paint = self._paint
        for box, warning in zip(self.layout.warnings, warnings, strict=False):
            paint.panel(box)
            bar = pygame.Rect(box.x, box.y, max(3, paint.px(5)), box.height)
            paint.bar(bar, COLOURS["warm"])
            paint.text(
                warning,
                23,
                COLOURS["warm"],
                box.x + paint.px(16),
                box.centery,
                anchor="midleft",
                width=box.width - paint.px(30),
            )


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value)) if math.isfinite(value) else 0.0


def _decibels(level: float) -> float:
    return max(_FLOOR_DB, 20.0 * math.log10(_unit(level))) if _unit(level) > 0 else _FLOOR_DB


def _place(db: float, box: pygame.Rect) -> int:
    return box.x + round(box.width * (1.0 - db / _FLOOR_DB))


def _short(count: int) -> str:
    if count < 100_000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 10_000_000 else f"{count / 1_000_000:.0f}M"
