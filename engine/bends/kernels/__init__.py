"""The arithmetic of the bending operators: pure functions of an activation and 0-d parameter tensors.

A kernel never looks at a value, so moving one rebuilds nothing and a graph captured once plays every setting. It is the
identity at its neutral parameters (those without one of their own at mix 0), and gives finite values for finite ones.

What a following group norm leaves of them: where an activation's only reader is a group norm, adding the same to every
channel or multiplying all by the same positive factor changes nothing at all. Limit these to some channels there.
Geometry, thresholds, noise and everything between channels is never cancelled.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.bends.kernels import channels, picture, space, spectrum, values
from engine.bends.kernels.base import FIXED, KERNELS, Kernel, Place, Setting
from engine.bends.plan import Bend
from engine.bends.selection import check_bend, choose_channels, selection
from engine.measures import Measure

__all__ = ["KERNELS", "Kernel", "Setting", "bend_activation", "choose_channels", "settle"]

_REGISTERED = (values, channels, space, spectrum, picture)


def bend_activation(
    operator: str, x: Tensor, parameters: Sequence[Tensor], setting: Setting, sd: float = 1.0
) -> Tensor:
    """Bend an activation.

    Parameters
    ----------
    operator : str
        A name in `KERNELS`.
    x : Tensor
        (batch, channel, height, width), float32, float16 or bfloat16.
    parameters : sequence of 0-d Tensor
        In the order of the catalogue, `mix` last.
    setting : Setting
        From `settle`.
    sd : float
        Standard deviation of the unbent activation at the site.

    Returns
    -------
    Tensor of the same shape and type.
    """
    bent = KERNELS[operator](x, parameters[:-1], setting.fixed, sd)
    weight = (parameters[-1] if setting.mask is None else parameters[-1] * setting.mask).to(x.dtype)
    if torch.onnx.is_in_onnx_export():
        # The same at both ends, bit for bit; `lerp` would be exported as eight operations.
        return x * (1 - weight) + bent * weight
    return torch.lerp(x, bent, weight)


def settle(
    bend: Bend, shape: Sequence[int], dtype: torch.dtype, device: torch.device, clusters: Sequence[str] = ()
) -> Setting:
    """Make what a bend needs for activations of a shape (batch, channel, height, width).

    Raises
    ------
    BadInput
        If the bend's channels, or the groups it cuts them into, do not fit the shape.
    """
    batch, count, height, width = (int(n) for n in shape)
    chosen = check_bend(bend, Measure(count, 1.0, tuple(clusters)))
    place = Place(bend, chosen, (batch, count, height, width), dtype, device)
    mask = selection(bend, chosen, place.shape)
    fix = FIXED.get(bend.operator)
    return Setting(None if mask is None else place.tensor(mask), () if fix is None else fix(place))
