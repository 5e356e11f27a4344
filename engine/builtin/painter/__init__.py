"""A procedural painter: latent noise and a caption in, a picture out. It taught the built-in network."""

import torch

from engine.builtin.painter.fields import Fields
from engine.builtin.painter.forms import PAINT
from engine.builtin.vocabulary import COLOURS, Meaning, understand


def paint(noise: torch.Tensor, captions: list[str], size: tuple[int, int] | None = None) -> torch.Tensor:
    """Paint one picture per noise and caption.

    Parameters
    ----------
    noise
        Latent noise ``(batch, 4, h, w)``, unit variance.
    captions
        ``batch`` captions, any text.
    size
        Height and width in pixels; 8 times the noise's by default.

    Returns
    -------
    Pictures ``(batch, 3, height, width)``, red, green, blue in 0..1, a smooth function of the noise.
    """
    if len(captions) != noise.shape[0]:
        raise ValueError(f"{len(captions)} captions for {noise.shape[0]} noises")
    size = size or (8 * noise.shape[2], 8 * noise.shape[3])
    meanings = [understand(caption) for caption in captions]
    out = noise.new_empty(noise.shape[0], 3, *size)
    for form in sorted({m.form for m in meanings}):
        rows = [i for i, m in enumerate(meanings) if m.form == form]
        light = PAINT[form](Fields(noise[rows], size))
        out[rows] = develop(light, [meanings[i] for i in rows])
    return out


def develop(light, meanings: list[Meaning]) -> torch.Tensor:
    """Turn amounts of light ``(ground, first, second, white)`` into pictures in the meanings' colours and moods."""
    ground, first, second, white = light
    like = {"dtype": first.dtype, "device": first.device}
    a = torch.tensor([COLOURS[m.first] for m in meanings], **like)[:, :, None, None]
    b = torch.tensor([COLOURS[m.second] for m in meanings], **like)[:, :, None, None]
    mood = {"plain": (1.15, 1.0, 0.10, 0.0), "neon": (1.7, 1.35, 0.03, 0.0),
            "pastel": (0.95, 0.8, 0.5, 0.55), "dark": (0.50, 1.25, 0.03, 0.0)}  # fmt: skip
    gain, gamma, floor, veil = (
        torch.tensor(column, **like)[:, None, None, None]
        for column in zip(*(mood[m.mood] for m in meanings), strict=True)
    )
    # Film-like: light adds up and saturates towards white instead of clipping.
    glow = a * (first[:, None] + floor * ground[:, None]) + b * second[:, None] + white[:, None]
    picture = 1 - torch.exp(-1.35 * gain * glow.clamp(min=0) ** gamma)
    pale = 0.62 + 0.38 * (0.5 * a + 0.5 * b)
    return (veil * pale + (1 - veil) * picture).clamp(0, 1)
