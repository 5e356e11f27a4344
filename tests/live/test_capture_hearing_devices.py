"""Which device the loop of the ears takes again, and on which channels; PortAudio is the test's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from live.capture.control_block import Command
from live.capture.devices import Device
from live.capture.hearing import Hearing
from live.capture.sources import DeviceSource, make_source
from tests.live.hearing import RATE, Bench, quiet


class FakeStreams:
    """Stands in for sounddevice: streams that open, through which nothing comes."""

    PortAudioError = OSError

    class InputStream:
        def __init__(self, **_: object) -> None: ...

        def start(self) -> None: ...

        def abort(self, **_: object) -> None: ...

        def close(self, **_: object) -> None: ...


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """The inputs that are plugged in."""
    devices: list[Device] = []
    monkeypatch.setattr("live.capture.sources.portaudio", lambda: FakeStreams)
    monkeypatch.setattr("live.capture.sources.inputs", lambda *, refresh: devices)
    monkeypatch.setattr("live.capture.devices.inputs", lambda: devices)
    return devices


def opened_by(hearing: Hearing, opened: list[DeviceSource]) -> DeviceSource:
    """Let the hearing open its source, and return it."""
    hearing.step()
    return opened[-1]


def test_a_device_without_the_chosen_channels_is_heard_on_its_first_two_with_a_note(
    bench: Bench, there: list[Device]
) -> None:
    there[:] = [Device("Interface", 0, "ALSA", 4, RATE, True)]
    opened: list[DeviceSource] = []

    def make(command: Command, before: list[str]) -> DeviceSource:
        opened.append(make_source(command, before))
        return opened[-1]

    hearing = Hearing(
        bench.features, bench.samples, bench.control, clock=lambda: bench.now, wait=bench.pass_time, make=make
    )
    bench.control.send(Command("default", 1, channels=(2, 3), gain_db=0.0))
    reader, sound = bench.samples.reader(), quiet(0.1, 4) * np.float32([1, 2, 3, 4])
    bench.listen(hearing, opened_by(hearing, opened), sound[:, :3])
    assert np.abs(reader.read().samples).max(0) == pytest.approx([0.02, 0.03])
    assert bench.control.report().message == ""
    # Unplugged, and back as something smaller.
    opened[-1].gone = True
    hearing.step()
    there[:] = [Device("Interface", 0, "ALSA", 2, RATE, True)]
    bench.listen(hearing, opened_by(hearing, opened), sound[:, :2])
    assert bench.control.report().state == "running"
    assert "no channel 3" in bench.control.report().message
    assert np.abs(reader.read().samples).max(0) == pytest.approx([0.01, 0.02])
    # As given on the command line it is refused.
    bench.control.send(Command("default", 2, channels=(2, 3)))
    hearing.step()
    assert (bench.control.report().state, len(opened[-1].note)) == ("failed", 0)
    assert "--channels" in bench.control.report().message
    bench.control.send(Command("default", 3, channels=(2, 3), insist=False))
    bench.listen(hearing, opened_by(hearing, opened), sound[:, :2])
    assert "first two are heard" in bench.control.report().message


@pytest.mark.parametrize("restarted", [False, True])
def test_another_of_the_same_make_does_not_stand_in_for_a_lost_device(
    bench: Bench, there: list[Device], restarted: bool
) -> None:
    one, other = (Device(f"Mic (hw:{number},0)", number, "ALSA", 2, RATE, False) for number in (1, 2))
    there[:] = [one, other]

    def started() -> Hearing:
        return Hearing(bench.features, bench.samples, bench.control, clock=lambda: bench.now, wait=bench.pass_time)

    bench.control.send(Command(f"device:{one.name}", 1))
    hearing = started()
    hearing.step()
    assert bench.control.report().device == one.name
    there[:] = [other]
    hearing._source.gone = True
    hearing.step()
    if restarted:
        hearing = started()
    hearing.step()
    assert bench.control.report().state == "lost"
    there[:] = [other, replace(one, name="Mic (hw:3,0)", index=3)]
    bench.now += 5
    hearing.step()
    assert bench.control.report().device == "Mic (hw:3,0)"
