"""Paths through the noises: what a `NoisePath` means, as arithmetic on fixed noises. Needs no torch.

Every kind is a sum of independent unit noises, divided by the root of the sum of their squared weights: unit variance
at every place, for every value. None of them keeps a state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from bentlight.errors import BadInput
from engine.spec import NoisePath
from engine.sphere import slerp

__all__ = ["BANDS", "BEND", "COMPANION", "KINDS", "MASKS", "STEP", "STILL", "Draw", "follow", "spread_power", "walk"]

COMPANION = 1
"""Stream of the second noise of a circular walk."""
STEP = 2
"""First of the streams that a stochastic sampler adds between steps."""
_THIRD, STILL, _FAST, _FAST_COMPANION, BEND = 16, 17, 18, 19, 20
_CELLS, _GRAIN = 64, 128
"""First streams of the noises that ``perlin`` passes."""

Draw = Callable[..., np.ndarray]
"""``draw(seed, stream, shape)``: a fixed noise; without a shape, that of the latent."""


def walk(x: np.ndarray, y: np.ndarray, angle: float) -> np.ndarray:
    """Circular noise walk cos(angle) x + sin(angle) y: unit variance all the way, closed after 2 pi.

    From Wilson et al., DAFx 2024. Angle 0 and every full turn give `x` itself.
    """
    angle = math.remainder(angle, 2 * math.pi)
    return math.cos(angle) * x + math.sin(angle) * y


def spread_power(noises: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Sum of independent noises by weights, with the variance of one of them: ``sum(w n) / sqrt(sum(w²))``.

    Raises
    ------
    BadInput
        If every weight is 0, or one is not finite.
    """
    power = math.sqrt(sum(weight * weight for weight in weights))
    if not (0 < power < math.inf):
        raise BadInput("the weights of a noise mixture must be finite, and not all 0.")
    total = np.zeros_like(noises[0])
    for noise, weight in zip(noises, weights, strict=True):
        if weight:
            total += np.float32(weight / power) * noise
    return total


def follow(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    """Return the noise at a place on a path, float32, unit variance, the caller's own.

    Parameters
    ----------
    path : NoisePath
    shape : tuple of int
        Of the latent, (1, channels, height, width).
    draw : callable
        ``draw(seed, stream, shape)`` gives a fixed noise; without a shape, one of the latent's.

    Raises
    ------
    BadInput
        If there is no such kind or mask, or a number makes no sense.
    """
    kind = KINDS.get(path.kind)
    if kind is None:
        raise BadInput(f"there is no noise path {path.kind!r}; there are {', '.join(KINDS)}.")
    if not path.seeds or min(path.seeds) < 0:
        raise BadInput("a noise path needs at least one seed, 0 or more each.")
    moved = (path.turns, path.blend, path.spread, path.tilt, path.grain, path.fast_turns, path.fast, *path.weights)
    if not all(map(math.isfinite, moved)):
        raise BadInput("the numbers of a noise path must be finite.")
    return kind(path, shape, draw)


def _pair(path: NoisePath) -> tuple[int, int, float]:
    """The two seeds that the path lies between, and how far it is from the first to the second."""
    return path.seeds[0], path.seeds[min(1, len(path.seeds) - 1)], min(max(path.blend, 0.0), 1.0)


def _between_seeds(path: NoisePath, draw: Draw) -> Callable[..., np.ndarray]:
    """Return the function from stream to noise that lies between the path's first two seeds."""
    first, second, blend = _pair(path)

    def between(stream: int = 0) -> np.ndarray:
        if blend == 0 or first == second:
            return draw(first, stream)
        return slerp(draw(first, stream), draw(second, stream), blend)

    return between


def _walk(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    noise = _between_seeds(path, draw)
    angle = math.remainder(2 * math.pi * path.turns, 2 * math.pi)
    return noise().copy() if angle == 0 else walk(noise(), noise(COMPANION), angle)


def _slerp_ring(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    count = len(path.seeds)
    place = path.turns % 1.0 * count
    first = math.floor(place)
    share = place - first
    return slerp(draw(path.seeds[first % count]), draw(path.seeds[(first + 1) % count]), share)


def _spline_ring(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    shares: dict[int, float] = {}
    for index, share in _spline_shares(path.turns, len(path.seeds)).items():
        shares[path.seeds[index]] = shares.get(path.seeds[index], 0.0) + share
    return spread_power([draw(seed) for seed in shares], list(shares.values()))


def _spline_shares(turns: float, count: int) -> dict[int, float]:
    """Shares by index of `count` points of a closed uniform Catmull-Rom curve, one turn long."""
    place = turns % 1.0 * count
    first = math.floor(place)
    u = place - first
    shares: dict[int, float] = {}
    for offset, share in (
        (-1, ((2 - u) * u - 1) * u / 2),
        (0, ((3 * u - 5) * u * u + 2) / 2),
        (1, ((4 - 3 * u) * u + 1) * u / 2),
        (2, (u - 1) * u * u / 2),
    ):
        index = (first + offset) % count
        shares[index] = shares.get(index, 0.0) + share
    return shares


def _rotation(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    """A stack of three noises seen from a side that turns; each column with its own lag, so each pixel on a circle."""
    noise = _between_seeds(path, draw)
    angle = 2 * np.pi * (path.turns % 1.0 + path.spread * _columns(shape[-1]))
    far = walk(noise(COMPANION), noise(_THIRD), 2 * math.pi * path.tilt)
    return np.cos(angle).astype(np.float32) * noise() + np.sin(angle).astype(np.float32) * far


def _perlin(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    """Gaussian values at the corners of a lattice, with Perlin's fade between them, and fine grain beside it.

    Time is a ring of `times` such noises on a closed Catmull-Rom curve. Lattice values take the place of Perlin's
    gradients, whose noise vanishes at each corner, so that no place and no time is without variance.
    """
    times, cells = path.times, path.cells
    if times < 2 or cells < 1:
        raise BadInput("a perlin path needs at least 2 times and 1 cell.")
    height, width = shape[-2:]
    across = max(1, round(cells * width / height))
    lattice = (*shape[:-2], cells + 1, across + 1)
    shares = _spline_shares(path.turns, times)
    ring, powers = list(shares), list(shares.values())
    grain = min(max(path.grain, 0.0), 1.0) * math.pi / 2

    def of(seed: int) -> np.ndarray:
        parts, weights = [], []
        if math.cos(grain) > 1e-6:
            corners = spread_power([draw(seed, _CELLS + i, lattice) for i in ring], powers)
            parts.append(_rows(height, cells) @ corners @ _rows(width, across).T)
            weights.append(math.cos(grain))
        if grain > 0:
            parts.append(spread_power([draw(seed, _GRAIN + i) for i in ring], powers))
            weights.append(math.sin(grain))
        return spread_power(parts, weights)

    first, second, blend = _pair(path)
    return of(first) if blend == 0 or first == second else slerp(of(first), of(second), blend)


def _layers(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    noise = _between_seeds(path, draw)
    slow = walk(noise(), noise(COMPANION), 2 * math.pi * path.turns)
    fast = walk(noise(_FAST), noise(_FAST_COMPANION), 2 * math.pi * path.fast_turns)
    share = np.float32(min(max(path.fast, 0.0), 1.0) * math.pi / 2)
    if path.mask not in BANDS:
        angle = _mask(path.mask, shape[-2:]) * share
        return np.cos(angle) * slow + np.sin(angle) * fast
    # Two orthogonal parts of white noise, each of its own: together they are white noise again.
    change = np.cos(share) * slow + np.sin(share) * fast - slow
    coarse = _coarse(change, path.cells)
    return slow + (coarse if path.mask == "coarse" else change - coarse)


def _coarse(x: np.ndarray, cells: int) -> np.ndarray:
    """The part of x with fewer than `cells` half waves over the height, and as coarse across."""
    if cells < 1:
        raise BadInput("the coarse part of a noise needs at least 1 cell.")
    height, width = x.shape[-2:]
    across = max(1, round(cells * width / height))
    coarse: np.ndarray = _lowest(height, cells) @ x @ _lowest(width, across)
    return coarse


@lru_cache(maxsize=32)
def _lowest(size: int, count: int) -> np.ndarray:
    """Projection (size, size) on the first `count` vectors of the orthonormal DCT-II."""
    wave = np.cos(np.pi * np.outer(np.arange(min(count, size)), np.arange(size) + 0.5) / size)
    wave *= np.sqrt(np.where(np.arange(len(wave)) == 0, 1, 2) / size)[:, None]
    return (wave.T @ wave).astype(np.float32)


def _mixture(path: NoisePath, shape: tuple[int, ...], draw: Draw) -> np.ndarray:
    if len(path.weights) != len(path.seeds):
        raise BadInput(f"a noise mixture has {len(path.seeds)} seeds but {len(path.weights)} weights.")
    parts: dict[int, float] = {}
    for seed, weight in zip(path.seeds, path.weights, strict=True):
        parts[seed] = parts.get(seed, 0.0) + weight
    weights = list(parts.values())
    angle = 2 * math.pi * path.turns
    first = spread_power([draw(seed) for seed in parts], weights)
    if math.remainder(angle, 2 * math.pi) == 0:
        return first
    return walk(first, spread_power([draw(seed, COMPANION) for seed in parts], weights), angle)


def _fade(u: np.ndarray) -> np.ndarray:
    """Perlin's quintic 6u⁵ - 15u⁴ + 10u³, level at both ends."""
    return u * u * u * (u * (6 * u - 15) + 10)


@lru_cache(maxsize=32)
def _rows(pixels: int, cells: int) -> np.ndarray:
    """Weights (pixels, cells + 1) of the corners of `cells` cells at each pixel's centre, of unit power."""
    place = (np.arange(pixels) + 0.5) * cells / pixels
    first = np.minimum(np.floor(place).astype(int), cells - 1)
    share = _fade(place - first)
    weights = np.zeros((pixels, cells + 1))
    weights[np.arange(pixels), first] = 1 - share
    weights[np.arange(pixels), first + 1] = share
    return (weights / np.sqrt((weights * weights).sum(axis=1, keepdims=True))).astype(np.float32)


@lru_cache(maxsize=8)
def _columns(width: int) -> np.ndarray:
    """Place of each column's centre, -0.5 at the left edge to 0.5 at the right."""
    return (np.arange(width) + 0.5) / width - 0.5


@lru_cache(maxsize=16)
def _mask(name: str, size: tuple[int, int]) -> np.ndarray:
    """A mask over the latent, float32, shape (height, width), 0 to 1."""
    if name not in MASKS:
        raise BadInput(f"there is no mask {name!r}; there are {', '.join((*MASKS, *BANDS))}.")
    height, width = size
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    x = ((np.arange(width) + 0.5) / width * 2 - 1)[None, :]
    return np.broadcast_to(np.clip(MASKS[name](x, y), 0, 1), size).astype(np.float32)


def _disc(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 inside half the way to the edges, falling to 0 towards them."""
    return (0.9 - np.hypot(x, y)) / 0.6


MASKS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "all": lambda x, y: np.ones_like(x + y),
    "centre": _disc,
    "edge": lambda x, y: 1 - np.clip(_disc(x, y), 0, 1),
    "left": lambda x, y: (1 - x) / 2 + 0 * y,
    "right": lambda x, y: (1 + x) / 2 + 0 * y,
    "top": lambda x, y: (1 - y) / 2 + 0 * x,
    "bottom": lambda x, y: (1 + y) / 2 + 0 * x,
}
"""Where the fast walk of ``layers`` shows, from x (right) and y (down), each -1 to 1; clipped to 0..1."""

BANDS = ("coarse", "fine")
"""Parts of the noise that the fast walk of ``layers`` can be kept to, instead of places."""

KINDS: dict[str, Callable[[NoisePath, tuple[int, ...], Draw], np.ndarray]] = {
    "walk": _walk,
    "slerp": _slerp_ring,
    "spline": _spline_ring,
    "rotation": _rotation,
    "perlin": _perlin,
    "layers": _layers,
    "mixture": _mixture,
}
