"""Where the layers of the published network bending are in a model of few steps. Needs no torch.

Wilson et al. (DAFx 2024) bend the latent of Stable Diffusion 1.4 before one of 50 DDIM steps, which they call a layer,
or after the last. What such a bend does depends on how noisy the latent is: here it is at the site of that noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from bentlight.errors import BadInput
from engine.steps import MOST_STEPS, amplitudes

__all__ = ["LAYERS", "layer_amplitudes", "layer_table", "layer_timestep", "site_of_layer", "trailing_timesteps"]

LAYERS = 50
"""Steps of the published system; layer 50 is after the last of them."""
_TRAINED = 1000
_BETAS = (0.00085, 0.012)
_SHOWN = (0, 10, 20, 30, 40, 49, 50)


def _alphas() -> tuple[float, ...]:
    """Cumulative alphas of Stable Diffusion: betas whose roots rise evenly."""
    low, high = (math.sqrt(beta) for beta in _BETAS)
    betas = ((low + (high - low) * t / (_TRAINED - 1)) ** 2 for t in range(_TRAINED))
    return tuple(accumulate((1 - beta for beta in betas), lambda whole, part: whole * part))


_ALPHAS = _alphas()


def layer_timestep(layer: int) -> int | None:
    """Return the training timestep before which a layer bends; None for the one after the last step.

    Raises
    ------
    BadInput
        If `layer` is no whole number from 0 to 50.
    """
    if not isinstance(layer, int | np.integer) or not 0 <= layer <= LAYERS:
        raise BadInput(f"layer is {layer!r}; it must be a whole number from 0 to {LAYERS}.")
    return None if layer == LAYERS else 1 + _TRAINED - (_TRAINED // LAYERS) * (layer + 1)


def layer_amplitudes(layer: int) -> tuple[float, float]:
    """Return the amplitudes of signal and noise in the latent that a layer bends."""
    timestep = layer_timestep(layer)
    return (1.0, 0.0) if timestep is None else amplitudes(_ALPHAS[timestep])


def trailing_timesteps(steps: int) -> tuple[int, ...]:
    """Return the timesteps of few-step models that begin at the last one, as turbo models do."""
    return tuple(round(_TRAINED * (steps - index) / steps) - 1 for index in range(steps))


def site_of_layer(layer: int, steps: int, timesteps: Sequence[float] | None = None) -> str:
    """Return the site whose latent is as noisy as the one that a layer bends, as nearly as so many steps have one.

    Parameters
    ----------
    layer : int
        0 to 50.
    steps : int
        Denoising steps of a picture here.
    timesteps : sequence of float or None
        Their timesteps; None are those of `trailing_timesteps`.

    Returns
    -------
    str
        ``latent.<step>`` or ``latent.end``: nearest by the angle between the amplitudes of noise and signal.

    Raises
    ------
    BadInput
        If the layer is not from 0 to 50, there are not 1 to 8 steps, or not one timestep from 0 to 999 for each.
    """
    if not isinstance(steps, int | np.integer) or not 1 <= steps <= MOST_STEPS:
        raise BadInput(f"steps is {steps!r}; it must be a whole number from 1 to {MOST_STEPS}.")
    times = trailing_timesteps(int(steps)) if timesteps is None else tuple(timesteps)
    if len(times) != steps or not all(0 <= timestep <= _TRAINED - 1 for timestep in times):
        raise BadInput(f"timesteps are {times}; give one from 0 to {_TRAINED - 1} for each of the {steps} steps.")
    angles = {"latent.end": 0.0}
    for index, timestep in enumerate(times):
        signal, noise = amplitudes(_ALPHAS[round(timestep)])
        angles[f"latent.{index}"] = math.atan2(noise, signal)
    signal, noise = layer_amplitudes(layer)
    wanted = math.atan2(noise, signal)
    return min(angles, key=lambda site: abs(angles[site] - wanted))


def layer_table(most_steps: int = 4) -> str:
    """Return the table of docs/engine.md: layers, their noise, and their sites for 1 to so many steps."""
    lines = [
        "| layer | timestep | signal | noise | "
        + " | ".join(f"{n} step{'s' * (n > 1)}" for n in _counts(most_steps))
        + " |",
        "|---|---|---|---|" + "---|" * most_steps,
    ]
    for layer in _SHOWN:
        timestep, (signal, noise) = layer_timestep(layer), layer_amplitudes(layer)
        when = "after the last" if timestep is None else str(timestep)
        sites = " | ".join(f"`{site_of_layer(layer, n)}`" for n in _counts(most_steps))
        lines.append(f"| {layer} | {when} | {signal:.2f} | {noise:.2f} | {sites} |")
    return "\n".join(lines)


def _counts(most: int) -> range:
    return range(1, most + 1)
