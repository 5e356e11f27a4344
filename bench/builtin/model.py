"""The model under measure, in batches: the project's own sampler, sites and bends around the weights' networks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from engine.bends.hooks import BendRuntime
from engine.bends.plan import BendPlan
from engine.generator import Generator
from engine.loading import load_components
from engine.noise import STEP, fixed_noise
from engine.prompts import PromptSpace
from engine.sampling import Sampler, denoise
from engine.sites import Measure, ModuleSite, module_sites
from engine.spec import FrameSpec

__all__ = ["Model"]

_UNBENT = BendPlan()
_BATCH = 8


class Model:
    """The networks of a weights folder, drawing many pictures at a time in float32.

    Parameters
    ----------
    folder : Path
        In the diffusers layout.
    device : torch.device

    Attributes
    ----------
    folder : Path
    device : torch.device
    generator : Generator
        The same weights as they are played.
    sites : dict of str to ModuleSite
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        parts = load_components(str(folder), torch.float32)
        self.unet = parts.unet.to(device=device, memory_format=torch.channels_last)
        self.vae = parts.vae.to(device=device, memory_format=torch.channels_last)
        self._scale = float(self.vae.config.scaling_factor)
        self._prompts = PromptSpace(parts.text.to(device))
        self._sampler = Sampler(parts.scheduler, device)
        self.alphas = parts.scheduler.alphas_cumprod.to(device)
        self.sites: dict[str, ModuleSite] = module_sites(self.unet, self.vae)
        self.generator = Generator.load(str(folder), device=str(device))
        self._runtime = BendRuntime(self.sites, self._measures, device)

    def _measures(self) -> dict[str, Measure]:
        return {site.address: Measure(site.shape[0], site.sd) for site in self.generator.sites()}

    @property
    def levels(self) -> list[str]:
        """Sites of the UNet's levels in the order a picture passes them: down, middle, up."""
        return [a for a in self.sites if re.fullmatch(r"unet\.(mid|(down|up)\.\d)", a)]

    def text(self, captions: Sequence[str]) -> Tensor:
        """Text embeddings (batch, tokens, width)."""
        return torch.cat([torch.from_numpy(self._prompts.encode(caption)) for caption in captions]).to(self.device)

    def blend(self, first: str, second: str, share: float) -> Tensor:
        """The embedding (1, tokens, width) between two captions as it is played, 0 to 1."""
        return torch.from_numpy(self._prompts.blend(((first, 1 - share), (second, share)))).to(self.device)

    @torch.inference_mode()
    def pictures(
        self,
        noise: Tensor,
        captions: Sequence[str] | Tensor,
        steps: int = 1,
        plan: BendPlan = _UNBENT,
        values: Sequence[float] = (),
    ) -> Tensor:
        """Draw pictures.

        Parameters
        ----------
        noise : Tensor
            (batch, 4, h, w), unit variance.
        captions : sequence of str, or Tensor
            One each, or their embeddings (batch, tokens, width).
        steps : int
            Denoising steps, 1 to 8.
        plan, values
            Bends, as in `engine.spec.FrameSpec`.

        Returns
        -------
        Tensor (batch, 3, 8 h, 8 w), 0..1; a value that is not finite stays one.
        """
        text = captions if isinstance(captions, Tensor) else self.text(captions)
        bent = self._runtime.use(plan)
        bent.write(values)
        schedule = self._sampler.schedule(steps)
        drawn = []
        for z, words in zip(noise.split(_BATCH), text.split(_BATCH), strict=True):
            latents = denoise(
                z,
                schedule,
                lambda x, timestep, words=words: self.predict(x, timestep, words),
                lambda index, z=z: torch.from_numpy(fixed_noise(0, tuple(z.shape), STEP + index)).to(z.device),
                bent.touch,
            )
            drawn.append(self.decode(latents))
        self._runtime.use(_UNBENT)
        return torch.cat(drawn)

    @torch.inference_mode()
    def predict(self, x: Tensor, timestep: Tensor | int, text: Tensor) -> Tensor:
        """The network's output for noised latents (batch, 4, h, w)."""
        return self.unet(x, timestep, text, return_dict=False)[0]

    @torch.inference_mode()
    def decode(self, latents: Tensor) -> Tensor:
        """Pictures (batch, 3, 8 h, 8 w) in 0..1 of normalised latents."""
        return (self.vae.decode(latents / self._scale, return_dict=False)[0] / 2 + 0.5).clamp(0, 1)

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Tensor:
        """Normalised latents of pictures in 0..1."""
        chunks = (pictures * 2 - 1).to(memory_format=torch.channels_last).split(_BATCH)
        return torch.cat([self.vae.encode(chunk, return_dict=False)[0] for chunk in chunks]) * self._scale

    @torch.inference_mode()
    def reconstruct(self, pictures: Tensor) -> Tensor:
        """Pictures in 0..1 sent through the autoencoder."""
        return torch.cat([self.decode(latents) for latents in self.encode(pictures).split(_BATCH)])

    def distance_to_played(self) -> float:
        """Mean difference, of 255, between this batched path and the generator's own picture."""
        caption, noise = "neon cyan and orange flower", torch.from_numpy(fixed_noise(5, (1, 4, 32, 32)))
        spec = FrameSpec(prompts=((caption, 1.0),), seed=5)
        played = torch.from_numpy(self.generator.render(spec).pixels.copy()).permute(2, 0, 1).float()
        drawn = self.pictures(noise.to(self.device), [caption])[0]
        return float((drawn.cpu() * 255 - played).abs().mean())
