"""How alike two pictures are to the eye."""

from __future__ import annotations

import numpy as np

__all__ = ["ssim"]

_WINDOW = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures' luma, 1 for equal ones: mean over windows of 8 x 8.

    Parameters
    ----------
    first, second : ndarray of uint8, shape (height, width, 3)
    """
    a, b = (picture.astype(np.float64) @ [0.299, 0.587, 0.114] for picture in (first, second))
    mean_a, mean_b = _windows(a), _windows(b)
    var_a, var_b = _windows(a * a) - mean_a**2, _windows(b * b) - mean_b**2
    shared = _windows(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + _C1) * (2 * shared + _C2)
    return float((above / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean())


def _windows(x: np.ndarray) -> np.ndarray:
    """Mean of every window."""
    sums = np.pad(x.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    n = _WINDOW
    return (sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]) / n**2
