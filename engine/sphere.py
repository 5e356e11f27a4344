"""Interpolation on the sphere: between two vectors, and the weighted mean of several. Needs no torch."""

from __future__ import annotations

import numpy as np

__all__ = ["mean_shares", "slerp"]

_ROUNDS = 12
_CLOSE = 1e-7
_ALMOST_OPPOSITE = 3.0
"""Widest angle to the mean in radians: beyond it the pull of a vector grows without bound."""


def slerp(a: np.ndarray, b: np.ndarray, t: float, axis: int | None = None) -> np.ndarray:
    """Spherical interpolation (Shoemake 1985) of `a` at t = 0 and `b` at t = 1, computed in float32.

    Both ends are met exactly. Vectors that point the same or the opposite way are interpolated linearly.

    Parameters
    ----------
    a, b : ndarray
        Same shape.
    t : float
        0 to 1.
    axis : int or None
        The axis that holds the vectors' components; None takes each array as one vector.

    Returns
    -------
    ndarray of float32, of that shape.
    """
    if axis is None:
        return slerp(a.ravel(), b.ravel(), t, 0).reshape(a.shape)
    first, second = a.astype(np.float32, copy=False), b.astype(np.float32, copy=False)
    norms = np.linalg.norm(first, axis=axis, keepdims=True) * np.linalg.norm(second, axis=axis, keepdims=True)
    cosine = (first * second).sum(axis=axis, keepdims=True) / np.maximum(norms, np.float32(1e-12))
    omega = np.arccos(np.clip(cosine, -1, 1))
    sine = np.sin(omega)
    straight = sine < 1e-3
    safe = np.where(straight, np.float32(1), sine)
    start, end = np.float32(1 - t), np.float32(t)
    weight_a = np.where(straight, start, np.sin(start * omega) / safe)
    weight_b = np.where(straight, end, np.sin(end * omega) / safe)
    return weight_a * first + weight_b * second


def mean_shares(cosines: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shares of several vectors in their weighted spherical mean (Buss and Fillmore 2001).

    The mean is where the weighted arcs to the vectors balance; for two vectors it is their slerp. It does not depend
    on the order of the vectors, and a vector whose weight falls to 0 leaves without a jump. It is found by steps along
    the mean arc; vectors that point opposite ways have no mean, and get finite shares.

    Parameters
    ----------
    cosines : ndarray, shape (places, vectors, vectors)
        Cosine of the angle between each two vectors, at each place independently.
    weights : ndarray, shape (vectors,)
        Each 0 or more; their sum is 1.

    Returns
    -------
    ndarray of float64, shape (places, vectors)
        With unit vectors ``u`` the mean is ``sum(shares * u)``, of unit length.
    """

    def length(shares: np.ndarray) -> np.ndarray:
        squared = np.einsum("pi,pi->p", shares, (cosines @ shares[:, :, None])[:, :, 0])
        return np.sqrt(np.maximum(squared, 1e-30))[:, None]

    shares = np.broadcast_to(weights, cosines.shape[:2]).astype(np.float64)
    shares = shares / length(shares)
    for _ in range(_ROUNDS):
        towards = np.clip((cosines @ shares[:, :, None])[:, :, 0], -1, 1)
        pull = weights / np.sinc(np.minimum(np.arccos(towards), _ALMOST_OPPOSITE) / np.pi)
        step = pull - (pull * towards).sum(axis=1, keepdims=True) * shares
        arc = length(step)
        shares = np.cos(arc) * shares + np.sinc(arc / np.pi) * step
        if arc.max() < _CLOSE:
            break
    return shares
