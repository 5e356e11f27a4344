"""Contact sheets and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

__all__ = ["confusion_picture", "contact_sheet"]

_GROUND, _INK, _GAP = (18, 18, 20), (225, 225, 225), 4


def contact_sheet(
    rows: Sequence[Tensor], path: Path, row_names: Sequence[str], column_names: Sequence[str] = (), side: int = 128
) -> Path:
    """Write rows of pictures (count, 3, height, width) in 0..1 as one image, names on the left and on top.

    The pictures of a row share a size; each is averaged or enlarged to ``side`` pixels of height.
    """
    left, top = 150, 24 if column_names else 0
    strips = [_strip(row, side) for row in rows]
    width = left + max(strip.width for strip in strips) + _GAP
    sheet = Image.new("RGB", (width, top + sum(strip.height + _GAP for strip in strips)), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    across = side * rows[0].shape[3] // rows[0].shape[2] + _GAP
    for k, name in enumerate(column_names):
        draw.text((left + k * across, 4), name, _INK, font)
    y = top
    for strip, name in zip(strips, row_names, strict=True):
        draw.text((6, y + strip.height // 2 - 8), name, _INK, font)
        sheet.paste(strip, (left, y))
        y += strip.height + _GAP
    path.parent.mkdir(parents=True, exist_ok=True)
    # Read for .jpg only.
    sheet.save(path, quality=88)
    return path


def _strip(pictures: Tensor, side: int) -> Image.Image:
    width = side * pictures.shape[3] // pictures.shape[2]
    small = F.interpolate(pictures.float().cpu(), size=(side, width), mode="area")
    levels = (torch.nan_to_num(small).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    strip = np.full((side, len(levels) * (width + _GAP), 3), _GROUND, dtype=np.uint8)
    for k, picture in enumerate(levels):
        strip[:, k * (width + _GAP) : k * (width + _GAP) + width] = picture
    return Image.fromarray(strip)


def confusion_picture(table: Tensor, names: Sequence[str], title: str, path: Path) -> Path:
    """Write a confusion table (classes, classes) as shares: a row is what it was, a column what it was taken for."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = (table / table.sum(dim=1, keepdim=True).clamp_min(1)).numpy()
    size = 2.0 + 0.42 * len(names)
    figure = Figure(figsize=(size, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, vmin=0, vmax=1, cmap="magma")
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="taken for", ylabel="was", title=title)
    for row, column in zip(*np.nonzero(shares >= 0.02), strict=True):
        ink = "black" if shares[row, column] > 0.6 else "white"
        axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=ink, fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return path
