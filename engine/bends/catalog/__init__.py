"""Declarations of the bending operators: names, parameters, where they fit. No torch here.

The arithmetic is in `engine.bends.kernels`; a test holds the two to the same set of names. Units: "site sd" is the
standard deviation of the unbent activation at the site, measured once per model, so that a value means the same
everywhere. Every operator at its default values is the identity.
"""

from __future__ import annotations

from bentlight.errors import BadInput
from engine.bends.catalog.channels import CHANNELS
from engine.bends.catalog.declare import RUNTIMES, Operator
from engine.bends.catalog.picture import PICTURE
from engine.bends.catalog.space import SPACE
from engine.bends.catalog.values import VALUES

__all__ = ["OPERATORS", "RUNTIMES", "Operator", "operator"]

OPERATORS: dict[str, Operator] = {op.name: op for op in (*VALUES, *CHANNELS, *SPACE, *PICTURE)}
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
