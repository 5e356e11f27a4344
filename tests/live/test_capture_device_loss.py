"""Real capture from a private sound server that crashes, hangs and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live.capture.ears import Ears
from tests.analysis.sounds import click, place
from tests.live.pulse import PrivatePulse, private_pulse
from tests.live.test_capture_ears import Follower, until


@pytest.fixture
def pulse() -> Iterator[PrivatePulse]:
    with private_pulse() as server:
        yield server


@pytest.fixture
def clicks(tmp_path: Path) -> tuple[Path, np.ndarray]:
    times = 0.5 + np.cumsum(np.random.default_rng().uniform(0.2, 0.5, 6))
    path = tmp_path / "clicks.wav"
    soundfile.write(path, place(times, click, 44_100, times[-1] + 0.6, -140), 44_100)
    return path, times


def hear_clicks(pulse: PrivatePulse, follower: Follower, clicks: tuple[Path, np.ndarray]) -> None:
    """Play the clicks and wait until all are heard, as far apart as they were played."""
    path, times = clicks
    before = len(follower.frames())

    def found() -> np.ndarray:
        new = follower.frames()[before:]
        return new["time_s"][new["onset"] > 0]

    pulse.play(path)
    until(lambda: len(found()) >= len(times), "every click is heard")
    heard = found()
    assert len(heard) == len(times)
    assert np.abs(np.diff(heard) - np.diff(times)).max() < 0.05


def test_sound_comes_back_by_name_after_the_server_crashed(
    pulse: PrivatePulse, clicks: tuple[Path, np.ndarray]
) -> None:
    ears = Ears("default", gain=0.0)
    follower = Follower(ears.features.reader())
    ears.start()
    try:
        until(lambda: ears.status().state == "running", "capture runs")
        name = ears.status().device
        hear_clicks(pulse, follower, clicks)
        pulse.kill()
        until(lambda: ears.status().state == "lost", "the loss is noticed")
        assert name in ears.status().message
        count = len(follower.frames())
        pulse.start()
        until(lambda: ears.status().state == "running", "capture is back")
        assert ears.status().device == name
        assert ears.status().message == ""
        hear_clicks(pulse, follower, clicks)
        frames = follower.frames()
        assert len(frames) > count
        assert (np.diff(frames["time_s"]) > 0).all()
        assert (np.diff(frames["index"].astype(int)) == 1).all()
    finally:
        ears.stop()


def test_a_server_that_hangs_is_noticed_and_left_and_found_again(
    pulse: PrivatePulse, clicks: tuple[Path, np.ndarray]
) -> None:
    ears = Ears("default", gain=0.0)
    follower = Follower(ears.features.reader())
    ears.start()
    try:
        until(lambda: ears.status().state == "running", "capture runs")
        name = ears.status().device
        pulse.hang()
        until(lambda: ears.status().state == "lost", "the hang is noticed")
        until(lambda: ears.status().generation >= 1, "the process is replaced")
        assert ears.status().state == "lost"
        pulse.resume()
        until(lambda: ears.status().state == "running", "capture is back")
        assert ears.status().device == name
        hear_clicks(pulse, follower, clicks)
    finally:
        ears.stop()


def test_a_file_is_heard_again_when_its_output_is_back(pulse: PrivatePulse, clicks: tuple[Path, np.ndarray]) -> None:
    ears = Ears(f"file:{clicks[0]}", gain=0.0, loop=True)
    follower = Follower(ears.features.reader())
    ears.start()
    try:
        until(lambda: follower.frames()["onset"].sum() >= 2, "the file is heard")
        pulse.kill()
        until(lambda: "unheard" in ears.status().message, "the loss is noticed")
        pulse.start()
        until(lambda: ears.status().message == "" and ears.status().state == "running", "the output plays again")
        count = len(follower.frames())
        until(lambda: len(follower.frames()) > count + 400, "the file goes on")
        frames = follower.frames()
        assert ears.status().generation == 0
        assert (np.diff(frames["time_s"]) < 0.05).all(), "the sound goes on without a gap"
    finally:
        ears.stop()


def test_a_file_plays_on_by_the_clock_when_its_output_crashes(
    pulse: PrivatePulse, clicks: tuple[Path, np.ndarray]
) -> None:
    path, times = clicks
    ears = Ears(f"file:{path}", gain=0.0)
    follower = Follower(ears.features.reader())
    ears.start()
    try:
        until(lambda: follower.frames()["onset"].sum() >= 2, "the file is heard")
        pulse.kill()
        until(lambda: ears.status().state == "ended", "the file ends")
        frames = follower.frames()
        # At most the one block that was being played when the server died may be missing or come twice.
        assert abs(int(frames["onset"].sum()) - len(times)) <= 1
        assert frames["time_s"][-1] == pytest.approx(times[-1] + 0.6, abs=1.0)
    finally:
        ears.stop()
