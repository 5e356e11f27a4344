"""A whole show without a window: what it reports is what happened."""

import json
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile

from live.bench.clicks import RATE, click_track
from live.cli import main
from tests.pictures import decode, lag_s
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def clicks(tmp_path_factory):
    samples, times = click_track(9.0, seed=11)
    path = tmp_path_factory.mktemp("sound") / "clicks.wav"
    soundfile.write(path, samples, RATE)
    return path, samples, times


@pytest.fixture(scope="module")
def show(clicks, tmp_path_factory):
    folder = tmp_path_factory.mktemp("show")
    arguments = ["play", "--headless", "--mute", "--input", f"file:{clicks[0]}", "--gain", "0", "--osc", "off"]
    arguments += ["--record", str(folder / "a.mkv"), "--report", str(folder / "r.json"), "--scene", "pulse"]
    assert main(arguments) == 0
    return folder, json.loads((folder / "r.json").read_text())


def test_the_report_has_every_promised_number(show):
    _, made = show
    assert {
        "seconds", "pictures", "pictures_per_s", "width", "height", "steps", "onsets_heard", "onsets_shown",
        "feature_age_ms", "picture_ms", "hops_lost", "osc_received", "osc_dropped", "bends", "recordings_failed",
    } <= set(made)  # fmt: skip
    assert {"p50", "p95", "p99"} == set(made["feature_age_ms"]) == set(made["picture_ms"])
    assert all({"min", "max", "changes"} <= set(bend) for bend in made["bends"].values())
    assert (made["width"], made["height"], made["steps"]) == (256, 256, 1)


def test_it_ends_with_its_file_and_every_click_reached_a_picture(show, clicks):
    _, made = show
    assert made["onsets_heard"] == made["onsets_shown"] == len(clicks[2])
    assert made["hops_lost"] == 0
    assert made["restarts"] == 0
    assert made["distinct"] >= 0.95 * made["pictures"] > 0


def test_every_bend_moves_in_nearly_every_picture_of_the_demo(tmp_path):
    arguments = ["play", "--headless", "--mute", "--input", "demo", "--osc", "off", "--seconds", "6"]
    assert main([*arguments, "--report", str(tmp_path / "r.json")]) == 0
    made = json.loads((tmp_path / "r.json").read_text())
    assert len(made["bends"]) >= 4
    # The first pictures are made before anything is heard: of six seconds, up to one and a half on a slow machine.
    heard = made["pictures"] * (1 - 1.5 / 6)
    for name, bend in made["bends"].items():
        assert bend["changes"] >= 0.95 * (heard - 1), name
        assert bend["min"] < bend["max"], name


def test_the_recording_holds_pictures_and_the_sound(show, clicks):
    folder, _made = show
    times, pictures, sound, rate = decode(folder / "a.mkv")
    assert pictures.shape[1:] == (256, 256, 3)
    assert np.allclose(np.diff(times), 1 / 30, atol=0.002)
    # Recording begins a moment after the sound; what comes after the first second is all there.
    lag, likeness = lag_s(sound, clicks[1][RATE : RATE + 7 * RATE], rate)
    assert likeness > 0.95
    assert lag <= 1.0


def test_a_termination_signal_ends_the_show_in_order(tmp_path, request):
    command = [sys.executable, "-m", "live", "--verbose", "play", "--headless", "--mute", "--input", "demo"]
    command += ["--osc", "off", "--record", "a.mkv", "--report", "r.json"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    request.addfinalizer(process.kill)
    lines = []
    threading.Thread(target=lambda: lines.extend(iter(process.stderr.readline, "")), daemon=True).start()
    wait_until(lambda: any("first picture" in line for line in lines), 120, "the first picture")
    wait_until((tmp_path / "a.mkv").is_file, 60, "the recording to begin")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert json.loads((tmp_path / "r.json").read_text())["pictures"] > 0
    assert len(decode(tmp_path / "a.mkv")[0]) > 0
