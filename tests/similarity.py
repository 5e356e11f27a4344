"""How alike two pictures are to the eye."""

from __future__ import annotations

import numpy as np

__all__ = ["ssim"]

_WIDTH, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Mean structural similarity of two pictures (Wang, Bovik, Sheikh and Simoncelli, 2004), over their channels.

    Parameters
    ----------
    one, other : ndarray
        (height, width, channel), 0 to 255, at least 11 pixels high and wide.

    Returns
    -------
    float
        1 for the same picture, less for others.
    """
    x, y = one.astype(np.float64), other.astype(np.float64)
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x, var_y = _blurred(x * x) - mean_x**2, _blurred(y * y) - mean_y**2
    covariance = _blurred(x * y) - mean_x * mean_y
    likeness = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)) / (
        (mean_x**2 + mean_y**2 + _C1) * (var_x + var_y + _C2)
    )
    return float(likeness.mean())


def _blurred(x: np.ndarray) -> np.ndarray:
    """Gaussian-weighted means over 11 x 11 pixels, where all of them lie in the picture."""
    window = np.exp(-0.5 * ((np.arange(_WIDTH) - _WIDTH // 2) / _SIGMA) ** 2)
    window /= window.sum()
    for axis in (0, 1):
        x = np.lib.stride_tricks.sliding_window_view(x, _WIDTH, axis) @ window
    return x
