"""Operators between channels. Matrices act as ``x + (M - 1) x``, which is `x` itself, bit for bit, where M is 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engine.bends.kernels.base import Place, kernel, size

__all__ = ["hadamard"]

_PLANES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def hadamard(count: int) -> np.ndarray:
    """Unitary matrix (count, count) with Sylvester's Hadamard matrices along its diagonal, one per binary digit.

    It is symmetric and its own inverse.
    """
    matrix = np.zeros((count, count), np.float32)
    start = 0
    for digit in reversed(range(count.bit_length())):
        if count >> digit & 1:
            block: np.ndarray = np.ones((1, 1))
            for _ in range(digit):
                block = np.block([[block, block], [block, -block]]) / math.sqrt(2)
            stop = start + len(block)
            matrix[start:stop, start:stop] = block
            start = stop
    return matrix


def _pairs(place: Place) -> tuple[Tensor, Tensor]:
    """For each channel its partner (channel,), and -1, 1 or 0 for the first, the second and a channel without one."""
    half = len(place.chosen) // 2
    return _partners(place, place.chosen[:half], place.chosen[half : 2 * half])


def _plane(place: Place) -> tuple[Tensor, Tensor]:
    first, second, _ = place.bend.planes
    order, each = _groups(place)
    return _partners(place, order[first * each : (first + 1) * each], order[second * each : (second + 1) * each])


def _partners(place: Place, first: Sequence[int], second: Sequence[int]) -> tuple[Tensor, Tensor]:
    order = np.arange(place.shape[1])
    order[list(first)], order[list(second)] = list(second), list(first)
    turn = place.channel_row(second, 1.0, 0.0) - place.channel_row(first, 1.0, 0.0)
    return place.tensor(order, exact=True), turn


def _groups(place: Place) -> tuple[list[int], int]:
    """The chosen channels that fill equal groups, and how many there are in each."""
    each = len(place.chosen) // place.bend.groups
    return place.chosen[: place.bend.groups * each], each


@kernel("channel_rotate", _pairs)
def _channel_rotate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    partner, turn = fixed
    stay = 1 + (torch.cos(p[0]) - 1) * turn.abs()
    return x * stay + x.index_select(1, partner) * (torch.sin(p[0]) * turn)


@kernel("plane_rotate", _plane)
def _plane_rotate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return _channel_rotate(x, p, fixed, sd)


@kernel("channel_swap", _pairs)
def _channel_swap(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x.index_select(1, fixed[0])


def _every_second(place: Place) -> tuple[Tensor]:
    # Of a single channel there is no second one; it is turned itself.
    return (place.channel_row(place.chosen[1::2] or place.chosen, -1.0, 1.0),)


@kernel("channel_reflect", _every_second)
def _channel_reflect(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    return x * fixed[0]


def _group_rows(place: Place) -> tuple[Tensor, ...]:
    order, each = _groups(place)
    return tuple(place.channel_row(order[i * each : (i + 1) * each], 2.0, 0.0) for i in range(4))


@kernel("group_reflect", _group_rows)
def _group_reflect(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    taken = p[0] * fixed[0]
    for amount, group in zip(p[1:], fixed[1:], strict=True):
        taken = taken + amount * group
    return x * (1 - taken).to(x.dtype)


def _scatter(place: Place, order: Sequence[int]) -> tuple[Tensor | None, Tensor | None]:
    """Indices that take `order` out of all channels and put a change of it back; None when that is all of them."""
    channels = place.shape[1]
    if list(order) == list(range(channels)):
        return None, None
    back = np.full(channels, len(order))
    back[list(order)] = np.arange(len(order))
    return place.tensor(np.array(order), exact=True), place.tensor(back, exact=True)


def _changed(x: Tensor, delta: Tensor, take: Tensor | None, back: Tensor | None, groups: int) -> Tensor:
    """``x + delta x`` over `groups` runs of the channels that `take` names."""
    batch, _, height, width = size(x)
    some = x if take is None else x.index_select(1, take)
    count = size(some)[1]
    change = torch.matmul(delta.to(x.dtype), some.reshape(batch, groups, -1)).reshape(batch, count, height, width)
    if back is not None:
        nothing = torch.zeros((batch, 1, height, width), device=x.device, dtype=x.dtype)
        change = torch.cat((change, nothing), dim=1).index_select(1, back)
    return x + change


def _four(place: Place) -> tuple[Tensor | None, ...]:
    order, _ = _groups(place)
    unit = np.eye(4, dtype=np.float32)
    flat, turned = [], []
    for i, j in _PLANES:
        both, cross = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32)
        both[i, i] = both[j, j] = 1
        cross[i, j], cross[j, i] = -1, 1
        flat.append(both)
        turned.append(cross)
    tables = (unit, np.stack(flat), np.stack(turned))
    return (*_scatter(place, order), *(place.tensor(t, exact=True) for t in tables))


@kernel("six_plane_rotate", _four)
def _six_plane_rotate(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    take, back, unit, flat, turned = fixed
    matrix = unit
    for index, angle in enumerate(p):
        matrix = matrix @ (unit + (torch.cos(angle) - 1) * flat[index] + torch.sin(angle) * turned[index])
    return _changed(x, matrix - unit, take, back, 4)


@kernel("contract_groups", _four)
def _contract_groups(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    take, back, unit, _, _ = fixed
    return _changed(x, torch.stack(list(p)).reshape(4, 4) - unit, take, back, 4)


def _seeded(place: Place) -> tuple[Tensor | None, ...]:
    """Two skew-symmetric matrices A with A A = -1 and one symmetric P with P P = 1, in seeded orthonormal bases.

    Of an odd number of channels one seeded direction is left alone by A: there A A = -1 holds across it only.
    """
    count = len(place.chosen)
    matrices = []
    for stream in range(2):
        base = _basis(place.bend.seed, count, stream)
        first, second = base[:, 0 : count - count % 2 : 2], base[:, 1::2]
        matrices += [second @ first.T - first @ second.T, -(first @ first.T + second @ second.T)]
    base = _basis(place.bend.seed, count, 2)
    signs = np.where(np.arange(count) % 2, -1.0, 1.0)
    matrices.append(base * signs @ base.T)
    return (*_scatter(place, place.chosen), *(place.tensor(m.astype(np.float32)) for m in matrices))


@lru_cache(maxsize=24)
def _basis(seed: int, count: int, stream: int) -> np.ndarray:
    """Seeded orthonormal basis (count, count), uniform among all (Mezzadri 2007: the signs of R are taken out)."""
    q, r = np.linalg.qr(np.random.default_rng((seed, 100 + stream)).standard_normal((count, count)))
    return q * np.sign(np.diag(r))


@kernel("contract", _seeded)
def _contract(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    take, back, turn, turn_twice, second, second_twice, stretch = fixed
    batch, _, height, width = size(x)
    some = x if take is None else x.index_select(1, take)
    count = size(some)[1]
    y = some.reshape(batch, count, height * width)
    y = _turned(y, p[0], turn, turn_twice)
    # exp(s P) = cosh s + sinh s P, since P P = 1.
    grown, shrunk = torch.exp(p[2]), torch.exp(-p[2])
    y = y * ((grown + shrunk) / 2) + torch.matmul(stretch, y) * ((grown - shrunk) / 2)
    y = _turned(y, p[1], second, second_twice).reshape(batch, count, height, width)
    return y if back is None else torch.cat((y, x), dim=1).index_select(1, _where(back, count))


def _where(back: Tensor, count: int) -> Tensor:
    """Places of the changed channels, and behind them those of the channels that stay."""
    return torch.where(back < count, back, torch.arange(int(back.shape[0]), device=back.device) + count)


def _turned(y: Tensor, angle: Tensor, once: Tensor, twice: Tensor) -> Tensor:
    """``exp(angle A) y`` by Rodrigues' formula, which holds since A A A = -A."""
    if int(y.shape[1]) % 2 == 0:
        return y * torch.cos(angle) + torch.matmul(once, y) * torch.sin(angle)
    return y + torch.matmul(once, y) * torch.sin(angle) + torch.matmul(twice, y) * (1 - torch.cos(angle))


def _walsh(place: Place) -> tuple[Tensor | None, ...]:
    count = len(place.chosen)
    matrix = hadamard(count)
    return (
        *_scatter(place, place.chosen),
        place.tensor(matrix, exact=True),
        place.tensor(np.eye(count, dtype=np.float32), True),
    )


@kernel("hadamard_channels", _walsh)
def _hadamard_channels(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    take, back, matrix, unit = fixed
    return _changed(x, matrix * p[0] - unit, take, back, int(matrix.shape[0]))


def _circle(place: Place) -> tuple[Tensor | None, ...]:
    """How many channels further round every channel (row) is than every other (column)."""
    count = len(place.chosen)
    places = np.arange(count, dtype=np.float32)
    ahead = (places[:, None] - places[None, :]) % count
    return (
        *_scatter(place, place.chosen),
        place.tensor(ahead, True),
        place.tensor(np.eye(count, dtype=np.float32), True),
    )


@kernel("channel_roll", _circle)
def _channel_roll(x: Tensor, p: Sequence[Tensor], fixed: tuple, sd: float) -> Tensor:
    take, back, ahead, unit = fixed
    count = int(ahead.shape[0])
    shift = p[0] * count
    whole = torch.floor(shift)
    part = (shift - whole) * (math.pi / 2)
    matrix = _hit(ahead - whole, count) * torch.cos(part) + _hit(ahead - whole - 1, count) * torch.sin(part)
    return _changed(x, matrix - unit, take, back, count)


def _hit(distance: Tensor, count: int) -> Tensor:
    """1 where whole distances round a circle of `count` are 0."""
    return (1 - (distance - count * torch.floor(distance / count)).abs()).clamp_min(0)
