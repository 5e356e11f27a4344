"""Sound devices by name. An index means something only until a plug is pulled, so it is never kept."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bentlight.errors import BadInput, BentlightError, DeviceMissing

__all__ = [
    "NO_PORTAUDIO",
    "Device",
    "PortAudioMissing",
    "find_input",
    "find_output",
    "inputs",
    "names_now",
    "outputs",
    "portaudio",
]

NO_PORTAUDIO = (
    "Sound devices cannot be used because the PortAudio library is missing; install it with "
    "'sudo apt install libportaudio2' (Linux) and start again."
)
_LIST_S = 2.0
_lock = threading.Lock()


class PortAudioMissing(BentlightError):
    """The PortAudio library is not installed: no device will ever appear."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device.

    Attributes
    ----------
    name : str
    index : int
        PortAudio's number for it, good until the next `portaudio` call with `refresh`.
    host_api : str
    channels : int
    sample_rate : float
        Its native rate in Hz.
    default : bool
        Whether it is the system's default.
    """

    name: str
    index: int
    host_api: str
    channels: int
    sample_rate: float
    default: bool


def portaudio(*, refresh: bool = False) -> ModuleType:
    """Return the sounddevice module, with `refresh` after making PortAudio look for devices anew.

    PortAudio lists the devices once, when it is initialised. A refresh ends every open stream of this process.

    Raises
    ------
    PortAudioMissing
        If the PortAudio library is not installed.
    """
    with _lock:
        try:
            import sounddevice
        except OSError as error:
            raise PortAudioMissing(NO_PORTAUDIO) from error
        if refresh:
            sounddevice._terminate()
            sounddevice._initialize()
        return sounddevice


def inputs(*, refresh: bool = False) -> list[Device]:
    """List what can be listened to.

    Raises
    ------
    PortAudioMissing
        If the PortAudio library is not installed.
    """
    return _devices("input", refresh)


def names_now() -> list[str]:
    """Names of the sound inputs that are plugged in now; none where there is no answer in time.

    For a process that holds no stream: PortAudio looks anew, which in a sound server that hangs takes for ever.
    """
    found: list[str] = []

    def look() -> None:
        with contextlib.suppress(BentlightError):
            found.extend(dict.fromkeys(device.name for device in inputs(refresh=True)))

    looking = threading.Thread(target=look, name="list of inputs", daemon=True)
    looking.start()
    looking.join(_LIST_S)
    return list(found)


def outputs(*, refresh: bool = False) -> list[Device]:
    """List what can be played through. Raises as `inputs`."""
    return _devices("output", refresh)


def _devices(kind: str, refresh: bool) -> list[Device]:
    sounddevice = portaudio(refresh=refresh)
    try:
        found: Any = sounddevice.query_devices()
        apis: Any = sounddevice.query_hostapis()
    except sounddevice.PortAudioError:
        return []
    default = sounddevice.default.device[0 if kind == "input" else 1]
    if default < 0:
        # PortAudio knows a default per host API; the first that has one is what it would open.
        known = [api[f"default_{kind}_device"] for api in apis if api[f"default_{kind}_device"] >= 0]
        default = known[0] if known else -1
    return [
        Device(
            name=one["name"],
            index=index,
            host_api=apis[one["hostapi"]]["name"],
            channels=int(one[f"max_{kind}_channels"]),
            sample_rate=float(one["default_samplerate"]),
            default=index == default,
        )
        for index, one in enumerate(found)
        if one[f"max_{kind}_channels"] > 0
    ]


def find_input(wanted: str, devices: list[Device]) -> Device:
    """Choose the input meant by `wanted`: ``default``, ``device:NAME`` (exactly), an index of now, or (part of) a name.

    Raises
    ------
    DeviceMissing
        If it is not there (now).
    BadInput
        If part of a name fits several devices.
    """
    if wanted == "default" and devices:
        return next((device for device in devices if device.default), devices[0])
    exact = wanted.removeprefix("device:")
    named = [device for device in devices if device.name == exact]
    if named:
        # The same name under several host APIs is one device; the default one of them is preferred.
        return next((device for device in named if device.default), named[0])
    if wanted.startswith("device:"):
        raise DeviceMissing(f"The sound input '{exact}' is gone; it is taken again as soon as it is back.")
    if not devices:
        raise DeviceMissing(
            "There is no sound input; plug in a microphone or an audio interface, or start the sound server."
        )
    names = ", ".join(dict.fromkeys(device.name for device in devices))
    if wanted.isdecimal():
        for device in devices:
            if device.index == int(wanted):
                return device
        raise DeviceMissing(f"There is no sound input number {wanted}; the inputs are: {names}.")
    partly = {device.name: device for device in reversed(devices) if wanted.casefold() in device.name.casefold()}
    if len(partly) == 1:
        return next(iter(partly.values()))
    if partly:
        raise BadInput(f"'{wanted}' fits several sound inputs ({', '.join(partly)}); give more of the name.")
    raise DeviceMissing(f"There is no sound input called '{wanted}'; the inputs are: {names}.")


def find_output(devices: list[Device]) -> Device:
    """Choose the default output.

    Raises
    ------
    DeviceMissing
        If there is none.
    """
    if not devices:
        raise DeviceMissing("There is no sound output; the sound is not heard but played on in time.")
    return next((device for device in devices if device.default), devices[0])
