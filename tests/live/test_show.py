"""How a show begins and ends, whatever goes wrong: nothing stays open, and the reason is told."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import live.performance
from bentlight.errors import BadInput, DeviceMissing, ModelMissing
from live.control.board import ControlBoard
from live.control.osc import OscReceiver
from live.performance import Performance, PlaySettings, smaller
from live.report import report
from tests.waiting import free_port, wait_until

GENEROUS_S = 30.0
QUIET = PlaySettings(input="silence", headless=True, osc=None)


class Model:
    """Stands in for loading a model; never makes a picture."""

    size, model, playing, paces = (64, 64), "fake", "eager", None

    def __init__(self, monkeypatch) -> None:
        self.error: Exception | None = None
        self.asked, self.may_load = threading.Event(), threading.Event()
        self.may_load.set()
        monkeypatch.setattr("engine.generator.Generator.load", self.load)

    def load(self, *_: object, **__: object) -> Model:
        self.asked.set()
        assert self.may_load.wait(GENEROUS_S)
        if self.error is not None:
            raise self.error
        return self

    def sites(self) -> list[SimpleNamespace]:
        return []

    def pace(self, first, second, spec) -> None:
        """No blend is known."""

    def prepare(self, prompts=(), plans=(), **how) -> None:
        pass


@pytest.fixture
def model(monkeypatch) -> Iterator[Model]:
    made = Model(monkeypatch)
    yield made
    made.may_load.set()


def made_with(monkeypatch, settings: PlaySettings, **ears: object) -> Performance:
    """A show whose ears are never started, and are as said."""
    show = Performance(settings)
    monkeypatch.setattr(show.ears, "start", lambda: None)
    if ears:
        status = replace(show.ears.status(), **ears)
        monkeypatch.setattr(show.ears, "status", lambda: status)
    return show


@pytest.mark.parametrize("size", list(itertools.product((64, 128, 192, 256, 384, 512, 768, 1024, 2048), repeat=2)))
def test_a_smaller_size_is_smaller_on_both_sides_and_keeps_its_aspect(size):
    found = smaller(size)
    if found is None:
        assert min(size) <= 128
        return
    assert all(128 <= less < more for less, more in zip(found, size, strict=True))
    assert all(side % 16 == 0 for side in found)
    assert found[0] / size[0] == pytest.approx(found[1] / size[1], abs=16 / min(size))


def test_sizes_go_down_to_the_smallest_and_no_further():
    sizes = [(512, 384)]
    while (found := smaller(sizes[-1])) is not None:
        sizes.append(found)
    assert sizes[1] == (384, 288)
    assert min(sizes[-1]) == 128
    assert len(sizes) < 10


def test_a_show_that_fails_writes_its_report_all_the_same(model, monkeypatch, tmp_path):
    model.error = ModelMissing("there is no such model.")
    path = tmp_path / "new folder" / "r.json"
    show = made_with(monkeypatch, replace(QUIET, report=path))
    with pytest.raises(ModelMissing):
        show.run()
    made = json.loads(path.read_text())
    assert made["failure"] == "there is no such model."
    assert made["pictures"] == 0
    assert made["recording"] is None


def test_a_report_that_cannot_be_written_does_not_hide_why_the_show_failed(model, monkeypatch, tmp_path):
    model.error = ModelMissing("there is no such model.")
    show = made_with(monkeypatch, replace(QUIET, report=tmp_path / "r.json"))
    (tmp_path / "r.json").mkdir()
    with pytest.raises(ModelMissing):
        show.run()


@pytest.mark.parametrize("wish", [{"report": Path("afile/x.json")}, {"record": Path("afile/x.mkv")}], ids=str)
def test_a_place_where_nothing_can_be_written_is_said_before_the_show(tmp_path, monkeypatch, wish):
    monkeypatch.chdir(tmp_path)
    Path("afile").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        Performance(replace(QUIET, **wish))


def test_an_upper_case_ending_is_a_video_too(tmp_path):
    Performance(replace(QUIET, record=tmp_path / "a.MKV"))
    with pytest.raises(BadInput, match="ends in"):
        Performance(replace(QUIET, record=tmp_path / "a.avi"))


def test_without_a_window_an_input_that_cannot_be_opened_ends_the_show(model, monkeypatch):
    show = made_with(monkeypatch, QUIET, state="failed", message="a.wav cannot be read as sound.")
    with pytest.raises(BadInput, match=r"a\.wav cannot be read"):
        show.run()


def test_an_input_that_fails_in_the_middle_of_a_show_does_not_end_it(monkeypatch):
    show = made_with(monkeypatch, QUIET, state="failed", message="gone", sample_rate=48_000.0)
    assert not show._should_stop()


@pytest.mark.parametrize("rate", [0.0, 48_000.0])
def test_without_a_window_an_input_that_is_not_there_is_said_once_and_reported(monkeypatch, rate):
    show = made_with(monkeypatch, QUIET)
    here, told = show.ears.status(), []
    show.on_no_sound = told.append

    def look(state, message=""):
        status = replace(here, state=state, message=message, sample_rate=rate, device="Line")
        monkeypatch.setattr(show.ears, "status", lambda: status)
        assert not show._should_stop()

    look("starting")
    look("lost", "There is no sound input Line.")
    look("lost", "There is no sound input Line, still.")
    assert told == ["There is no sound input Line."]
    look("running")
    look("lost", "Line is gone.")
    assert told[1:] == ["Line is gone."]
    show._close()
    assert report(show)["input"] == {"name": "Line", "state": "lost", "message": "Line is gone."}


def test_with_a_window_an_input_that_cannot_be_opened_is_only_said(monkeypatch):
    settings = replace(QUIET, headless=False)
    show = made_with(monkeypatch, settings, state="failed", message="a.wav cannot be read as sound.")
    assert not show._should_stop()
    assert "a.wav cannot be read as sound." in show.hud().warnings


@pytest.mark.parametrize("headless", [True, False])
def test_a_recording_that_waits_for_sound_ends_only_a_show_without_a_window(monkeypatch, tmp_path, headless):
    settings = replace(QUIET, headless=headless, record=tmp_path / "a.mkv")
    show = made_with(monkeypatch, settings, state="lost", message="the microphone is gone")
    assert not show._should_stop(), "while the model is loading it waits"
    show._loaded_s = live.performance.now_s() - live.performance.HEARD_S - 1
    assert show._should_stop() is headless
    assert (show.failure is not None) is headless


def test_a_model_that_comes_after_the_end_starts_nothing(model, monkeypatch):
    monkeypatch.setattr(live.performance, "LOADER_S", 0.0)
    show = Performance(replace(QUIET, input="demo", mute=True))
    model.may_load.clear()
    ended = threading.Thread(target=lambda: (model.asked.wait(GENEROUS_S), show.director.quit.set()))
    ended.start()
    show.run()
    ended.join(GENEROUS_S)
    model.may_load.set()
    show._loader.join(GENEROUS_S)
    assert show.renderer.generator is None
    assert show.renderer.patch is None
    assert show.ears.pid is None


def test_every_step_of_the_end_is_done_whatever_becomes_of_the_others(model, monkeypatch):
    port = free_port()
    show = made_with(monkeypatch, replace(QUIET, osc=("127.0.0.1", port)))
    stopped = []
    monkeypatch.setattr(show.ears, "stop", lambda: stopped.append("ears"))
    monkeypatch.setattr(show.director, "close", lambda: 1 / 0)
    show.director.quit.set()
    with pytest.raises(ZeroDivisionError):
        show.run()
    assert stopped == ["ears"]
    OscReceiver("127.0.0.1", port, ControlBoard()).stop()


def test_a_window_that_cannot_be_opened_leaves_nothing_open(model, monkeypatch):
    port = free_port()
    show = made_with(monkeypatch, replace(QUIET, osc=("127.0.0.1", port)))

    def fail() -> None:
        raise DeviceMissing("There is no display.")

    monkeypatch.setattr(show, "_stage", fail)
    with pytest.raises(DeviceMissing):
        show.run()
    assert show.ears.status().state in ("starting", "ended")
    assert not model.asked.is_set()
    OscReceiver("127.0.0.1", port, ControlBoard()).stop()


def test_osc_that_has_stopped_listening_is_shown(monkeypatch):
    show = made_with(monkeypatch, replace(QUIET, osc=("127.0.0.1", free_port())))
    show.osc.start()
    assert not any("OSC" in warning for warning in show.warnings())
    show.osc.stop()
    assert any("OSC" in warning for warning in show.warnings())


def test_why_osc_is_dropped_is_shown_and_reported(monkeypatch):
    show = made_with(monkeypatch, replace(QUIET, osc=("127.0.0.1", free_port())))
    show.osc.start()
    assert show.hud().warnings == ()
    show.osc.handle(b"/intensty\0\0\0,f\0\0\0\0\0\0")
    assert any("'/intensty' is not known" in warning for warning in show.hud().warnings)
    made = live.performance.report(show)
    assert (made["osc_dropped"], made["osc_dropped_by_reason"]) == (1, {"unknown address": 1})
    assert "'/intensty'" in made["osc_last_error"]
    show.osc.stop()


def test_a_thread_that_died_says_so_until_it_has_worked_again(model, monkeypatch):
    show = made_with(monkeypatch, QUIET)
    monkeypatch.setattr(show.renderer, "run", lambda stop, well: well())
    show._rendering.fault, show._rendering._died_s = "died", show._rendering._clock()
    assert "died" in show.warnings()
    show._rendering._died_s -= 60.0
    show._rendering.start()
    wait_until(lambda: "died" not in show.warnings(), GENEROUS_S, "the warning to go")


def test_what_is_lost_unless_somebody_acts_is_said_first(monkeypatch):
    show = made_with(monkeypatch, replace(QUIET, osc=("127.0.0.1", free_port())))
    status = replace(show.ears.status(), state="running", message="the ears")
    monkeypatch.setattr(show.ears, "status", lambda: status)
    show.director._scene_fault = "a scene"
    show.director.notices.tell("a notice")
    show.director.recordings.fault = "the disk is full"
    show._changing.fault, show._changing._died_s = "a thread died", show._changing._clock()
    show.osc.start()
    assert list(show.hud().warnings) == ["a thread died", "the disk is full", "the ears", "a scene", "a notice"]
    show.osc.stop()
