"""Training pictures: painted on the spot, kept in memory, never read from anywhere else."""

import random

import torch

from engine.builtin.painter import paint
from engine.builtin.vocabulary import random_caption

SQUARE = (32, 32)
SIZES = {SQUARE: 0.7, (36, 64): 0.12, (32, 48): 0.09, (48, 32): 0.09}
"""Height and width of the latents, and the share of the batches that have that size."""


def some_size(seed: int, step: int) -> tuple[int, int]:
    """Size of a step's batch: drawn from the step, so that all workers have the same."""
    return random.Random(f"{seed} {step} size").choices(list(SIZES), list(SIZES.values()))[0]


def draw(
    count: int,
    generator: torch.Generator,
    rng: random.Random,
    device="cpu",
    forms: list[str] | None = None,
    size: tuple[int, int] = SQUARE,
):
    """Noises ``(count, 4, h, w)``, captions, and pictures ``(count, 3, 8h, 8w)`` in 0..1; ``size`` is ``(h, w)``."""
    noise = torch.randn(count, 4, *size, generator=generator)
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
