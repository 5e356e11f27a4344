"""Recordings of a show: the switch never lies, what fails is said, and nothing waits for a slow disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME
from bentlight.errors import BadInput
from engine.spec import FrameSpec, Picture
from live.bank import SceneBank
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.director import Director
from live.mailbox import Mailbox
from live.notices import Notices
from live.record import RecorderStatus
from live.render import Renderer
from live.report import recording as reported
from tests.waiting import wait_until

GENEROUS_S = 30.0


class Disk:
    """What the recorders of a test meet with."""

    def __init__(self) -> None:
        self.refuses = ""
        self.error = ""
        self.while_opening: Callable[[], object] = lambda: None
        self.ready = threading.Event()
        self.ready.set()


class FakeRecorder:
    disk: Disk

    def __init__(self, path, *, size, samples, sample_rate, channels) -> None:
        if sample_rate <= 0:
            raise BadInput(f"{path} cannot be recorded before a sound input is open")
        if self.disk.refuses:
            raise BadInput(self.disk.refuses)
        self.path, self.samples, self.offered = Path(path), samples, []
        self.disk.while_opening()

    def start(self) -> None:
        self.path.touch()

    def offer(self, picture) -> None:
        self.offered.append(picture)

    def status(self) -> RecorderStatus:
        return RecorderStatus(seconds=2.5, frames=75, dropped=1, skipped=2, samples_lost=3, error=self.disk.error)

    def stop(self, timeout_s: float | None = 0.2) -> RecorderStatus:
        if self.disk.ready.wait(GENEROUS_S if timeout_s is None else timeout_s):
            return self.status()
        return replace(self.status(), error="still being finished")

    @property
    def finished(self) -> bool:
        return self.disk.ready.is_set()


class Ears:
    rate = 48_000.0

    def __init__(self) -> None:
        self.taps: list[float] = []
        self.heard = 0
        self.samples = SimpleNamespace(reader=lambda: self.heard)

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(sample_rate=self.rate, channels=2 if self.rate else 0, gain_db=0.0)

    def tap(self, at_s: float) -> None:
        self.taps.append(at_s)


class Reader:
    def read(self):
        import numpy as np

        return np.zeros(0, FEATURE_FRAME), 0


@dataclass
class Show:
    director: Director
    board: ControlBoard
    renderer: Renderer
    ears: Ears
    disk: Disk

    def press(self, *, on: bool) -> None:
        self.board.set("/record", on)
        self.director.step()

    @property
    def lamp(self) -> bool:
        self.director.step()
        return bool(self.board.get("/record"))

    def says(self, text: str) -> bool:
        return any(text in warning for warning in self.director.warnings())

    def finished(self, count: int) -> None:
        wait_until(lambda: len(self.director.recordings.done) == count, GENEROUS_S, "the file to be finished")


@pytest.fixture
def show(tmp_path, monkeypatch) -> Iterator[Show]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recordings").mkdir()
    disk = Disk()
    monkeypatch.setattr(FakeRecorder, "disk", disk, raising=False)
    monkeypatch.setattr("live.record.Recorder", FakeRecorder)
    board, ears = ControlBoard(), Ears()
    declare_performance(board)
    renderer = Renderer(Reader(), dict, Mailbox())
    director = Director(board, renderer, ears, SceneBank())
    renderer.generator = SimpleNamespace(size=(64, 64), paces=None)
    yield Show(director, board, renderer, ears, disk)
    disk.ready.set()
    director.close()


def test_a_recording_begins_and_ends_with_its_switch(show):
    show.press(on=True)
    path = show.director.recordings.recorder.path
    assert path.parent == Path("recordings")
    assert len(show.renderer.listeners) == 1
    show.press(on=False)
    show.finished(1)
    assert show.renderer.listeners == []
    assert show.says(f"recorded {path}")


def test_a_failed_recording_is_never_announced_as_done(show):
    show.press(on=True)
    show.disk.error = "a.mkv can no longer be written (No space left on device)"
    show.press(on=False)
    show.finished(1)
    assert show.says("No space left")
    assert not show.says("recorded ")
    told = reported(SimpleNamespace(director=show.director))
    assert told.pop("path").endswith(".mkv")
    assert told == {"seconds": 2.5, "dropped": 1, "skipped": 2, "samples_lost": 3, "error": show.disk.error}


def test_without_a_recording_there_is_nothing_to_report(show):
    assert reported(SimpleNamespace(director=show.director)) is None


def test_a_recording_that_dies_while_playing_is_ended_and_the_reason_stays(show):
    show.press(on=True)
    show.disk.error = "the disk is full"
    show.director.step()
    show.finished(1)
    assert not show.lamp
    show.director.notices = Notices()
    assert show.says("the disk is full")
    show.disk.error = ""
    show.press(on=True)
    assert not show.says("the disk is full")


@pytest.mark.parametrize("case", ["no model", "no sound", "no place"])
def test_the_switch_goes_back_when_no_recording_begins(show, case):
    if case == "no model":
        show.renderer.generator = None
    elif case == "no sound":
        show.ears.rate = 0.0
    else:
        show.disk.refuses = "no place"
    show.press(on=True)
    assert not show.lamp
    assert show.director.recordings.recorder is None
    assert show.says({"no model": "loading", "no sound": "sound input", "no place": "no place"}[case])
    show.director.notices = Notices()
    # What only has to be waited for is no failure; what could not be written is, and stays said.
    assert show.says("no place") == (case == "no place")
    assert [one.status.error for one in show.director.recordings.done] == ["no place"] * (case == "no place")


def test_what_the_stage_shows_is_the_first_picture_of_a_recording(show):
    # A frozen picture may stay for all of it.
    made = Picture(np.zeros((8, 8, 3), np.uint8), 1.5, FrameSpec())
    show.renderer._previous = made
    show.renderer.hearing._last["time_s"] = 70.0
    show.press(on=True)
    (offered,) = show.director.recordings.recorder.offered
    assert offered.pixels is made.pixels
    assert offered.time_s == 70.0


def test_nothing_waits_for_a_slow_disk(show):
    show.press(on=True)
    show.disk.ready.clear()
    show.press(on=False)
    show.board.trigger("/tap")
    show.director.step()
    assert len(show.ears.taps) == 1
    show.press(on=True)
    assert show.lamp, "the next one can begin meanwhile"
    assert show.director.recordings.done == []
    show.disk.ready.set()
    show.finished(1)


def test_the_end_of_the_show_waits_until_every_file_is_finished(show):
    show.press(on=True)
    show.director.close()
    assert len(show.director.recordings.done) == 1
    show.press(on=True)
    assert show.director.recordings.recorder is None, "none begins after the end"


def test_a_wish_waits_for_the_model_and_the_sound(show):
    recordings, generator = show.director.recordings, show.renderer.generator
    recordings.wish = Path("set.mkv")
    show.ears.rate, show.renderer.generator = 0.0, None
    show.director.step()
    show.renderer.generator = generator
    show.director.step()
    assert recordings.recorder is None
    show.ears.rate = 44_100.0
    show.director.step()
    assert recordings.recorder.path == Path("set.mkv")
    assert show.lamp


def test_a_wish_that_never_came_true_is_told_at_the_end(show):
    show.director.recordings.wish, show.ears.rate = Path("set.mkv"), 0.0
    show.director.step()
    show.director.close()
    assert "set.mkv was not recorded" in show.director.recordings.done[0].status.error


def test_an_existing_file_is_kept_and_the_new_name_is_said(show):
    Path("set.mkv").write_text("the first set")
    show.director.recordings.wish = Path("set.mkv")
    show.director.step()
    assert show.director.recordings.recorder.path == Path("set-2.mkv")
    assert show.says("set-2.mkv")
    assert Path("set.mkv").read_text() == "the first set"


def test_what_is_said_while_a_recording_is_being_opened_is_heeded(show):
    show.disk.while_opening = lambda: show.board.set("/record", False)
    show.press(on=True)
    assert not show.lamp
    assert show.director.recordings.recorder is None
    show.finished(1)


def test_a_wish_is_heard_from_before_the_first_sound(show):
    recordings = show.director.recordings
    recordings.wish, show.ears.rate = Path("set.mkv"), 0.0
    show.director.step()
    show.ears.rate, show.ears.heard = 44_100.0, 5_000
    show.director.step()
    assert recordings.recorder.samples == 0


def test_a_disk_that_hangs_and_comes_back_costs_nothing(show):
    show.press(on=True)
    show.disk.ready.clear()
    show.press(on=False)
    wait_until(lambda: show.director.recordings.fault, GENEROUS_S, "the slow disk to be said")
    assert show.director.recordings.done == []
    show.disk.ready.set()
    show.finished(1)
    assert show.director.recordings.fault == "" == show.director.recordings.done[0].status.error


def test_a_file_that_is_not_finished_at_the_end_of_the_show_is_told(show, monkeypatch):
    monkeypatch.setattr("live.recordings.FINISH_S", 0.5)
    show.press(on=True)
    show.disk.ready.clear()
    show.director.close()
    assert "still being finished" in show.director.recordings.done[0].status.error
