"""Training pictures: painted on the spot, kept in memory, never read from anywhere else."""

import random

import torch

from engine.builtin.painter import paint
from engine.builtin.vocabulary import random_caption

LATENT_SIZE = 32


def draw(count: int, generator: torch.Generator, rng: random.Random, device="cpu", forms: list[str] | None = None):
    """Noises ``(count, 4, 32, 32)``, captions, and pictures ``(count, 3, 256, 256)`` in 0..1."""
    noise = torch.randn(count, 4, LATENT_SIZE, LATENT_SIZE, generator=generator)
    form = rng.choice(forms) if forms else None
    captions = [random_caption(rng, form) for _ in range(count)]
    noise = noise.to(device)
    return noise, captions, paint(noise, captions)


def random_crops(pictures: torch.Tensor, count: int, side: int, rng: random.Random) -> torch.Tensor:
    """``count`` crops ``(count, 3, side, side)`` of uint8 pictures, as floats in -1..1, mirrored at random."""
    crops = []
    for _ in range(count):
        y, x = (rng.randrange(0, pictures.shape[d] - side + 1, 4) for d in (2, 3))
        crop = pictures[rng.randrange(len(pictures)), :, y : y + side, x : x + side]
        if rng.random() < 0.5:
            crop = crop.flip(-1)
        if rng.random() < 0.5:
            crop = crop.flip(-2)
        crops.append(crop)
    return torch.stack(crops).float() / 127.5 - 1
