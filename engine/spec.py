"""`FrameSpec` and `Picture`: the plain values that cross the engine's walls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bentlight.errors import BadInput
from engine.bends.plan import BendPlan

__all__ = ["FrameSpec", "NoisePath", "Picture"]

_UNBENT = BendPlan()


@dataclass(frozen=True, slots=True)
class NoisePath:
    """A place on a path through the noises; plain numbers, which `engine.noise_paths` makes a noise of.

    Every path has unit variance at every place, and is closed: whole `turns` later it is where it was.

    Attributes
    ----------
    kind : str
        ``walk``: the circle through a seed's two noises.
        ``slerp``, ``spline``: round a ring of seeds, on great circles or on a closed Catmull-Rom curve.
        ``rotation``: a stack of three noises that turns, each column of the picture a little later than the one before.
        ``perlin``: noise of coarse cells and fine grain, which comes back after one turn.
        ``layers``: a slow and a fast walk.
        ``mixture``: a weighted sum of seeds, each on its own circle.
    seeds : tuple of int
        The noises; the ring of ``slerp`` and ``spline``, the parts of ``mixture``. The other kinds take the first and,
        with `blend`, the second.
    turns : float
        Place on the path.
    blend : float
        Place on the great circle from the first seed's noises (0) to the second's (1).
    weights : tuple of float
        Only ``mixture``: one for each seed, not all 0; only their proportions matter.
    spread : float
        Only ``rotation``: turns by which the right edge is ahead of the left.
    tilt : float
        Only ``rotation``: how far the stack leans, in turns.
    cells : int
        ``perlin``: cells over the height of the picture; ``layers``: where coarse ends, in half waves over the height.
    times : int
        Only ``perlin``: different noises that one turn passes.
    grain : float
        Only ``perlin``: 0 is all cells, 1 all grain; equal power between them.
    fast_turns : float
        Only ``layers``: place on the fast walk.
    fast : float
        Only ``layers``: 0 is all slow, 1 all fast; equal power between them.
    mask : str
        Only ``layers``: where the fast walk shows, one of ``engine.noise_paths.MASKS``; or in which part of the noise,
        ``coarse`` or ``fine``.
    """

    kind: str = "walk"
    seeds: tuple[int, ...] = (0,)
    turns: float = 0.0
    blend: float = 0.0
    weights: tuple[float, ...] = ()
    spread: float = 0.0
    tilt: float = 0.0
    cells: int = 4
    times: int = 8
    grain: float = 0.9
    fast_turns: float = 0.0
    fast: float = 0.0
    mask: str = "all"


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """Everything the generator needs to make one picture.

    Attributes
    ----------
    time_s : float
        Stream time of the newest sound that shaped the picture.
    prompts : tuple of (str, float)
        Texts with weights >= 0, of which at least one is > 0; the generator normalises them to sum 1.
    blending : {"slerp", "lerp"}
        How prompts are blended: along the sphere, or straight.
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
        Share of the previous picture in the starting noise, 0 to 1: it keeps the noise's variance, and is painted anew.
    strength : float
        How much of the previous picture is painted anew, 0 to 1: below 1 the steps begin at the picture itself, noised
        so far. 1 does not look at it.
    plan : BendPlan
        Which operator sits where.
    values : tuple of float
        One value for each of ``plan.slots``, in that order.
    paths : tuple of (NoisePath, float)
        Where the starting noise comes from, instead of `seed_to`, `seed_blend` and `angle`, unless empty. Each after
        the first comes with its share (0 to 1) over what stands before it, so that two paths can cross-fade.
    still : float
        Share of a noise of `seed` that never moves in the starting noise, 0 to 1; equal power.
    pulls : tuple of (int, float)
        Seeds of fixed noises, and how far (0 to 1) the starting noise is pulled to each, one after the other.
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
    blending: str = "slerp"
    paths: tuple[tuple[NoisePath, float], ...] = ()
    still: float = 0.0
    pulls: tuple[tuple[int, float], ...] = ()
    strength: float = 1.0

    @property
    def wants_previous(self) -> bool:
        """Whether the picture before takes part in this one."""
        return self.feedback > 0 or self.strength < 1


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

    def __post_init__(self) -> None:
        """Check the pixels, which may come from elsewhere.

        Raises
        ------
        BadInput
            If they are no such array.
        """
        shape: tuple[int, ...] = getattr(self.pixels, "shape", ())
        kind = getattr(self.pixels, "dtype", None)
        if len(shape) != 3 or shape[2] != 3 or 0 in shape or kind != np.uint8 or type(self.pixels) is not np.ndarray:
            raise BadInput(
                f"the pixels of a picture are {kind or type(self.pixels).__name__} of shape {tuple(shape)}; give a "
                "numpy array of uint8, (height, width, 3): red, green, blue."
            )
