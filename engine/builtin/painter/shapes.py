"""Coordinates and profiles that the forms share."""

import torch

from engine.builtin.painter.fields import Fields


def warp(f: Fields, amount: float = 0.13):
    """Coordinates moved by slow noise; the longer side spans -1..1."""
    return f.x + amount * f(2, 11) + 0.25 * amount * f(2, 5), f.y + amount * f(3, 11) + 0.25 * amount * f(3, 5)


def polar(x, y):
    return torch.sqrt(x * x + y * y + 1e-4), torch.atan2(y, x)


def step(edge, width: float):
    """0 below zero, 1 above, over about ``width``."""
    return torch.sigmoid(edge * (4 / width))


def past(edge, soft: float = 0.03):
    """How far ``edge`` is above zero, 0 far below; it bends within about ``soft``, without a crease."""
    return 0.5 * (edge + torch.sqrt(edge * edge + soft * soft))


def away(distance, soft: float = 0.03):
    """The distance from zero on either side, round at zero itself."""
    return torch.sqrt(distance * distance + soft * soft) - soft


def glow(distance, reach: float):
    """Light around where ``distance`` is 0, a third of it at ``reach``; round on top, since a crease is finer than any
    picture of it."""
    soft = 0.35 * reach
    return torch.exp((soft - torch.sqrt(distance * distance + soft * soft)) / reach)
