"""Bends: operators at named sites of a diffusion model. Importing this costs no torch."""

from engine.bends.catalog import OPERATORS, Operator, operator
from engine.bends.plan import Bend, BendPlan, site_kind

__all__ = ["OPERATORS", "Bend", "BendPlan", "Operator", "operator", "site_kind"]
