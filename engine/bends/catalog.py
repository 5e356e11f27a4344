"""Declarations of the bending operators: names, parameters, where they fit. No torch here.

The arithmetic is in `engine.bends.kernels`; a test holds the two to the same set of names. Units: "site sd" is the
standard deviation of the unbent activation at the site, measured once per model, so that a value means the same
everywhere. Every operator at its default values is the identity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bentlight.errors import BadInput
from bentlight.parameter import Parameter

__all__ = ["OPERATORS", "Operator", "operator"]

SPATIAL = frozenset({"latent", "unet", "decoder", "picture"})
ANYWHERE = SPATIAL | {"text"}


@dataclass(frozen=True, slots=True)
class Operator:
    """A bending operator's declaration.

    Attributes
    ----------
    name : str
    description : str
        One line.
    parameters : tuple of Parameter
        `mix` (dry/wet) is always the last. Defaults are neutral.
    kinds : frozenset of str
        Kinds of site it suits: "text", "latent", "unet", "decoder", "picture".
    source : str
        Where the operator is described.
    resamples : bool
        True when neutral is the identity only to rounding, since pixels are resampled.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    kinds: frozenset[str] = ANYWHERE
    source: str = "Wilson et al., Network bending of diffusion models, DAFx 2024"
    resamples: bool = False


_WET = Parameter("mix", 1.0, 0.0, 1.0, "", "dry/wet: 0 leaves the activation as it is")
_DRY = Parameter("mix", 0.0, 0.0, 1.0, "", "dry/wet: 0 leaves the activation as it is")
_BROAD = "Broad, Leymarie and Grierson, Network bending, 2021"
_TURN = 2 * math.pi

_ALL = (
    Operator(
        "add",
        "adds a constant; before a group norm, limit it to some channels to see anything",
        (Parameter("amount", 0.0, -4.0, 4.0, "site sd", "what is added"), _WET),
    ),
    Operator(
        "multiply",
        "scales the activation; before a group norm, limit it to some channels to see anything",
        (Parameter("factor", 1.0, 0.0, 4.0, "", "what it is multiplied by"), _WET),
    ),
    Operator(
        "hard_threshold",
        "sets values smaller than the level to zero",
        (Parameter("level", 0.0, 0.0, 3.0, "site sd", "values below this size become zero"), _WET),
    ),
    Operator(
        "soft_threshold",
        "shrinks values towards zero by the level",
        (Parameter("level", 0.0, 0.0, 3.0, "site sd", "how far values are shrunk"), _WET),
    ),
    Operator(
        "noise",
        "adds Gaussian noise, fixed by the bend's seed",
        (Parameter("amount", 0.0, 0.0, 3.0, "site sd", "standard deviation of the noise"), _WET),
    ),
    Operator("invert", "turns the sign", (_DRY,)),
    Operator(
        "channel_rotate",
        "rotates channel pairs (first half of the selection with the second) in their planes",
        (Parameter("angle", 0.0, -_TURN, _TURN, "rad", "angle of rotation"), _WET),
    ),
    Operator("channel_reflect", "turns the sign of every second channel of the selection", (_DRY,)),
    Operator(
        "rotate",
        "turns the activation about its centre",
        (Parameter("angle", 0.0, -_TURN, _TURN, "rad", "counter-clockwise"), _WET),
        SPATIAL,
        _BROAD,
        True,
    ),
    Operator(
        "zoom",
        "zooms about the centre, mirrored at the edges",
        (Parameter("factor", 1.0, 0.25, 4.0, "", "above 1 magnifies"), _WET),
        SPATIAL,
        _BROAD,
        True,
    ),
    Operator(
        "translate",
        "shifts the activation, mirrored at the edges",
        (
            Parameter("x", 0.0, -1.0, 1.0, "widths", "to the right"),
            Parameter("y", 0.0, -1.0, 1.0, "heights", "downwards"),
            _WET,
        ),
        SPATIAL,
        _BROAD,
        True,
    ),
    Operator(
        "blur",
        "Gaussian blur",
        (Parameter("sigma", 0.0, 0.0, 0.15, "heights", "standard deviation of the kernel"), _WET),
        SPATIAL,
        "grey-scale smoothing as in AIART's network bending",
    ),
    Operator(
        "dilate",
        "grey-scale dilation with a square element; sizes in between are interpolated",
        (Parameter("radius", 0.0, 0.0, 3.0, "site pixels", "half width of the element"), _WET),
        SPATIAL,
    ),
    Operator(
        "erode",
        "grey-scale erosion with a square element; sizes in between are interpolated",
        (Parameter("radius", 0.0, 0.0, 3.0, "site pixels", "half width of the element"), _WET),
        SPATIAL,
    ),
)

OPERATORS: dict[str, Operator] = {op.name: op for op in _ALL}
"""Every operator by name."""


def operator(name: str) -> Operator:
    """Return the operator called `name`.

    Raises
    ------
    BadInput
        If there is none.
    """
    try:
        return OPERATORS[name]
    except KeyError:
        raise BadInput(f"there is no operator {name!r}; there are {', '.join(OPERATORS)}.") from None
