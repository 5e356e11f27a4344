"""The rings: no torn record, nothing missed that was not said to be lost, and nobody waits for a dead writer."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import pytest

from analysis.frame import BANDS, FEATURE_FRAME
from bentlight.clock import now_s
from live.capture.feature_ring import FeatureReader, FeatureRing
from live.capture.sample_ring import SampleRing

PATIENCE_S = 60.0


def frame(number: int) -> np.ndarray:
    """Return a frame of which every field can be told from its number, shape (1,)."""
    one = np.zeros(1, FEATURE_FRAME)
    one["index"], one["time_s"], one["onset_count"] = number, number * 0.5, number // 7
    one["onset"] = number % 7 == 0
    one["rms"] = number % 1024
    one["bands"] = (number % 1024) + np.arange(BANDS)
    one["tempo"], one["silent"] = number % 4096, number % 2
    return one


def check(frames: np.ndarray) -> None:
    """Fail when any record is a mixture of two."""
    number = frames["index"].astype(np.int64)
    assert (frames["time_s"] == number * 0.5).all()
    assert (frames["onset_count"] == number // 7).all()
    assert (frames["rms"] == number % 1024).all()
    assert (frames["bands"] == (number % 1024)[:, None] + np.arange(BANDS)).all()
    assert (frames["tempo"] == number % 4096).all()


def write_many(name: str, count: int, pause_every: int) -> None:
    """Write `count` frames, giving way every now and then; runs in a process of its own."""
    ring, nap = FeatureRing.attach(name), threading.Event()
    for number in range(count):
        ring.write(frame(number))
        if number % pause_every == 0:
            nap.wait(0.001)


def write_for_ever(name: str) -> None:
    """Write without end."""
    ring, number = FeatureRing.attach(name), 0
    while True:
        ring.write(frame(number))
        number += 1


def test_readers_at_odd_speeds_get_every_frame_whole_or_are_told() -> None:
    count, ring = 12_000, FeatureRing.create(slots=512)
    failures: list[BaseException] = []
    kept: dict[str, tuple[list[np.ndarray], int]] = {}

    def follow(label: str, reader: FeatureReader, pause_s: float) -> None:
        try:
            parts, lost, nap, deadline = [], 0, threading.Event(), now_s() + PATIENCE_S
            while sum(map(len, parts)) + lost < count:
                assert now_s() < deadline
                frames, missing = reader.read()
                check(frames)
                newest = reader.newest()
                if newest is not None:
                    check(np.array([newest], FEATURE_FRAME))
                parts.append(frames)
                lost += missing
                nap.wait(pause_s)
            kept[label] = (parts, lost)
        except BaseException as error:
            failures.append(error)

    readers = [("fast", 0.0), ("odd", 0.0137), ("slow", 0.9)]
    threads = [threading.Thread(target=follow, args=(label, ring.reader(), pause)) for label, pause in readers]
    writer = multiprocessing.get_context("spawn").Process(target=write_many, args=(ring.name, count, 40))
    for thread in threads:
        thread.start()
    writer.start()
    writer.join(PATIENCE_S)
    for thread in threads:
        thread.join(PATIENCE_S)
    ring.unlink()
    assert not failures
    assert writer.exitcode == 0
    for parts, lost in kept.values():
        frames = np.concatenate(parts)
        assert len(frames) + lost == count
        assert (np.diff(frames["index"].astype(np.int64)) > 0).all()
        if not lost:
            assert frames["onset"].sum() == len(range(0, count, 7))
    assert len(kept) == 3


def test_a_lapped_reader_is_told_exactly_how_much_it_lost() -> None:
    ring = FeatureRing.create(slots=64)
    reader = ring.reader()
    for number in range(1000):
        ring.write(frame(number))
    frames, lost = reader.read()
    check(frames)
    assert len(frames) + lost == 1000
    assert len(frames) >= 56
    assert frames["index"][0] == lost
    assert frames["index"][-1] == 999
    assert reader.read()[1] == 0
    ring.unlink()


def test_a_reader_begins_with_what_is_written_after_it() -> None:
    ring = FeatureRing.create(slots=64)
    assert ring.reader().newest() is None
    ring.write(frame(0))
    late = ring.reader()
    ring.write(np.concatenate([frame(1), frame(2)]))
    frames, lost = late.read()
    assert (list(frames["index"]), lost) == ([1, 2], 0)
    assert late.newest()["index"] == 2
    ring.unlink()


def test_a_writer_killed_while_writing_hangs_nobody_and_its_successor_goes_on() -> None:
    ring = FeatureRing.create(slots=16)
    for round_number in range(3):
        reader = ring.reader()
        writer = multiprocessing.get_context("spawn").Process(target=write_for_ever, args=(ring.name,))
        writer.start()
        deadline = now_s() + PATIENCE_S
        before = ring.written
        while ring.written < before + 2000 + 97 * round_number:
            assert now_s() < deadline
        writer.kill()
        writer.join()
        frames, lost = reader.read()
        check(frames)
        assert len(frames) + lost == ring.written - before
        assert ring.newest() is not None
        ring.write(frame(5))
        assert reader.read()[0]["index"][-1] == 5
    ring.unlink()


def test_a_record_left_half_written_is_never_read() -> None:
    ring = FeatureRing.create(slots=4)
    for number in range(6):
        ring.write(frame(number))
    reader = ring.reader()
    records = ring._ring
    # As a writer leaves it that dies inside record 6, which lies where record 2 was.
    records._counts[6 % 4] = 2 * 6 + 1
    records._bodies[6 % 4][:10] = 255
    assert ring.get(2) is None
    assert ring.newest()["index"] == 5
    assert len(reader.read()[0]) == 0
    # A torn body under a right count is caught by the checksum.
    records._bodies[5 % 4][0] ^= 1
    assert ring.get(5) is None
    assert ring.newest() is None
    ring.write(frame(6))
    assert ring.newest()["index"] == 6
    ring.unlink()


def test_a_visitor_that_ends_leaves_the_memory_alone() -> None:
    ring = FeatureRing.create(slots=16)
    ring.write(frame(3))
    code = (
        "from live.capture.feature_ring import FeatureRing; "
        f"print(int(FeatureRing.attach({ring.name!r}).newest()['index']))"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": root},
        check=True,
    )
    assert done.stdout.strip() == "3"
    assert done.stderr == ""
    assert FeatureRing.attach(ring.name).newest()["index"] == 3
    ring.unlink()
    with pytest.raises(FileNotFoundError):
        FeatureRing.attach(ring.name)


def test_memory_that_is_no_ring_is_refused() -> None:
    other = SharedMemory(create=True, size=4096)
    for kind in (FeatureRing, SampleRing):
        with pytest.raises(ValueError, match="is not a"):
            kind.attach(other.name)
    other.close()
    other.unlink()


def test_samples_come_out_as_they_went_in_with_stream_time_and_gaps() -> None:
    ring = SampleRing.create(capacity=4000)
    reader = ring.reader()
    ring.begin(10.0, 1000.0, 2, generation=0)
    first = np.arange(600, dtype=np.float32).reshape(300, 2)
    ring.write(first[:100])
    ring.write(first[100:])
    ring.begin(11.0, 500.0, 1, generation=1)
    second = np.arange(50, dtype=np.float32).reshape(50, 1)
    ring.write(second)
    block = reader.read(most=200)
    assert (block.start_time_s, block.lost) == (10.0, 0)
    assert (block.samples == first[:200]).all()
    block = reader.read()
    assert block.start_time_s == pytest.approx(10.2)
    assert (block.samples == first[200:]).all()
    assert (reader.sample_rate, reader.generation) == (1000.0, 0)
    block = reader.read()
    assert (block.start_time_s, block.lost, reader.sample_rate, reader.generation) == (11.0, 0, 500.0, 1)
    assert (block.samples == second).all()
    assert len(reader.read().samples) == 0
    ring.unlink()


def test_a_late_reader_of_samples_is_told_its_loss_and_keeps_the_right_time() -> None:
    ring = SampleRing.create(capacity=4000)
    ring.begin(0.0, 1000.0, 1)
    reader = ring.reader()
    rng = np.random.default_rng(0)
    written = kept = lost = 0
    for _ in range(60):
        for _ in range(int(rng.integers(1, 12))):
            size = int(rng.integers(1, 900))
            ring.write(np.arange(written, written + size, dtype=np.float32)[:, None])
            written += size
        while True:
            block = reader.read()
            lost += block.lost
            if not len(block.samples):
                break
            kept += len(block.samples)
            assert block.samples[0, 0] == round(block.start_time_s * 1000)
            assert (np.diff(block.samples[:, 0]) == 1).all()
    assert lost > 0
    assert kept + lost == written
    ring.unlink()
