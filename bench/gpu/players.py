"""What is timed: the same model eager, compiled, captured, and both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from bench.gpu.model import build
from bentlight.clock import now_s
from engine.bends import Bend, BendPlan
from engine.compiling import compile_blocks
from engine.eager import EagerGenerator
from engine.runtimes.graph import GraphGenerator
from engine.runtimes.tape import TapeCapturer
from engine.spec import FrameSpec
from live.bench.pictures import FOUR_BENDS, TWELVE_BENDS, moving

__all__ = ["PLANS", "WAYS", "contenders", "player", "worst_hitches"]

PLANS = {"no bends": BendPlan(), "4 bends": FOUR_BENDS, "12 bends": TWELVE_BENDS}
PROMPT = (("neon blue galaxy", 1.0),)
NEW_PLANS = 6
WAYS = ("eager", "eager, compiled", "graph", "graph, compiled")


def contenders(shape: str, device: torch.device, dtype: torch.dtype, ways: Sequence[str]) -> dict[str, EagerGenerator]:
    """Return some of `WAYS`, each with weights of its own, ready to play every plan."""
    made: dict[str, EagerGenerator] = {}
    for words in ways:
        parts = build(shape, device, dtype)
        if words.startswith("graph"):
            stand_in = None if device.type == "cuda" else TapeCapturer()
            generator: EagerGenerator = GraphGenerator(parts, device, dtype, stand_in)
        else:
            generator = EagerGenerator(parts, device, dtype)
        if words.endswith("compiled"):
            # Inductor needs a compiler of C++ on a CPU, and minutes; what is tried there is that it fits in.
            compile_blocks(*generator.networks, backend="inductor" if device.type == "cuda" else "eager")
        generator.prepare(prompts=[text for text, _ in PROMPT], plans=tuple(PLANS.values()), wait=True)
        made[words] = generator
    return made


def player(generator: EagerGenerator, plan: BendPlan) -> Callable[[int], None]:
    """Return what makes picture number i with every bend value moved."""

    def play(index: int) -> None:
        generator.render(FrameSpec(prompts=PROMPT, angle=0.02 * index, plan=plan, values=moving(plan, index)))

    return play


def worst_hitches(generator: EagerGenerator) -> dict[str, float]:
    """Return how long the slowest first picture of a plan takes, in ms: of new plans, and of plans that are ready."""
    new = [BendPlan((Bend(f"new_{i}", "noise", "unet.mid", seed=100 + i),)) for i in range(NEW_PLANS)]
    ready = [*PLANS.values()] * 2
    return {
        "new_plan_ms": max(_first_ms(generator, plan) for plan in new),
        "ready_plan_ms": max(_first_ms(generator, plan) for plan in ready),
    }


def _first_ms(generator: EagerGenerator, plan: BendPlan) -> float:
    values: Any = moving(plan, 1)
    begun = now_s()
    generator.render(FrameSpec(prompts=PROMPT, plan=plan, values=values))
    return 1e3 * (now_s() - begun)
