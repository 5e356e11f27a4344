"""What a picture costs at other sizes and with more steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bentlight.clock import now_s
from engine.bends import BendPlan
from engine.spec import FrameSpec
from live.bench.pictures import FOUR_BENDS, moving

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["SIZES", "STEPS", "picture_cost"]

SIZES = (128, 192, 256, 320, 384, 448, 512)
"""Width and height of the square pictures, in pixels."""
STEPS = (1, 2, 3, 4)
PICTURES = 40
WARM = 4


def picture_cost(
    generators: Mapping[str, Generator],
    prompt: str,
    sizes: Iterable[int] = SIZES,
    steps: Iterable[int] = STEPS,
    pictures: int = PICTURES,
    plan: BendPlan = FOUR_BENDS,
) -> list[dict[str, Any]]:
    """Time pictures at each size with one step, and at the model's own size with each number of steps.

    At each point the generators take turns picture by picture, and every bend value moves.

    Parameters
    ----------
    generators : mapping of str to Generator
        By the name that they have in the result. They are left at the model's own size.
    prompt : str
    sizes, steps : iterable of int
        Sides of square pictures in pixels; numbers of denoising steps.
    pictures : int
        Pictures timed of each, after some to get warm.
    plan : BendPlan

    Returns
    -------
    list of dict
        ``runtime``, ``side``, ``steps``, ``median_ms``, ``p95_ms`` of each point.
    """
    own = {name: generator.size for name, generator in generators.items()}
    native = next(iter(own.values()))[0]
    points = list(dict.fromkeys([(side, 1) for side in sizes] + [(native, count) for count in steps]))
    rows = []
    try:
        for side, count in points:
            for generator in generators.values():
                generator.resize(side, side)
                generator.prepare(prompts=(prompt,), plans=(plan,), steps=count, wait=True)
            times = _turns(generators, _spec(prompt, count, plan), pictures)
            rows += [
                {
                    "runtime": name,
                    "side": side,
                    "steps": count,
                    "median_ms": round(1e3 * float(np.median(took)), 2),
                    "p95_ms": round(1e3 * float(np.percentile(took, 95)), 2),
                }
                for name, took in times.items()
            ]
    finally:
        for name, generator in generators.items():
            generator.resize(*own[name])
    return rows


def _spec(prompt: str, steps: int, plan: BendPlan) -> Callable[[int], FrameSpec]:
    def spec(index: int) -> FrameSpec:
        return FrameSpec(
            prompts=((prompt, 1.0),), angle=0.02 * index, steps=steps, plan=plan, values=moving(plan, index)
        )

    return spec


def _turns(
    generators: Mapping[str, Generator], spec: Callable[[int], FrameSpec], pictures: int
) -> dict[str, Sequence[float]]:
    took: dict[str, list[float]] = {name: [] for name in generators}
    for index in range(pictures + WARM):
        for name, generator in generators.items():
            begun = now_s()
            generator.render(spec(index))
            if index >= WARM:
                took[name].append(now_s() - begun)
    return dict(took)
