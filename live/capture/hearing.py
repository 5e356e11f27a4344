"""`Hearing`: the loop of the ears. Opens sources, turns their sound into frames, and says how it is."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from analysis.live import HEARD_CHANNELS, LiveAnalyzer
from bentlight.clock import now_s
from bentlight.errors import BadInput, BentlightError
from live.capture.control_block import Command, ControlBlock, Report
from live.capture.devices import PortAudioMissing
from live.capture.feature_ring import FeatureRing
from live.capture.intake import Block
from live.capture.sample_ring import SampleRing
from live.capture.sources import DeviceSource, Source, make_source

__all__ = ["Hearing"]

_TAKE_S = 0.04
_REPORT_S = 0.05
_FIRST_SOUND_S = 4.0
_RETRY_S = (0.2, 0.4, 0.8, 1.0)


class Hearing:
    """Hears whatever the newest `Command` asks for, until one says stop.

    Stream time, frame index and counts go on from the newest frame in the ring, also after a restart: the time
    without sound is added to stream time.

    Parameters
    ----------
    features, samples, control
        The shared memory. This is their one writer (of the control block: of its reports).
    generation : int
        How many times the ears have been started.
    clock, wait : callable, optional
        Host clock in seconds, and a function that waits for some.
    make : callable, optional
        Makes a source from a command and the names of the inputs as last listed.
    """

    def __init__(
        self,
        features: FeatureRing,
        samples: SampleRing,
        control: ControlBlock,
        generation: int = 0,
        *,
        clock: Callable[[], float] = now_s,
        wait: Callable[[float], object] | None = None,
        make: Callable[[Command, list[str]], Source] = make_source,
    ) -> None:
        self._features, self._samples, self._control = features, samples, control
        self._clock, self._make = clock, make
        self._wait = wait or threading.Event().wait
        self._command = Command()
        self._commands_seen = 0
        self._source: Source | None = None
        self._analyzer: LiveAnalyzer | None = None
        self._columns: list[int] = []
        self._tries, self._retry_at = 0, -math.inf
        self._taps = 0
        self._nudged = 0.0
        self._downbeats = 0
        before = control.report() or Report()
        self._gain_db = before.gain_db
        # Until sound comes it is as it was: a recording can begin while the device is away.
        self._report = Report(
            generation=generation,
            state="starting",
            gain_db=self._gain_db,
            inputs=before.inputs,
            sample_rate=before.sample_rate,
            channels=before.channels,
        )
        self._reported_at = -math.inf
        self._sound_s = 0.0

    def run(self) -> None:
        """Hear until told to stop."""
        while self.step():
            pass
        self._close()

    def step(self) -> bool:
        """Do one turn of the loop, at most some tens of milliseconds; False once told to stop."""
        self._obey()
        if self._command.stop:
            return False
        if self._source is None and self._clock() >= self._retry_at:
            self._open()
        block = self._source.intake.take(_TAKE_S) if self._source is not None else None
        if block is not None:
            self._hear(block)
        elif self._source is None:
            # Nothing to listen to: look for commands and the next try without using the processor.
            self._wait(_TAKE_S)
        if self._source is not None:
            self._look_after(self._source)
        if self._clock() - self._reported_at >= _REPORT_S:
            self._say()
        return True

    # Commands ----------------------------------------------------------------------------------------

    def _obey(self) -> None:
        if self._control.commands_sent == self._commands_seen:
            return
        self._commands_seen = self._control.commands_sent
        command = self._control.command()
        if command is None:
            return
        before = self._command
        if command.serial == before.serial:
            # The source as resolved here, a device by its name, stays.
            command = replace(command, source=before.source, insist=command.insist and before.insist)
        self._command = command
        if command.serial != before.serial:
            self._close()
            self._tries, self._retry_at = 0, -math.inf
            self._say(
                state="starting",
                message="",
                serial=command.serial,
                device="",
                source=command.source,
                position_s=0.0,
                silent=False,
            )
        if self._analyzer is not None:
            self._conduct(self._analyzer, before)
            self._set_gain(self._analyzer)
            self._analyzer.set_gate(command.gate_db)
        self._taps, self._nudged, self._downbeats = command.taps, command.nudged, command.downbeats

    def _conduct(self, analyzer: LiveAnalyzer, before: Command) -> None:
        """Pass on what hands and clocks say about the beat since `before`."""
        command, newest = self._command, self._features.newest()
        heard_s = float(newest["captured_s"]) if newest is not None else self._clock()
        fresh = min(command.taps - self._taps, len(command.tap_s))
        for tapped_s in command.tap_s[len(command.tap_s) - fresh :]:
            analyzer.tap(heard_s - tapped_s)
        if command.nudged != self._nudged:
            analyzer.nudge(command.nudged - self._nudged)
        if command.metre != before.metre:
            analyzer.set_metre(command.metre)
        if command.downbeats != self._downbeats:
            analyzer.downbeat(heard_s - command.downbeat_s)
        if command.tempo_bpm != before.tempo_bpm:
            analyzer.set_tempo(command.tempo_bpm)
        if command.clock_s != before.clock_s or command.clock_bpm != before.clock_bpm:
            if command.clock_bpm > 0.0:
                analyzer.set_clock(command.clock_bpm, command.clock_phase, heard_s - command.clock_s)
            else:
                analyzer.release_clock()

    def _set_gain(self, analyzer: LiveAnalyzer) -> None:
        analyzer.set_gain("auto" if math.isnan(self._command.gain_db) else self._command.gain_db)

    # The source --------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._sound_s = self._clock()
        self._say()
        source = None
        try:
            source = self._make(self._command, self._report.inputs.split("\n"))
            source.open()
        except BentlightError as error:
            if source is not None:
                source.close()
            hopeless = isinstance(error, BadInput | PortAudioMissing)
            pause_s = math.inf if hopeless else _RETRY_S[min(self._tries, len(_RETRY_S) - 1)]
            self._tries += 1
            self._retry_at = self._clock() + pause_s
            self._say(state="failed" if hopeless else "lost", message=str(error))
            return
        self._source, self._analyzer = source, None
        self._sound_s = self._clock()
        self._say(
            device=source.name,
            source=source.resolved,
            sample_rate=source.sample_rate,
            inputs=self._list_inputs(source),
        )

    def _list_inputs(self, source: Source) -> str:
        if not isinstance(source, DeviceSource):
            return self._report.inputs
        from live.capture.devices import inputs

        return "\n".join(dict.fromkeys(device.name for device in inputs()))

    def _close(self) -> None:
        source, self._source, self._analyzer = self._source, None, None
        if source is not None:
            source.close()

    def _look_after(self, source: Source) -> None:
        source.poll()
        if source.ended and not source.intake.waiting:
            self._close()
            self._retry_at = math.inf
            self._say(state="ended", message=source.farewell)
        elif source.gone:
            self._lose(f"The sound input '{source.name}' is gone; it is taken again as soon as it is back.")
        elif self._report.state != "running" and self._clock() - self._sound_s > _FIRST_SOUND_S:
            self._lose(f"No sound comes from '{source.name}'; check that the sound server is well.")

    def _lose(self, message: str) -> None:
        # Only ever this very device again, by its name: the performer did not ask for another.
        if self._source is not None:
            self._command = replace(self._command, source=self._source.resolved, insist=False)
        self._say(state="lost", message=message)
        self._close()
        self._tries, self._retry_at = 0, -math.inf

    # Sound -------------------------------------------------------------------------------------------

    def _hear(self, block: Block) -> None:
        channels = block.samples.shape[1]
        wanted = [number - 1 for number in self._command.channels]
        columns = wanted if wanted and max(wanted) < channels else list(range(min(HEARD_CHANNELS, channels)))
        samples = block.samples if columns == list(range(channels)) else block.samples[:, columns]
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self._sound_s = block.captured_s
        analyzer = self._analyzer
        if analyzer is None or block.lost or columns != self._columns:
            analyzer = self._join(analyzer, block, columns)
        self._samples.write(samples[:, :2])
        frames = analyzer.process(samples)
        frames["captured_s"] = block.captured_s
        frames["generation"] = self._report.generation
        frames["published_s"] = self._clock()
        self._features.write(frames)
        self._gain_db = analyzer.gain_db
        silent = bool(frames["silent"][-1]) if len(frames) else self._report.silent
        message = self._silence(silent)
        if self._report.state != "running" or silent != self._report.silent or message != self._report.message:
            self._say(state="running", message=message, silent=silent)

    def _join(self, analyzer: LiveAnalyzer | None, block: Block, columns: list[int]) -> LiveAnalyzer:
        """Begin a stretch of sound: after opening, after a loss, after a change of channels."""
        assert self._source is not None
        rate = self._source.sample_rate
        if analyzer is not None:
            analyzer.skip(block.lost)
        else:
            analyzer = self._new_analyzer(block, rate)
        self._columns = columns
        count = min(2, len(columns))
        self._samples.begin(analyzer.time_s + analyzer.pending / rate, rate, count, self._report.generation)
        self._report = replace(self._report, channels=count, sample_rate=rate)
        return analyzer

    def _new_analyzer(self, block: Block, rate: float) -> LiveAnalyzer:
        newest = self._features.newest()
        command = self._command
        gain_db = self._gain_db if math.isnan(command.gain_db) else command.gain_db
        if newest is None:
            analyzer = LiveAnalyzer(rate, gain_db=gain_db, gate_db=command.gate_db, onset_method=command.onset_method)
        else:
            began_s = block.captured_s - len(block.samples) / rate
            missed_s = max(0.0, began_s - float(newest["captured_s"]))
            analyzer = LiveAnalyzer(
                rate,
                gain_db=gain_db,
                gate_db=command.gate_db,
                onset_method=command.onset_method,
                start_index=int(newest["index"]) + 1,
                start_s=float(newest["time_s"]),
                onset_count=int(newest["onset_count"]),
                beat_count=int(newest["beat_count"]),
                bar_count=int(newest["bar_count"]),
                kick_count=int(newest["kick_count"]),
                snare_count=int(newest["snare_count"]),
                hat_count=int(newest["hat_count"]),
            )
            analyzer.skip(round(missed_s * rate))
        self._set_gain(analyzer)
        analyzer.set_metre(command.metre)
        analyzer.set_tempo(command.tempo_bpm)
        self._analyzer = analyzer
        return analyzer

    def _silence(self, silent: bool) -> str:
        if silent and isinstance(self._source, DeviceSource):
            return (
                f"Only digital silence arrives from '{self._source.name}'; check that the input is not muted "
                "and that this program may use the microphone."
            )
        return self._source.note if self._source is not None else ""

    # Saying ------------------------------------------------------------------------------------------

    def _say(self, **changes: object) -> None:
        """Report, with `changes`."""
        now = self._clock()
        source = self._source
        if source is not None:
            changes.setdefault("position_s", source.position_s())
            changes.setdefault("xruns", source.intake.xruns)
        changes |= {"loop_s": now, "sound_s": self._sound_s, "gain_db": self._gain_db}
        self._report = replace(self._report, **changes)  # type: ignore[arg-type]
        self._control.publish(self._report)
        self._reported_at = now
