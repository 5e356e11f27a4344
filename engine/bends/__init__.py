"""Bends: operators at named sites of a diffusion model. Importing this costs no torch."""

from engine.bends.catalog import OPERATORS, RUNTIMES, Operator, operator
from engine.bends.plan import Bend, BendPlan, Painted, site_kind, site_step, sites_for

__all__ = [
    "OPERATORS",
    "RUNTIMES",
    "Bend",
    "BendPlan",
    "Operator",
    "Painted",
    "operator",
    "site_kind",
    "site_step",
    "sites_for",
]
