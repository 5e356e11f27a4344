"""The arithmetic of the bending operators: pure functions of an activation and 0-d parameter tensors.

A kernel takes ``(x, parameters, setting)``: an activation (batch, channel, height, width), the operator's parameters
without `mix`, and what was fixed when the plan was compiled. It never looks at a value, so moving one rebuilds nothing,
and every kernel is the identity at its neutral parameters (those without one of their own at mix 0).

What a following group norm leaves of them: where an activation's only reader is a group norm, adding the same to every
channel or multiplying all by the same positive factor changes nothing at all. Limit these to some channels there.
Geometry, thresholds, noise and everything between channels is never cancelled.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.bends import resample
from engine.bends.plan import Bend
from engine.noise import fixed_noise

__all__ = ["KERNELS", "Kernel", "Setting", "bend_activation", "choose_channels", "settle"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a bend knows besides its values, for one shape of activation.

    Attributes
    ----------
    mask : Tensor or None
        1 for the channels that are bent, 0 for the others, (1, channel, 1, 1); None when all are.
    noise : Tensor or None
        Fixed Gaussian noise (1, channel, height, width).
    partner : Tensor or None
        For each channel the index of the other one in its plane of rotation, (channel,).
    turn : Tensor or None
        -1 for the first channel of a plane, 1 for the second, 0 for a channel in none, (1, channel, 1, 1).
    sign : Tensor or None
        -1 for the channels a reflection turns, else 1, (1, channel, 1, 1).
    """

    mask: Tensor | None = None
    noise: Tensor | None = None
    partner: Tensor | None = None
    turn: Tensor | None = None
    sign: Tensor | None = None


Kernel = Callable[[Tensor, Sequence[Tensor], Setting, float], Tensor]


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
    bent = KERNELS[operator](x, parameters[:-1], setting, sd)
    weight = parameters[-1] if setting.mask is None else parameters[-1] * setting.mask
    return torch.lerp(x, bent, weight.to(x.dtype))


def settle(bend: Bend, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Setting:
    """Make what a bend needs for activations of a shape (batch, channel, height, width)."""
    channels = shape[1]
    chosen = choose_channels(bend.channels, channels, bend.seed)

    def marked(some: Sequence[int], inside: float, outside: float) -> Tensor:
        row = torch.full((channels,), outside)
        row[list(some)] = inside
        return row.to(device=device, dtype=dtype)[None, :, None, None]

    mask = noise = partner = turn = sign = None
    if len(chosen) < channels:
        mask = marked(chosen, 1.0, 0.0)
    if bend.operator == "noise":
        noise = fixed_noise(bend.seed, (1, *shape[1:])).to(device=device, dtype=dtype)
    elif bend.operator == "channel_rotate":
        half = len(chosen) // 2
        first, second = chosen[:half], chosen[half : 2 * half]
        order = list(range(channels))
        for a, b in zip(first, second, strict=True):
            order[a], order[b] = b, a
        partner = torch.tensor(order, device=device)
        turn = marked(second, 1.0, 0.0) - marked(first, 1.0, 0.0)
    elif bend.operator == "channel_reflect":
        # Of a single channel there is no second one; it is turned itself.
        sign = marked(chosen[1::2] or chosen, -1.0, 1.0)
    return Setting(mask, noise, partner, turn, sign)


def choose_channels(choice: str, channels: int, seed: int = 0) -> list[int]:
    """Return the indices, ascending, that a bend's `channels` names among `channels` channels.

    Raises
    ------
    BadInput
        If a range runs backwards or beyond the last channel.
    """
    if choice == "all":
        return list(range(channels))
    if choice in ("even", "odd"):
        return list(range(choice == "odd", channels, 2))
    if found := re.fullmatch(r"(\d+)-(\d+)", choice):
        first, last = int(found[1]), int(found[2])
        if not first <= last < channels:
            raise BadInput(f"channels {choice} do not fit; this site has the channels 0-{channels - 1}.")
        return list(range(first, last + 1))
    share = float(choice.removeprefix("random:"))
    count = max(1, round(share * channels))
    order = torch.randperm(channels, generator=torch.Generator().manual_seed(seed))
    return sorted(order[:count].tolist())


def _add(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    return x + p[0] * sd


def _multiply(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    return x * p[0]


def _hard_threshold(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    return torch.where(x.abs() >= p[0] * sd, x, 0.0)


def _soft_threshold(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    level = p[0] * sd
    return x - torch.clamp(x, -level, level)


def _noise(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    assert s.noise is not None
    return x + s.noise * (p[0] * sd)


def _invert(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    return -x


def _channel_rotate(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    assert s.partner is not None
    assert s.turn is not None
    stay = 1 + (torch.cos(p[0]) - 1) * s.turn.abs()
    return x * stay + x.index_select(1, s.partner) * (torch.sin(p[0]) * s.turn)


def _channel_reflect(x: Tensor, p: Sequence[Tensor], s: Setting, sd: float) -> Tensor:
    assert s.sign is not None
    return x * s.sign


KERNELS: dict[str, Kernel] = {
    "add": _add,
    "multiply": _multiply,
    "hard_threshold": _hard_threshold,
    "soft_threshold": _soft_threshold,
    "noise": _noise,
    "invert": _invert,
    "channel_rotate": _channel_rotate,
    "channel_reflect": _channel_reflect,
    "rotate": lambda x, p, s, sd: resample.rotate(x, p[0]),
    "zoom": lambda x, p, s, sd: resample.zoom(x, p[0]),
    "translate": lambda x, p, s, sd: resample.translate(x, p[0], p[1]),
    "blur": lambda x, p, s, sd: resample.blur(x, p[0]),
    "dilate": lambda x, p, s, sd: resample.dilate(x, p[0]),
    "erode": lambda x, p, s, sd: resample.erode(x, p[0]),
}
"""The arithmetic of every operator in `engine.bends.catalog.OPERATORS`, by name."""
