"""How much memory pictures take: what each scene's graph costs, and whether a long show grows."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.bends import BendPlan
from engine.spec import FrameSpec
from live.bench.pictures import moving

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["library_plans", "memory", "resident_mb"]

SETTLED = 500
"""Pictures before growth counts."""
STAY = 250
"""Pictures until the scene changes."""
SAMPLED = 50


def library_plans() -> dict[str, BendPlan]:
    """Return the plans of the built-in scenes by name."""
    from scenes import library, load

    return {name: load(name).plan for name in library()}


def resident_mb() -> float:
    """Return the resident memory of this process in MB (10⁶ bytes)."""
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def memory(
    generator: Generator,
    plans: Mapping[str, BendPlan],
    prompt: str,
    pictures: int = 10_000,
    settled: int = SETTLED,
    stay: int = STAY,
    read_mb: Callable[[], float] = resident_mb,
) -> dict[str, Any]:
    """Play scenes' plans in turn with every value moving, and watch this process's memory.

    Parameters
    ----------
    generator : Generator
        Nothing else should have been played with it.
    plans : mapping of str to BendPlan
        They are made ready one after the other before the first picture counts.
    prompt : str
    pictures : int
    settled : int
        Pictures after which growth is counted; each plan is played before that.
    stay : int
        Pictures until another plan is played.
    read_mb : callable
        Gives the memory in MB.

    Returns
    -------
    dict
        ``bare_mb``: before any graph; ``graphs``: list of (plan, MB that it added); ``per_graph_mb``: the mean over all
        but the first, which brings what all share; ``settled_mb``, ``end_mb``, ``growth_mb``, ``peak_mb``;
        ``samples``: list of (picture, MB).
    """
    generator.prepare(prompts=(prompt,), wait=True)
    bare = last = _read(read_mb)
    graphs = []
    for name, plan in plans.items():
        generator.prepare(plans=(plan,), wait=True)
        generator.render(_spec(prompt, plan, 0))
        now = _read(read_mb)
        graphs.append((name, now - last))
        last = now
    order = list(plans.values())
    early = max(1, min(stay, settled // len(order)))
    samples = []
    at_settled = end = peak = last
    for index in range(pictures):
        turn = index // early if index < settled else index // stay
        generator.render(_spec(prompt, order[turn % len(order)], index))
        done = index + 1
        if done % SAMPLED == 0 or done in (settled, pictures):
            end = _read(read_mb)
            samples.append((done, end))
            peak = max(peak, end)
            if done == settled:
                at_settled = end
    later = [added for _, added in graphs[1:]]
    return {
        "bare_mb": bare,
        "graphs": graphs,
        "per_graph_mb": sum(later) / len(later) if later else 0.0,
        "settled_mb": at_settled,
        "end_mb": end,
        "growth_mb": end - at_settled,
        "peak_mb": peak,
        "samples": samples,
    }


def _read(read_mb: Callable[[], float]) -> float:
    gc.collect()
    return read_mb()


def _spec(prompt: str, plan: BendPlan, index: int) -> FrameSpec:
    return FrameSpec(prompts=((prompt, 1.0),), angle=0.02 * index, plan=plan, values=moving(plan, index))
