"""How fast pictures are made: the generator alone with and without bends, and a whole headless show."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from bentlight.clock import now_s
from engine.bends import Bend, BendPlan
from engine.spec import FrameSpec

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["FOUR_BENDS", "generator_speed", "show_speed"]

FOUR_BENDS = BendPlan(
    (
        Bend("add", "add", "latent.0"),
        Bend("turn", "channel_rotate", "unet.up.1"),
        Bend("cut", "soft_threshold", "unet.up.2"),
        Bend("zoom", "zoom", "unet.mid"),
    )
)
"""The four bends of the design's budget: add, channel rotation, threshold, and a zoom at 16×16 or less."""

PICTURES = 200
WARM = 12


def moving(plan: BendPlan, index: int) -> tuple[float, ...]:
    """Return values that differ for every picture, each inside its range and off its neutral."""
    values = []
    for i, (address, parameter) in enumerate(plan.slots):
        if address.endswith("/mix"):
            values.append(0.9 + 0.1 * math.sin(0.37 * index + i))
            continue
        default = float(parameter.default)
        reach = min(1.0, (parameter.high or 1.0) - default)
        values.append(parameter.clamp(default + 0.3 * reach * (1.1 + math.sin(0.31 * index + i))))
    return tuple(values)


def generator_speed(generator: Generator, prompt: str, pictures: int = PICTURES) -> list[dict[str, Any]]:
    """Time the generator with no bends and with four moving ones, taking turns so that noise hits both alike.

    Returns
    -------
    list of dict
        One row for each plan: median, p95 and p99 in ms, pictures per second, and the ratio to no bends.
    """
    plans = {"no bends": BendPlan(), "four bends, all moving": FOUR_BENDS}
    generator.prepare(prompts=(prompt,), plans=tuple(plans.values()))
    took: dict[str, list[float]] = {name: [] for name in plans}
    for index in range(pictures + WARM):
        for name, plan in plans.items():
            spec = FrameSpec(
                time_s=index / 30,
                prompts=((prompt, 1.0),),
                angle=0.02 * index,
                plan=plan,
                values=moving(plan, index),
            )
            begun = now_s()
            generator.render(spec)
            if index >= WARM:
                took[name].append(now_s() - begun)
    base = float(np.median(took["no bends"]))
    return [
        {
            "what": name,
            "median_ms": round(1e3 * float(np.median(times)), 2),
            "p95_ms": round(1e3 * float(np.percentile(times, 95)), 2),
            "p99_ms": round(1e3 * float(np.percentile(times, 99)), 2),
            "pictures_per_s": round(1 / float(np.median(times)), 1),
            "over_no_bends": round(float(np.median(times)) / base, 3),
        }
        for name, times in took.items()
    ]


def show_speed(seconds: float, scene: str = "", model: str | None = None) -> dict[str, Any]:
    """Play the demo headless and muted for `seconds`, and return the show's report with its memory over time.

    Returns
    -------
    dict
        The report of the show; ``memory_mb``: list of (seconds, MB of all processes); ``memory_growth_mb``: from
        minute 2 (or a sixth of the time, if that is shorter) to the end.
    """
    from live.performance import Performance, PlaySettings

    performance = Performance(
        PlaySettings(
            input="demo", scene=scene, model=model, headless=True, mute=True, osc=None, seconds=seconds, record=None
        )
    )
    memory: list[tuple[float, float]] = []
    done = threading.Event()
    sampler = threading.Thread(target=_sample_memory, args=(memory, done), daemon=True)
    sampler.start()
    made = performance.run()
    done.set()
    settled = min(120.0, seconds / 6)
    first = performance.renderer.stats.first_s or 0.0
    playing = [(t - first, mb) for t, mb in memory if t >= first]
    late = [mb for t, mb in playing if t >= settled]
    growth = float(np.median(late[-5:]) - np.median(late[:5])) if len(late) >= 2 else 0.0
    return {
        **made,
        "memory_mb": [(round(t, 1), round(mb, 1)) for t, mb in playing],
        "memory_growth_mb": round(growth, 2),
    }


def _sample_memory(into: list[tuple[float, float]], done: threading.Event) -> None:
    while not done.is_set():
        into.append((now_s(), process_memory_mb()))
        done.wait(2.0)


def process_memory_mb() -> float:
    """Return the memory of this process and its children in MB: proportional share on Linux, resident elsewhere."""
    import psutil

    total = 0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            info = process.memory_full_info()
            total += getattr(info, "pss", 0) or info.rss
        except psutil.Error:
            continue  # it ended between listing and asking
    return total / 1e6
