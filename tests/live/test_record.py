"""Recording: picture and sound keep their distance, gaps are filled, and little is lost when the power goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from dataclasses import dataclass

import av
import numpy as np
import pytest

from bentlight.errors import BadInput
from live.record import Recorder
from live.timeline import Timeline
from tests.live.sounds import decode_sound
from tests.pictures import decode, lag_s
from tests.waiting import wait_until

RATE = 48_000
BLOCK = 480


@dataclass(frozen=True)
class Made:
    pixels: np.ndarray
    time_s: float


class FakeReader:
    """Hands out what a test has put in."""

    def __init__(self) -> None:
        self.blocks: deque[tuple[np.ndarray, float, int]] = deque()
        self.sample_rate = float(RATE)

    def read(self):
        return self.blocks.popleft() if self.blocks else (np.zeros((0, 1), np.float32), 0.0, 0)


class Studio:
    """A recorder that is stepped by hand on a clock of its own."""

    def __init__(self, path, **options) -> None:
        self.now = 1000.0
        self.reader = FakeReader()
        self.recorder = Recorder(
            path,
            size=(64, 48),
            samples=self.reader,
            sample_rate=RATE,
            channels=2,
            clock=lambda: self.now,
            **options,
        )

    def hear(self, samples: np.ndarray, start_s: float, lost: int = 0) -> None:
        self.reader.blocks.append((samples, start_s, lost))
        self.now += len(samples) / RATE
        self.recorder.step()

    def see(self, value: int, time_s: float) -> None:
        self.recorder.offer(Made(grey(value), time_s))


def grey(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, np.uint8)


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2)) * 0.1).astype(np.float32)


def values(pictures: np.ndarray) -> list[int]:
    return [round(float(p.mean())) for p in pictures]


def test_a_frame_shows_the_newest_picture_of_sound_up_to_its_time(tmp_path):
    # Pictures at odd times, each handed over 90 ms after the sound it was made from.
    start, rng = 123.4, np.random.default_rng(3)
    stamps = start + np.cumsum(rng.uniform(0.012, 0.11, 60))
    stamps = stamps[stamps < start + 2.9]
    studio, heard, given = Studio(tmp_path / "a.mkv"), sound(3), 0
    for at in range(0, len(heard), BLOCK):
        studio.hear(heard[at : at + BLOCK], start + at / RATE)
        while given < len(stamps) and stamps[given] + 0.09 <= start + at / RATE:
            studio.see(20 + 3 * given, stamps[given])
            given += 1
    for number in range(given, len(stamps)):
        studio.see(20 + 3 * number, stamps[number])
    status = studio.recorder.stop()
    times, pictures, played, _ = decode(tmp_path / "a.mkv")
    assert (status.error, status.frames, status.dropped, status.skipped) == ("", 90, 0, 0)
    np.testing.assert_allclose(times, np.arange(90) / 30, atol=0.001)
    for number, shown in enumerate(values(pictures)):
        newest = max(0, int(np.searchsorted(stamps, start + number / 30, side="right")) - 1)
        assert abs(shown - (20 + 3 * newest)) <= 1, f"frame {number}"
    assert lag_s(played, heard.mean(axis=1), RATE) == (0.0, pytest.approx(1.0, abs=0.001))


def test_a_gap_in_the_sound_is_silence_of_the_same_length(tmp_path):
    studio, first, second = Studio(tmp_path / "a.mkv"), sound(0.5), sound(0.5, 1)
    studio.see(100, 10.0)
    studio.hear(first, 10.0)
    studio.hear(second, 11.0, lost=RATE // 2)
    status = studio.recorder.stop()
    played = decode_sound(tmp_path / "a.mkv")
    assert (len(played), status.samples_lost) == (round(1.5 * RATE), RATE // 2)
    assert not played[RATE // 2 : RATE].any()
    np.testing.assert_allclose(played[RATE:], second, atol=1e-4)


def test_rounding_of_stream_time_is_no_gap(tmp_path):
    studio, heard = Studio(tmp_path / "a.mkv"), sound(1)
    for i, at in enumerate(range(0, RATE, BLOCK)):
        studio.hear(heard[at : at + BLOCK], 5.0 + at / RATE + (i % 3 - 1) / RATE)
    studio.recorder.stop()
    np.testing.assert_allclose(decode_sound(tmp_path / "a.mkv"), heard, atol=1e-4)


def test_while_the_sound_is_lost_pictures_and_time_go_on(tmp_path):
    # The device is gone for two seconds, in which stream time stands still.
    studio, heard = Studio(tmp_path / "a.mkv"), sound(1)
    studio.see(40, 7.0)
    studio.hear(heard, 7.0)
    for tick in range(200):
        studio.now += 0.01
        if tick % 10 == 0:
            studio.see(50 + tick // 2, 8.0)
        studio.recorder.step()
    studio.see(220, 8.5)
    studio.hear(heard, 8.0)
    status = studio.recorder.stop()
    _, pictures, played, _ = decode(tmp_path / "a.mkv")
    assert status.seconds == pytest.approx(3.5, abs=0.05)
    assert len(set(values(pictures))) >= 10
    assert lag_s(played[RATE:], heard.mean(axis=1), RATE)[0] == pytest.approx(1.5, abs=0.05)


def test_sound_that_comes_back_in_its_own_stream_time_has_its_own_place(tmp_path):
    studio, heard = Studio(tmp_path / "a.mkv"), sound(1)
    studio.hear(heard, 7.0)
    for _ in range(200):
        studio.now += 0.01
        studio.recorder.step()
    studio.hear(heard, 10.0)
    studio.recorder.stop()
    played = decode_sound(tmp_path / "a.mkv")
    assert lag_s(played[RATE:, 0], heard[:, 0], RATE)[0] == 2.0


def test_sound_of_another_rate_is_fitted_in(tmp_path):
    studio = Studio(tmp_path / "a.mkv")
    studio.hear(sound(1) * 0, 3.0)
    studio.reader.sample_rate = 44_100.0
    tone = np.sin(2 * np.pi * 441 * np.arange(44_100) / 44_100).astype(np.float32)
    for at in range(0, 44_100, 441):
        studio.hear(np.stack([tone[at : at + 441]] * 2, 1), 4.0 + at / 44_100)
    studio.recorder.stop()
    played = decode_sound(tmp_path / "a.mkv")
    expected = np.sin(2 * np.pi * 441 * np.arange(RATE // 2) / RATE)
    np.testing.assert_allclose(played[RATE + 4800 : RATE + 24_000, 0], expected[4800:24_000], atol=0.01)
    assert not played[: RATE - 100].any()


def test_mono_becomes_both_sides(tmp_path):
    studio, heard = Studio(tmp_path / "a.mkv"), sound(0.5)
    studio.hear(heard[:, :1], 0.0)
    studio.recorder.stop()
    played = decode_sound(tmp_path / "a.mkv")
    np.testing.assert_array_equal(played[:, 0], played[:, 1])


def test_without_any_sound_the_clock_carries_the_recording(tmp_path):
    studio = Studio(tmp_path / "a.mkv")
    for tick in range(300):
        studio.now += 0.01
        if tick % 5 == 0:
            studio.see(20 + tick // 2, 0.0)
        studio.recorder.step()
    status = studio.recorder.stop()
    _, pictures, played, _ = decode(tmp_path / "a.mkv")
    assert status.seconds > 2
    assert not played.any()
    assert len(set(values(pictures))) > 20


def test_more_pictures_than_frames_keep_the_newest_for_each(tmp_path):
    timeline = Timeline(30, RATE, 2)
    list(timeline.add_sound(np.zeros((RATE, 2), np.float32), 0.0, 0.0))
    for number in range(240):
        timeline.add_picture(Made(np.array(number), number / 240))
        if number % 4 == 0:
            list(timeline.due_frames(most=0))
    shown = [int(pixels) for pixels, _ in timeline.due_frames(final=True)]
    assert shown == [8 * frame for frame in range(30)]


def test_a_backlog_of_pictures_is_bounded_and_the_newest_stay():
    timeline = Timeline(30, RATE, 2, backlog=8)
    list(timeline.add_sound(np.zeros((10, 2), np.float32), 0.0, 0.0))
    for number in range(100):
        timeline.add_picture(Made(np.array(number), number / 30))
    list(timeline.add_sound(np.zeros((4 * RATE, 2), np.float32), 10 / RATE, 0.0))
    shown = [int(pixels) for pixels, _ in timeline.due_frames(final=True)]
    assert timeline.dropped == 92
    assert shown[-1] == 99
    assert set(shown) == set(range(92, 100))


def test_pictures_of_a_slow_model_lie_as_near_to_their_sound_as_those_of_a_quick_one():
    def shown_after(latency_s: float) -> list[float]:
        timeline, shown, made = Timeline(30, RATE, 2), {}, []
        for step in range(1500):
            now_s = step / 100
            list(timeline.add_sound(np.zeros((RATE // 100, 2), np.float32), now_s, now_s))
            if not made or now_s >= made[-1] + latency_s:
                if made:
                    timeline.add_picture(Made(np.array(len(made)), made[-1]))
                made.append(now_s)
            for pixels, index in timeline.due_frames():
                if pixels is not None:
                    shown.setdefault(int(pixels), index / 30)
        return [shown[number] - made[number - 1] for number in sorted(shown)[2:]]

    for latency_s in (0.1, 1.0, 2.0):
        after = shown_after(latency_s)
        assert len(after) > 3
        assert max(after) < 0.05


def test_all_that_was_heard_is_in_the_file_however_many_gaps_there_are_at_its_end(tmp_path):
    studio = Studio(tmp_path / "a.mkv")
    for second in range(4):
        studio.reader.blocks.append((sound(1.0, second), 1.1 * second, 0))
    for frame in range(129):
        studio.see(100, frame / 30)
    status = studio.recorder.stop()
    assert status.seconds == pytest.approx(4.3, abs=0.01)
    assert (status.frames, status.skipped) == (129, 0)
    assert not studio.reader.blocks


def test_an_encoder_that_cannot_keep_up_leaves_frames_out_and_not_sound():
    timeline = Timeline(30, RATE, 2)
    indices = []
    for second in range(10):
        list(timeline.add_sound(np.zeros((RATE, 2), np.float32), float(second), 0.0))
        timeline.add_picture(Made(np.array(second), second + 0.5))
        indices += [index for _, index in timeline.due_frames(most=3)]
    assert timeline.skipped > 100
    assert indices == sorted(set(indices))
    assert timeline.end_s - indices[-1] / 30 < 1.5


@pytest.mark.parametrize(("period_s", "first_s"), [(1 / 30, 0.02), (1.0, 0.9), (1 / 30, 2.0)])
def test_a_recording_begun_an_hour_into_a_show_while_no_sound_comes_shows_its_pictures(period_s, first_s):
    timeline, shown, made, due_s = Timeline(30, RATE, 2, 64), [], 0, first_s
    for step in range(1, 3000):
        now_s = step / 100
        if now_s <= 10.0:
            list(timeline.wait_for_sound(now_s))
        else:
            list(timeline.add_sound(np.zeros((RATE // 100, 2), np.float32), 3600.0 + now_s - 0.01, now_s))
        if now_s >= due_s:
            made, due_s = made + 1, due_s + period_s
            timeline.add_picture(Made(np.array(made), 3600.0 + now_s))
        shown += [pixels for pixels, _ in timeline.due_frames()]
    shown = [int(pixels) for pixels in shown if pixels is not None]
    assert shown == sorted(shown)
    assert len(set(shown)) > 0.6 * made
    assert made - shown[-1] < 0.5 / period_s + 2


def test_a_machine_that_slept_writes_no_hours_of_silence():
    timeline = Timeline(30, RATE, 2)
    block = np.zeros((100, 2), np.float32)
    list(timeline.add_sound(block, 0.0, 0.0))
    assert sum(len(b) for b, _ in timeline.wait_for_sound(1.0)) == pytest.approx(RATE / 2, abs=2)
    assert sum(len(b) for b, _ in timeline.wait_for_sound(30_000.0)) < RATE
    assert sum(len(b) for b, _ in timeline.wait_for_sound(30_001.0)) == pytest.approx(RATE, abs=2)


def test_a_hole_of_hours_is_not_filled():
    timeline = Timeline(30, RATE, 2)
    block = np.zeros((100, 2), np.float32)
    list(timeline.add_sound(block, 0.0, 0.0))
    assert sum(len(b) for b, _ in timeline.add_sound(block, 36_000.0, 1.0)) == 100
    assert timeline.end_s == 200 / RATE


def test_offering_never_blocks_and_never_grows(tmp_path):
    recorder = Studio(tmp_path / "a.mkv").recorder
    for number in range(1000):
        recorder.offer(Made(grey(number % 256), float(number)))
    assert recorder.status().dropped > 900
    recorder.stop()
    recorder.offer(Made(grey(0), 0.0))


def test_the_thread_records_and_finishes(tmp_path):
    reader = FakeReader()
    recorder = Recorder(tmp_path / "a.mkv", size=(64, 48), samples=reader, sample_rate=RATE, channels=2).start()
    heard = sound(1)
    for at in range(0, RATE, BLOCK):
        reader.blocks.append((heard[at : at + BLOCK], at / RATE, 0))
    for frame in range(30):
        recorder.offer(Made(grey(20 + frame), frame / 30))
    wait_until(lambda: recorder.status().seconds >= 1.0, 30.0, "a second of sound to be written")
    status = recorder.stop()
    assert (status.error, status.frames) == ("", 30)
    assert recorder.stop() == status
    assert values(decode(tmp_path / "a.mkv")[1]) == pytest.approx(list(range(20, 50)), abs=1)


def test_a_fault_in_the_sound_ends_the_recording_with_a_reason(tmp_path):
    class Broken:
        sample_rate = float(RATE)

        def read(self):
            raise OSError("the ring is gone")

    recorder = Recorder(tmp_path / "a.mkv", size=(64, 48), samples=Broken(), sample_rate=RATE, channels=2).start()
    wait_until(lambda: recorder.status().error != "", 30.0, "the fault to be told")
    assert "the ring is gone" in recorder.stop().error


def test_no_sound_input_yet_is_said_in_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="sound input"):
        Recorder(tmp_path / "a.mkv", size=(64, 48), samples=FakeReader(), sample_rate=0, channels=2)


_KILLED = """
import sys, time
import numpy as np
from live.record import Recorder

class Picture:
    def __init__(self, pixels, time_s):
        self.pixels, self.time_s = pixels, time_s

class Clocked:
    sample_rate = 48000.0
    def __init__(self):
        self.start, self.done = time.perf_counter(), 0
    def read(self):
        due = int((time.perf_counter() - self.start) * 48000)
        first, self.done = self.done, due
        return np.zeros((due - first, 2), np.float32), first / 48000, 0

reader, rng = Clocked(), np.random.default_rng(0)
recorder = Recorder(sys.argv[1], size=(128, 128), samples=reader, sample_rate=48000, channels=2).start()
while True:
    now = reader.done / 48000
    noise = rng.integers(0, 255, (128, 128, 3), dtype=np.uint8)
    recorder.offer(Picture(noise, now))
    print(f"{now:.4f}", flush=True)
    time.sleep(0.03)
"""


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_killed_recording_lacks_at_most_its_last_second(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    child = subprocess.Popen([sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    reached = 0.0
    assert child.stdout is not None
    for line in child.stdout:
        reached = float(line)
        if reached >= 2.5:
            break
    if hasattr(signal, "SIGKILL"):
        os.kill(child.pid, signal.SIGKILL)
    else:
        child.kill()
    child.wait(30)
    child.stdout.close()
    with av.open(str(path)) as container:
        seen = last_time(container, "video")
    with av.open(str(path)) as container:
        heard = last_time(container, "audio")
    assert reached - seen <= 1.0
    assert reached - heard <= 1.0


def last_time(container, kind: str) -> float:
    last = 0.0
    try:
        for frame in container.decode(**{kind: 0}):
            last = float(frame.time) + (frame.samples / frame.sample_rate if kind == "audio" else 1 / 30)
    except av.FFmpegError:
        pass  # the file was cut off here
    return last
