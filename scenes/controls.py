"""The controls that every scene answers to, declared once; `live` puts them on its board, `Patch` reads them."""

from __future__ import annotations

from bentlight.parameter import Parameter

__all__ = ["CHOSEN", "CONTROLS", "NEXT"]

NEXT, CHOSEN = "/prompt/next", "/prompt/chosen"
"""To a patch, how often the next prompt was asked for, and how often one by its index: each time the count grows is a
cue. Only the first can be sent."""

CONTROLS: dict[str, Parameter] = {
    "/intensity": Parameter("intensity", 1.0, 0.0, 2.0, description="how strongly sound bends the picture: all routes"),
    "/motion": Parameter("motion", 1.0, 0.0, 4.0, description="speed of the walk through the noise, times the scene's"),
    "/seed": Parameter("seed", 0, 0, 2**31 - 1, kind="int", description="seed of the noise; 0 is the scene's own"),
    "/prompt": Parameter("prompt", "", kind="text", description="draws this text; empty goes back to the scene's"),
    "/prompt/index": Parameter("index", 0, 0, 9999, kind="int", description="goes to this prompt, from 0, and round"),
    NEXT: Parameter("next", False, kind="trigger", description="goes on to the scene's next prompt"),
}
"""Parameters by control address."""
