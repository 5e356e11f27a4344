"""The bend bank as plain numbers: one value for each slot of a plan, made safe. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bentlight.errors import BadInput
from engine.bends.plan import BendPlan

__all__ = ["Bank"]


class Bank:
    """The ranges and resting values of a plan's slots.

    Parameters
    ----------
    plan : BendPlan

    Attributes
    ----------
    rest : ndarray of float32
        Values at which every bend is the identity.
    """

    def __init__(self, plan: BendPlan) -> None:
        parameters = [p for _, p in plan.slots]
        self.rest = np.array(plan.neutral, np.float32)
        self._low = np.array([-np.inf if p.low is None else p.low for p in parameters], np.float32)
        self._high = np.array([np.inf if p.high is None else p.high for p in parameters], np.float32)

    def settled(self, values: Sequence[float]) -> np.ndarray:
        """Return the values, each moved into its range; one that is not finite becomes neutral.

        Raises
        ------
        BadInput
            If there is not one value for each slot of the plan.
        """
        if len(values) != len(self.rest):
            raise BadInput(f"the plan has {len(self.rest)} bend values; {len(values)} were given.")
        wanted = np.asarray(values, np.float32)
        return np.where(np.isfinite(wanted), wanted, self.rest).clip(self._low, self._high)
