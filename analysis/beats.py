"""`BeatTracker`: tempo, beat phase and bars from sound, taps and an outside clock."""

from __future__ import annotations

import math

import numpy as np

from analysis.accents import NO_CHROMA
from analysis.bars import BarCounter
from analysis.beat_clock import BeatClock
from analysis.beat_space import FASTEST_BPM, SLOWEST_BPM, BeatSpace, Peak, wrapped
from analysis.pulse import Pulse
from analysis.rivals import Rivals, akin, is_kin
from analysis.spectrum import LONG_EVERY, LongSpectrum
from analysis.taps import TapSeries

__all__ = ["NEXT_BEAT_REST_S", "BeatTracker"]

NEXT_BEAT_REST_S = 3.0
"""`next_beat_s` while no beat can be foretold: further away than any beat is."""

_DELAY_S = 0.0235
"""From a beat's attack to the look in which its onset strength is greatest."""
_EVIDENCE_S = 4.0
_ENTER, _KEEP, _SURE, _FULL, _MOST = 3.8, 2.0, 6.0, 10.0, 12.0
"""Evidence in nats over 4 s: to know the beat, to go on knowing it, to be sure of it, for full confidence, and the
most counted."""
_ENTER_MASS, _KEEP_MASS = 0.5, 0.2
_SETTLED_S = 4.0
"""From when the tempo of a beat is settled."""
_NEW_PIECE_S, _FIRST_BEATS = 1.5, 24
_HOLD_S, _HOLD_LEAST_S, _HOLD_TIMES, _SILENT_S = 12.0, 1.0, 3.0, 5.0
_PERIOD_S, _STEADY_PERIOD_S, _STEADY = 1.5, 4.0, 0.012
_HIT, _STRUCK_BEATS = 0.4, 2.2
_TAP_TEMPO = 1.08
_SAME_BEAT = 0.15
_OUTSIDE_FRESH_S = 3.0


class BeatTracker:
    """Follows the beat of what is heard; taps, nudges, a fixed tempo and an outside clock have the last word.

    `Pulse` gives onset strengths, `BeatSpace` the probability of every tempo and phase. The one followed is left for
    another only when that was three times as likely for most of a second, so that half and double, beat and
    off-beat do not alternate. `BeatClock` runs after it with a phase that is never torn.

    The beat is known once it explains the onsets clearly better than chance. Without support it is held for three
    times as long as it was sure, from 1 to 12 s, as through a break, and then forgotten; after 5 s of silence it is
    forgotten at once.

    Parameters
    ----------
    sample_rate : int
    hop : int
        Samples from each `process` to the next.
    spectrum : LongSpectrum
        Where the spectra come from.
    """

    def __init__(self, sample_rate: int, hop: int, spectrum: LongSpectrum) -> None:
        self._hop_s = hop / sample_rate
        self._look_s = LONG_EVERY * self._hop_s
        self._pulse = Pulse(sample_rate, self._look_s, spectrum)
        self._space = BeatSpace(self._look_s)
        self._clock = BeatClock(self._hop_s)
        self._bars = BarCounter()
        self._now_s, self._since_look = 0.0, 0
        self._evidence = 0.0
        self._evidence_keep = math.exp(-self._look_s / _EVIDENCE_S)
        self._followed: Peak | None = None
        self._known_s = self._tempo_since_s = 0.0
        self._period_s = 0.0
        self._mass = 0.0
        self._supported_s = -math.inf
        self._sure_s = 0.0
        self._level_known = False
        self._rivals = Rivals(self._look_s)
        self._quiet_s = math.inf
        self._first_s = math.nan
        self._hit_s = -math.inf
        self._skipped_s = 0.0
        self._shift = 0.0
        self._anchored = False
        self._taps = TapSeries()
        self._tapped_s = -math.inf
        self._tapped = False
        self._fixed_s = 0.0
        self._outside: tuple[float, float, float] | None = None
        self._outside_shift = 0.0

    # What is known ------------------------------------------------------------------------------------

    @property
    def tempo(self) -> float:
        """Tempo in BPM; 0 while it is not known."""
        return 60.0 / self._clock.period_s if self._clock.period_s else 0.0

    @property
    def phase(self) -> float:
        """Position between two beats, 0 to 1; 0 while the tempo is not known."""
        return self._clock.phase

    @property
    def confidence(self) -> float:
        """How well the beat explains what is heard, 0 to 1; 1 under an outside clock."""
        if self._outside is not None:
            return 1.0
        if self._followed is None:
            return 0.0
        return min(1.0, max(0.0, self._evidence / _FULL)) * min(1.0, self._mass / 0.8)

    @property
    def next_beat_s(self) -> float:
        """Seconds until the next beat; `NEXT_BEAT_REST_S` while none can be foretold."""
        return min(self._clock.next_beat_s, NEXT_BEAT_REST_S)

    @property
    def bar_beat(self) -> int:
        """Which beat of the bar it is, from 1; 0 while the tempo is not known."""
        return self._bars.beat if self._clock.running else 0

    @property
    def metre(self) -> int:
        """Beats in a bar."""
        return self._bars.metre

    @property
    def bar_phase(self) -> float:
        """Position in the bar, 0 to 1; 0 while the tempo is not known."""
        return self._bars.phase(self.phase) if self._clock.running else 0.0

    @property
    def bar_began(self) -> bool:
        """Whether a bar began in the last hop."""
        return self._bars.began

    # Sound --------------------------------------------------------------------------------------------

    def process(
        self,
        spectrum: np.ndarray | None,
        *,
        audible: bool,
        kick: float = 0.0,
        snare: float = 0.0,
        chroma: np.ndarray = NO_CHROMA,
    ) -> bool:
        """Move on by one hop, and return whether a beat began in it.

        Parameters
        ----------
        spectrum : ndarray, shape (n_fft // 2 + 1,), or None
            The long power spectrum, in the hops that bring one.
        audible : bool
            Whether the hop is above the silence gate.
        kick, snare : float
            Strength of such a drum that was found in the hop, 0 for none. Bars are counted by it, beats are not.
        chroma : ndarray, shape (12,), optional
            Pitch classes as of now, for the bars; zeros where there are none.
        """
        self._now_s += self._hop_s
        if audible and self._quiet_s > _NEW_PIECE_S:
            self._first_s = math.nan
        self._quiet_s = 0.0 if audible else self._quiet_s + self._hop_s
        self._since_look += 1
        if spectrum is not None:
            self._since_look = 0
            strength = self._pulse.process(spectrum)
            self._look(strength)
            self._bars.look(strength, self._pulse.harmony)
        if kick or snare:
            self._bars.hit(kick, snare)
        self._steer()
        rested = not self._clock.running
        began = self._clock.run()
        if began and rested:
            self._bars.start(self._beats_since_first())
        self._bars.advance(began, self._clock.phase, chroma)
        return began

    def skip(self, seconds: float) -> tuple[int, int]:
        """Move on over a time that was not heard: a known beat goes on in it. Return the beats and bars that began."""
        self._now_s += seconds
        # What was heard, and not, is as long ago as it was.
        self._supported_s += seconds
        self._hit_s += seconds
        self._pulse.skip()
        beats = self._clock.skip(seconds)
        bars = self._bars.skip(beats)
        looks = round((seconds + self._skipped_s) / self._look_s)
        self._skipped_s += seconds - looks * self._look_s
        self._space.skip(looks)
        if self._followed is not None:
            phase, period_s, mass = self._followed
            self._followed = Peak((phase + seconds / self._period_s) % 1.0, period_s, mass)
            if seconds > self._period_s:
                # Over beats that nobody heard, belief blurs more than a beat does: what was believed of this one stays.
                self._space.insist(self._followed.phase, self._period_s, self._mass)
        return beats, bars

    def _look(self, strength: list[float]) -> None:
        if sum(strength) > _HIT:
            self._hit_s = self._now_s
            if math.isnan(self._first_s):
                self._first_s = self._now_s
        evidence = self._space.advance(strength)
        self._evidence = min(max(0.0, self._evidence * self._evidence_keep + evidence), _MOST)
        best = self._space.best()
        if self._followed is None:
            if self._evidence > _ENTER and best.mass > _ENTER_MASS:
                self._follow(best)
            return
        step = self._look_s / self._period_s
        expected = Peak((self._followed.phase + step) % 1.0, self._period_s, 0.0)
        if (self._fixed_s or self._tapped) and not SLOWEST_BPM <= 60.0 / self._period_s <= FASTEST_BPM:
            # Nothing so fast or slow can be heard: the beat goes on as it was set.
            self._followed, self._mass = expected, 0.0
            self._forget()
            return
        here = best if best.near(expected) else self._space.around(expected.phase, expected.period_s)
        self._mass = here.mass
        # Where nothing is struck, what is believed only blurs: the beat goes on as it went.
        struck = self._now_s - self._hit_s < _STRUCK_BEATS * self._period_s
        supported = struck and self._evidence > _KEEP and here.mass > _KEEP_MASS
        if supported:
            self._supported_s = self._now_s
            if self._evidence > _SURE:
                self._sure_s = min(self._sure_s + self._look_s, _HOLD_S)
                if not self._level_known and self._now_s - self._known_s > _SETTLED_S:
                    self._level_known = True
                    self._space.expect(self._period_s)
            if not self._fixed_s:
                # An average of everything since the beat was found, and later of the last seconds, fewer in a change.
                steady = abs(here.period_s / self._period_s - 1.0) < _STEADY
                most_s = _STEADY_PERIOD_S if steady else _PERIOD_S
                weight = self._look_s / min(max(self._now_s - self._known_s, self._look_s), most_s)
                self._period_s += weight * (here.period_s - self._period_s)
        self._followed = here if supported else expected
        self._compare(best, expected, here)
        self._forget()

    def _beats_since_first(self) -> int:
        """Beats since the first hit after silence, which likely begins a bar; 0 if that is no whole number of them."""
        beats = (self._now_s - self._first_s) * self.tempo / 60.0
        whole = round(beats) if math.isfinite(beats) else 0
        return whole if 0 < whole <= _FIRST_BEATS and abs(beats - whole) < 0.25 else 0

    def _compare(self, best: Peak, expected: Peak, here: Peak) -> None:
        """Leave the beat followed for `best` once that has been much likelier for long enough."""
        settled = self._now_s - self._tempo_since_s > _SETTLED_S
        if not self._rivals.leads(
            best, expected, here, backbeat=self._space.backbeat, clear=self._evidence > _KEEP, settled=settled
        ):
            return
        ratio, jump = best.period_s / expected.period_s, wrapped(best.phase - expected.phase)
        same_tempo = akin(ratio, 1.0)
        since_s, doubled = self._tempo_since_s, self._rivals.doubled
        shift, anchored = self._shift, self._anchored
        self._follow(best)
        if same_tempo or akin(ratio, 0.5) or akin(ratio, 2.0):
            self._tempo_since_s, self._rivals.doubled = since_s, doubled
        if anchored and same_tempo:
            # Whoever tapped or nudged said where the beat is: the tracker's second thoughts do not move it.
            self._shift, self._anchored = wrapped(shift - jump), True

    def _follow(self, peak: Peak) -> None:
        times = peak.period_s / self._period_s if self._period_s and self._outside is None else 1.0
        if self._clock.running and is_kin(times):
            # The clock will make up for what it is off.
            phase, here = peak.phase + self._since_attack_s / peak.period_s, self._clock.phase
            self._bars.relevel(times, here + wrapped(phase - here))
        self._followed, self._mass = peak, peak.mass
        self._period_s = self._fixed_s or peak.period_s
        self._known_s = self._tempo_since_s = self._supported_s = self._now_s
        self._rivals.forget()
        self._shift, self._anchored = 0.0, False
        self._level_known = False
        self._space.expect(0.0)

    def _forget(self) -> None:
        # What was heard for a moment is forgotten within one; what was sure for long is held through a break.
        hold_s = min(_HOLD_S, _HOLD_LEAST_S + _HOLD_TIMES * self._sure_s)
        unsupported = self._now_s - self._supported_s > hold_s and not self._tapped
        quiet_s = min(self._quiet_s, self._now_s - self._tapped_s)
        if not self._fixed_s and (quiet_s > _SILENT_S or unsupported):
            self._followed = None
            self._evidence = self._mass = self._sure_s = 0.0
            self._taps.clear()
            if self._tapped:
                self._tapped = False
                self._space.restrict()
            self._space.reset()
            self._space.expect(0.0)

    @property
    def _since_attack_s(self) -> float:
        """Seconds since the attacks that the last look shows: between two looks the beat goes on."""
        return _DELAY_S + self._since_look * self._hop_s

    def _steer(self) -> None:
        if self._outside is not None:
            at_s, phase, period_s = self._outside
            if self._now_s - at_s <= _OUTSIDE_FRESH_S:
                self._clock.aim(phase + (self._now_s - at_s) / period_s + self._outside_shift, period_s)
                return
            self.release_clock()
        if self._followed is None:
            self._clock.rest()
            return
        self._clock.aim(self._followed.phase + self._shift + self._since_attack_s / self._period_s, self._period_s)

    # Hands and clocks ---------------------------------------------------------------------------------

    def tap(self, ago_s: float = 0.0) -> None:
        """Say that a beat was `ago_s` seconds ago.

        One tap says which of the places in the beat is the beat; three or more in time set the tempo as well, and
        the tracker then keeps within 8 % of it until there has been neither sound nor a tap for 5 s.
        """
        at_s = self._now_s - max(0.0, ago_s)
        if not self._taps.add(at_s):
            return
        self._tapped_s = at_s
        if period_s := self._taps.period_s:
            self._tap_tempo(period_s)
        if self._followed is None:
            return
        heard = self._followed.phase + self._since_attack_s / self._period_s
        off = wrapped((self._now_s - at_s) / self._period_s - heard - self._shift)
        if self._evidence <= _KEEP:
            # Nobody hears any better.
            self._shift = wrapped(self._shift + off)
        elif abs(off) > _SAME_BEAT:
            # A tap tells which beat is meant; when exactly it is, the tracker hears better, unless they disagree.
            between = abs(abs(off) - 0.5) < _SAME_BEAT
            self._shift = wrapped(self._shift + (0.5 if between else off))
        self._anchored = True

    def _tap_tempo(self, period_s: float) -> None:
        if self._fixed_s:
            return
        followed = self._followed is not None and abs(self._period_s / period_s - 1.0) < _TAP_TEMPO - 1.0
        known, self._tapped = followed and not self._tapped, True
        self._space.restrict(60.0 / (period_s * _TAP_TEMPO), 60.0 * _TAP_TEMPO / period_s)
        if known:
            return  # heard already, and more exactly than tapped
        phase = (self._now_s - self._taps.newest_s - self._since_attack_s) / period_s % 1.0
        self._space.insist(phase, period_s)
        self._follow(Peak(phase, period_s, 1.0))

    def nudge(self, beats: float = 0.5) -> None:
        """Move the beat by some beats; it stays there against the tracker's opinion. Without a beat, nothing."""
        if self._outside is not None:
            self._outside_shift = wrapped(self._outside_shift + beats)
        elif self._followed is not None:
            self._shift, self._anchored = wrapped(self._shift + beats), True

    def downbeat(self, ago_s: float = 0.0) -> None:
        """Say that the beat nearest to `ago_s` seconds ago is the first of a bar.

        Bars are counted from it until the beat is forgotten.
        """
        beats_ago = max(0.0, ago_s) / self._clock.period_s if self._clock.period_s else 0.0
        self._bars.downbeat(self._clock.phase - beats_ago)

    def set_metre(self, beats: int) -> None:
        """Count bars of so many beats, 2 to 12."""
        self._bars.set_metre(beats)

    def set_tempo(self, bpm: float) -> None:
        """Hold the tempo at `bpm` and follow the beat's phase alone; 0 follows the tempo again."""
        if bpm <= 0.0:
            self._fixed_s = 0.0
            self._space.restrict()
            return
        self._fixed_s = self._period_s = 60.0 / bpm
        self._tapped = False
        self._space.restrict(bpm / 1.03, bpm * 1.03)
        phase = (self._clock.phase - self._since_attack_s / self._period_s) % 1.0
        self._space.insist(phase, self._period_s)
        self._follow(Peak(phase, self._period_s, 1.0))

    def set_clock(self, bpm: float, phase: float, ago_s: float = 0.0) -> None:
        """Follow an outside clock that was at `phase` of a beat `ago_s` seconds ago, for 3 s from then."""
        self._outside = (self._now_s - ago_s, phase % 1.0, 60.0 / bpm)

    def release_clock(self) -> None:
        """Follow the sound again, beginning from where the outside clock was."""
        if self._outside is None:
            return
        at_s, phase, period_s = self._outside
        shift, self._outside, self._outside_shift = self._outside_shift, None, 0.0
        now = (phase + (self._now_s - at_s - self._since_attack_s) / period_s) % 1.0
        if not self._fixed_s and not self._tapped:
            self._space.insist(now, period_s)
            self._follow(Peak(now, period_s, 1.0))
            if shift:
                self.nudge(shift)
