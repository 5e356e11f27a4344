"""Control: everything that can be played, and the surfaces (keys, OSC) that play it."""

from live.control.addresses import ADDRESSES
from live.control.board import ControlBoard

__all__ = ["ADDRESSES", "ControlBoard"]
