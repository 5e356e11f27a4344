"""`RestingBeat`: the beat that hands and clocks say, kept on the host clock while nothing is heard."""

from __future__ import annotations

import math

import numpy as np

from analysis.bars import METRE
from analysis.taps import TapSeries
from live.capture.control_block import Command

__all__ = ["RestingBeat"]

_CLOCK_FRESH_S = 3.0
_TAPPED_S = 5.0
_NEXT_BEAT_S = 3.0


class RestingBeat:
    """A line of beats that begins where the last one heard was, and goes on at the tempo that was set.

    An outside clock has the last word for 3 s, then a tempo that is held, then that of three taps or more for 5 s
    after the last. Without any of them there is none. What is heard when the ears are back is theirs again.
    """

    def __init__(self) -> None:
        self._beats, self._at_s = 0.0, 0.0
        """Place on the line at a moment; multiples of the metre begin bars."""
        self._metre = METRE
        self._struck_s = -math.inf
        self._known: Command | None = None

    def begin(self, frame: np.ndarray, at_s: float, command: Command) -> None:
        """Go on from a frame, shape (), the last one heard, when it was heard, and what had been asked for by then."""
        self._metre = command.metre
        self._beats = max(float(frame["bar_beat"]) - 1, 0.0) + float(frame["beat_phase"])
        self._at_s = at_s
        self._known = command

    def fill(self, made: np.ndarray, command: Command) -> None:
        """Write the beat into frames, shape (hops,), whose ``captured_s`` are said."""
        times = made["captured_s"].astype(np.float64)
        tempo = self._tempo(command, float(times[-1]))
        unmoved = self._beats
        self._listen(command, tempo / 60)
        places = self._beats + (times - self._at_s) * tempo / 60
        # A tap just before a beat moves the line over it, and one just after moves it back: it is one beat either way.
        before = np.concatenate([[min(unmoved, self._beats)], places[:-1]])
        self._beats, self._at_s = float(places[-1]), float(times[-1])
        made["metre"] = self._metre
        if tempo <= 0:
            return
        made["tempo"] = tempo
        made["beat_phase"] = places % 1.0
        for at in np.flatnonzero(np.floor(places) > np.floor(before)):
            if (times[at] - self._struck_s) * tempo / 60 > 0.5:
                made["beat"][at], self._struck_s = True, float(times[at])
        made["bar_beat"] = np.floor(places) % self._metre + 1
        made["bar_phase"] = places / self._metre % 1.0
        made["next_beat_s"] = np.minimum((1.0 - places % 1.0) * 60 / tempo, _NEXT_BEAT_S)

    @staticmethod
    def _tempo(command: Command, now_s: float) -> float:
        if command.clock_bpm > 0 and now_s - command.clock_s <= _CLOCK_FRESH_S:
            return command.clock_bpm
        if command.tempo_bpm > 0:
            return command.tempo_bpm
        taps = TapSeries()
        for tapped_s in command.tap_s:
            taps.add(tapped_s)
        period_s = taps.period_s
        return 60 / period_s if period_s and now_s - taps.newest_s <= _TAPPED_S else 0.0

    def _listen(self, command: Command, per_s: float) -> None:
        """Move the line to where hands and clocks have said since the last time that the beat and the bar are."""
        known, self._known = self._known, command
        if known is None or command is known:
            return
        if command.metre != self._metre:
            beat = math.floor(self._beats)
            self._beats += beat % self._metre % command.metre - beat
            self._metre = command.metre
        if command.taps != known.taps and command.tap_s:
            there = self._place(command.tap_s[-1], per_s)
            self._beats += round(there) - there
        self._beats += command.nudged - known.nudged
        if command.clock_bpm > 0 and command.clock_s != known.clock_s:
            self._beats += math.remainder(command.clock_phase - self._place(command.clock_s, per_s), 1.0)
        if command.downbeats != known.downbeats:
            self._beats -= round(self._place(command.downbeat_s, per_s)) % self._metre

    def _place(self, at_s: float, per_s: float) -> float:
        return self._beats + (at_s - self._at_s) * per_s
