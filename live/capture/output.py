"""`OutputPacer`: blocks of sound, heard through an output that paces them."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bentlight.clock import now_s
from bentlight.errors import DeviceMissing
from live.capture.closing import close_stream
from live.capture.devices import Device, portaudio

__all__ = ["BLOCK", "OutputPacer"]

BLOCK = 256
"""Samples in a block."""
_AHEAD = 64


class OutputPacer:
    """Hands blocks over as a sound output plays them. What its stream has lost it does not get back.

    Parameters
    ----------
    device : Device
    sample_rate : float
        Of the blocks.
    put : callable
        Called with (block, host clock) in the sound card's callback.
    done : callable
        Called when the last of the blocks has been heard.
    late : callable
        Called when there was no block in time, or the sound card says that it was late.
    clock : callable, optional
        Host clock in seconds.

    Attributes
    ----------
    gone : bool
        The output ended by itself.

    Raises
    ------
    DeviceMissing
        If it cannot be opened at that rate.
    """

    def __init__(
        self,
        device: Device,
        sample_rate: float,
        put: Callable[[np.ndarray, float], None],
        done: Callable[[], None],
        late: Callable[[], None],
        clock: Callable[[], float] = now_s,
    ) -> None:
        self._name, self._put, self._done, self._late = device.name, put, done, late
        self._queue: queue.Queue[np.ndarray | None] = queue.Queue(_AHEAD)
        self._stopping = threading.Event()
        self._clock, self._heard_out_s = clock, 0.0
        self._over = self._told = self.gone = False
        self._closer: threading.Thread | None = None
        self._stream: Any = self._try(
            lambda sounddevice: sounddevice.OutputStream(
                device=device.index,
                channels=min(2, device.channels),
                samplerate=sample_rate,
                blocksize=BLOCK,
                dtype="float32",
                # The low latency of an output under-runs too easily beside a renderer that uses the whole machine.
                latency="high",
                callback=self._callback,
                finished_callback=self._finished,
            )
        )

    def start(self, blocks: Iterator[np.ndarray]) -> None:
        """Begin to play `blocks`, each of `BLOCK` samples. Raises DeviceMissing if the output does not start."""
        for block in itertools.islice(blocks, _AHEAD // 2):
            self._queue.put(block)
        reading = itertools.chain(blocks, [None])
        threading.Thread(target=self._read_ahead, args=(reading,), name="file reader", daemon=True).start()
        self._try(lambda _: self._stream.start())

    def stop(self) -> None:
        """End, within about a second, though the sound server may hold the stream for longer; see `closed`."""
        self._stopping.set()
        self._closer = close_stream(self._stream)

    @property
    def closed(self) -> bool:
        """Whether the stream is closed."""
        return self._closer is not None and not self._closer.is_alive()

    def _try(self, act: Callable[[Any], Any]) -> Any:
        sounddevice = portaudio()
        try:
            return act(sounddevice)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise DeviceMissing(f"The sound output '{self._name}' cannot be opened.") from error

    def _read_ahead(self, blocks: Iterator[np.ndarray | None]) -> None:
        for block in blocks:
            while not self._stopping.is_set():
                try:
                    self._queue.put(block, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if self._stopping.is_set():
                return

    def _callback(self, outdata: np.ndarray, frames: int, time: Any, status: Any) -> None:
        # An exception would end the stream, so nothing may leave here.
        try:
            outdata.fill(0.0)
            if self._over:
                if not self._told and self._clock() >= self._heard_out_s:
                    self._told = True
                    self._done()
                return
            block = self._queue.get_nowait()
            if block is None:
                # What was handed over before is still on its way to the loudspeakers.
                self._over, self._heard_out_s = True, self._clock() + float(self._stream.latency)
                return
            width = outdata.shape[1]
            outdata[: len(block)] = block[:, :width] if block.shape[1] >= width else block[:, :1]
            self._put(block, self._clock())
            if status:
                self._late()
        except Exception:
            self._late()

    def _finished(self) -> None:
        self.gone = not self._stopping.is_set()
