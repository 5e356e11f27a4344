"""Few-step sampling, its arithmetic reduced to a handful of numbers per step.

Every supported step is linear in the latent x, the network's output o and fresh noise n, so a whole schedule is a short
table computed once: the network sees ``scale * x`` and the next latent is ``keep * x + take * o + fresh * n``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bentlight.errors import BadInput

__all__ = ["MOST_STEPS", "Sampler", "Schedule", "Step", "denoise"]

MOST_STEPS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """One denoising step; `spread` is the latent's standard deviation before it, for latents of unit variance."""

    timestep: float
    scale: float
    keep: float
    take: float
    fresh: float
    spread: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of one picture; `start` is what unit noise is multiplied by before the first."""

    start: float
    steps: tuple[Step, ...]
    timesteps: tuple[Tensor, ...]


class Sampler:
    """Schedules of a model's own scheduler, computed once per number of steps.

    Parameters
    ----------
    scheduler
        A diffusers ``EulerDiscreteScheduler`` or ``LCMScheduler``.
    device : torch.device
        Where the network takes its timesteps.

    Raises
    ------
    BadInput
        If the scheduler is another one, or clips its samples.
    """

    def __init__(self, scheduler: Any, device: torch.device) -> None:
        self._scheduler, self._device = scheduler, device
        self._kept: dict[int, Schedule] = {}
        tables = {"EulerDiscreteScheduler": _euler, "LCMScheduler": _lcm}
        name = type(scheduler).__name__
        if name not in tables:
            raise BadInput(f"the scheduler {name} is not supported; it must be EulerDiscreteScheduler or LCMScheduler.")
        if getattr(scheduler.config, "clip_sample", False) or getattr(scheduler.config, "thresholding", False):
            raise BadInput("a scheduler that clips its samples is not supported; set clip_sample to false in it.")
        self._table = tables[name]

    def schedule(self, steps: int) -> Schedule:
        """Return the schedule of `steps` denoising steps.

        Raises
        ------
        BadInput
            If there are not 1 to 8 of them.
        """
        if not 1 <= steps <= MOST_STEPS:
            raise BadInput(f"steps is {steps}; it must be from 1 to {MOST_STEPS}.")
        if steps not in self._kept:
            start, table = self._table(self._scheduler, steps)
            timesteps = tuple(torch.tensor(step.timestep, device=self._device) for step in table)
            self._kept[steps] = Schedule(start, table, timesteps)
        return self._kept[steps]


def denoise(
    noise: Tensor,
    schedule: Schedule,
    predict: Callable[[Tensor, Tensor], Tensor],
    fresh: Callable[[int], Tensor],
    touch: Callable[[str, Tensor, float | None], Tensor],
) -> Tensor:
    """Run a schedule from unit-variance noise to a latent.

    Parameters
    ----------
    noise : Tensor
        (batch, channel, height, width), float32.
    schedule : Schedule
    predict : callable
        ``predict(scaled_latent, timestep)`` is the network.
    fresh : callable
        ``fresh(i)`` is the noise added after step i.
    touch : callable
        ``touch(site, latent, sd)`` bends the latent before each step and after the last; an sd of None leaves the
        unit to the site's own measure.
    """
    x = noise * schedule.start
    for index, (step, timestep) in enumerate(zip(schedule.steps, schedule.timesteps, strict=True)):
        x = touch(f"latent.{index}", x, step.spread)
        out = predict(x * step.scale, timestep)
        x = x * step.keep + out.to(x.dtype) * step.take
        if step.fresh:
            x = x + fresh(index) * step.fresh
    return touch("latent.end", x, None)


def _clean(prediction: str, signal: float, noise: float) -> tuple[float, float]:
    """Coefficients (of x, of the output) of the predicted clean latent, where x = signal * clean + noise * eps."""
    if prediction == "epsilon":
        return 1 / signal, -noise / signal
    if prediction == "v_prediction":
        return signal, -noise
    if prediction in ("sample", "original_sample"):
        return 0.0, 1.0
    raise BadInput(f"the prediction type {prediction!r} is not supported.")


def _euler(scheduler: Any, count: int) -> tuple[float, tuple[Step, ...]]:
    """Deterministic Euler steps of Karras et al. 2022, algorithm 1, as diffusers discretises them."""
    scheduler.set_timesteps(count)
    sigmas = [float(s) for s in scheduler.sigmas]
    start = float(scheduler.init_noise_sigma)
    steps = []
    for index in range(count):
        sigma, following = sigmas[index], sigmas[index + 1]
        root = math.sqrt(sigma**2 + 1)
        # In variance-preserving terms x / root = signal * clean + noise * eps: signal 1 / root, noise sigma / root.
        of_x, of_out = _clean(scheduler.config.prediction_type, 1 / root, sigma / root)
        of_x /= root
        change = following / sigma - 1
        steps.append(
            Step(
                timestep=float(scheduler.timesteps[index]),
                scale=1 / root,
                keep=1 + change * (1 - of_x),
                take=-change * of_out,
                fresh=0.0,
                spread=start if index == 0 else root,
            )
        )
    return start, tuple(steps)


def _lcm(scheduler: Any, count: int) -> tuple[float, tuple[Step, ...]]:
    """Multistep consistency sampling with boundary scalings (Luo et al. 2023, Latent Consistency Models)."""
    scheduler.set_timesteps(count)
    times = [int(t) for t in scheduler.timesteps]
    alphas = [float(scheduler.alphas_cumprod[t]) for t in times] + [float(scheduler.final_alpha_cumprod)]
    steps = []
    for index, time in enumerate(times):
        of_x, of_out = _clean(scheduler.config.prediction_type, math.sqrt(alphas[index]), math.sqrt(1 - alphas[index]))
        scaled = time * scheduler.config.timestep_scaling
        skip = 0.5**2 / (scaled**2 + 0.5**2)
        whole = scaled / math.sqrt(scaled**2 + 0.5**2)
        last = index == count - 1
        signal = 1.0 if last else math.sqrt(alphas[index + 1])
        steps.append(
            Step(
                timestep=float(time),
                scale=1.0,
                keep=signal * (whole * of_x + skip),
                take=signal * whole * of_out,
                fresh=0.0 if last else math.sqrt(1 - alphas[index + 1]),
                spread=1.0,
            )
        )
    return float(scheduler.init_noise_sigma), tuple(steps)
