"""Geometry, smoothing and morphology of activations (batch, channel, height, width), steered by 0-d tensors.

Nothing here looks at a value: the same operations run at every setting, so they can be captured in a graph.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["blur", "dilate", "erode", "rotate", "translate", "zoom"]

MOST_RADIUS = 3
"""Largest radius of `dilate` and `erode`, in site pixels; the catalogue's range ends here."""


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Turn by `angle` radians, counter-clockwise as seen, about the centre; true to aspect, mirrored at the edges."""
    right, down = _offsets(x)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return _sample(x, right * cosine - down * sine, right * sine + down * cosine)


def zoom(x: Tensor, factor: Tensor) -> Tensor:
    """Magnify by `factor` about the centre, mirrored at the edges."""
    right, down = _offsets(x)
    return _sample(x, right / factor, down / factor)


def translate(x: Tensor, across: Tensor, along: Tensor) -> Tensor:
    """Shift by `across` widths to the right and `along` heights downwards, mirrored at the edges."""
    right, down = _offsets(x)
    return _sample(x, right - across * x.shape[-1], down - along * x.shape[-2])


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with a standard deviation of `sigma` heights, mirrored at the edges.

    Each axis is one product with a matrix of kernel rows: any width of kernel costs the same, and at 0 the matrix is
    the identity exactly.
    """
    height, width = x.shape[-2:]
    pixels = sigma.float() * height
    rows = _smoothing(height, pixels, x.device).to(x.dtype)
    columns = _smoothing(width, pixels, x.device).to(x.dtype)
    return rows @ x @ columns.transpose(0, 1)


def dilate(x: Tensor, radius: Tensor) -> Tensor:
    """Grey-scale dilation by a square of half width `radius` site pixels; between whole sizes it is interpolated."""
    out, grown = x, x
    for whole in range(MOST_RADIUS):
        # Repeated 3 x 3 maxima are the maxima of 5 x 5 and 7 x 7 squares.
        grown = F.max_pool2d(grown, 3, stride=1, padding=1)
        out = torch.lerp(out, grown, (radius - whole).clamp(0, 1).to(x.dtype))
    return out


def erode(x: Tensor, radius: Tensor) -> Tensor:
    """Grey-scale erosion: the dilation of the negative."""
    return -dilate(-x, radius)


def _offsets(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel places relative to the centre: (1, width) to the right and (height, 1) downwards, float32."""
    height, width = x.shape[-2:]
    right = torch.arange(width, device=x.device, dtype=torch.float32) - (width - 1) / 2
    down = torch.arange(height, device=x.device, dtype=torch.float32) - (height - 1) / 2
    return right[None, :], down[:, None]


def _sample(x: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Bilinear samples of `x` at places given relative to its centre; outside, `x` is mirrored.

    ``grid_sample`` takes places scaled to -1..1 and scales them back; on a canvas of a power of two both are exact, so
    an unmoved grid returns `x` itself. Other sizes are padded up to one; the mirroring is done here, so the padding is
    never seen.
    """
    batch, _, height, width = x.shape
    canvas_height, canvas_width = _power_of_two(height), _power_of_two(width)
    columns = _mirror(right + (width - 1) / 2, width).expand(height, width)
    rows = _mirror(down + (height - 1) / 2, height).expand(height, width)
    grid = torch.stack(((2 * columns + 1) / canvas_width - 1, (2 * rows + 1) / canvas_height - 1), dim=-1)
    canvas = x.float()
    if (canvas_height, canvas_width) != (height, width):
        canvas = F.pad(canvas, (0, canvas_width - width, 0, canvas_height - height))
    grid = grid[None].expand(batch, height, width, 2)
    return F.grid_sample(canvas, grid, mode="bilinear", padding_mode="zeros", align_corners=False).to(x.dtype)


def _mirror(place: Tensor, size: int) -> Tensor:
    """Fold pixel places into 0..size - 1, mirrored about the outer edges of the border pixels."""
    shifted = place + 0.5
    folded = shifted - 2 * size * torch.floor(shifted / (2 * size))
    return (size - (folded - size).abs() - 0.5).clamp(0, size - 1)


def _power_of_two(size: int) -> int:
    return 1 << (size - 1).bit_length()


def _smoothing(size: int, sigma: Tensor, device: torch.device) -> Tensor:
    """Matrix (size, size) of Gaussian kernel rows, the part beyond either edge folded back, each row of sum 1."""
    place = torch.arange(size, device=device, dtype=torch.float32)
    here, there = place[:, None], place[None, :]
    # The small term makes the kernel at sigma 0 a single one instead of 0 / 0.
    steepness = 1 / (2 * sigma * sigma + 1e-9)
    distances = torch.stack((here - there, here + there + 1, 2 * size - 1 - here - there))
    rows = torch.exp(-distances.square() * steepness).sum(dim=0)
    return rows / rows.sum(dim=1, keepdim=True)
