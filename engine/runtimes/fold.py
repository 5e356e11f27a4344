"""The end of a tiny autoencoder's decoder, folded: the same pixels for a tenth of the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["FoldedEnd", "folded_end"]


class FoldedEnd(nn.Module):
    """Enlargement to twice the size and two 3 x 3 convolutions with nothing between them, in one at the small size.

    Two linear layers in a row are one, of 5 x 5 places. On an image enlarged by repeating pixels, 5 x 5 places see
    3 x 3 different pixels, others for each of the four positions within a repeated pixel. So one 3 x 3 convolution to
    four times the channels computes all of it, and its channels are laid out as pixels. Only the outermost ring
    differs, where the second layer saw zeros outside the picture instead of what the first layer would have made
    there; the ring is computed as before.

    Parameters
    ----------
    first, second : nn.Conv2d
        3 x 3, stride 1, padding 1; the first without a bias.
    """

    def __init__(self, first: nn.Conv2d, second: nn.Conv2d) -> None:
        super().__init__()
        self.first, self.second = first, second
        folded = folded_weight(first.weight.detach(), second.weight.detach())
        self.weight = nn.Parameter(folded, requires_grad=False)
        bias = second.bias if second.bias is not None else torch.zeros(second.out_channels)
        self.bias = nn.Parameter(bias.detach().repeat_interleave(4), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        inside = F.pixel_shuffle(F.conv2d(x, self.weight, self.bias, padding=1), 2)[..., 1:-1, 1:-1]
        top, bottom = self._plain(x[..., :2, :])[..., :1, :], self._plain(x[..., -2:, :])[..., -1:, :]
        left, right = self._plain(x[..., :2])[..., 1:-1, :1], self._plain(x[..., -2:])[..., 1:-1, -1:]
        return torch.cat((top, torch.cat((left, inside, right), dim=-1), bottom), dim=-2)

    def _plain(self, x: Tensor) -> Tensor:
        """The two layers as they were; right on the outer side of a strip of two pixels."""
        return self.second(self.first(F.interpolate(x, scale_factor=2.0, mode="nearest")))


def folded_weight(first: Tensor, second: Tensor) -> Tensor:
    """Return the weight (4 * out, in, 3, 3) that does the work of two (mid, in, 3, 3) and (out, mid, 3, 3).

    Channel ``4 * c + 2 * i + j`` is output channel c at row i and column j of each repeated pixel.
    """
    out, _, _, _ = second.shape
    both = second.new_zeros(out, first.shape[1], 5, 5, dtype=torch.float64)
    for u in range(3):
        for v in range(3):
            product = torch.einsum("om,mikl->oikl", second[..., u, v].double(), first.double())
            both[..., u : u + 3, v : v + 3] += product
    weight = both.new_zeros(out, 2, 2, first.shape[1], 3, 3)
    for i in range(2):
        for j in range(2):
            for p in range(5):
                for q in range(5):
                    # The place p - 2 away from row i of an enlarged pixel lies in this small one.
                    weight[:, i, j, :, (i + p) // 2, (j + q) // 2] += both[..., p, q]
    return weight.reshape(4 * out, first.shape[1], 3, 3).to(second.dtype)


@contextmanager
def folded_end(decoder: Any) -> Iterator[None]:
    """Let a decoder end in a `FoldedEnd` inside the block, if it ends in the layers that one stands for."""
    layers = getattr(decoder, "layers", None)
    if layers is None or len(layers) < 4 or not _foldable(*layers[-3:]):
        yield
        return
    decoder.layers = nn.Sequential(*layers[:-3], FoldedEnd(layers[-2], layers[-1]))
    try:
        yield
    finally:
        decoder.layers = layers


def _foldable(enlargement: nn.Module, first: nn.Module, second: nn.Module) -> bool:
    plain = [
        isinstance(layer, nn.Conv2d)
        and (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (1, 1), (1, 1))
        and layer.groups == 1
        for layer in (first, second)
    ]
    if not (all(plain) and isinstance(enlargement, nn.Upsample) and isinstance(first, nn.Conv2d)):
        return False
    return enlargement.mode == "nearest" and enlargement.scale_factor == 2 and first.bias is None
