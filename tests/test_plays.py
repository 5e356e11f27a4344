"""Real sound through a real capture device arrives in the pictures, in a real window, and in the recording.

A private sound server with a null sink and a virtual display stand in for the sound card and the screen. Clicks are
drawn afresh in each run. What is asserted are counts, order and content; waits have generous ceilings.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import soxr
import yaml

from scenes.load import library
from tests.live.pulse import RATE, PrivatePulse, private_pulse
from tests.live.screen import Screen, need_screen
from tests.pictures import change_ratio, decode, lag_s
from tests.waiting import free_port, wait_until

SILENCE_BEFORE_S = 1.0
FULL_S = 22.0
LOUD = 0.02
# The pictures change some 36 times as much at clicks that are heard as elsewhere. Where none are, the scene's own slow
# sway gives any twelve moments a ratio of up to 1.3.
HITS_SEEN, HITS_GONE = 4.0, 1.6


def draw_clicks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Clicks 0.9 to 1.8 s apart after a second of quiet: (samples, times)."""
    rng = np.random.default_rng(seed)
    times = SILENCE_BEFORE_S + np.cumsum(rng.uniform(0.9, 1.8, 12))
    times = times[times < FULL_S - 1.5]
    samples = np.zeros(int(FULL_S * RATE), np.float32)
    t = np.arange(int(0.05 * RATE)) / RATE
    for time in times:
        start = round(time * RATE)
        samples[start : start + len(t)] += (0.7 * np.exp(-t / 0.008) * rng.uniform(-1, 1, len(t))).astype(np.float32)
    return samples, times


def standing_scene(folder: Path) -> Path:
    """The scene that a show begins with, but its prompt stays: what changes in the pictures is then what is heard."""
    scene = yaml.safe_load(next(iter(library().values())).read_text(encoding="utf-8"))
    del scene["motion"]["prompts"]
    path = folder / "standing.yaml"
    path.write_text(yaml.safe_dump(scene), encoding="utf-8")
    return path


class Show:
    """`bentlight play` as a process of its own, its window on the virtual display."""

    def __init__(self, folder: Path, server: PrivatePulse, screen: Screen, osc_port: int, name: str) -> None:
        self.video, self.report_path = folder / f"{name}.mkv", folder / f"{name}.json"
        self.osc_port = osc_port
        command = [sys.executable, "-m", "live", "--verbose", "play", "--windowed", "--input", "pulse", "--gain", "0"]
        command += ["--seed", "7", "--scene", str(standing_scene(folder)), "--osc", f"127.0.0.1:{osc_port}"]
        command += ["--record", str(self.video), "--report", str(self.report_path)]
        environment = {**os.environ, **server.environment, **screen.environment, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=folder)
        self.said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())

    def wait_for_recording(self) -> None:
        """Wait until there are pictures and a recording: with a model that loads quickly, the ears open after them."""
        for word in ("first picture", "recording into"):
            wait_until(
                lambda word=word: any(word in line for line in self.said) or self.process.poll() is not None, 120, word
            )
            assert self.process.poll() is None, "\n".join(self.said)

    def send(self, address: str, value: object) -> None:
        from pythonosc.udp_client import SimpleUDPClient

        SimpleUDPClient("127.0.0.1", self.osc_port).send_message(address, value)

    def finish(self) -> dict:
        self.send("/quit", 1)
        sleep(0.3)  # closer together they would be one press
        self.send("/quit", 1)
        assert self.process.wait(60) == 0, "\n".join(self.said)
        return json.loads(self.report_path.read_text())


def margin(shot: np.ndarray) -> np.ndarray:
    """What a screenshot shows to the left of a square picture that is fitted in: black but for the HUD."""
    height, width, _ = shot.shape
    return shot[:, : (width - height) // 2 - 2]


@pytest.fixture(scope="module")
def graphs():
    """Everything exported beforehand: on a fresh machine that goes on beside the first minutes of playing."""
    from engine import Generator
    from live.preparing import prepare_for
    from scenes.load import load
    from scenes.patch import Patch

    need_screen()
    generator = Generator.load("builtin")
    for name in library():
        prepare_for(generator, Patch(load(name)), wait=True)


@pytest.fixture(scope="module")
def stage(graphs):
    need_screen()
    with private_pulse() as server, Screen(1280, 720) as screen:
        yield server, screen


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    import soundfile

    seed = secrets.randbits(32)
    print(f"clicks drawn with seed {seed}")
    samples, times = draw_clicks(seed)
    path = tmp_path_factory.mktemp("sound") / "clicks.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path, samples, times


@dataclass(frozen=True)
class Outcome:
    """A finished show: its report, its recording, and where in the recording the clicks were played."""

    report: dict
    picture_times: np.ndarray
    pictures: np.ndarray
    sound: np.ndarray
    sample_rate: int
    screenshots: tuple[np.ndarray, ...] = ()


def play(stage, folder: Path, name: str, sound: Path, *, intensity: float = 1.0, look: bool = False) -> Outcome:
    """Play a show that hears `sound` from start to end."""
    server, screen = stage
    show = Show(folder, server, screen, free_port(), name)
    show.wait_for_recording()
    show.send("/intensity", intensity)
    shots: list[np.ndarray] = []
    if look:
        show.send("/freeze", 1)  # the same picture under both screenshots
        show.send("/hud", 1)
        shots.append(screen.look_until(lambda shot: margin(shot).max() > 40, "the HUD beside the picture"))
        show.send("/hud", 0)
        shots.append(
            screen.look_until(lambda shot: margin(shot).max() <= 8 < shot.max(), "the picture without the HUD")
        )
        show.send("/freeze", 0)
    assert server.play(sound).wait(FULL_S + 60) == 0
    report = show.finish()
    return Outcome(report, *decode(show.video), tuple(shots))


@pytest.fixture(scope="module")
def heard(stage, clicks, tmp_path_factory):
    """A show that hears the clicks, with screenshots before."""
    return play(stage, tmp_path_factory.mktemp("heard"), "heard", clicks[0], look=True)


@pytest.fixture(scope="module")
def offset_s(heard, clicks):
    """Where the clicks' file begins in the recording, found by its sound."""
    played = soxr.resample(clicks[1], RATE, heard.sample_rate)
    lag, likeness = lag_s(heard.sound, played, heard.sample_rate)
    assert likeness > 0.9, "the sound in the recording is not the sound that was played"
    return lag


def test_every_click_is_heard_and_every_onset_reaches_a_picture(heard, clicks):
    assert heard.report["onsets_heard"] == len(clicks[2])
    assert heard.report["onsets_shown"] == heard.report["onsets_heard"]
    assert heard.report["hops_lost"] == 0


def test_the_recording_has_every_frame_and_all_the_sound(heard, offset_s):
    assert np.allclose(np.diff(heard.picture_times), 1 / 30, atol=0.002), "constant frame rate"
    assert len(heard.sound) / heard.sample_rate > offset_s + FULL_S - 1.0
    assert abs(heard.picture_times[-1] - len(heard.sound) / heard.sample_rate) < 0.5
    assert heard.pictures.shape[1:] == (256, 256, 3)


def test_the_pictures_alone_tell_where_the_clicks_were(heard, clicks, offset_s):
    assert change_ratio(heard.picture_times, heard.pictures, offset_s + clicks[2]) >= HITS_SEEN


def test_the_display_shows_the_picture_with_and_without_the_hud(heard):
    with_hud, without_hud = heard.screenshots
    height, left = without_hud.shape[0], margin(without_hud).shape[1] + 2
    shown = without_hud[:, left : left + height].astype(np.int16)
    assert shown.max() > 40, "there is a picture between the black sides"
    small = shown[:: height // 64, :: height // 64][:64, :64]
    recorded = heard.pictures[:, :: 256 // 64, :: 256 // 64].astype(np.int16)
    distances = np.abs(recorded - small).mean(axis=(1, 2, 3))
    assert distances.min() < 12, "what the display shows is a picture of the recording"
    assert np.abs(with_hud.astype(np.int16) - without_hud).mean() > 0.5, "the HUD is drawn"


def test_with_silence_instead_the_hits_vanish(stage, heard, clicks, offset_s, tmp_path_factory):
    import soundfile

    folder = tmp_path_factory.mktemp("silence")
    soundfile.write(folder / "silence.wav", np.zeros_like(clicks[1]), RATE, subtype="FLOAT")
    silent = play(stage, folder, "silent", folder / "silence.wav")
    assert silent.report["onsets_heard"] == 0
    assert np.abs(silent.sound).max() < LOUD
    assert change_ratio(silent.picture_times, silent.pictures, offset_s + clicks[2]) <= HITS_GONE


def test_with_all_routes_at_zero_the_hits_vanish(stage, heard, clicks, tmp_path_factory):
    unbent = play(stage, tmp_path_factory.mktemp("unbent"), "unbent", clicks[0], intensity=0.0)
    assert unbent.report["onsets_heard"] == len(clicks[2]), "the clicks are heard all the same"
    lag, _ = lag_s(unbent.sound, soxr.resample(clicks[1], RATE, unbent.sample_rate), unbent.sample_rate)
    assert change_ratio(unbent.picture_times, unbent.pictures, lag + clicks[2]) <= HITS_GONE
