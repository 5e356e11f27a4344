"""The engine: a few-step diffusion model, bent from inside.

    from engine import Generator, FrameSpec
    picture = Generator.load("builtin").render(FrameSpec(prompts=(("neon blue galaxy", 1.0),)))

`Generator` is imported when first used: torch and diffusers take seconds to load.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Read when torch is first imported. Beside the ears, the stage and the recorder there are more threads than cores: a
# thread of the model that has nothing to do spins for some tens of microseconds, which bridges the gap between two
# layers, and then sleeps. Spinning on, as is the default, starves the others; sleeping at once costs a picture double.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from engine.bends import Bend, BendPlan
from engine.spec import FrameSpec, Picture

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["Bend", "BendPlan", "FrameSpec", "Generator", "Picture"]


def __getattr__(name: str) -> Any:
    if name == "Generator":
        from engine.generator import Generator

        return Generator
    raise AttributeError(f"module 'engine' has no attribute {name!r}")
