"""The ears as a real process, without a sound card."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import soundfile

from bentlight.clock import now_s
from bentlight.errors import BadInput
from live.capture import process
from live.capture.control_block import ControlBlock, Report
from live.capture.ears import Ears
from live.capture.feature_ring import FeatureReader
from tests.analysis.sounds import click, place

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[2]


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, at most a minute."""
    nap, deadline = threading.Event(), now_s() + PATIENCE_S
    while not condition():
        assert now_s() < deadline, f"not within a minute: {what}"
        nap.wait(0.01)


class Follower:
    """Collects every frame of the ears."""

    def __init__(self, reader: FeatureReader) -> None:
        self._reader, self._parts, self.lost = reader, [reader.read()[0]], 0

    def frames(self) -> np.ndarray:
        new, lost = self._reader.read()
        self._parts.append(new)
        self.lost += lost
        self._parts = [np.concatenate(self._parts)]
        return self._parts[0]


@pytest.fixture
def clicks(tmp_path: Path) -> tuple[Path, np.ndarray]:
    times = 0.4 + np.cumsum(np.random.default_rng().uniform(0.15, 0.35, 8))
    path = tmp_path / "clicks.wav"
    sound = place(times, click, 44_100, times[-1] + 0.4)
    soundfile.write(path, np.stack([sound, sound], 1), 44_100, "FLOAT")
    return path, times


@pytest.fixture
def listen() -> Iterator[Callable[..., tuple[Ears, Follower]]]:
    opened: list[Ears] = []

    def start(source: str, **options: object) -> tuple[Ears, Follower]:
        ears = Ears(source, **options)  # type: ignore[arg-type]
        opened.append(ears)
        follower = Follower(ears.features.reader())
        ears.start()
        return ears, follower

    yield start
    for ears in opened:
        ears.stop()


def test_ears_that_were_stopped_do_not_start_any_more() -> None:
    ears = Ears("silence")
    ears.stop()
    ears.start()
    assert ears.pid is None
    assert ears.status().state in ("starting", "ended")


def test_a_file_is_heard_hit_by_hit_and_then_ends(clicks: tuple[Path, np.ndarray], listen: Callable) -> None:
    path, times = clicks
    ears, follower = listen(f"file:{path}", mute=True, gain=0.0)
    sound = ears.samples.reader()
    assert ears.status().state == "starting"
    until(lambda: ears.status().state == "ended", "the file ends")
    frames = follower.frames()
    found = frames["time_s"][frames["onset"] > 0]
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.03
    assert follower.lost == 0
    assert (np.diff(frames["index"].astype(int)) == 1).all()
    assert (frames["published_s"] >= frames["captured_s"]).all()
    block = sound.read()
    whole, _ = soundfile.read(path, dtype="float32")
    assert block.start_time_s == 0.0
    assert (block.samples[: len(whole)] == whole).all()
    assert ears.status().message.startswith(path.name)


def test_another_source_gain_and_taps_while_running(clicks: tuple[Path, np.ndarray], listen: Callable) -> None:
    ears, follower = listen("silence")
    until(lambda: ears.status().state == "running", "silence runs")
    assert (ears.status().sample_rate, ears.status().channels) == (48_000, 1)
    ears.set_gain(6.0)
    ears.tap()
    until(lambda: ears.status().gain_db == 6.0, "the gain arrives")
    ears.set_source(f"file:{clicks[0]}")
    ears.set_source("demo")
    until(lambda: ears.status().device == "demo" and ears.status().state == "running", "the demo runs")
    until(lambda: follower.frames()["onset"].sum() >= 3, "the demo is heard")
    assert (np.diff(follower.frames()["time_s"]) > 0).all()


def test_the_next_input_goes_round_all_that_there_are_now_past_those_that_fail(monkeypatch) -> None:
    there = ["A", "B", "C"]
    monkeypatch.setattr(
        "live.capture.devices.inputs", lambda *, refresh=False: [SimpleNamespace(name=n) for n in there if refresh]
    )
    ears = Ears("device:A")
    assert [ears.next_input() for _ in range(4)] == ["B", "C", "A", "B"]
    there[:] = ["A", "B", "new"]
    assert ears.next_input() == "new"
    there[:] = ["new"]
    assert ears.next_input() == ""
    ears.set_source("demo")
    assert ears.next_input() == "new", "plugged in while the demo plays"
    ears.stop()


def test_several_inputs_on_are_gone_at_once(monkeypatch) -> None:
    monkeypatch.setattr("live.capture.devices.names_now", lambda: ["A", "B", "C"])
    ears = Ears("device:A")
    assert [ears.next_input(steps) for steps in (2, 2, 5)] == ["C", "B", "A"]
    assert ears.next_input(3) == "A", "once round"
    ears.stop()


def test_what_is_asked_for_while_the_inputs_are_listed_stays(monkeypatch) -> None:
    ears = Ears("device:A")

    def names_now() -> list[str]:
        ears.set_source("demo")
        return ["A", "B"]

    monkeypatch.setattr("live.capture.devices.names_now", names_now)
    assert ears.next_input() is None
    assert ears._command.source == "demo"
    ears.stop()


def test_the_next_input_goes_on_from_the_last_one_after_the_demo_and_past_an_open_one(monkeypatch) -> None:
    there = ["A", "B", "C"]
    monkeypatch.setattr(
        "live.capture.devices.inputs", lambda *, refresh=False: [SimpleNamespace(name=n) for n in there]
    )
    ears = Ears("device:A")
    ears.set_source("demo")
    assert ears.next_input() == "B"
    control = ControlBlock.attach(ears._control.name)
    control.publish(Report(device="B", source="device:B", inputs="A\nB\nC"))
    there.remove("B")
    assert ears.next_input() == "C", "B is open, and PortAudio leaves it out"
    ears.stop()


def test_channels_given_at_the_start_are_insisted_on_only_then() -> None:
    ears = Ears("default", channels=(3, 4))
    control = ControlBlock.attach(ears._control.name)
    assert control.command().insist
    ears._remember(Report(device="X", source="device:X", serial=1))
    assert (control.command().source, control.command().insist) == ("device:X", False)
    ears.stop()
    ears = Ears("default", channels=(3, 4))
    ears.set_source("device:X")
    assert not ControlBlock.attach(ears._control.name).command().insist
    ears.stop()


def test_a_sound_server_that_hangs_does_not_hold_up_who_asks_for_another_input(monkeypatch) -> None:
    freed = threading.Event()
    monkeypatch.setattr("live.capture.devices.inputs", lambda *, refresh=False: freed.wait(60) and [])
    monkeypatch.setattr("live.capture.devices._LIST_S", 0.1)
    ears = Ears("device:A")
    assert ears.next_input() == ""
    freed.set()
    ears.stop()


def test_a_killed_process_is_replaced_and_time_goes_on(listen: Callable) -> None:
    ears, follower = listen("demo", mute=True)
    until(lambda: len(follower.frames()) > 300, "the demo is heard")
    first, killed_s = ears.pid, now_s()
    before = follower.frames()[-1]
    os.kill(first, signal.SIGKILL)
    until(lambda: ears.status().state == "lost", "the loss is noticed")
    until(lambda: len(follower.frames()) and follower.frames()["generation"][-1] == 1, "sound is back")
    frames = follower.frames()
    again = frames[frames["generation"] == 1][0]
    assert ears.pid != first
    assert (np.diff(frames["index"].astype(int)) == 1).all()
    assert (np.diff(frames["time_s"]) > 0).all()
    assert (np.diff(frames["onset_count"].astype(int)) >= 0).all()
    gone_s = again["captured_s"] - before["captured_s"]
    assert again["time_s"] - before["time_s"] == pytest.approx(gone_s, abs=0.05)
    assert now_s() - killed_s >= gone_s - 0.05
    until(lambda: ears.status().state == "running", "all is well")


def test_a_process_that_hangs_is_replaced(listen: Callable) -> None:
    ears, follower = listen("silence")
    until(lambda: ears.status().state == "running", "silence runs")
    os.kill(ears.pid, signal.SIGSTOP)
    until(lambda: ears.status().state == "lost", "the hang is noticed")
    assert "silence" in ears.status().message
    until(lambda: ears.status().state == "running" and ears.status().generation >= 1, "all is well")
    assert len(follower.frames())


def test_a_bad_file_is_refused_at_once_with_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "words.wav"
    path.write_text("no sound at all")
    with pytest.raises(BadInput, match=r"words\.wav cannot be read as sound \(.*\); use"):
        Ears(f"file:{path}")


def test_a_file_that_goes_bad_before_it_is_opened_fails_for_good_with_one_sentence(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "words.wav"
    soundfile.write(path, np.zeros(100, np.float32), 44_100)
    ears = Ears(f"file:{path}", mute=True)
    request.addfinalizer(ears.stop)
    path.write_text("no sound at all")
    ears.start()
    until(lambda: ears.status().state == "failed", "the file is refused")
    assert "words.wav" in ears.status().message
    ears.set_source("silence")
    until(lambda: ears.status().state == "running", "another source runs")


def test_an_input_that_is_not_there_is_waited_for(listen: Callable) -> None:
    ears, _ = listen("device:No such interface")
    until(lambda: ears.status().state in ("lost", "failed"), "the absence is noticed")
    assert ears.status().message.endswith(".")
    ears.set_source("silence")
    until(lambda: ears.status().state == "running", "silence runs")


def test_stop_leaves_no_process_and_no_memory_but_rings_stay_readable(listen: Callable) -> None:
    ears, follower = listen("silence")
    until(lambda: len(follower.frames()) > 10, "silence is heard")
    ears.stop()
    assert not psutil.pid_exists(ears.pid)
    assert ears.status().state == "ended"
    assert len(follower.frames()) > 10
    with pytest.raises(FileNotFoundError):
        type(ears.features).attach(ears.features.name)


def test_the_ears_end_with_a_parent_that_was_killed() -> None:
    code = (
        "from live.capture.ears import Ears; import threading\n"
        "ears = Ears('silence'); ears.start(); print(ears.pid, flush=True); threading.Event().wait(120)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the orphan ends")


def test_the_ears_on_windows_wait_for_their_parent_without_reading(monkeypatch) -> None:
    # A read that waits holds up the import of numpy there, for ever.
    left, naps, ended = [True, True], [], []

    def peek(handle: int, size: int) -> tuple[int, int]:
        assert (handle, size) == (7, 0)
        if not left:
            raise BrokenPipeError(109, "The pipe has been ended")
        left.pop()
        return 0, 0

    monkeypatch.setattr(process.sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "_winapi", SimpleNamespace(PeekNamedPipe=peek))
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(get_osfhandle=lambda number: 7 + number))
    monkeypatch.setattr(process.time, "sleep", naps.append)
    monkeypatch.setattr(process.os, "read", lambda *_: pytest.fail("stdin is read"))
    monkeypatch.setattr(process.os, "_exit", ended.append)
    process._end_with_parent()
    assert naps == [0.25, 0.25]
    assert ended == [0]


def test_the_process_of_the_ears_knows_neither_torch_nor_pygame() -> None:
    code = (
        "import sys, live.capture.hearing, live.capture.process, aubio, soundfile, soxr;"
        "print(sorted({'torch', 'pygame', 'diffusers', 'av', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.strip() == "[]"
