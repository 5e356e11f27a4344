"""How fast pictures are made: by each runtime with and without bends, by the plain pipeline, by a whole show."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bentlight.clock import now_s
from engine.bends import Bend, BendPlan
from engine.spec import FrameSpec

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = [
    "FOUR_BENDS",
    "TWELVE_BENDS",
    "generator_speed",
    "moving",
    "pipeline_players",
    "players",
    "show_speed",
    "window_speed",
]

Player = Callable[[int], None]

FOUR_BENDS = BendPlan(
    (
        Bend("add", "add", "latent.0"),
        Bend("turn", "channel_rotate", "unet.up.1"),
        Bend("cut", "soft_threshold", "unet.up.2"),
        Bend("zoom", "zoom", "unet.mid"),
    )
)
"""The four bends of the design's budget: add, channel rotation, threshold, and a zoom at 16×16 or less."""

TWELVE_BENDS = BendPlan(
    (
        *FOUR_BENDS.bends,
        Bend("grain", "noise", "latent.0", "even"),
        Bend("loud", "multiply", "unet.down.1", "odd"),
        Bend("edge", "hard_threshold", "unet.down.2"),
        Bend("spin", "rotate", "unet.mid"),
        Bend("drift", "translate", "unet.up.0"),
        Bend("soft", "blur", "unet.up.1"),
        Bend("grow", "dilate", "unet.up.2"),
        Bend("plane", "channel_rotate", "decoder.0"),
    )
)
"""The four, and eight more of every kind at early, middle and late sites."""

PICTURES = 200
WARM = 12
STRETCHES = 6
WINDOW_S, WINDOWS = 5.0, 6


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


def generator_speed(players: Mapping[str, Player], pictures: int = PICTURES) -> list[dict[str, Any]]:
    """Time what makes pictures, all of it taking turns picture by picture, so that noise hits each alike.

    Parameters
    ----------
    players : mapping of str to callable
        Each makes its picture number i; see `players`.
    pictures : int
        Pictures timed of each, after some to get warm.

    Returns
    -------
    list of dict
        One row for each: median, p95 and p99 in ms; pictures per second by the median, and in the best of six
        stretches.
    """
    took: dict[str, list[float]] = {name: [] for name in players}
    for index in range(pictures + WARM):
        for name, play in players.items():
            begun = now_s()
            play(index)
            if index >= WARM:
                took[name].append(now_s() - begun)
    return [{"what": name, **_summary(np.array(times))} for name, times in took.items()]


def window_speed(
    players: Mapping[str, Player],
    window_s: float = WINDOW_S,
    windows: int = WINDOWS,
    clock: Callable[[], float] = now_s,
) -> list[dict[str, Any]]:
    """Count pictures in windows of a few seconds, everybody taking turns window by window.

    Parameters
    ----------
    players : mapping of str to callable
        Each makes its picture number i; see `players`.
    window_s : float
        Length of a window in s; it ends with the picture that is being made then.
    windows : int
        Windows of each.
    clock : callable
        Gives the time in s.

    Returns
    -------
    list of dict
        One row for each: pictures per second in the best window, the median one and the worst.
    """
    rates: dict[str, list[float]] = {name: [] for name in players}
    made = dict.fromkeys(players, 0)
    for window in range(windows):
        for name, play in players.items():
            for index in range(WARM if window == 0 else 1):
                play(index)
            begun, first = clock(), made[name]
            while (lasted := clock() - begun) < window_s:
                play(made[name])
                made[name] += 1
            rates[name].append((made[name] - first) / lasted)
    return [
        {
            "what": name,
            "best_per_s": round(max(found), 1),
            "median_per_s": round(float(np.median(found)), 1),
            "worst_per_s": round(min(found), 1),
        }
        for name, found in rates.items()
    ]


def players(generator: Generator, prompt: str) -> dict[str, Player]:
    """Return what makes a generator's picture number i with no bends, with four and with twelve, every value moving."""
    plans = {"no bends": BendPlan(), "4 bends": FOUR_BENDS, "12 bends": TWELVE_BENDS}
    generator.prepare(prompts=(prompt,), plans=tuple(plans.values()), wait=True)

    def player(plan: BendPlan) -> Player:
        def play(index: int) -> None:
            values = moving(plan, index)
            generator.render(FrameSpec(prompts=((prompt, 1.0),), angle=0.02 * index, plan=plan, values=values))

        return play

    return {f"{generator.runtime}, {words}": player(plan) for words, plan in plans.items()}


def pipeline_players(prompt: str, threads: int) -> dict[str, Player]:
    """Return the same for diffusers' own pipeline over the built-in model's weights.

    Once called fairly (the prompt encoded before, one step, no guidance, no progress bar, an array as result), and once
    as its documentation shows (a text, a PIL image as result; the progress bar is off all the same).
    """
    import torch
    from diffusers import StableDiffusionPipeline

    from engine.builtin import WEIGHTS
    from engine.noise import fixed_noise

    torch.set_num_threads(threads)
    pipe: Any = StableDiffusionPipeline.from_pretrained(str(WEIGHTS), torch_dtype=torch.float32, safety_checker=None)
    pipe.set_progress_bar_config(disable=True)
    one_step: dict[str, Any] = {"num_inference_steps": 1, "guidance_scale": 0.0}
    embedding, _ = pipe.encode_prompt(prompt, "cpu", 1, False)
    shape = (1, pipe.unet.config.in_channels, pipe.unet.config.sample_size, pipe.unet.config.sample_size)

    def fair(index: int) -> None:
        latents = torch.from_numpy(fixed_noise(index, shape))
        pipe(prompt_embeds=embedding, latents=latents, output_type="np", **one_step)

    def stock(index: int) -> None:
        pipe(prompt, generator=torch.Generator().manual_seed(index), **one_step)

    return {"diffusers pipeline, called fairly": fair, "diffusers pipeline, stock call": stock}


def _summary(times_s: np.ndarray) -> dict[str, float]:
    median = float(np.median(times_s))
    stretches = [len(part) / float(part.sum()) for part in np.array_split(times_s, STRETCHES)]
    return {
        "median_ms": round(1e3 * median, 2),
        "p95_ms": round(1e3 * float(np.percentile(times_s, 95)), 2),
        "p99_ms": round(1e3 * float(np.percentile(times_s, 99)), 2),
        "pictures_per_s": round(1 / median, 1),
        "best_per_s": round(max(stretches), 1),
    }


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
