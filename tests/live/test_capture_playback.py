"""Files in real time, without waiting for it: the pacer on a clock of the test's own, the blocks as they come."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bentlight.errors import BadInput
from live.capture.control_block import Command
from live.capture.demo import demo_path
from live.capture.intake import Intake
from live.capture.playback import ClockPacer, FileSource, file_blocks
from live.capture.sources import make_source

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
