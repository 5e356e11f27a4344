"""Fixed noises, and where a picture's noises come from: the `NoiseBank`. Needs no torch."""

from __future__ import annotations

import math
import operator
from collections import OrderedDict

import numpy as np

from bentlight.errors import BadInput
from engine.noise_paths import COMPANION, STEP, STILL, follow, walk
from engine.spec import FrameSpec
from engine.sphere import slerp

__all__ = ["COMPANION", "STEP", "NoiseBank", "fixed_noise", "slerp", "walk"]

_STREAM = 0x9E3779B97F4A7C15
"""2**64 over the golden ratio: spreads stream numbers so that no stream of one seed is another seed's first."""

_BLOCK = 16


def fixed_noise(seed: int, shape: tuple[int, ...], stream: int = 0) -> np.ndarray:
    """Gaussian noise that is the same on every device and in every runtime.

    Stream 0 is what ``torch.randn(shape, generator=torch.Generator().manual_seed(seed))`` gives on a CPU, to 1e-5, so
    a seed means the same picture as in other diffusion software.

    Parameters
    ----------
    seed : int
        0 or more.
    shape : tuple of int
    stream : int
        Number of one of the independent noises that belong to the seed.

    Returns
    -------
    ndarray of float32, of that shape; zero mean and unit variance.

    Raises
    ------
    BadInput
        If the seed is negative, or no whole number.
    """
    seed = _seed(seed)
    if seed < 0:
        raise BadInput(f"the seed is {seed}; it must be 0 or more.")
    # The Mersenne twister takes the low 32 bits of a seed, torch's as well as numpy's.
    twister = np.random.RandomState((seed + stream * _STREAM) & 0xFFFFFFFF)
    count = math.prod(shape)
    return (_blocks(twister, count) if count >= _BLOCK else _pairs(twister, count)).reshape(shape)


def _seed(seed: int) -> int:
    """Return a seed as a plain number: numpy's would overflow, and 7.0 be taken for 7 where that is kept already."""
    try:
        return operator.index(seed)
    except TypeError:
        raise BadInput(f"the seed is {seed!r}; it must be a whole number.") from None


def _words(twister: np.random.RandomState, count: int) -> np.ndarray:
    return twister.randint(0, 1 << 32, count, dtype=np.uint32)


def _blocks(twister: np.random.RandomState, count: int) -> np.ndarray:
    """Torch's order for 16 values and more: Box and Muller in blocks of 16; the last 16 again if some are left over."""
    uniforms = _uniform(_words(twister, count))
    noise = np.empty(count, np.float32)
    whole = count - count % _BLOCK
    noise[:whole] = _box_muller(uniforms[:whole])
    if whole < count:
        noise[-_BLOCK:] = _box_muller(_uniform(_words(twister, _BLOCK)))
    return noise


def _uniform(words: np.ndarray) -> np.ndarray:
    """Lowest 24 bits of each word as a number in [0, 1)."""
    return (words & 0xFFFFFF) * 2.0**-24


def _box_muller(uniforms: np.ndarray) -> np.ndarray:
    halves = uniforms.reshape(-1, 2, _BLOCK // 2)
    radius = np.sqrt(-2 * np.log(1 - halves[:, 0]))
    angle = 2 * np.pi * halves[:, 1]
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1).ravel()


def _pairs(twister: np.random.RandomState, count: int) -> np.ndarray:
    """Torch's order below 16 values: pairs from uniforms of 53 bits, each made of two words, the high one first."""
    words = _words(twister, 4 * (-(-count // 2))).astype(np.uint64).reshape(-1, 2)
    uniforms = (((words[:, 0] << np.uint64(32)) | words[:, 1]) & np.uint64(2**53 - 1)) * 2.0**-53
    angle, share = 2 * np.pi * uniforms[0::2], uniforms[1::2]
    radius = np.sqrt(-2 * np.log1p(-share))
    return np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1).ravel()[:count].astype(np.float32)


class NoiseBank:
    """Starting noises and step noises of seeds, kept so that the picture loop draws none twice.

    Parameters
    ----------
    limit : int
        Most noises kept; the least recently used one goes first.
    """

    def __init__(self, limit: int = 128) -> None:
        self._kept: OrderedDict[tuple, np.ndarray] = OrderedDict()
        self._limit = limit

    def get(self, seed: int, shape: tuple[int, ...], stream: int = 0) -> np.ndarray:
        """Return `fixed_noise` of these arguments, read-only."""
        key = (_seed(seed), tuple(shape), stream)
        noise = self._kept.get(key)
        if noise is None:
            noise = self._kept[key] = fixed_noise(seed, shape, stream)
            noise.flags.writeable = False
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return noise

    def start(self, spec: FrameSpec, shape: tuple[int, ...]) -> np.ndarray:
        """Starting noise of a picture: unit variance, float32, the caller's own.

        Parameters
        ----------
        spec : FrameSpec
        shape : tuple of int
            Of the latent, (1, channels, height, width).

        Raises
        ------
        BadInput
            If a number of the spec's motion is not finite or makes no sense.
        """
        if not all(map(math.isfinite, (spec.angle, spec.seed_blend, spec.still, *_shares(spec)))):
            raise BadInput("the numbers of the noise's motion must be finite.")

        def draw(seed: int, stream: int = 0, other: tuple[int, ...] = shape) -> np.ndarray:
            return self.get(seed, other, stream)

        if spec.paths:
            noise = follow(spec.paths[0][0], shape, draw)
            for path, share in spec.paths[1:]:
                noise = slerp(noise, follow(path, shape, draw), min(max(share, 0.0), 1.0))
        else:
            noise = self._walk(spec, shape)
        if spec.still > 0:
            noise = walk(noise, draw(spec.seed, STILL), min(spec.still, 1.0) * math.pi / 2)
        for seed, amount in spec.pulls:
            if amount > 0:
                noise = slerp(noise, draw(seed), min(amount, 1.0))
        return noise

    def step(self, spec: FrameSpec, shape: tuple[int, ...], index: int) -> np.ndarray:
        """Noise that a stochastic sampler adds after step `index`: the same in every picture, so that they cohere."""
        return self.get(spec.seed, shape, STEP + index).copy()

    def _walk(self, spec: FrameSpec, shape: tuple[int, ...]) -> np.ndarray:
        """The seeds' blend, then the circular walk."""
        angle = math.remainder(spec.angle, 2 * math.pi)
        noise = self._between(spec, shape, 0)
        return noise if angle == 0 else walk(noise, self._between(spec, shape, COMPANION), angle)

    def _between(self, spec: FrameSpec, shape: tuple[int, ...], stream: int) -> np.ndarray:
        blend = min(max(spec.seed_blend, 0.0), 1.0)
        if blend == 0 or spec.seed == spec.seed_to:
            return self.get(spec.seed, shape, stream).copy()
        return slerp(self.get(spec.seed, shape, stream), self.get(spec.seed_to, shape, stream), blend)


def _shares(spec: FrameSpec) -> list[float]:
    return [share for _, share in (*spec.paths, *spec.pulls)]
