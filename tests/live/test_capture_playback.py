"""Files in real time, without waiting for it: the pacer on a clock of the test's own, the blocks as they come."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bentlight.errors import BadInput
from live.capture.control_block import Command
from live.capture.demo import demo_path
from live.capture.devices import Device
from live.capture.intake import Intake
from live.capture.output import BLOCK, OutputPacer
from live.capture.playback import ClockPacer, FileSource, file_blocks
from live.capture.sources import make_source
from tests.waiting import wait_until

RATE = 44_100


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    t = np.arange(RATE) / RATE
    soundfile.write(path, np.stack([np.sin(2 * np.pi * 440 * t), 0.5 * t], 1) * 0.8, RATE, "FLOAT")
    return path


def test_blocks_hold_the_whole_file_once(song: Path) -> None:
    whole, _ = soundfile.read(song, dtype="float32")
    read = np.concatenate(list(file_blocks(song, sample_rate=None, loop=False)))
    assert (read[:RATE] == whole).all()
    assert not read[RATE:].any()
    assert len(read) - RATE < 256
    late = np.concatenate(list(file_blocks(song, sample_rate=None, loop=False, position_s=0.75)))
    assert (late[: RATE // 4] == whole[round(0.75 * RATE) :]).all()


def test_a_rate_that_cannot_be_heard_is_said_before_the_ears_begin(tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.zeros(6000), 6000)
    source = FileSource(path, f"file:{path}", loop=False, mute=True)
    with pytest.raises(BadInput, match="6000 Hz cannot be heard"):
        source.open()


def test_a_file_without_the_channels_asked_for_is_refused_or_told_of(song: Path) -> None:
    asked = Command(f"file:{song}", 1, channels=(3, 4), mute=True)
    with pytest.raises(BadInput, match=r"'song\.wav' has 2 channels and no channel 4"):
        make_source(asked).open()
    source = make_source(replace(asked, insist=False))
    source.open()
    source.close()
    assert "no channel 4, so its first two are heard" in source.note
    # Where the demo is played for want of an input, nobody asked for channels of it.
    demo = make_source(replace(asked, source="demo"))
    demo.open()
    demo.close()
    assert demo.note == ""


def test_a_file_that_is_damaged_ends_with_where_and_a_whole_one_is_over(tmp_path: Path) -> None:
    path = tmp_path / "set.flac"
    rng = np.random.default_rng(1)
    soundfile.write(path, 0.5 * rng.standard_normal(4 * RATE).clip(-1, 1), RATE)
    for share, farewell in ((1.0, "set.flac is over."), (0.5, "set.flac is damaged from second")):
        data = path.read_bytes()
        middle = round(share * len(data))
        path.write_bytes(data[:middle] + bytes(4096) * (share < 1) + data[middle + 4096 :])
        source = FileSource(path, f"file:{path}", loop=False, mute=True)
        source._duration_s, source.sample_rate = 4.0, float(RATE)
        heard = sum(map(len, source._rest()))
        assert farewell in source.farewell
        assert (heard >= 4 * RATE) == (share == 1.0)


def test_blocks_at_another_rate_last_as_long(song: Path) -> None:
    read = np.concatenate(list(file_blocks(song, sample_rate=48_000, loop=False)))
    assert len(read) == pytest.approx(48_000, abs=300)
    crossings = np.count_nonzero(np.diff(np.sign(read[1000:47_000, 0])) > 0)
    assert crossings * 48_000 / 46_000 == pytest.approx(440, abs=2)


def test_a_loop_goes_on_without_a_seam(song: Path) -> None:
    whole, _ = soundfile.read(song, dtype="float32")
    blocks = itertools.islice(file_blocks(song, sample_rate=None, loop=True), 500)
    read = np.concatenate(list(blocks))
    assert (read == np.concatenate([whole] * 3)[: len(read)]).all()


def test_the_pacer_hands_over_in_time_and_does_not_rush_after_a_sleep() -> None:
    now, put, done = [50.0], [], []

    def wait(seconds: float) -> bool:
        now[0] += seconds
        if len(put) == 10 and now[0] < 100:
            now[0] += 100.0
        return False

    blocks = iter([np.zeros((480, 1), np.float32)] * 20)
    pacer = ClockPacer(
        blocks, 48_000, lambda _, at: put.append(at), lambda: done.append(1), clock=lambda: now[0], wait=wait
    )
    pacer.run()
    assert put[:10] == pytest.approx(50.0 + 0.01 * np.arange(1, 11))
    # The block that was due during the sleep comes at once, and then it goes on at the same pace.
    assert np.diff(put[11:]) == pytest.approx(0.01)
    assert done == [1]


def test_the_pacer_stops_when_told() -> None:
    put: list[float] = []
    blocks = iter([np.zeros((480, 1), np.float32)] * 20)
    pacer = ClockPacer(
        blocks, 48_000, lambda _, at: put.append(at), lambda: put.append(-1), clock=lambda: 0.0, wait=lambda _: True
    )
    pacer.run()
    assert not put


class FakeOutput:
    """Stands in for sounddevice with one output, which plays what a test pulls out of it."""

    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        self.there, self.starts = True, True
        self.streams: list[FakeOutput.Stream] = []

    def outputs(self, *, refresh: bool = False) -> list[Device]:
        assert refresh
        assert all(stream.closed for stream in self.streams), "PortAudio was started anew under a stream"
        return [Device("Speakers", 0, "ALSA", 2, RATE, True)] if self.there else []

    def OutputStream(self, **asked: object) -> FakeOutput.Stream:
        self.streams.append(self.Stream(self, asked))
        return self.streams[-1]

    class Stream:
        def __init__(self, system: FakeOutput, asked: dict) -> None:
            self.system, self.asked, self.closed = system, asked, False

        def start(self) -> None:
            if not self.system.starts:
                raise FakeOutput.PortAudioError("busy")

        def play(self, blocks: int) -> np.ndarray:
            heard = np.zeros((blocks, 256, 2), np.float32)
            for block in heard:
                self.asked["callback"](block, 256, None, None)
            return heard.reshape(-1, 2)

        def abort(self, **_: object) -> None: ...

        def close(self, **_: object) -> None:
            self.closed = True


def test_a_file_is_over_once_its_last_block_has_been_heard(monkeypatch) -> None:
    now, done, put, late = [50.0], [], [], []

    class Stream:
        latency = 0.15

        def start(self) -> None: ...

    monkeypatch.setattr(OutputPacer, "_try", lambda self, act: Stream())
    device = Device("Loud", 0, "ALSA", 2, RATE, True)
    pacer = OutputPacer(
        device, RATE, lambda *got: put.append(got), lambda: done.append(now[0]), lambda: late.append(1), lambda: now[0]
    )
    pacer.start(iter([np.zeros((BLOCK, 2), np.float32)] * 3))
    wait_until(lambda: pacer._queue.qsize() == 4, 30, "the end to be read")
    for _ in range(60):
        pacer._callback(np.zeros((BLOCK, 2), np.float32), BLOCK, None, None)
        now[0] += 0.01
    assert len(put) == 3
    assert done == [pytest.approx(50.03 + 0.15, abs=0.011)]
    assert not late


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> FakeOutput:
    made = FakeOutput()
    monkeypatch.setattr("live.capture.playback.outputs", made.outputs)
    monkeypatch.setattr("live.capture.output.portaudio", lambda: made)
    monkeypatch.setattr("live.capture.playback._AGAIN_S", 0.02)
    return made


def taken(source: FileSource) -> np.ndarray:
    """Return what has reached the intake."""
    blocks = []
    while (block := source.intake.take(0.001)) is not None:
        blocks.append(block.samples.copy())
    return np.concatenate(blocks)


def test_a_lost_output_plays_on_when_it_is_back_where_the_clock_has_come_to(song: Path, output: FakeOutput) -> None:
    whole, _ = soundfile.read(song, dtype="float32")
    source = FileSource(song, f"file:{song}", loop=True, mute=False)
    source.open()
    heard = output.streams[0].play(20)
    assert (heard == whole[: len(heard)]).all()
    output.there = False
    output.streams[0].asked["finished_callback"]()
    source.poll()
    assert "unheard" in source.note
    wait_until(lambda: output.streams[0].closed and source._played > 30 * 256, 20, "the clock goes on")
    output.there, output.starts = True, False
    wait_until(lambda: len(output.streams) > 2, 20, "outputs are tried")
    output.starts = True
    wait_until(lambda: not source.note, 20, "the output plays again")
    came_to = source._played
    assert (output.streams[-1].play(4) == np.concatenate([whole] * 99)[came_to : came_to + 4 * 256]).all()
    sound = taken(source)
    assert (sound == np.concatenate([whole] * 99)[: len(sound)]).all(), "nothing is left out or comes twice"
    assert len(sound) == source._played
    source.close()
    assert all(stream.closed for stream in output.streams)


def test_a_file_that_is_closed_while_its_output_is_away_tries_no_more(song: Path, output: FakeOutput) -> None:
    source = FileSource(song, f"file:{song}", loop=True, mute=False)
    source.open()
    output.there = False
    output.streams[0].asked["finished_callback"]()
    source.poll()
    source.close()
    assert not source._regaining.is_alive()
    assert not source._pacer._thread.is_alive()


def test_an_output_that_opens_only_after_the_file_was_closed_ends_itself(song, output, monkeypatch) -> None:
    monkeypatch.setattr("live.capture.playback._PATIENCE_S", 0.05)
    source = FileSource(song, f"file:{song}", loop=True, mute=False)
    source.open()
    opening, may_open, open_one = threading.Event(), threading.Event(), output.OutputStream

    def slowly(**asked: object) -> FakeOutput.Stream:
        opening.set()
        assert may_open.wait(20)
        return open_one(**asked)

    monkeypatch.setattr(output, "OutputStream", slowly)
    output.streams[0].asked["finished_callback"]()
    source.poll()
    assert opening.wait(20)
    source.close()
    assert len(output.streams) == 1
    may_open.set()
    source._regaining.join(20)
    assert not source._regaining.is_alive()
    assert [stream.closed for stream in output.streams] == [True, True]
    assert not source._pacer._thread.is_alive()


def test_an_output_whose_stream_is_closed_late_is_tried_again_then(song, output, monkeypatch) -> None:
    monkeypatch.setattr("live.capture.closing._PATIENCE_S", 0.02)
    source = FileSource(song, f"file:{song}", loop=True, mute=False)
    source.open()
    may_close = threading.Event()
    output.streams[0].abort = lambda **_: may_close.wait(20)
    output.streams[0].asked["finished_callback"]()
    source.poll()
    wait_until(lambda: source._played > 30 * 256, 20, "the clock goes on")
    assert len(output.streams) == 1, "PortAudio is not started anew under a stream"
    may_close.set()
    wait_until(lambda: not source.note, 20, "the output plays again")
    source.close()


def test_what_is_no_sound_fails_with_its_name(tmp_path: Path) -> None:
    words = tmp_path / "words.wav"
    words.write_text("no sound at all")
    empty = tmp_path / "empty.wav"
    soundfile.write(empty, np.zeros((0, 1)), RATE)
    for path in (words, empty):
        with pytest.raises(BadInput, match=path.name):
            make_source(Command(f"file:{path}", mute=True)).open()


def test_the_intake_never_waits_and_counts_what_it_drops() -> None:
    intake = Intake(1000.0, 1, 10)
    for number in range(500):
        intake.put(np.full((10, 1), number, np.float32), float(number))
    blocks = []
    while (block := intake.take(0.001)) is not None:
        blocks.append((float(block.samples[0, 0]), block.captured_s, block.lost))
    assert [number for number, _, _ in blocks] == [at for _, at, _ in blocks] == list(range(len(blocks)))
    intake.put(np.zeros((25, 1), np.float32), 1.0)
    after = intake.take(0.001)
    assert after.lost == (500 - len(blocks)) * 10
    assert intake.xruns == 500 - len(blocks)
    assert [len(after.samples), len(intake.take(0.001).samples), len(intake.take(0.001).samples)] == [10, 10, 5]


def test_the_demo_is_long_enough_small_enough_and_not_clipped() -> None:
    about = soundfile.info(str(demo_path()))
    assert about.duration >= 60
    assert about.channels == 2
    assert demo_path().stat().st_size <= 1_200_000
    sound, _ = soundfile.read(str(demo_path()), dtype="float32")
    assert 10 ** (-1.5 / 20) < np.abs(sound).max() <= 10 ** (-0.8 / 20)
