"""Pictures brought to another size. Needs no torch."""

from __future__ import annotations

import numpy as np

__all__ = ["fitted", "triangles"]


def fitted(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return uint8 pixels (height, width, 3) at a size (width, height), by triangle filters as wide as a new pixel."""
    width, height = size
    if pixels.shape[:2] == (height, width):
        return pixels
    rows, columns = triangles(pixels.shape[0], height), triangles(pixels.shape[1], width)
    mixed = np.einsum("ah,hwc,bw->abc", rows, pixels.astype(np.float32), columns, optimize=True)
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def triangles(old: int, new: int) -> np.ndarray:
    """Return the matrix (new, old), float32, of bilinear weights with antialiasing, each row of sum 1."""
    scale = old / new
    reach = max(scale, 1.0)
    centres = (np.arange(new) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(old)[None, :] - centres[:, None]) / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
