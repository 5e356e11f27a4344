"""The arithmetic of denoising steps, and where on the way from noise to picture each one stands. Needs no torch."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bentlight.errors import BadInput

__all__ = ["LEVELS", "LEVEL_STEP", "MOST_STEPS", "NoiseLevels", "Step", "amplitudes", "euler_steps", "lcm_steps"]

MOST_STEPS = 8
"""Denoising steps of a picture."""
LEVELS, LEVEL_STEP = 50, 20
"""Noise levels that a picture can be taken up again from: every twentieth of a thousand training timesteps."""


@dataclass(frozen=True, slots=True)
class Step:
    """One denoising step; `spread` is the latent's standard deviation before it, for latents of unit variance."""

    timestep: float
    scale: float
    keep: float
    take: float
    fresh: float
    spread: float


def amplitudes(alpha: float) -> tuple[float, float]:
    """Amplitudes of signal and noise, squares summing to 1, at a cumulative alpha."""
    return math.sqrt(alpha), math.sqrt(1 - alpha)


def clean(prediction: str, signal: float, noise: float) -> tuple[float, float]:
    """Coefficients (of x, of the output) of the predicted clean latent, where x = signal * clean + noise * eps."""
    if prediction == "epsilon":
        if signal == 0:
            raise BadInput(
                "a model that predicts noise cannot begin at noise alone; set rescale_betas_zero_snr to false in its "
                "scheduler."
            )
        return 1 / signal, -noise / signal
    if prediction == "v_prediction":
        return signal, -noise
    if prediction in ("sample", "original_sample"):
        return 0.0, 1.0
    raise BadInput(f"the prediction type {prediction!r} is not supported.")


def euler_steps(
    prediction: str, timesteps: Sequence[float], sigmas: Sequence[float], start: float | None = None
) -> tuple[Step, ...]:
    """Deterministic Euler steps of Karras et al. 2022, algorithm 1, as diffusers discretises them.

    Parameters
    ----------
    prediction : str
    timesteps : sequence of float
    sigmas : sequence of float
        Noise levels, one more than timesteps; the last is 0.
    start : float or None
        Spread of the latent before the first step; None is that of its noise level.
    """
    steps = []
    for index, timestep in enumerate(timesteps):
        sigma, following = sigmas[index], sigmas[index + 1]
        root = math.sqrt(sigma**2 + 1)
        # In variance-preserving terms x / root = signal * clean + noise * eps: signal 1 / root, noise sigma / root.
        of_x, of_out = clean(prediction, 1 / root, sigma / root)
        of_x /= root
        change = following / sigma - 1
        steps.append(
            Step(
                timestep=float(timestep),
                scale=1 / root,
                keep=1 + change * (1 - of_x),
                take=-change * of_out,
                fresh=0.0,
                spread=start if index == 0 and start is not None else root,
            )
        )
    return tuple(steps)


def lcm_steps(prediction: str, timesteps: Sequence[int], alphas: Sequence[float], scaling: float) -> tuple[Step, ...]:
    """Multistep consistency sampling with boundary scalings (Luo et al. 2023, Latent Consistency Models).

    Parameters
    ----------
    prediction : str
    timesteps : sequence of int
    alphas : sequence of float
        Cumulative alphas at the timesteps.
    scaling : float
        Of the timestep in the boundary scalings.
    """
    steps = []
    for index, time in enumerate(timesteps):
        of_x, of_out = clean(prediction, *amplitudes(alphas[index]))
        scaled = time * scaling
        skip = 0.5**2 / (scaled**2 + 0.5**2)
        whole = scaled / math.sqrt(scaled**2 + 0.5**2)
        last = index == len(timesteps) - 1
        signal, noise = (1.0, 0.0) if last else amplitudes(alphas[index + 1])
        steps.append(
            Step(
                timestep=float(time),
                scale=1.0,
                keep=signal * (whole * of_x + skip),
                take=signal * whole * of_out,
                fresh=noise,
                spread=1.0,
            )
        )
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class NoiseLevels:
    """The noise levels of a model's own scheduler, from which a picture can be taken up again.

    Attributes
    ----------
    kind : {"euler", "lcm"}
    prediction : str
        What the network predicts.
    scaling : float
        Of the timestep, in LCM's boundary scalings.
    alphas : tuple of float
        Cumulative alpha of each level, the least noise first; level n is timestep 20 n - 1.
    last : float or None
        Noise over signal at the last of several steps, where the scheduler sets it (``sigma_min`` with
        ``use_exponential_sigmas``): the steps before it are then spaced evenly by the logarithm of that. None spaces
        them evenly by timesteps.
    """

    kind: str
    prediction: str
    scaling: float
    alphas: tuple[float, ...]
    last: float | None = None

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> NoiseLevels:
        """Read what ``dataclasses.asdict`` gave."""
        return cls(
            content["kind"], content["prediction"], content["scaling"], tuple(content["alphas"]), content["last"]
        )

    def level(self, steps: int, strength: float) -> int:
        """Level from which `steps` steps begin at a strength: its share of the levels, but never fewer than steps."""
        return min(max(round(strength * len(self.alphas)), steps, 1), len(self.alphas))

    def entry(self, steps: int, strength: float) -> tuple[float, float]:
        """Amplitudes of the picture's latent and of unit noise in the latent that `late` starts from."""
        signal, noise = amplitudes(self.alphas[self.level(steps, strength) - 1])
        return (signal, noise) if self.kind == "lcm" else (1.0, noise / signal)

    def late(self, steps: int, strength: float) -> tuple[Step, ...]:
        """Steps from a picture that has been noised as far as `strength` says, as many as from noise alone.

        Parameters
        ----------
        steps : int
        strength : float
            0 (as little noise as so many steps can take away) to 1 (the schedule of a picture from noise alone).
        """
        first = self.level(steps, strength)
        if self.last is not None:
            return self._towards(self.last, first, steps)
        chosen = [-(-first * (steps - index) // steps) for index in range(steps)]
        timesteps = [LEVEL_STEP * level - 1 for level in chosen]
        alphas = [self.alphas[level - 1] for level in chosen]
        if self.kind == "lcm":
            return lcm_steps(self.prediction, timesteps, alphas, self.scaling)
        sigmas = [noise / signal for signal, noise in map(amplitudes, alphas)]
        return euler_steps(self.prediction, timesteps, [*sigmas, 0.0])

    def _towards(self, last: float, first: int, steps: int) -> tuple[Step, ...]:
        """Euler steps from a level to where the last stands, evenly spaced by the logarithm of noise over signal."""
        table = [noise / signal for signal, noise in map(amplitudes, self.alphas)]
        begin = table[first - 1]
        # From so little noise there is nothing to lead down from; the steps still fall, by a tenth of the way together.
        end = min(last, begin * 0.9)
        sigmas = [begin * (end / begin) ** (index / max(steps - 1, 1)) for index in range(steps)]
        logs, at = [math.log(sigma) for sigma in table], [LEVEL_STEP * n - 1 for n in range(1, len(table) + 1)]
        timesteps = [_between(math.log(sigma), logs, at) for sigma in sigmas]
        return euler_steps(self.prediction, timesteps, [*sigmas, 0.0])


def _between(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Linear interpolation of rising xs, held at their ends."""
    index = min(max(bisect.bisect_right(xs, x), 1), len(xs) - 1)
    share = (x - xs[index - 1]) / (xs[index] - xs[index - 1])
    return ys[index - 1] + min(max(share, 0.0), 1.0) * (ys[index] - ys[index - 1])
