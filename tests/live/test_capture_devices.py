"""Sound devices: their names, how they are found again, and a sound system that fails or hangs."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from bentlight.errors import BadInput, DeviceMissing
from live.capture import devices
from live.capture.devices import Device, find_input, heard_rate, inputs, next_name, portaudio
from live.capture.sources import parse_source
from live.machine import checks, describe_sound, sound_problem

HANGS = "The sound system does not answer"


def plugged(*names: str, host_api: str = "ALSA") -> list[Device]:
    return [Device(name, index, host_api, 2, 48_000, False) for index, name in enumerate(names)]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("Scarlett 2i2 USB: Audio (hw:2,0)", "Scarlett 2i2 USB: Audio (hw:1,0)"),
        ("Line (2- Scarlett 2i2 USB)", "Line (3- Scarlett 2i2 USB)"),
        ("Line (Scarlett 2i2 USB)", "Line (2- Scarlett 2i2 USB)"),
    ],
)
def test_a_device_is_found_again_under_another_number_of_the_system(before: str, now: str) -> None:
    there = plugged("HDA Intel: ALC (hw:0,0)", now)
    assert find_input(f"device:{before}", there).name == now
    assert find_input(f"device:{before}", [*there, *plugged(before)]).name == before


def test_of_two_that_differ_by_the_number_neither_stands_in() -> None:
    with pytest.raises(DeviceMissing, match="gone"):
        find_input("device:Mic (hw:3,0)", plugged("Mic (hw:1,0)", "Mic (hw:2,0)"))


def test_a_name_that_windows_cut_is_the_device_of_the_full_name() -> None:
    full = "Microphone (Scarlett 2i2 USB Audio)"
    there = [*plugged(full[:31], host_api="MME"), *plugged("Line In", full, host_api="Windows WASAPI")]
    assert find_input("scarlett", there) is there[2]
    with pytest.raises(BadInput, match="several"):
        find_input("mic", [*there, *plugged("Microphone (Webcam)")])


def test_a_whole_name_in_other_letters_is_that_device() -> None:
    there = plugged("Line In 2", "Line In")
    assert find_input("line in", there) is there[1]
    with pytest.raises(BadInput, match="several"):
        find_input("LINE", there)


@pytest.mark.parametrize(("own", "heard"), [(44_100, 44_100), (384_000, 384_000), (768_000, 48_000), (0, 48_000)])
def test_a_device_at_a_rate_that_cannot_be_heard_is_opened_at_48_khz(own: float, heard: float) -> None:
    assert heard_rate(replace(plugged("DAC")[0], sample_rate=own)) == heard


def test_the_next_input_is_counted_from_the_place_of_one_that_is_left_out_while_open() -> None:
    known = ["A", "B", "C"]
    assert next_name("B", ["A", "C"], known) == "C"
    assert next_name("C", ["A", "B"], known) == "A"
    assert next_name("A", ["B", "C"], known) == "B"
    assert next_name("A", ["B", "C"], known, 2) == "C"
    assert next_name("A", ["B", "C"], known, 3) == "A"
    assert next_name("", ["B", "C"], known) == "B"
    assert next_name("gone", ["B", "C"], known) == "B"
    assert next_name("A", [], []) == ""


class FakePortAudio(ModuleType):
    """Stands in for sounddevice; starts when `well`, and `names` are its inputs as (host API, name)."""

    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.well, self.started = True, True
        self.names: list[tuple[int, str]] = []
        self.default = SimpleNamespace(device=(-1, -1))

    def _terminate(self) -> None:
        if not self.started:
            raise self.PortAudioError("PortAudio not initialized")
        self.started = False

    def _initialize(self) -> None:
        if not self.well:
            raise self.PortAudioError("Error initializing PortAudio: Unanticipated host error")
        self.started = True

    def query_devices(self) -> list[dict]:
        return [
            {"name": name, "hostapi": api, "max_input_channels": 2, "default_samplerate": 48_000.0}
            for api, name in self.names
        ]

    def query_hostapis(self) -> list[dict]:
        return [{"name": name, "default_input_device": -1} for name in ("Core Audio", "JACK")]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    module = FakePortAudio()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return module


def test_equal_names_within_a_host_api_are_numbered(fake: FakePortAudio) -> None:
    fake.names = [(0, "USB Audio CODEC"), (0, "USB Audio CODEC"), (1, "USB Audio CODEC"), (0, "Mic")]
    found = inputs()
    assert [device.name for device in found] == ["USB Audio CODEC", "USB Audio CODEC #2", "USB Audio CODEC", "Mic"]
    assert find_input("device:USB Audio CODEC #2", found).index == 1
    with pytest.raises(DeviceMissing):
        find_input("device:USB Audio CODEC #2", found[:1])


def test_a_name_that_ends_in_a_space_is_found_again(fake: FakePortAudio) -> None:
    fake.names = [(0, "USB Audio CODEC "), (0, "USB Audio CODEC ")]
    first, second = inputs()
    for device in (first, second):
        wanted = parse_source(f"device:{device.name}").what
        assert find_input(wanted, inputs()).index == device.index


def test_a_sound_system_that_does_not_start_is_said_and_tried_again(fake: FakePortAudio) -> None:
    fake.well = False
    for _ in range(2):
        with pytest.raises(DeviceMissing, match=r"cannot be used \(Error initializing PortAudio"):
            portaudio(refresh=True)
    fake.well = True
    assert portaudio(refresh=True) is fake
    assert fake.started


def test_a_start_that_fails_at_import_is_a_sentence_for_people(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "sounddevice.py").write_text(
        "class PortAudioError(Exception): pass\nraise PortAudioError('Error initializing PortAudio')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    assert "cannot be used" in (sound_problem(hanging=False) or "")
    assert "cannot be used" in describe_sound()[0][1]
    found = next(check for check in checks() if check.what == "sound input")
    assert "cannot be used" in found.finding
    assert found.remedy == "", "installing what is there mends nothing"


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch):
    freed = threading.Event()
    monkeypatch.setattr(devices, "inputs", lambda *, refresh=False: freed.wait(60) and [])
    monkeypatch.setattr(devices, "_LIST_S", 0.05)
    yield
    freed.set()


def test_a_sound_system_that_hangs_keeps_nobody_waiting(hanging: None) -> None:
    assert sound_problem(hanging=False) is None, "the show begins, and the ears say what is wrong"
    assert HANGS in (sound_problem() or "")
    assert HANGS in describe_sound()[0][1]
    assert HANGS in next(check for check in checks() if check.what == "sound input").finding


def test_behind_a_look_that_hangs_no_other_is_begun(hanging: None) -> None:
    def looks() -> int:
        return sum(thread.name == "list of inputs" for thread in threading.enumerate())

    for _ in range(3):
        with pytest.raises(devices.SoundSystemHangs):
            devices.inputs_in_time()
        assert looks() == 1
