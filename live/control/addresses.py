"""The performance's own control addresses, one table. A scene adds its own, such as ``/bend/...``."""

from __future__ import annotations

from analysis.bars import METRE, METRES
from analysis.frame import LOWEST_LEVEL_DB
from analysis.gain import GAIN_RANGE_DB
from analysis.loudness import GATE_DB
from bentlight.parameter import Parameter
from live.control.board import ControlBoard
from scenes.controls import CONTROLS

__all__ = ["ADDRESSES", "declare_performance"]


def _switch(name: str, default: bool, description: str) -> Parameter:
    return Parameter(name, default, kind="bool", description=description)


def _trigger(name: str, description: str) -> Parameter:
    return Parameter(name, False, kind="trigger", description=description)


ADDRESSES: dict[str, Parameter] = {
    "/scene": Parameter("scene", "", kind="text", description="plays the scene of this name"),
    "/scene/number": Parameter("number", 1, 1, 99, kind="int", description="plays the scene at this place, from 1"),
    "/scene/next": _trigger("next", "plays the next scene"),
    "/scene/previous": _trigger("previous", "plays the scene before"),
    **CONTROLS,
    "/tap": _trigger("tap", "a beat, tapped by hand"),
    "/nudge": _trigger("nudge", "moves the beat by half a beat"),
    "/downbeat": _trigger("downbeat", "the first beat of a bar, tapped by hand"),
    "/metre": Parameter("metre", METRE, *METRES, unit="beats", kind="int", description="beats in a bar"),
    "/tempo": Parameter("tempo", 0.0, 0.0, 240.0, "BPM", "tempo to hold; below 30, that of the music is followed"),
    "/clock": Parameter(
        "clock", 0.0, 0.0, 300.0, "BPM", "an outside clock's beat is now, at this tempo; below 30, it lets go"
    ),
    "/gain": Parameter("gain", 0.0, *GAIN_RANGE_DB, "dB", "gain of the sound input; moving it ends the automatic gain"),
    "/gain/auto": _switch("auto", True, "the gain of the input follows the level by itself"),
    "/gate": Parameter("gate", GATE_DB, LOWEST_LEVEL_DB, 0.0, "dB", "level after gain below which there is no sound"),
    "/input/next": _trigger("next", "listens to the next sound input"),
    "/input/demo": _trigger("demo", "listens to the demo track"),
    "/record": _switch("record", False, "records pictures and sound"),
    "/record/toggle": _trigger("toggle", "begins a recording, or ends the one that runs"),
    "/blackout": _switch("blackout", False, "shows black"),
    "/blackout/toggle": _trigger("toggle", "shows black, or the picture again"),
    "/freeze": _switch("freeze", False, "holds the picture"),
    "/freeze/toggle": _trigger("toggle", "holds the picture, or lets it go on"),
    "/hud": _switch("hud", True, "shows levels, rates and warnings over the picture"),
    "/help": _switch("help", False, "shows the keys"),
    "/fullscreen": _switch("fullscreen", False, "fills the display"),
    "/fill": _switch("fill", False, "crops the picture to fill the window, instead of fitting all of it in"),
    "/quit": _trigger("quit", "ends the performance, sent twice, 0.1 to 2 seconds apart"),
}
"""Every address of the performance with its `Parameter`."""


def declare_performance(board: ControlBoard) -> None:
    """Declare every address of the performance on `board`."""
    for address, parameter in ADDRESSES.items():
        board.declare(address, parameter)
