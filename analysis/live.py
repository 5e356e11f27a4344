"""`LiveAnalyzer`: samples in, `FeatureFrame`s out; causal, and without a clock or any input or output."""

from __future__ import annotations

import math

import numpy as np

from analysis.aubio_onsets import make_detector
from analysis.bars import METRE
from analysis.beats import BeatTracker
from analysis.entrance import Entrance, clean
from analysis.extremes import constant, largest, smallest
from analysis.frame import LONGEST_GAP_S, Draft, FrameFields, blank_frames, filled_frames
from analysis.gain import GAIN_RANGE_DB, AutoGain
from analysis.harmony import Harmony
from analysis.levels import Levels
from analysis.loudness import GATE_DB, Loudness
from analysis.onsets import OnsetFields
from analysis.pitch import Pitch
from analysis.separation import Separation
from analysis.shape import Shape
from analysis.smoothing import SmoothLevels
from analysis.spectrum import LongSpectrum
from analysis.stereo import Stereo
from analysis.timing import check_rate, detector_hop, hop_size
from bentlight.errors import BadInput

__all__ = ["HEARD_CHANNELS", "LiveAnalyzer"]

HEARD_CHANNELS = 2
"""How many channels of an input or a file are heard, its first ones, where no others were chosen."""
_GAIN_SLEW_DB = 0.5
"""Most a gain set by hand moves in one hop: no click, and 60 dB within 0.64 s. Onsets and drums are told of it; what it
moves within what the beat is told from is less than its threshold."""
_MOST_CHANNELS = 256
_LEAST, _MOST = constant(-1.0), constant(1.0)


class LiveAnalyzer:
    """Hears a stream of samples hop by hop.

    A hop is 5.3 ms (`analysis.timing.hop_size`). What comes out depends on the samples alone, never on how they were
    cut into blocks. Samples that are not finite count as 0, a constant is taken off, and after gain everything is held
    within full scale.

    Parameters
    ----------
    sample_rate : float
        In Hz, 8000 to 384000.
    gain_db : float or "auto", optional
        Gain before everything else, -60 to 60 dB. ``"auto"`` follows the loudest passage of the last seconds.
    gate_db : float, optional
        Level after gain below which there is no sound, -90 to 0 dB.
    start_index : int, optional
        Index of the first frame.
    start_s : float, optional
        Stream time of the first sample in seconds.
    onset_count, beat_count, bar_count : int, optional
        Counts so far, so that a restarted stream goes on counting.
    kick_count, snare_count, hat_count : int, optional
        The same for the drums.
    onset_method : str, optional
        How onsets of the mix are found: ``"auto"``, or one of aubio's methods (`analysis.aubio_onsets.METHODS`), for
        comparison. Drums are always found in our own way.
    metre : int, optional
        Beats in a bar, 2 to 12.

    Raises
    ------
    BadInput
        If the sample rate, the gain, the gate, the method or the metre is none.

    Examples
    --------
    >>> import numpy as np
    >>> frames = LiveAnalyzer(48000).process(np.zeros(1024, np.float32))
    >>> frames.shape, float(frames["rms"].max())
    ((4,), 0.0)
    """

    def __init__(
        self,
        sample_rate: float,
        *,
        gain_db: float | str = 0.0,
        gate_db: float = GATE_DB,
        start_index: int = 0,
        start_s: float = 0.0,
        onset_count: int = 0,
        beat_count: int = 0,
        bar_count: int = 0,
        kick_count: int = 0,
        snare_count: int = 0,
        hat_count: int = 0,
        onset_method: str = "auto",
        metre: int = METRE,
    ) -> None:
        self.sample_rate = check_rate(sample_rate)
        self.hop = hop_size(self.sample_rate)
        self._look = detector_hop(self.sample_rate)
        self._index, self._start_s = start_index, start_s
        self._onset_count, self._beat_count, self._bar_count = onset_count, beat_count, bar_count
        self._heard = 0
        self._gap_s = 0.0
        self._pending = np.zeros((1, 0), np.float32)
        self._draft = Draft()
        self._entrance = Entrance(self.sample_rate, self.hop)
        self._loudness = Loudness(self.hop_s, gate_db)
        self._levels = Levels(self.sample_rate, self.hop)
        self._smooth = SmoothLevels(self.hop_s)
        self._stereo = Stereo(self.hop_s)
        self._shape = Shape(self._levels.frequencies, self.hop_s)
        self._long = LongSpectrum(self.sample_rate, self.hop)
        self._separation = Separation(self.sample_rate, self._long)
        self._harmony = Harmony(self.sample_rate, self.hop)
        self._pitch = Pitch(self.sample_rate, self.hop)
        self._onsets = make_detector(onset_method, self.sample_rate, self._look)
        self._onset_fields = OnsetFields({"kick": kick_count, "snare": snare_count, "hat": hat_count})
        self._beats = BeatTracker(self.sample_rate, self.hop, self._long)
        self._beats.set_metre(metre)
        self._peak, self._peak_keep = 0.1, math.exp(-self.hop_s / 6.0)
        self._auto: AutoGain | None = None
        self._gain_db = self._wanted_db = 0.0
        self._gain = constant(1.0)
        self.set_gain(gain_db)
        self._gain_db = self._wanted_db

    @property
    def hop_s(self) -> float:
        """Length of a hop in seconds."""
        return self.hop / self.sample_rate

    @property
    def time_s(self) -> float:
        """Stream time at the end of the last hop."""
        return self._start_s + self._heard / self.sample_rate

    @property
    def pending(self) -> int:
        """Samples that wait for their hop to fill."""
        return self._pending.shape[1]

    @property
    def gain_db(self) -> float:
        """Gain in dB as it is now, automatic or not."""
        return self._gain_db

    def set_gain(self, gain_db: float | str) -> None:
        """Set the gain in dB, or ``"auto"``, from the next hop on.

        Raises
        ------
        BadInput
            If it is neither ``"auto"`` nor a finite number.
        """
        if gain_db == "auto":
            if self._auto is None:
                self._auto = AutoGain(self.hop_s, self._gain_db)
                self._wanted_db = self._auto.gain_db
            return
        if isinstance(gain_db, str) or not math.isfinite(gain_db):
            raise BadInput(f"A gain of {gain_db!r} cannot be used; give a number of decibels or 'auto'.")
        self._auto = None
        self._wanted_db = min(max(float(gain_db), GAIN_RANGE_DB[0]), GAIN_RANGE_DB[1])

    def set_gate(self, gate_db: float) -> None:
        """Set the level after gain below which there is no sound, in dB, from the next hop on.

        Raises
        ------
        BadInput
            If it is not from -90 to 0.
        """
        self._loudness.set_gate(gate_db)

    def tap(self, ago_s: float = 0.0) -> None:
        """Say that a beat was `ago_s` seconds before the end of the last hop; see `BeatTracker.tap`."""
        self._beats.tap(ago_s)

    def nudge(self, beats: float = 0.5) -> None:
        """Move the beat by some beats, against what is heard."""
        self._beats.nudge(beats)

    def downbeat(self, ago_s: float = 0.0) -> None:
        """Say that the beat nearest to `ago_s` seconds before the end of the last hop is the first of a bar."""
        self._beats.downbeat(ago_s)

    def set_metre(self, beats: int) -> None:
        """Count bars of so many beats, 2 to 12."""
        self._beats.set_metre(beats)

    def set_tempo(self, bpm: float) -> None:
        """Hold the tempo at `bpm`; 0 follows what is heard."""
        self._beats.set_tempo(bpm)

    def set_clock(self, bpm: float, phase: float, ago_s: float = 0.0) -> None:
        """Follow an outside clock for 3 s: it was at `phase` of a beat `ago_s` before the end of the last hop."""
        self._beats.set_clock(bpm, phase, ago_s)

    def release_clock(self) -> None:
        """Follow what is heard again, at once."""
        self._beats.release_clock()

    def skip(self, samples: int) -> None:
        """Move stream time on by samples that were lost before they could be heard.

        The next frame's `gap` says how long the hole is. Envelopes fall as through silence of that length, what looks
        back over longer windows begins anew, and the tempo stays.
        """
        gap_s = samples / self.sample_rate
        if gap_s <= 0.0:
            return
        self._start_s += gap_s
        self._gap_s += gap_s
        self._peak = max(self._peak * self._peak_keep ** (gap_s / self.hop_s), 0.02)
        self._levels.skip(samples)
        self._loudness.skip(gap_s)
        self._smooth.skip(gap_s)
        self._stereo.skip(gap_s)
        self._onsets.skip()
        self._long.clear()
        self._separation.skip()
        self._harmony.skip(gap_s)
        self._pitch.skip()
        beats, bars = self._beats.skip(gap_s)
        self._beat_count += beats
        self._bar_count += bars

    def process(self, block: np.ndarray) -> np.ndarray:
        """Take samples and return the frames of the hops they complete.

        Parameters
        ----------
        block : ndarray, shape (n,) or (n, channels)
            Any length. Floats of full scale 1, or integers of their type's full scale. What is heard is the mean of the
            channels; of the first two, their difference as well.

        Returns
        -------
        ndarray of FEATURE_FRAME, shape (hops,)
            ``captured_s``, ``published_s`` and ``generation`` are left at 0 for whoever owns the clock.

        Raises
        ------
        BadInput
            If the block has another shape, or more than 256 channels.
        """
        block = np.asarray(block)
        if block.ndim not in (1, 2) or (block.ndim == 2 and block.shape[1] == 0):
            raise BadInput(f"A block of shape {block.shape} cannot be heard; give (n,) or (n, channels).")
        if block.ndim == 2 and block.shape[1] > _MOST_CHANNELS:
            raise BadInput(f"A block of shape {block.shape} looks transposed; give (n, channels), such as block.T.")
        rows = clean(block)
        if len(rows) != len(self._pending):
            # Other channels in the middle of a hop: its beginning is kept as the mean.
            self._pending = np.tile(self._pending.mean(axis=0, dtype=np.float32), (len(rows), 1))
        if self._pending.shape[1]:
            rows = np.concatenate([self._pending, rows], axis=1)
        hops = rows.shape[1] // self.hop
        frames = blank_frames(hops)
        for number in range(hops):
            hop = np.ascontiguousarray(rows[:, number * self.hop : (number + 1) * self.hop])
            self._draft.clear()
            self._fill(self._draft.fields, hop)
            self._draft.put(frames, number)
        self._pending = rows[:, hops * self.hop :]
        return filled_frames(frames)

    def _fill(self, frame: FrameFields, rows: np.ndarray) -> None:
        entered = self._entrance.process(rows)
        samples, peak = self._amplify(entered.mid, entered.mean_square)
        onset = self._onsets.process(samples)
        hit, novelty = onset.hit, onset.novelty
        heard = self._levels.process(samples)
        spectrum = self._long.process(samples)
        self._loudness.process(heard.rms, self._gain_db, filling=heard.filling)
        # By the gate, which knows the level before gain: an automatic gain lifts a line's noise.
        beat = self._beats.process(
            spectrum,
            audible=self._loudness.open,
            kick=onset.kick,
            snare=onset.snare,
            chroma=self._harmony.chroma,
        )
        self._peak = max(peak, self._peak * self._peak_keep, 0.02)

        opening = self._loudness.opening
        self._smooth.process(heard.all_levels)
        self._stereo.process(entered, self._gain_db)
        self._shape.process(heard.magnitude, opening * heard.presence, filling=heard.filling)
        if spectrum is not None:
            self._separation.process(spectrum)
        self._harmony.process(samples, opening)
        self._pitch.process(samples, opening)

        self._heard += self.hop
        self._onset_count += hit
        self._beat_count += beat
        self._bar_count += self._beats.bar_began
        frame["index"][0] = self._index
        self._index += 1
        frame["time_s"][0] = self.time_s
        frame["gap"][0], self._gap_s = min(self._gap_s, LONGEST_GAP_S), 0.0
        frame["onset_count"][0] = self._onset_count
        frame["beat_count"][0], frame["bar_count"][0] = self._beat_count, self._bar_count
        frame["rms"][0], frame["peak"][0], frame["loudness"][0] = heard.rms, peak, heard.loudness
        frame["bands"][0] = heard.bands
        frame["low"][0], frame["mid"][0], frame["high"][0] = heard.low, heard.mid, heard.high
        frame["centroid"][0], frame["brightness"][0], frame["flux"][0] = heard.centroid, heard.brightness, heard.flux
        for group in (
            self._entrance,
            self._loudness,
            self._smooth,
            self._stereo,
            self._shape,
            self._separation,
            self._harmony,
            self._pitch,
        ):
            group.write(frame)
        frame["onset"][0] = hit
        if hit:
            # Half how new the sound is, half how loud beside the loudest of late.
            frame["onset_strength"][0] = 0.5 * (novelty + min(1.0, peak / self._peak))
        frame["novelty"][0] = novelty
        self._onset_fields.fill(frame, onset)
        frame["tempo"][0], frame["beat_phase"][0], frame["beat"][0] = self._beats.tempo, self._beats.phase, beat
        frame["beat_confidence"][0], frame["next_beat_s"][0] = self._beats.confidence, self._beats.next_beat_s
        frame["bar_beat"][0], frame["bar_phase"][0] = self._beats.bar_beat, self._beats.bar_phase
        frame["metre"][0] = self._beats.metre

    def _amplify(self, mid: np.ndarray, mean_square: float) -> tuple[np.ndarray, float]:
        """Return a hop of that mean square after gain, within full scale, and its peak."""
        if self._auto is not None:
            self._wanted_db = self._auto.advance(mean_square)
        step = self._wanted_db - self._gain_db
        step = min(max(step, -_GAIN_SLEW_DB), _GAIN_SLEW_DB)
        if step:
            self._gain_db += step
            self._onsets.amplified(step)
            self._peak *= 10 ** (step / 20)
        self._gain[()] = 10 ** (self._gain_db / 20)
        samples = mid * self._gain
        peak = max(largest(samples), -smallest(samples))
        if peak <= 1.0:
            return samples, peak
        np.maximum(samples, _LEAST, out=samples)
        return np.minimum(samples, _MOST, out=samples), 1.0
