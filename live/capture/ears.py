"""`Ears`: the parent's side. Starts the listening process, watches it, and starts it again when it must."""

from __future__ import annotations

import collections
import contextlib
import logging
import math
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from analysis.bars import METRE, check_metre
from analysis.loudness import GATE_DB, check_gate
from bentlight.clock import now_s
from bentlight.errors import BadInput
from live.capture.control_block import TAPS_KEPT, Command, ControlBlock, Report
from live.capture.feature_ring import FeatureRing
from live.capture.sample_ring import SampleRing
from live.capture.status import EarsStatus, status_of
from live.capture.watch import judge

__all__ = ["Ears", "EarsStatus"]

log = logging.getLogger(__name__)

_WATCH_S = 0.05
_STOP_S = 1.5
_PAUSE_S = (0.0, 0.3, 0.6, 1.0)
_WELL_S = 5.0


class Ears:
    """Ears in a process of their own.

    Parameters
    ----------
    source : str, optional
        ``default | NAME | INDEX | file:PATH | demo | silence``; a name may be part of one.
    channels : sequence of int, optional
        Channels to listen to, counted from 1; None for the first two.
    gain : float or "auto", optional
        Gain in dB.
    gate : float, optional
        Level after gain below which there is no sound, -90 to 0 dB.
    onset_method : str, optional
        ``auto``, or one of `analysis.aubio_onsets.METHODS`.
    metre : int, optional
        Beats in a bar, 2 to 12.
    mute : bool, optional
        Do not let a file be heard.
    loop : bool, optional
        Let a file begin again at its end. The demo always does.

    Attributes
    ----------
    features : FeatureRing
    samples : SampleRing

    Raises
    ------
    BadInput
        If the source cannot be meant: an empty name, a file that is not there, channels that do not exist; or if there
        is no such gain, gate, method or metre.
    """

    def __init__(
        self,
        source: str = "default",
        *,
        channels: tuple[int, ...] | list[int] | None = None,
        gain: float | str = "auto",
        gate: float = GATE_DB,
        onset_method: str = "auto",
        metre: int = METRE,
        mute: bool = False,
        loop: bool = False,
        clock: Callable[[], float] = now_s,
    ) -> None:
        from live.capture.sources import parse_source

        parse_source(source)
        if onset_method != "auto":
            from analysis.aubio_onsets import check_method

            check_method(onset_method)
        chosen = tuple(channels or ())
        if any(not 1 <= channel <= 255 for channel in chosen) or len(chosen) > 16:
            raise BadInput(f"Channels {chosen} cannot be used; give up to 16 numbers from 1 on.")
        self._clock = clock
        self._lock = threading.Lock()
        self._input = ""
        self._command = Command(
            source=source,
            serial=1,
            channels=chosen,
            gain_db=_gain_number(gain),
            gate_db=check_gate(gate),
            onset_method=onset_method,
            metre=check_metre(metre),
            mute=mute,
            loop=loop,
        )
        self.features = FeatureRing.create()
        self.samples = SampleRing.create()
        self._control = ControlBlock.create()
        self._unlink = weakref.finalize(self, _unlink_all, self.features, self.samples, self._control)
        self._process: subprocess.Popen[bytes] | None = None
        self._said: collections.deque[str] = collections.deque(maxlen=20)
        self._generation = -1
        self._started_s = -math.inf
        self._pauses = 0
        self._resume_s = -math.inf
        self._gone_message = ""
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._watcher: threading.Thread | None = None
        self._control.send(self._command)

    def start(self) -> None:
        """Begin to listen. Once only; nothing happens after `stop`."""
        with self._starting:
            if self._stopping.is_set() or self._watcher is not None:
                return
            self._spawn()
            self._watcher = threading.Thread(target=self._watch, name="ears watch", daemon=True)
            self._watcher.start()

    def stop(self) -> None:
        """End the process and give the shared memory back; rings can still be read by whoever holds them."""
        with self._starting:
            self._stopping.set()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()
        self._send(stop=True)
        process = self._process
        if process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            self._end()
        self._unlink()

    @property
    def pid(self) -> int | None:
        """Process number of the ears; None before the start."""
        return self._process.pid if self._process is not None else None

    def command(self) -> Command:
        """Return what the ears were last asked for."""
        return self._command

    # What the performer may ask for -------------------------------------------------------------------

    def set_gain(self, gain: float | str) -> None:
        """Set the gain in dB, or ``"auto"``."""
        self._send(gain_db=_gain_number(gain))

    def set_gate(self, gate: float) -> None:
        """Set the level after gain below which there is no sound, -90 to 0 dB."""
        self._send(gate_db=check_gate(gate))

    def set_source(self, source: str) -> None:
        """Listen to something else from now on.

        Raises
        ------
        BadInput
            If it cannot be meant; then nothing changes.
        """
        self._open(source)

    def _open(self, source: str, *, instead_of: int | None = None) -> bool:
        """Ask for a source; False where the one of the serial `instead_of` is no longer the one asked for."""
        from live.capture.sources import parse_source

        parse_source(source)
        with self._lock:
            if instead_of not in (None, self._command.serial):
                return False
            self._input = self._last_input()
            # Channels that were given at the start may be of another device.
            self._command = replace(
                self._command, source=source, serial=self._command.serial + 1, position_s=0.0, insist=False
            )
            self._control.send(self._command)
        return True

    def next_input(self, steps: int = 1) -> str | None:
        """Listen to the sound input so many steps on, of those that there are now, and return its name.

        Empty when there is no other. None when another source was asked for in the meantime: the list may take two
        seconds, and what was asked for last stays.
        """
        from live.capture.devices import names_now, next_name

        serial = self._command.serial
        report = self._control.report()
        known = [name for name in (report.inputs if report else "").split("\n") if name]
        last, names = self._last_input(), names_now() or known
        if self._command.source == f"device:{next_name(last, names, known)}" or not names:
            return ""
        name = next_name(last, names, known, steps)
        return name if self._open(f"device:{name}", instead_of=serial) else None

    def _last_input(self) -> str:
        """Name of the device asked for last, were it only to fail; during the demo or a file, of the one before."""
        report = self._control.report()
        for source in (self._command.source, report.source if report else ""):
            if source.startswith("device:"):
                return source.removeprefix("device:")
        return self._input

    def tap(self, at_s: float | None = None) -> None:
        """Say that a beat was at `at_s` of the host clock, now if not said; three taps in time set the tempo."""
        with self._lock:
            times = (*self._command.tap_s, self._clock() if at_s is None else at_s)
            self._command = replace(self._command, taps=self._command.taps + 1, tap_s=times[-TAPS_KEPT:])
            self._control.send(self._command)

    def nudge(self, beats: float = 0.5) -> None:
        """Move the beat by some beats against what is heard."""
        with self._lock:
            self._command = replace(self._command, nudged=self._command.nudged + beats)
            self._control.send(self._command)

    def downbeat(self, at_s: float | None = None) -> None:
        """Say that the beat nearest to `at_s` of the host clock, now if not said, is the first of a bar."""
        with self._lock:
            told_s = self._clock() if at_s is None else at_s
            self._command = replace(self._command, downbeats=self._command.downbeats + 1, downbeat_s=told_s)
            self._control.send(self._command)

    def set_metre(self, beats: int) -> None:
        """Count bars of so many beats, 2 to 12."""
        self._send(metre=check_metre(beats))

    def set_tempo(self, bpm: float) -> None:
        """Hold the tempo at `bpm`; 0 follows what is heard."""
        self._send(tempo_bpm=float(bpm))

    def set_clock(self, bpm: float, phase: float, at_s: float | None = None) -> None:
        """Follow an outside clock that was at `phase` of a beat at `at_s` of the host clock, now if not said.

        It has the last word for 3 s, so call this about once a second; a tempo of 0 releases it at once.
        """
        self._send(clock_bpm=float(bpm), clock_phase=float(phase), clock_s=self._clock() if at_s is None else at_s)

    def status(self) -> EarsStatus:
        """Return how the ears are now."""
        now, report = self._clock(), self._control.report()
        if self._process is None:
            return status_of(Report(state="starting"), "starting", "", 0, now)
        fresh = report if report is not None and report.generation == self._generation else None
        alive = self._process.poll() is None
        verdict = judge(fresh, now_s=now, started_s=self._started_s, alive=alive)
        state, message = verdict.state, verdict.message
        if self._stopping.is_set() and state not in ("ended", "failed"):
            state, message = "ended", ""
        elif self._gone_message and (state == "starting" or not alive):
            # Between a loss and the sound's return it stays lost, however often the process starts anew.
            state, message = "lost", self._gone_message
        return status_of(report or Report(), state, message, self._generation, now)

    def _send(self, **changes: object) -> None:
        with self._lock:
            self._command = replace(self._command, **changes)  # type: ignore[arg-type]
            self._control.send(self._command)

    # Supervision --------------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopping.wait(_WATCH_S):
            try:
                self._look()
            except Exception:
                log.exception("watching the ears failed")

    def _look(self) -> None:
        process, now = self._process, self._clock()
        assert process is not None
        report = self._control.report()
        fresh = report if report is not None and report.generation == self._generation else None
        alive = process.poll() is None
        verdict = judge(fresh, now_s=now, started_s=self._started_s, alive=alive)
        if fresh is not None and fresh.serial == self._command.serial:
            self._remember(fresh)
        if verdict.state == "lost" and (alive or not self._gone_message):
            self._gone_message = verdict.message
        elif verdict.state not in ("starting", "lost"):
            self._gone_message = ""
        if verdict.state == "running" and now - self._started_s > _WELL_S:
            self._pauses = 0
        if not verdict.replace:
            return
        if self._resume_s == -math.inf:
            if not alive:
                self._gone_message = "The listening process ended by itself and is started again."
                log.warning("%s Status %s. %s", self._gone_message, process.returncode, "\n".join(self._said))
            self._end()
            pause_s = _PAUSE_S[min(self._pauses, len(_PAUSE_S) - 1)]
            self._pauses += 1
            self._resume_s = now + pause_s
        if now >= self._resume_s:
            self._resume_s = -math.inf
            self._spawn()

    def _remember(self, report: Report) -> None:
        """Keep the device's name and the place in the file, for a restart."""
        with self._lock:
            if report.serial != self._command.serial:
                return
            new = report.source != self._command.source or self._command.insist
            if report.device and report.source and new:
                self._command = replace(self._command, source=report.source, insist=False)
                self._control.send(self._command)
            if report.position_s != self._command.position_s:
                self._command = replace(self._command, position_s=report.position_s)

    def _spawn(self) -> None:
        self._generation += 1
        self._started_s = self._clock()
        with self._lock:
            self._control.send(self._command)
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        names = (self.features.name, self.samples.name, self._control.name, str(self._generation))
        self._said = collections.deque(maxlen=20)
        process = subprocess.Popen(
            # -P: whatever folder we are started from must not stand in for a module.
            [sys.executable, "-P", "-m", "live.capture.process", *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        threading.Thread(target=_listen, args=(process, self._said), name="ears stderr", daemon=True).start()
        self._process = process

    def _end(self) -> None:
        process = self._process
        assert process is not None
        if process.poll() is None:
            process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        if process.stdin is not None:
            process.stdin.close()


def _listen(process: subprocess.Popen[bytes], said: collections.deque[str]) -> None:
    """Keep the last lines of standard error: PortAudio and ALSA write there, and a crash its reason."""
    assert process.stderr is not None
    with process.stderr as stream:
        for line in stream:
            said.append(line.decode(errors="replace").rstrip())


def _gain_number(gain: float | str) -> float:
    if gain == "auto":
        return math.nan
    if isinstance(gain, str) or not math.isfinite(gain):
        raise BadInput(f"A gain of {gain!r} cannot be used; give a number of decibels or 'auto'.")
    return float(gain)


def _unlink_all(*rings: FeatureRing | SampleRing | ControlBlock) -> None:
    for ring in rings:
        with contextlib.suppress(FileNotFoundError):
            ring.unlink()
