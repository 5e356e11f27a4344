"""What passes between the ears and their parent, how it is judged, and how devices are chosen."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bentlight.errors import BadInput, DeviceMissing
from live.capture.control_block import Command, ControlBlock, Report
from live.capture.devices import Device, find_input, find_output
from live.capture.ears import Ears
from live.capture.playback import file_blocks
from live.capture.sources import parse_source
from live.capture.watch import judge


def test_the_newest_command_and_report_arrive_whole() -> None:
    block = ControlBlock.create()
    other = ControlBlock.attach(block.name)
    assert other.command() is None
    assert other.report() is None
    for number in range(9):
        block.send(
            Command("device:Scärlett 2i2", number, (3, 4), -6.5, True, True, 12.5, number, (98.0, 99.5), number == 8)
        )
        other.publish(Report("lost", "Müsic is gone.", "Scärlett", inputs="a\nb", generation=number, silent=True))
    assert other.command() == Command("device:Scärlett 2i2", 8, (3, 4), -6.5, True, True, 12.5, 8, (98.0, 99.5), True)
    assert block.report() == Report("lost", "Müsic is gone.", "Scärlett", inputs="a\nb", generation=8, silent=True)
    assert other.commands_sent == 9
    block.unlink()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names of files are Unicode there")
def test_a_file_name_that_is_not_unicode_arrives_whole_and_can_be_opened(tmp_path) -> None:
    path = os.fsencode(tmp_path / "song") + b"\xe9.wav"
    soundfile.write(path, np.zeros(100), 44_100, format="WAV")
    name = os.fsdecode(path)
    assert parse_source(f"file:{name}").what == name
    assert len(np.concatenate(list(file_blocks(Path(name), sample_rate=None, loop=False)))) == 256
    block = ControlBlock.create()
    block.send(Command(f"file:{name}"))
    block.publish(Report(message=f"{name} is over.", device="song\udce9.wav", source=f"file:{name}"))
    assert block.command().source == f"file:{name}"
    assert (block.report().message, block.report().source) == (f"{name} is over.", f"file:{name}")
    block.unlink()


def test_a_source_too_long_for_the_ears_is_refused_not_cut(tmp_path, monkeypatch) -> None:
    with pytest.raises(BadInput, match="1024"):
        parse_source("ä" * 600)
    folder = tmp_path.joinpath(*["f" * 200] * 5)
    folder.mkdir(parents=True)
    (folder / "song.wav").touch()
    monkeypatch.chdir(folder)
    with pytest.raises(BadInput, match="a shorter path"):
        parse_source("file:song.wav")


def test_a_text_too_long_is_cut_between_letters() -> None:
    block = ControlBlock.create()
    for start in ("", "-"):
        block.publish(Report(message=start + "ä" * 1000))
        assert set(block.report().message.removeprefix(start)) == {"ä"}
    block.unlink()


RUNNING = Report("running", "", "Mic", loop_s=100.0, sound_s=100.0)


@pytest.mark.parametrize(
    ("report", "now", "alive", "state", "replaced"),
    [
        (None, 100.0, True, "starting", False),
        (None, 131.0, True, "starting", True),
        (None, 100.0, False, "starting", True),
        (RUNNING, 100.3, True, "running", False),
        (RUNNING, 100.6, True, "lost", False),
        (RUNNING, 101.5, True, "lost", True),
        (replace(RUNNING, loop_s=101.5), 101.5, True, "lost", True),
        (RUNNING, 100.1, False, "lost", True),
        (replace(RUNNING, state="lost"), 103.0, True, "lost", False),
        (replace(RUNNING, state="lost"), 107.0, True, "lost", True),
        (replace(RUNNING, state="starting"), 103.0, True, "starting", False),
        (replace(RUNNING, state="starting"), 107.0, True, "lost", True),
        (replace(RUNNING, state="ended"), 200.0, True, "ended", False),
        (replace(RUNNING, state="failed"), 200.0, True, "failed", False),
    ],
)
def test_ears_are_judged_by_how_fresh_they_are(
    report: Report | None, now: float, alive: bool, state: str, replaced: bool
) -> None:
    verdict = judge(report, now_s=now, started_s=100.0, alive=alive)
    assert (verdict.state, verdict.replace) == (state, replaced)
    if state == "lost" and report is not None and report.state == "running":
        assert verdict.message.endswith(".")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("device:Mic", "Opening 'Mic' hangs;"),
        ("file:/home/me/song.wav", "The sound output hangs;"),
        ("demo", "The sound output hangs;"),
    ],
)
def test_what_hangs_is_named_as_people_know_it(source: str, message: str) -> None:
    verdict = judge(Report("starting", source=source, loop_s=100.0), now_s=107.0, started_s=90.0, alive=True)
    assert verdict.message.startswith(message)


DEVICES = [
    Device("Built-in Microphone", 0, "ALSA", 2, 48_000, True),
    Device("Scarlett 2i2 USB", 3, "ALSA", 2, 44_100, False),
    Device("Scarlett 18i20 USB", 4, "ALSA", 18, 96_000, False),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [("default", 0), ("2i2", 3), ("SCARLETT 18I20", 4), ("4", 4), ("device:Scarlett 2i2 USB", 3)],
)
def test_inputs_are_found_by_name_part_or_number(wanted: str, index: int) -> None:
    assert find_input(wanted, DEVICES).index == index


@pytest.mark.parametrize("wanted", ["device:Scarlett", "Rode", "7"])
def test_an_input_that_is_not_there_is_never_another_one(wanted: str) -> None:
    with pytest.raises(DeviceMissing):
        find_input(wanted, DEVICES)


def test_part_of_a_name_must_be_unique() -> None:
    with pytest.raises(BadInput, match="several"):
        find_input("scarlett", DEVICES)


def test_no_devices_at_all_is_said_with_what_to_do() -> None:
    with pytest.raises(DeviceMissing, match="plug in"):
        find_input("default", [])
    with pytest.raises(DeviceMissing, match="no sound output"):
        find_output([])


@pytest.mark.parametrize("text", ["", "  ", "file:/no/such/file.wav", "file:", "file:~nobody-here/a.wav"])
def test_a_source_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_source(text)
    with pytest.raises(BadInput):
        Ears(text)


@pytest.mark.parametrize("options", [{"channels": (0,)}, {"gain": math.inf}, {"gain": "loud"}])
def test_options_that_cannot_be_meant_are_refused(options: dict) -> None:
    with pytest.raises(BadInput):
        Ears("silence", **options)
