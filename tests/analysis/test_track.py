"""A file is heard exactly as live."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from analysis import LiveAnalyzer, analyze
from bentlight.errors import BadInput
from tests.analysis.sounds import click, place

RATE = 44_100


def test_a_file_gives_the_same_frames_as_its_samples_live(tmp_path: Path) -> None:
    sound = place(np.array([0.4, 0.9, 1.3]), click, RATE, 2.0)
    path = tmp_path / "clicks.wav"
    soundfile.write(path, np.stack([sound, sound], 1), RATE, "FLOAT")
    track = analyze(path)
    live = LiveAnalyzer(RATE)
    heard = np.concatenate([live.process(sound[start : start + 100]) for start in range(0, len(sound), 100)])
    assert track.frames.tobytes() == heard.tobytes()
    assert (track.sample_rate, track.channels) == (RATE, 2)
    assert track.duration_s == pytest.approx(2.0)


@pytest.mark.parametrize("heard", [{"gain_db": "auto"}, {"gain_db": 12.0}, {"gate_db": -10.0}])
def test_gain_and_gate_are_those_asked_for(tmp_path: Path, heard: dict[str, Any]) -> None:
    path = tmp_path / "clicks.wav"
    sound = 0.05 * place(np.array([0.4, 0.9, 1.3]), click, RATE, 2.0)
    soundfile.write(path, sound, RATE, "FLOAT")
    frames = analyze(path, **heard).frames
    assert frames.tobytes() == LiveAnalyzer(RATE, **heard).process(sound).tobytes()
    assert frames.tobytes() != analyze(path).frames.tobytes()


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode there")
def test_a_file_s_name_need_be_no_unicode(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    (plain := tmp_path / "cafe.wav").touch()
    soundfile.write(plain, place(np.array([0.4, 0.9]), click, RATE, 1.5), RATE)
    plain.rename(path)
    assert len(analyze(path).onset_times_s) == 2


def test_of_many_channels_the_first_two_are_heard_as_live(tmp_path: Path) -> None:
    sound = place(np.array([0.4, 0.9, 1.3]), click, RATE, 2.0)
    path = tmp_path / "six.wav"
    soundfile.write(path, np.stack([0 * sound, 0 * sound, sound], 1), RATE, "FLOAT")
    assert not analyze(path).frames["onset"].any()


def test_onset_times_are_those_of_the_hits_and_fire_times_come_after(tmp_path: Path) -> None:
    times = 0.5 + np.cumsum(np.random.default_rng(5).uniform(0.2, 0.5, 20))
    path = tmp_path / "clicks.flac"
    soundfile.write(path, place(times, click, RATE, times[-1] + 0.5), RATE)
    track = analyze(path)
    assert len(track.onset_times_s) == len(times)
    assert np.abs(track.onset_times_s - times).max() < 0.008
    assert (track.fire_times_s > times).all()
    assert np.median(track.fire_times_s - times) <= 0.015


def test_progress_ends_at_one(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.zeros(RATE, np.float32), RATE)
    shares: list[float] = []
    analyze(path, progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_what_is_no_sound_is_refused_in_one_sentence(tmp_path: Path) -> None:
    text, empty = tmp_path / "words.wav", tmp_path / "empty.wav"
    text.write_text("no sound at all")
    soundfile.write(empty, np.zeros(0, np.float32), RATE)
    for path in (tmp_path / "missing.wav", tmp_path, text, empty):
        with pytest.raises(BadInput, match=path.name):
            analyze(path)
