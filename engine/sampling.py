"""Few-step sampling, its arithmetic reduced to a handful of numbers per step.

Every supported step is linear in the latent x, the network's output o and fresh noise n, so a whole schedule is a short
table computed once: the network sees ``scale * x`` and the next latent is ``keep * x + take * o + fresh * n``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.steps import LEVEL_STEP, LEVELS, MOST_STEPS, NoiseLevels, Step, euler_steps, lcm_steps

__all__ = ["MOST_STEPS", "Sampler", "Schedule", "Step", "denoise", "schedule_of"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of one picture; `start` is what the starting latent is multiplied by before the first."""

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

    Attributes
    ----------
    levels : NoiseLevels

    Raises
    ------
    BadInput
        If the scheduler is another one, clips its samples, or cannot do every number of steps.
    """

    def __init__(self, scheduler: Any, device: torch.device) -> None:
        self._scheduler, self._device = scheduler, device
        self._kept: dict[tuple[int, int | None], Schedule] = {}
        tables = {"EulerDiscreteScheduler": _euler, "LCMScheduler": _lcm}
        name = type(scheduler).__name__
        if name not in tables:
            raise BadInput(f"the scheduler {name} is not supported; it must be EulerDiscreteScheduler or LCMScheduler.")
        if getattr(scheduler.config, "clip_sample", False) or getattr(scheduler.config, "thresholding", False):
            raise BadInput("a scheduler that clips its samples is not supported; set clip_sample to false in it.")
        self._table = tables[name]
        config, alphas = scheduler.config, scheduler.alphas_cumprod
        self.levels = NoiseLevels(
            "lcm" if name == "LCMScheduler" else "euler",
            config.prediction_type,
            float(getattr(config, "timestep_scaling", 1.0)),
            tuple(float(alphas[min(LEVEL_STEP * n, len(alphas)) - 1]) for n in range(1, LEVELS + 1)),
            float(config.sigma_min) if getattr(config, "use_exponential_sigmas", False) and config.sigma_min else None,
        )
        # What cannot be sampled is to be said when the model is loaded.
        for steps in (1, MOST_STEPS):
            self.schedule(steps)

    def schedule(self, steps: int) -> Schedule:
        """Return the schedule of `steps` denoising steps.

        Raises
        ------
        BadInput
            If there are not 1 to 8 of them.
        """
        self._check(steps)
        if (steps, None) not in self._kept:
            self._kept[steps, None] = self._made(*self._table(self._scheduler, steps))
        return self._kept[steps, None]

    def late(self, steps: int, strength: float) -> Schedule:
        """Return the schedule of `steps` denoising steps that begin at a picture; see `NoiseLevels.late`."""
        self._check(steps)
        key = (steps, self.levels.level(steps, strength))
        if key not in self._kept:
            self._kept[key] = self._made(1.0, self.levels.late(steps, strength))
        return self._kept[key]

    @staticmethod
    def _check(steps: int) -> None:
        if not 1 <= steps <= MOST_STEPS:
            raise BadInput(f"steps is {steps}; it must be from 1 to {MOST_STEPS}.")

    def _made(self, start: float, table: tuple[Step, ...]) -> Schedule:
        return Schedule(start, table, tuple(torch.tensor(step.timestep, device=self._device) for step in table))


def schedule_of(numbers: Tensor, like: Schedule) -> Schedule:
    """Return a schedule whose numbers are tensors, so that one graph plays every place on the way to begin at.

    Parameters
    ----------
    numbers : Tensor
        (steps, numbers of a `Step`), float32.
    like : Schedule
        One of so many steps from noise alone, which adds noise after the same ones.
    """
    steps = []
    for row, plain in zip(numbers.unbind(), like.steps, strict=True):
        step = Step(*row.unbind())  # type: ignore[arg-type]
        steps.append(step if plain.fresh else replace(step, fresh=0.0))
    return Schedule(1.0, tuple(steps), tuple(row[0] for row in numbers.unbind()))


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
        if isinstance(step.fresh, Tensor) or step.fresh:
            x = x + fresh(index) * step.fresh
    return touch("latent.end", x, None)


def _euler(scheduler: Any, count: int) -> tuple[float, tuple[Step, ...]]:
    scheduler.set_timesteps(count)
    start = float(scheduler.init_noise_sigma)
    timesteps, sigmas = [float(t) for t in scheduler.timesteps], [float(s) for s in scheduler.sigmas]
    return start, euler_steps(scheduler.config.prediction_type, timesteps, sigmas, start)


def _lcm(scheduler: Any, count: int) -> tuple[float, tuple[Step, ...]]:
    try:
        scheduler.set_timesteps(count)
    except ValueError:
        original = scheduler.config.original_inference_steps
        raise BadInput(
            f"the scheduler, whose original_inference_steps is {original}, cannot make pictures of {count} steps; set "
            f"it to {MOST_STEPS} or more."
        ) from None
    timesteps = [int(t) for t in scheduler.timesteps]
    alphas = [float(scheduler.alphas_cumprod[t]) for t in timesteps]
    config = scheduler.config
    steps = lcm_steps(config.prediction_type, timesteps, alphas, config.timestep_scaling)
    return float(scheduler.init_noise_sigma), steps
