"""Sampling of activations (batch, channel, height, width) at moved places, and smoothing, steered by 0-d tensors.

Nothing here looks at a value: the same operations run at every setting, so they can be captured in a graph. Places are
in site pixels relative to the centre, to the right and downwards.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.bends.kernels.base import size

__all__ = ["coarse", "offsets", "sample", "sample_axes", "smooth"]

_MATRIX_SIDE = 64
"""Up to this side two matrix products are faster than sampling on a grid; measured in ONNX Runtime on a CPU."""


def offsets(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places of the pixels: (width,) to the right and (height,) downwards, float32."""
    _, _, height, width = size(x)
    right = torch.arange(width, device=x.device, dtype=torch.float32) - (width - 1) / 2
    down = torch.arange(height, device=x.device, dtype=torch.float32) - (height - 1) / 2
    return right, down


def sample_axes(x: Tensor, right: Tensor, down: Tensor, wrap: bool = False) -> Tensor:
    """Return bilinear samples of `x` where columns and rows move apart from each other.

    Parameters
    ----------
    x : Tensor
    right : Tensor
        (width,), where each column is taken from.
    down : Tensor
        (height,), where each row is taken from.
    wrap : bool
        Outside, `x` is continued from the opposite edge instead of mirrored.
    """
    _, _, height, width = size(x)
    fold = _wrap if wrap else _mirror
    columns, rows = fold(right + (width - 1) / 2, width), fold(down + (height - 1) / 2, height)
    if max(height, width) <= _MATRIX_SIDE:
        over_rows, over_columns = (_hats(places, n, wrap) for places, n in ((rows, height), (columns, width)))
        return torch.matmul(torch.matmul(over_rows.to(x.dtype), x), over_columns.to(x.dtype).transpose(0, 1))
    if wrap:
        x = torch.cat((x, x[..., :1]), dim=3)
        x = torch.cat((x, x[..., :1, :]), dim=2)
    return _on_grid(x, columns[None, :].expand(height, width), rows[:, None].expand(height, width))


def sample(x: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Return bilinear samples of `x` at any places (height, width); outside, `x` is mirrored."""
    _, _, height, width = size(x)
    columns = _mirror(right + (width - 1) / 2, width).expand(height, width)
    rows = _mirror(down + (height - 1) / 2, height).expand(height, width)
    return _on_grid(x, columns, rows)


def smooth(x: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with a standard deviation of `sigma` heights, mirrored at the edges.

    Each axis is one product with a matrix of kernel rows: any width of kernel costs the same, and at 0 the matrix is
    the identity exactly.
    """
    _, _, height, width = size(x)
    pixels = sigma.float() * height
    rows = _gaussians(height, pixels, x.device).to(x.dtype)
    columns = _gaussians(width, pixels, x.device).to(x.dtype)
    return torch.matmul(torch.matmul(rows, x), columns.transpose(0, 1))


def coarse(x: Tensor, cell: Tensor) -> Tensor:
    """Average over square cells of side `cell` heights, counted from the top left; the least side is one pixel."""
    _, _, height, width = size(x)
    side = (cell.float() * height).clamp_min(1.0)
    rows, columns = (_cells(n, side, x.device).to(x.dtype) for n in (height, width))
    return torch.matmul(torch.matmul(rows, x), columns.transpose(0, 1))


def _on_grid(x: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Bilinear samples at places counted from the first pixel, which lie inside `x`.

    ``grid_sample`` takes places scaled to -1..1 and scales them back; on a canvas of a power of two both are exact, so
    an unmoved grid returns `x` itself. Other sizes are padded up to one; the padding is never seen.
    """
    batch, _, height, width = size(x)
    canvas_height, canvas_width = _power_of_two(height), _power_of_two(width)
    grid = torch.stack(((2 * columns + 1) / canvas_width - 1, (2 * rows + 1) / canvas_height - 1), dim=-1)
    canvas = x.float()
    if (canvas_height, canvas_width) != (height, width):
        canvas = F.pad(canvas, (0, canvas_width - width, 0, canvas_height - height))
    grid = grid[None].expand(batch, -1, -1, -1)
    return F.grid_sample(canvas, grid, mode="bilinear", padding_mode="zeros", align_corners=False).to(x.dtype)


def _mirror(place: Tensor, count: int) -> Tensor:
    """Fold pixel places into 0..count - 1, mirrored about the middles of the border pixels.

    About their outer edges a whole pixel of movement would show nothing at the border: a quarter of a deep level's map.
    """
    last = count - 1
    period = max(2 * last, 1)
    folded = place - period * torch.floor(place / period)
    return (last - (folded - last).abs()).clamp(0, last)


def _wrap(place: Tensor, count: int) -> Tensor:
    return (place - count * torch.floor(place / count)).clamp(0, count)


def _hats(place: Tensor, count: int, wrap: bool) -> Tensor:
    """Matrix (count, count) of linear interpolation at places (count,)."""
    distance = (place[:, None] - torch.arange(count, device=place.device, dtype=torch.float32)[None, :]).abs()
    if wrap:
        distance = torch.minimum(distance, count - distance)
    return (1 - distance).clamp_min(0)


def _power_of_two(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _gaussians(count: int, sigma: Tensor, device: torch.device) -> Tensor:
    """Matrix (count, count) of Gaussian kernel rows, the part beyond either edge folded back, each row of sum 1."""
    place = torch.arange(count, device=device, dtype=torch.float32)
    here, there = place[:, None], place[None, :]
    # The small term makes the kernel at sigma 0 a single one instead of 0 / 0.
    steepness = 1 / (2 * sigma * sigma + 1e-9)
    distances = torch.stack((here - there, here + there + 1, 2 * count - 1 - here - there))
    rows = torch.exp(-distances.square() * steepness).sum(dim=0)
    return rows / rows.sum(dim=1, keepdim=True)


def _cells(count: int, side: Tensor, device: torch.device) -> Tensor:
    """Matrix (count, count) that gives each pixel the mean over its cell of `side` pixels, parts of pixels counted."""
    place = torch.arange(count, device=device, dtype=torch.float32)
    start = (torch.floor((place + 0.5) / side) * side)[:, None]
    ends = torch.minimum(start + side, place[None, :] + 1)
    overlap = (ends - torch.maximum(start, place[None, :])).clamp_min(0)
    return overlap / overlap.sum(dim=1, keepdim=True)
