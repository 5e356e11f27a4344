"""Operators on the finished picture's red, green and blue."""

from __future__ import annotations

from bentlight.parameter import Parameter
from engine.bends.catalog.declare import AIART, TURN, WET, Operator

__all__ = ["PICTURE"]

_ONLY = frozenset({"picture"})

PICTURE = (
    Operator(
        "hue",
        "turns the hue and keeps luma",
        (Parameter("angle", 0.0, -TURN, TURN, "rad", "turn of the chroma plane"), WET),
        _ONLY,
        AIART,
        note="A rotation of the chroma plane of YIQ; 2 pi closes.",
    ),
    Operator(
        "saturation",
        "strengthens or takes away colour and keeps luma",
        (Parameter("factor", 1.0, 0.0, 4.0, "", "0 is grey"), WET),
        _ONLY,
        AIART,
    ),
    Operator(
        "blend_to_white",
        "blends the picture towards white, or towards black",
        (Parameter("amount", 0.0, -1.0, 1.0, "", "1 is white, -1 black"), WET),
        _ONLY,
        AIART,
    ),
)
"""Declarations of the operators in `engine.bends.kernels.picture`."""
