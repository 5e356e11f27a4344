"""The keys of the performance: one table, from which the stage plays, the help overlay and the README are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bentlight.clock import now_s
from bentlight.parameter import Value
from live.control.board import ControlBoard

__all__ = ["KEYS", "Key", "TwicePressed", "find_key", "play_key"]


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the table.

    Attributes
    ----------
    label : str
        For people.
    names : tuple of str
        What identifies the key press: the character it types in lower case, or a name such as ``"tab"``.
    action : {"toggle", "trigger", "set", "nudge", "quit"}
    address : str
        Control address it plays.
    description : str
    value : float, int, bool or str
        What is set, or the step of a nudge. For the row of digits it is the digit pressed.
    """

    label: str
    names: tuple[str, ...]
    action: Literal["toggle", "trigger", "set", "nudge", "quit"]
    address: str
    description: str
    value: Value = True


KEYS: tuple[Key, ...] = (
    Key("1 – 9", tuple("123456789"), "set", "/scene/number", "scene by its number"),
    Key("Right", ("right",), "trigger", "/scene/next", "next scene"),
    Key("Left", ("left",), "trigger", "/scene/previous", "scene before"),
    Key("Tab", ("tab",), "trigger", "/prompt/next", "next prompt"),
    Key("Up", ("up",), "nudge", "/intensity", "more bending by sound", 0.1),
    Key("Down", ("down",), "nudge", "/intensity", "less bending by sound", -0.1),
    Key("Space", ("space", " "), "toggle", "/freeze", "freeze"),
    Key("B", ("b",), "toggle", "/blackout", "blackout"),
    Key("T", ("t",), "trigger", "/tap", "tap the beat"),
    Key("N", ("n",), "trigger", "/nudge", "half a beat on"),
    Key("O", ("o",), "trigger", "/downbeat", "the one: a bar begins"),
    Key("+", ("+", "="), "nudge", "/gain", "input louder", 1.0),
    Key("-", ("-",), "nudge", "/gain", "input quieter", -1.0),
    Key("I", ("i",), "trigger", "/input/next", "next sound input"),
    Key("D", ("d",), "trigger", "/input/demo", "demo track"),
    Key("R", ("r",), "toggle", "/record", "record"),
    Key("F", ("f",), "toggle", "/fullscreen", "fullscreen"),
    Key("Esc", ("escape",), "set", "/fullscreen", "leave fullscreen", False),
    Key("A", ("a",), "toggle", "/fill", "fill or fit"),
    Key("H", ("h",), "toggle", "/hud", "levels and rates"),
    Key("?", ("?", "f1"), "toggle", "/help", "these keys"),
    Key("Ctrl Q twice", (), "quit", "/quit", "quit (Cmd on a Mac)"),
)
"""Every key. Quitting is held back by `TwicePressed`."""

_BY_NAME = {name: key for key in KEYS for name in key.names}

# SDL scancodes of the positions that carry these characters on a US keyboard.
_DIGITS = {30 + i: str(i + 1) for i in range(9)}
_POSITIONS = _DIGITS | {4 + i: chr(97 + i) for i in range(26)} | {45: "-", 46: "+"}


def find_key(character: str, name: str, scancode: int = 0, *, shifted: bool = False) -> tuple[Key, str] | None:
    """Return the key that was pressed and the name it was found by, or None.

    Parameters
    ----------
    character : str
        What the press types in the player's keyboard layout; may be empty.
    name : str
        The key's own name, such as ``"tab"``.
    scancode : int
        Position on the keyboard, used where the layout types something that is no ASCII letter, as digits with
        shift on a French keyboard or letters on a Russian one.
    shifted : bool
        Whether shift is held. Without it the row of digits is digits, whatever it types: a French 6 types a minus.
        With it only what is typed is a digit: an exclamation mark that lies on a 1 is none.
    """
    if not shifted and scancode in _DIGITS:
        return _BY_NAME[_DIGITS[scancode]], _DIGITS[scancode]
    candidates = [character.lower(), name.lower()]
    if character and not (character.isascii() and character.isalpha()):
        candidates.append(_POSITIONS.get(scancode, ""))
    for candidate in candidates:
        if candidate in _BY_NAME and not (shifted and candidate.isdigit() and candidate != character):
            return _BY_NAME[candidate], candidate
    return None


def play_key(board: ControlBoard, key: Key, name: str) -> None:
    """Do on `board` what `key`, pressed as `name`, stands for."""
    if key.action == "toggle":
        board.toggle(key.address)
    elif key.action == "nudge":
        board.nudge(key.address, float(key.value))
    elif key.action == "set":
        board.set(key.address, int(name) if name.isdigit() else key.value)
    else:
        board.trigger(key.address)


class TwicePressed:
    """True only for a second press soon after the first, so that no slip ends a show.

    Parameters
    ----------
    within_s : float
        The second press counts up to so long after the first.
    apart_s : float
        Presses closer than this are one: some systems report the same quit as a key and as a closed window.
    """

    def __init__(self, within_s: float = 2.0, apart_s: float = 0.1, clock: Callable[[], float] = now_s) -> None:
        self._within_s, self._apart_s, self._clock = within_s, apart_s, clock
        self._first_s: float | None = None

    def press(self) -> bool:
        """Note a press and return whether it is the second in time."""
        now = self._clock()
        since = float("inf") if self._first_s is None else now - self._first_s
        if since < self._apart_s:
            return False
        if since <= self._within_s:
            self._first_s = None
            return True
        self._first_s = now
        return False

    @property
    def waiting(self) -> bool:
        """Whether a second press would count now."""
        return self._first_s is not None and self._clock() - self._first_s <= self._within_s
