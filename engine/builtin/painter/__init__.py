"""A procedural painter: latent noise and a caption in, a picture out. It taught the built-in network."""

import torch

from engine.builtin.painter.develop import develop
from engine.builtin.painter.fields import Fields
from engine.builtin.painter.forms import PAINT
from engine.builtin.vocabulary import understand

SCALE = {"fine": 0.72, "": 1.0, "vast": 1.4}
"""Width of every blur for a caption's word of scale."""


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
    for form, scale in sorted({(m.form, m.scale) for m in meanings}):
        rows = [i for i, m in enumerate(meanings) if (m.form, m.scale) == (form, scale)]
        fields = Fields(noise[rows], size, SCALE[scale])
        out[rows] = develop(PAINT[form](fields), [meanings[i] for i in rows], fields)
    return out
