"""`FrameSpec` and `Picture`: the plain values that cross the engine's walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.bends.plan import BendPlan

__all__ = ["FrameSpec", "Picture"]

_UNBENT = BendPlan()


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """Everything the generator needs to make one picture.

    Attributes
    ----------
    time_s : float
        Stream time of the newest sound that shaped the picture.
    prompts : tuple of (str, float)
        Texts with weights >= 0, of which at least one is > 0; the generator normalises them to sum 1.
    seed, seed_to : int
        Seeds of two fixed noises, >= 0.
    seed_blend : float
        Place on the great circle from the first noise (0) to the second (1).
    angle : float
        Angle of the circular noise walk in radians: 0 and 2 pi give the noise itself; unit variance all the way.
    steps : int
        Denoising steps, 1 to 8.
    guidance : float
        Classifier-free guidance scale; 1 or less means none (one pass of the UNet).
    feedback : float
        Share of the previous picture in the starting latent, 0 to 1.
    plan : BendPlan
        Which operator sits where.
    values : tuple of float
        One value for each of ``plan.slots``, in that order.
    """

    time_s: float = 0.0
    prompts: tuple[tuple[str, float], ...] = (("", 1.0),)
    seed: int = 0
    seed_to: int = 0
    seed_blend: float = 0.0
    angle: float = 0.0
    steps: int = 1
    guidance: float = 1.0
    feedback: float = 0.0
    plan: BendPlan = _UNBENT
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One new output of the generator.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        Red, green, blue. Not to be written to.
    time_s : float
        Stream time of the newest sound that shaped it.
    spec : FrameSpec
        What it was made from.
    """

    pixels: np.ndarray
    time_s: float
    spec: FrameSpec
