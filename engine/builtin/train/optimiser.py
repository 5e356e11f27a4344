"""Muon for the weight matrices and kernels, AdamW for everything else."""

from collections import defaultdict

import torch
from torch import nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Quintic coefficients of Jordan et al., "Muon" (2024): steep at zero, singular values end within about 0.7..1.2."""


def orthogonalise(matrices: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearest semi-orthogonal matrices, roughly, by Newton-Schulz iteration in bfloat16.

    Parameters
    ----------
    matrices : (batch, rows, columns), any scale.
    steps : iterations, at least 1.

    Returns
    -------
    bfloat16 ``(batch, rows, columns)`` with the same singular vectors and singular values near 1.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.float().norm(dim=(1, 2), keepdim=True).clamp_min(1e-7).bfloat16()
    for _ in range(steps):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised (Jordan et al. 2024); kernels count as ``(out, in * height * width)``.

    Matrices of one shape are orthogonalised as one batch. The step is ``lr * sqrt(max(1, rows / columns))``.
    """

    def __init__(self, parameters, lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 1e-3):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[(p.shape[0], p[0].numel())].append(p)
            for (rows, columns), parameters in by_shape.items():
                gradients = torch.stack([_rows(p.grad) for p in parameters])
                kept = self.state[parameters[0]].setdefault("momentum", torch.zeros_like(gradients))
                kept.lerp_(gradients, 1 - group["momentum"])
                update = orthogonalise(gradients.lerp_(kept, group["momentum"]))
                rate = group["lr"] * max(1.0, rows / columns) ** 0.5
                for p, u in zip(parameters, update, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(_shaped(u, p), alpha=-rate)


def _rows(weight: torch.Tensor) -> torch.Tensor:
    """A matrix as it is, or a kernel as ``(out, height * width * in)``: no copy if it is stored channels last.

    The order of the columns does not matter to orthogonalisation.
    """
    return weight if weight.ndim == 2 else weight.movedim(1, -1).flatten(1)


def _shaped(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Undo `_rows`: ``rows`` in the shape of ``weight``."""
    return rows if weight.ndim == 2 else rows.unflatten(1, (*weight.shape[2:], weight.shape[1])).movedim(-1, 1)


def build_optimisers(model: nn.Module, rate: float, matrix_rate: float) -> list[torch.optim.Optimizer]:
    """Muon for matrices and kernels inside the network, AdamW for embeddings, vectors, and the first and last kernel.

    Each parameter group holds its peak rate as ``group["peak"]``.
    """
    matrices, others = [], []
    for name, parameter in model.named_parameters():
        embedding = any("embedding" in part for part in name.split(".")[-2:])
        outer = embedding or name.startswith(("unet.conv_in", "unet.conv_out"))
        (matrices if parameter.ndim >= 2 and not outer else others).append(parameter)
    optimisers = [
        torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True),
        Muon(matrices, lr=matrix_rate),
    ]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return optimisers
