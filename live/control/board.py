"""`ControlBoard`: the latest-wins store of everything that can be played."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from bentlight.clock import now_s
from bentlight.errors import BadInput
from bentlight.parameter import Kind, Parameter, Value

__all__ = ["CHOOSING", "ControlBoard", "ControlEvent"]

CHOOSING = frozenset({"/scene", "/scene/number", "/scene/next", "/scene/previous"})
"""Addresses that ask for a scene. What is sent after one of them is meant for the scene that comes."""

_ADDRESS = re.compile(r"(/[A-Za-z0-9_.\-]+)+")
_TOGGLE = "/toggle"
_TRIGGERS_KEPT = 32
_WAITING_MOST = 512


class ControlEvent(NamedTuple):
    """Something that was done: a value set, a trigger fired.

    Attributes
    ----------
    address : str
    value : float, int, bool or str
        True for a trigger.
    time_s : float
        Host clock (`bentlight.clock.now_s`) at which it was done.
    order : int
        Grows with every event of a board.
    """

    address: str
    value: Value
    time_s: float
    order: int = 0


class ControlBoard:
    """Values by address, each checked by its `Parameter`; any thread may set and read.

    `values` is read once per picture. What was set is also an event, handed out once by `take_events`, so that a
    scene change or a tap between two pictures is not missed. Both are bounded whatever is sent: of pending events of
    one address only the newest is kept, of a trigger the newest 32; so no flood of one pushes out another.
    A trigger ``/x/toggle`` turns the switch ``/x`` over at once, and is no event but that of the switch.

    Where scenes are played, what is set at the addresses of a scene, or at ones that are not known, waits from the
    moment at which one is asked for until `settle`: it is meant for the scene that comes. Of each address the newest
    value is kept, of 512 addresses at most.

    Parameters
    ----------
    clock : callable, optional
        Host clock in seconds.

    Attributes
    ----------
    scenes_come : bool
        Whether somebody plays the scenes that are asked for and says so with `settle`; else nothing waits for one.
    on_late_refusal : callable or None
        Told address, value and error of what waited for a scene and did not fit it.
    """

    def __init__(self, *, clock: Callable[[], float] = now_s) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._parameters: dict[str, Parameter] = {}
        self._values: dict[str, Value] = {}
        self._events: dict[str, list[ControlEvent]] = {}
        self._sequence = 0
        self._revision = 0
        self._adopted: set[str] = set()
        self.scenes_come = False
        self._waiting: dict[int, dict[str, object]] = {}
        """What waits for each scene that has not come, by the order of the event that asks for it."""
        self.on_late_refusal: Callable[[str, object, BadInput], None] | None = None

    def declare(self, address: str, parameter: Parameter) -> None:
        """Add an address, at its default value.

        Raises
        ------
        BadInput
            If the address is not well formed or declared already.
        """
        with self._lock:
            if address in self._parameters:
                raise BadInput(f"the address {address} is declared twice.")
            self._add(address, parameter)

    def adopt(self, declarations: Mapping[str, Parameter], *, keep: bool = False) -> None:
        """Take a scene's own addresses in place of those of the scene before, all at once.

        Addresses that were declared for good (`declare`) are passed over: they and their values stay.

        Parameters
        ----------
        declarations : mapping of str to Parameter
        keep : bool
            Keep the value of an address whose kind, range and default stay the same (a scene that was edited),
            instead of going back to the default (another scene).

        Raises
        ------
        BadInput
            If an address is not well formed; then nothing is changed.
        """
        for address in declarations:
            if not _ADDRESS.fullmatch(address):
                raise BadInput(f"{address!r} is no address; it looks like /word or /word/word.")
        with self._lock:
            standing = {a: self._values[a] for a in self._adopted if a in self._values}
            before = {a: self._parameters[a] for a in self._adopted}
            for address in self._adopted:
                del self._parameters[address]
                self._values.pop(address, None)
                self._events.pop(address, None)
            fresh = {a: p for a, p in declarations.items() if a not in self._parameters}
            self._adopted = set(fresh)
            for address, parameter in fresh.items():
                self._add(address, parameter)
                if keep and address in standing and _alike(before[address], parameter):
                    self._values[address] = standing[address]

    def settle(self, order: int) -> None:
        """Set what waited for the scene that the event of this order asked for, and forget what did for those before.

        What was sent after another scene was asked for goes on waiting for that one.
        """
        with self._lock:
            came = self._waiting.pop(order, {})
            self._waiting = {asked: values for asked, values in self._waiting.items() if asked > order}
            refused = []
            for address, value in came.items():
                try:
                    self._set(address, value)
                except BadInput as error:
                    refused.append((address, value, error))
        if self.on_late_refusal is not None:
            for one in refused:
                self.on_late_refusal(*one)

    def _add(self, address: str, parameter: Parameter) -> None:
        if not _ADDRESS.fullmatch(address):
            raise BadInput(f"{address!r} is no address; it looks like /word or /word/word.")
        self._parameters[address] = parameter
        if parameter.kind != "trigger":
            self._values[address] = parameter.default
        self._revision += 1

    def parameter(self, address: str) -> Parameter | None:
        """Return the declaration at `address`, or None."""
        return self._parameters.get(address)

    def parameters(self) -> dict[str, Parameter]:
        """Return every address with its declaration."""
        with self._lock:
            return dict(self._parameters)

    @property
    def changing(self) -> bool:
        """Whether a scene was asked for that has not come yet."""
        return bool(self._waiting)

    def set(self, address: str, value: object) -> Value:
        """Check `value` and put it at `address`; on a trigger it only fires. Return the value as stored.

        While another scene is on its way, what is meant for it waits, and is checked when it has come.

        Raises
        ------
        BadInput
            If there is no such address, or its declaration refuses the value; the old value stays.
        """
        with self._lock:
            foreign = address in self._adopted or address not in self._parameters
            if self._waiting and foreign and isinstance(value, float | int | str):
                newest = self._waiting[max(self._waiting)]
                if address in newest or sum(map(len, self._waiting.values())) < _WAITING_MOST:
                    newest[address] = value
                    return value
            return self._set(address, value)

    def _set(self, address: str, value: object) -> Value:
        parameter = self._parameters.get(address)
        if parameter is None:
            raise BadInput(f"there is no address {address}; `bentlight parameters` lists them.")
        try:
            checked = parameter.parse(value)
        except BadInput as error:
            raise BadInput(f"{address}: {error}") from None
        switch = address.removesuffix(_TOGGLE)
        if switch != address and isinstance(self._values.get(switch), bool):
            # For buttons that are never told how the switch stands.
            return self._set(switch, not self._values[switch])
        if parameter.kind != "trigger":
            self._values[address] = checked
        self._note(address, parameter, checked)
        self._revision += 1
        return checked

    def reflect(self, address: str, value: Value) -> None:
        """Put at `address` what has become so by itself, held within its range: no event, for nobody asked for it."""
        with self._lock:
            parameter = self._parameters[address]
            numeric = parameter.kind in ("float", "int")
            held = parameter.parse(parameter.clamp(float(value)) if numeric else value)
            if self._values[address] != held:
                self._values[address] = held
                self._revision += 1

    def _note(self, address: str, parameter: Parameter, value: Value) -> None:
        self._sequence += 1
        if address in CHOOSING and self.scenes_come:
            self._waiting = {asked: values for asked, values in self._waiting.items() if values}
            self._waiting[self._sequence] = {}
        pending = self._events.setdefault(address, [])
        pending.append(ControlEvent(address, value, self._clock(), self._sequence))
        del pending[: -_TRIGGERS_KEPT if parameter.kind == "trigger" else -1]

    def trigger(self, address: str) -> None:
        """Fire the trigger at `address`.

        Raises
        ------
        BadInput
            If there is none.
        """
        self._need(address, "trigger", ("trigger",))
        self.set(address, True)

    def toggle(self, address: str) -> bool:
        """Turn the switch at `address` over and return its new state.

        Raises
        ------
        BadInput
            If there is none.
        """
        self._need(address, "switch", ("bool",))
        return bool(self.set(address, not self.get(address)))

    def nudge(self, address: str, step: float) -> float:
        """Move the number at `address` by `step`, stopping at the end of its range, and return it.

        Raises
        ------
        BadInput
            If there is none.
        """
        parameter = self._need(address, "number", ("float", "int"))
        # Rounded so that steps of 0.1 end exactly on 1.0 again.
        return float(self.set(address, parameter.clamp(round(float(self.get(address)) + step, 6))))

    def _need(self, address: str, word: str, kinds: tuple[Kind, ...]) -> Parameter:
        parameter = self._parameters.get(address)
        if parameter is None or parameter.kind not in kinds:
            raise BadInput(f"there is no {word} {address}; `bentlight parameters` lists them.")
        return parameter

    def get(self, address: str) -> Value:
        """Return the value at `address`.

        Raises
        ------
        BadInput
            If there is no such address, or it is a trigger.
        """
        with self._lock:
            try:
                return self._values[address]
            except KeyError:
                raise BadInput(f"there is no value at {address}; `bentlight parameters` lists them.") from None

    def values(self) -> dict[str, Value]:
        """Return all values by address as they stand at one moment; triggers have none."""
        with self._lock:
            return self._values.copy()

    def take_events(self) -> list[ControlEvent]:
        """Return what was done since the last call, oldest first; meant for one reader."""
        with self._lock:
            pending, self._events = self._events, {}
        return sorted((event for events in pending.values() for event in events), key=lambda event: event.order)

    @property
    def revision(self) -> int:
        """Grows with every change of a value or a declaration."""
        return self._revision


def _alike(one: Parameter, other: Parameter) -> bool:
    """Whether a value of one means the same to the other, whatever is said of it."""
    return one == replace(other, name=one.name, unit=one.unit, description=one.description)
