"""`Recordings`: begins recordings, notices when one fails, and finishes them without holding anyone up."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bentlight.errors import BadInput, BentlightError
from live.control.board import ControlBoard
from live.files import free_name
from live.render import Renderer

if TYPE_CHECKING:
    from engine.generator import Generator
    from live.capture.ears import Ears
    from live.capture.status import EarsStatus
    from live.record import Recorder, RecorderStatus, SampleReader

__all__ = ["Recording", "Recordings"]

log = logging.getLogger(__name__)

FOLDER = Path("recordings")
FINISH_S = 20.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that is over.

    Attributes
    ----------
    path : Path
    status : RecorderStatus
        How it went; its `error` is empty when all is well.
    """

    path: Path
    status: RecorderStatus


class Recordings:
    """The recordings of a show, one at a time. Used by one thread; `done` and `fault` may be read by any.

    Parameters
    ----------
    board : ControlBoard
        Its ``/record`` always says whether one runs.
    renderer : Renderer
    ears : Ears
    notice : callable
        Shows a sentence to the performer for some seconds.

    Attributes
    ----------
    recorder : Recorder or None
        The one that runs.
    done : list of Recording
        Those that are over, in order.
    fault : str
        Why the last one failed; empty once another has begun.
    wish : Path or None
        A file to begin as soon as there is a model and sound.
    """

    def __init__(self, board: ControlBoard, renderer: Renderer, ears: Ears, notice: Callable[[str], None]) -> None:
        self.recorder: Recorder | None = None
        self.done: list[Recording] = []
        self.fault = ""
        self.wish: Path | None = None
        self._board, self._renderer, self._ears, self._notice = board, renderer, ears, notice
        self._finishing: dict[threading.Thread, Recorder] = {}
        self._wished: SampleReader | None = None
        self._closed = False

    def begin(self, path: Path | None = None, samples: SampleReader | None = None) -> None:
        """Begin to record into `path`, or a new file in `recordings/` named for the moment.

        A name that is taken gets a number. Does nothing while a recording runs. The sound is read from `samples`, if
        given, else from now on.

        Raises
        ------
        BentlightError
            If none can begin; the board's switch is off then.
        """
        if self.recorder is not None or self._closed:
            return
        wanted = path or FOLDER / f"{datetime.now():%Y-%m-%d_%H-%M-%S}.mkv"
        generator, status = self._renderer.generator, self._ears.status()
        if generator is None or not status.sample_rate:
            # What only has to be waited for is no failure.
            self._board.reflect("/record", False)
            if generator is None:
                raise BadInput("Nothing can be recorded while the model is loading; try again when there is a picture.")
            raise BadInput(f"{wanted} cannot be recorded before a sound input is open; wait for it or choose another.")
        try:
            self._begin(wanted, generator, status, samples)
        except Exception as error:
            from live.record import RecorderStatus

            self._board.reflect("/record", False)
            self._fail(wanted, RecorderStatus(error=str(error)))
            raise

    def _begin(self, wanted: Path, generator: Generator, status: EarsStatus, samples: SampleReader | None) -> None:
        from live.record import Recorder

        path = free_name(wanted)
        recorder = Recorder(
            path,
            size=generator.size,
            samples=self._ears.samples.reader() if samples is None else samples,
            sample_rate=round(status.sample_rate),
            channels=status.channels,
        )
        recorder.start()
        self.recorder, self.fault = recorder, ""
        shown = self._renderer.newest
        if shown is not None:
            # A frozen picture, or one of a slow model, is what the stage shows until there is another.
            recorder.offer(replace(shown, time_s=self._renderer.hearing.time_s))
        self._renderer.listeners = [recorder.offer]
        # No event: it would take the place of one that says otherwise by now.
        self._board.reflect("/record", True)
        log.info("recording into %s", path)
        if path != wanted:
            self._notice(f"{wanted} is there already: recording into {path}")

    def end(self) -> None:
        """End the recording, if one runs, and finish its file in a thread of its own."""
        recorder, self.recorder = self.recorder, None
        if recorder is None:
            return
        self._renderer.listeners = []
        self._board.reflect("/record", False)
        thread = threading.Thread(target=self._finish, args=(recorder,), name="end of a recording", daemon=True)
        self._finishing = {t: r for t, r in self._finishing.items() if t.is_alive()} | {thread: recorder}
        thread.start()

    def _finish(self, recorder: Recorder) -> None:
        status = recorder.stop()
        if not recorder.finished:
            # A disk that hangs for a while: said while it lasts, and no failure if it comes back.
            self.fault = slow = status.error
            status = recorder.stop(None)
            if self.fault == slow:
                self.fault = ""
        if status.error:
            self._fail(recorder.path, status)
        else:
            self.done.append(Recording(recorder.path, status))
            self._notice(f"recorded {recorder.path}")

    def _fail(self, path: Path, status: RecorderStatus) -> None:
        self.done.append(Recording(path, status))
        self.fault = status.error
        log.warning("%s", status.error)

    def look(self) -> None:
        """End a recording that failed, and begin the one that is wished for once that is possible."""
        if self.recorder is not None and self.recorder.status().error:
            self.end()
        if self.wish is None or self._renderer.generator is None:
            return
        if self._wished is None:
            # A file or the demo begins as soon as there is a model: nothing of it is to be missed while a recorder is
            # made ready.
            self._wished = self._ears.samples.reader()
        if not self._ears.status().sample_rate:
            return
        path, self.wish = self.wish, None
        try:
            self.begin(path, self._wished)
        except BentlightError as error:
            log.warning("%s", error)

    def close(self) -> None:
        """End what runs, wait until every file is finished, and begin nothing any more."""
        self._closed = True
        self.end()
        for thread, recorder in self._finishing.items():
            thread.join(FINISH_S)
            if thread.is_alive():
                self._fail(recorder.path, recorder.stop(0.0))
        if self.wish is not None:
            from live.record import RecorderStatus

            missed = f"{self.wish} was not recorded: the show ended before there were sound and a model."
            self.done.append(Recording(self.wish, RecorderStatus(error=missed)))
            self.wish = None
