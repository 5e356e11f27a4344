"""Sound devices by name. An index means something only until a plug is pulled, so it is never kept."""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from analysis.timing import HIGHEST_RATE, LOWEST_RATE
from bentlight.errors import BadInput, BentlightError, DeviceMissing

__all__ = [
    "NO_PORTAUDIO",
    "Device",
    "PortAudioMissing",
    "SoundSystemHangs",
    "find_input",
    "find_output",
    "heard_rate",
    "inputs",
    "inputs_in_time",
    "names_now",
    "next_name",
    "outputs",
    "portaudio",
]

NO_PORTAUDIO = (
    "Sound devices cannot be used because the PortAudio library is missing; install it with "
    "'sudo apt install libportaudio2' (Linux) and start again."
)
_LIST_S = 2.0
_MME_LETTERS = 31
"""Windows' oldest host API cuts names to so many."""
_NUMBERS = re.compile(r" \(hw:\d+,\d+\)|(?<=\()\d+- ")
"""What ALSA and Windows put into a name, and change when a device is plugged in again."""
_lock = threading.RLock()
_looks: list[threading.Thread] = []


class PortAudioMissing(BentlightError):
    """The PortAudio library is not installed: no device will ever appear."""


class SoundSystemHangs(DeviceMissing):
    """The sound system has not answered in time."""


@dataclass(frozen=True, slots=True)
class Device:
    """A sound device.

    Attributes
    ----------
    name : str
        Of several with one name in one host API, the second and on have a number behind it: ``USB Audio CODEC #2``.
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
    DeviceMissing
        If PortAudio cannot be started (now).
    """
    with _lock:
        try:
            import sounddevice
        except OSError as error:
            raise PortAudioMissing(NO_PORTAUDIO) from error
        except Exception as error:
            # Importing it starts PortAudio, and an import that failed leaves no class of its error to name here.
            if type(error).__name__ != "PortAudioError":
                raise
            raise DeviceMissing(_unusable(error)) from error
        if refresh:
            try:
                # After a start that failed there is nothing to end.
                with contextlib.suppress(sounddevice.PortAudioError):
                    sounddevice._terminate()
                sounddevice._initialize()
            except sounddevice.PortAudioError as error:
                raise DeviceMissing(_unusable(error)) from error
        return sounddevice


def _unusable(error: Exception) -> str:
    reason = error.args[0] if error.args else error
    return f"The sound system cannot be used ({reason}); check that the sound server runs and try again."


def inputs(*, refresh: bool = False) -> list[Device]:
    """List what can be listened to. Raises as `portaudio`."""
    return _devices("input", refresh)


def inputs_in_time(*, refresh: bool = False) -> list[Device]:
    """List what can be listened to within two seconds: a sound server that hangs answers PortAudio never.

    Raises
    ------
    SoundSystemHangs
        If there is no answer in time.
    BentlightError
        As `portaudio`.
    """
    hangs = SoundSystemHangs(
        f"The sound system does not answer (not within {_LIST_S:g} s); start the sound server again and try anew."
    )
    for earlier in _looks:
        # The one that hung before waits still; another behind it would only wait with it.
        earlier.join(_LIST_S)
        if earlier.is_alive():
            raise hangs
    answers: queue.SimpleQueue[list[Device] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            answers.put(inputs(refresh=refresh))
        except Exception as error:
            answers.put(error)

    _looks[:] = [threading.Thread(target=look, name="list of inputs", daemon=True)]
    _looks[0].start()
    try:
        answer = answers.get(timeout=_LIST_S)
    except queue.Empty:
        raise hangs from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def names_now() -> list[str]:
    """Names of the sound inputs that are plugged in now; none where there is no answer in time.

    For a process that holds no stream: PortAudio looks anew.
    """
    try:
        return list(dict.fromkeys(device.name for device in inputs_in_time(refresh=True)))
    except BentlightError:
        return []


def next_name(current: str, names: list[str], known: list[str], steps: int = 1) -> str:
    """Return the input so many steps after `current`, going round; from before the first where it has no place.

    Parameters
    ----------
    current : str
    names : list of str
        The inputs of now.
    known : list of str
        Those listed when `current` was opened. PortAudio leaves an ALSA device that is open out of later lists; it gets
        back the place that it has in this one.
    steps : int, optional
        From 1 on.

    Returns
    -------
    str
        Empty where there is no input.
    """
    if current not in names and current in known:
        before = known[: known.index(current)]
        place = max((names.index(name) + 1 for name in before if name in names), default=0)
        names = [*names[:place], current, *names[place:]]
    if not names:
        return ""
    at = names.index(current) if current in names else -1
    return names[(at + steps) % len(names)]


def outputs(*, refresh: bool = False) -> list[Device]:
    """List what can be played through. Raises as `inputs`."""
    return _devices("output", refresh)


def _devices(kind: str, refresh: bool) -> list[Device]:
    # Together: what PortAudio lists is gone once another thread makes it look anew.
    with _lock:
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
    return _numbered(
        Device(
            # Some end in a space, which nobody types and no command keeps.
            name=one["name"].strip(),
            index=index,
            host_api=apis[one["hostapi"]]["name"],
            channels=int(one[f"max_{kind}_channels"]),
            sample_rate=float(one["default_samplerate"]),
            default=index == default,
        )
        for index, one in enumerate(found)
        if one[f"max_{kind}_channels"] > 0
    )


def _numbered(devices: Iterable[Device]) -> list[Device]:
    """Tell devices with one name in one host API apart; under several host APIs a name is one device."""
    seen: Counter[tuple[str, str]] = Counter()
    numbered = []
    for device in devices:
        seen[device.host_api, device.name] += 1
        count = seen[device.host_api, device.name]
        numbered.append(device if count == 1 else replace(device, name=f"{device.name} #{count}"))
    return numbered


def find_input(wanted: str, devices: list[Device], before: Collection[str] = ()) -> Device:
    """Choose the input meant by `wanted`: ``default``, ``device:NAME``, an index of now, or (part of) a name.

    After ``device:`` the name must be whole; only the number that the system put into it may be another, where a single
    device is meant.

    Parameters
    ----------
    wanted : str
    devices : list of Device
        The inputs of now.
    before : collection of str, optional
        Names as listed before: what was there together with the wanted one is another device.

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
    if not named and not wanted.startswith("device:"):
        alike = [device for device in devices if device.name.casefold() == wanted.casefold()]
        named = alike if len({device.name for device in alike}) == 1 else []
    if not named and wanted.startswith("device:"):
        named = _renumbered(exact, devices, before)
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
    partly = {name: device for name, device in partly.items() if not _is_cut(name, partly)}
    if len(partly) == 1:
        return next(iter(partly.values()))
    if partly:
        raise BadInput(f"'{wanted}' fits several sound inputs ({', '.join(partly)}); give more of the name.")
    raise DeviceMissing(f"There is no sound input called '{wanted}'; the inputs are: {names}.")


def _renumbered(name: str, devices: list[Device], before: Collection[str]) -> list[Device]:
    """Return the one device whose name is `name` but for the system's number; none if there are several."""
    bare, others = _NUMBERS.sub("", name), before if name in before else ()
    alike = [device for device in devices if _NUMBERS.sub("", device.name) == bare and device.name not in others]
    return alike if len({device.name for device in alike}) == 1 else []


def _is_cut(name: str, names: Iterable[str]) -> bool:
    return len(name) == _MME_LETTERS and any(other != name and other.startswith(name) for other in names)


def heard_rate(device: Device) -> float:
    """Return the rate at which a device is opened: its own, or 48 kHz where that is none that can be heard."""
    return device.sample_rate if LOWEST_RATE <= device.sample_rate <= HIGHEST_RATE else 48_000.0


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
