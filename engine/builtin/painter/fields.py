"""Smooth fields read out of latent noise: the only randomness a painted picture has."""

import math

import torch


class Fields:
    """Gaussian-blurred noise, evaluated at any picture size.

    Each field is a linear map of the noise with unit variance at every pixel, borders included.

    Parameters
    ----------
    noise
        Latent noise ``(batch, 4, h, w)``, unit variance.
    size
        Height and width of the picture in pixels.
    scale
        Factor on the width of every blur.
    """

    def __init__(self, noise: torch.Tensor, size: tuple[int, int], scale: float = 1.0):
        self.noise = noise
        self.size = size
        self.scale = scale
        self._maps: dict = {}
        height, width = size
        longest = max(height, width)
        y = (torch.arange(height, device=noise.device) + 0.5 - height / 2) * 2 / longest
        x = (torch.arange(width, device=noise.device) + 0.5 - width / 2) * 2 / longest
        self.y, self.x = (c[None] for c in torch.meshgrid(y, x, indexing="ij"))

    def __call__(self, channel: int, sigma: float, sigma_y: float | None = None, *, dx: int = 0, dy: int = 0):
        """Channel ``channel`` blurred by ``sigma`` (in 32nds of the longer side), or its slope along x or y.

        Returns
        -------
        Tensor ``(batch, height, width)``, unit variance. ``dx=1`` gives the derivative along x, ``dy=1`` along y.
        """
        across = self._map(1, sigma, dx)
        down = self._map(0, sigma if sigma_y is None else sigma_y, dy)
        return down @ self.noise[:, channel] @ across.T

    def octaves(self, channel: int, sigma: float, count: int = 3, gain: float = 0.55):
        """Sum of ``count`` fields of one channel, each half the scale of the one before; unit variance."""
        total, power = 0, 0
        for k in range(count):
            # Same channel at different scales is correlated; the normaliser only needs to be about right.
            total = total + gain**k * self(channel, sigma / 2**k)
            power = power + gain ** (2 * k) * (1.3 if k else 1.0)
        return total / math.sqrt(power)

    def _map(self, axis: int, sigma: float, order: int) -> torch.Tensor:
        """Matrix ``(pixels, latent cells)`` of a Gaussian or its slope, each row of unit length."""
        key = (axis, sigma, order)
        if key not in self._maps:
            cells, pixels = self.noise.shape[2 + axis], self.size[axis]
            unit = self.scale * max(self.noise.shape[2:]) / 32
            here = (torch.arange(pixels, device=self.noise.device) + 0.5) * cells / pixels - 0.5
            gap = (here[:, None] - torch.arange(cells, device=self.noise.device)) / (sigma * unit)
            kernel = torch.exp(-0.5 * gap**2) * (gap if order else 1.0)
            self._maps[key] = (kernel / kernel.norm(dim=1, keepdim=True)).to(self.noise.dtype)
        return self._maps[key]
