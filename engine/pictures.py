"""Between pixels (uint8) and the tensors that networks make and read."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["finite", "to_bytes", "to_levels", "to_pixels", "to_tensor"]


def to_pixels(picture: Tensor) -> np.ndarray:
    """Turn a picture (1, 3, height, width), -1 to 1, into contiguous uint8 pixels (height, width, 3).

    Values beyond the range are clipped and those that are not finite become grey, so that no bend can break a show.
    """
    pixels = to_bytes(picture).cpu().numpy()
    pixels.setflags(write=False)
    return pixels


def to_bytes(picture: Tensor) -> Tensor:
    """The same on the picture's own device: a uint8 tensor (height, width, 3)."""
    levels = to_levels(torch.nan_to_num(picture[0].permute(1, 2, 0), nan=0.0))
    return levels.to(torch.uint8).contiguous()


def finite(picture: Tensor, latents: Tensor) -> Tensor:
    """Return whether a picture and latents are finite, as a 0-d tensor that need not be waited for yet."""
    return torch.isfinite(picture.sum() + latents.sum())


def to_levels(picture: Tensor) -> Tensor:
    """Turn values from -1 to 1 into whole levels from 0 to 255, of the same type."""
    return (picture * 127.5 + 127.5).round().clamp(0, 255)


def to_tensor(pixels: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Turn uint8 pixels (height, width, 3) into a tensor (1, 3, height, width), -1 to 1, of a size (width, height)."""
    picture = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    if picture.shape[-2:] != size[::-1]:
        picture = F.interpolate(picture, size=size[::-1], mode="bilinear", antialias=True)
    return picture
