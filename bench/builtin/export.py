"""The networks of one step, noise to picture, as a single ONNX graph."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from bentlight.errors import BadInput
from engine.loading import load_components
from engine.sampling import Sampler

__all__ = ["Drawer", "export_onnx"]


class Drawer(nn.Module):
    """One step from noise, text embedding and timestep to a picture; on the CPU, float32.

    Parameters
    ----------
    folder : Path
        In the diffusers layout.

    Attributes
    ----------
    timestep : float
        The only step's.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        parts = load_components(str(folder), torch.float32)
        schedule = Sampler(parts.scheduler, torch.device("cpu")).schedule(1)
        (step,) = schedule.steps
        self._encode = parts.text
        self._start, self._step, self.timestep = schedule.start, step, step.timestep
        self.unet, self.decoder, self._scale = parts.unet, parts.vae.decoder, float(parts.vae.config.scaling_factor)
        self.eval().requires_grad_(False)

    def text(self, caption: str) -> Tensor:
        """The embedding (1, tokens, width) of a caption."""
        return torch.from_numpy(self._encode(caption))

    def forward(self, noise: Tensor, text: Tensor, timestep: Tensor) -> Tensor:
        """A picture (1, 3, 256, 256) in 0..1 of unit noise (1, 4, 32, 32), an embedding and a timestep (1,)."""
        x = noise * self._start
        out = self.unet(x * self._step.scale, timestep, text, return_dict=False)[0]
        latent = x * self._step.keep + out * self._step.take
        return (self.decoder(latent / self._scale) / 2 + 0.5).clamp(0, 1)


def export_onnx(drawer: Drawer, path: Path) -> Path:
    """Write the drawer as an ONNX graph of opset 18 at its own sizes.

    Raises
    ------
    BadInput
        If the package onnx is missing.
    """
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise BadInput("exporting needs the package onnx; type: pip install onnx") from None
    example = (torch.randn(1, 4, 32, 32), drawer.text("fire"), torch.tensor([drawer.timestep]))
    with warnings.catch_warnings(), torch.no_grad():
        # Tracing warns of every size that becomes a constant, which is what is wanted here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            drawer, example, str(path), input_names=["noise", "text", "timestep"], output_names=["picture"],
            opset_version=18, dynamo=False,
        )  # fmt: skip
    return path
