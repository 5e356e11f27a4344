"""From amounts of light to a picture: a caption's colours, mood, density and place."""

import torch
import torch.nn.functional as F

from engine.builtin.painter.fields import Fields
from engine.builtin.vocabulary import COLOURS, Meaning

# gain: exposure; contrast: power of the exposed light; floor: light on the ground; level: brightest a colour gets;
# paper: how far the picture is painted on white instead of lit in the dark; bloom: glow around what is bright.
MOODS = {
    "plain": {"gain": 1.25, "contrast": 1.0, "floor": 0.20, "level": 1.0, "paper": 0.0, "bloom": 0.35},
    "neon": {"gain": 1.9, "contrast": 1.7, "floor": 0.06, "level": 1.0, "paper": 0.0, "bloom": 0.85},
    "pastel": {"gain": 1.0, "contrast": 1.1, "floor": 0.1, "level": 1.0, "paper": 1.0, "bloom": 0.0},
    "dark": {"gain": 1.0, "contrast": 1.4, "floor": 0.06, "level": 0.62, "paper": 0.0, "bloom": 0.2},
}
DENSITY = {"sparse": 1.8, "": 1.0, "dense": 0.6}
"""Power that light is raised to: above 1 only the brightest stays, below 1 the shade fills."""

LENS = 0.7 / 256
"""Deviation of the painter's lens, of a picture's longer side."""


def develop(light: tuple[torch.Tensor, ...], meanings: list[Meaning], fields: Fields) -> torch.Tensor:
    """Turn amounts of light into pictures in the meanings' colours, mood, density and place.

    Parameters
    ----------
    light
        ``(ground, first, second, white)``, each ``(batch, height, width)`` and >= 0.
    meanings
        One per picture.
    fields
        The fields the light was made of, for where each pixel is.

    Returns
    -------
    Pictures ``(batch, 3, height, width)`` in 0..1.
    """
    ground, first, second, white = light

    def column(values: list[float]) -> torch.Tensor:
        return first.new_tensor(values)[:, None, None]

    mood = {key: column([MOODS[m.mood][key] for m in meanings]) for key in MOODS["plain"]}
    density = column([DENSITY[m.density] for m in meanings])
    away = fields.x**2 + fields.y**2
    place = {"": 1 + 0 * away, "centred": 1.35 * torch.exp(-1.3 * away), "framing": 0.25 + 1.1 * away}
    here = torch.cat([place[m.place] for m in meanings])

    def exposed(amount: torch.Tensor, density: torch.Tensor = density) -> torch.Tensor:
        # The small constant keeps the slope of the power finite at no light at all.
        amount = (amount * here + 1e-4) ** density
        return (1 - torch.exp(-1.35 * mood["gain"] * amount)) ** mood["contrast"]

    one, two = exposed(1.15 * first + mood["floor"] * ground), exposed(0.85 * second)
    highlight = white + 0.16 * (first + second - 1.7).clamp(min=0) * (1 - mood["paper"])
    hot = exposed(highlight, density.clamp(min=1))[:, None]
    a, b = (first.new_tensor([COLOURS[name] for name in names])[:, :, None, None]
            for names in ([m.first for m in meanings], [m.second for m in meanings]))  # fmt: skip
    one, two, level, paper = one[:, None], two[:, None], mood["level"][:, None], mood["paper"][:, None]
    # Screen, not sum, and the second colour mostly covers the first: each stays itself but where white joins it.
    lit = 1 - (1 - level * a * one * (1 - 0.7 * two)) * (1 - level * b * two) * (1 - level * hot)
    lit = lit * (1 - 0.16 * away[:, None])
    painted = torch.lerp(0.80 + 0.16 * a, 0.25 + 0.75 * a, one)
    painted = torch.lerp(painted, 0.25 + 0.75 * b, two)
    painted = torch.lerp(painted, torch.ones_like(painted), 0.9 * hot)
    return soften(bloom(torch.lerp(lit, painted, paper), mood["bloom"][:, None]).clamp(0, 1))


def bloom(picture: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
    """Let bright places glow into their surroundings, as through a lens.

    Parameters
    ----------
    picture
        ``(batch, 3, height, width)`` in 0..1.
    amount
        ``(batch, 1, 1, 1)``, 0 for none.
    """
    height, width = picture.shape[2:]
    cell = max(height, width) / 32
    small = F.interpolate(picture, size=(round(height / cell), round(width / cell)), mode="area")
    bright = small * small.mean(1, keepdim=True)
    reach = torch.arange(-4.0, 5.0, dtype=picture.dtype, device=picture.device)
    halo = _blur(bright, torch.exp(-0.5 * (reach / 1.8) ** 2))
    halo = F.interpolate(halo, size=(height, width), mode="bicubic", align_corners=False).clamp(0, 1)
    return 1 - (1 - picture) * (1 - amount * halo)


def soften(picture: torch.Tensor) -> torch.Tensor:
    """Spread each point of a picture ``(batch, 3, height, width)`` as a lens does, by `LENS` of the longer side.

    What is finer than this no autoencoder of eight pixels to a latent's side gives back, and no network learns.
    """
    sigma = LENS * max(picture.shape[2:])
    half = max(1, round(3 * sigma))
    reach = torch.arange(-half, half + 1.0, dtype=picture.dtype, device=picture.device)
    return _blur(picture, torch.exp(-0.5 * (reach / sigma) ** 2))


def _blur(picture: torch.Tensor, line: torch.Tensor) -> torch.Tensor:
    """A picture blurred along both sides by weights of odd number, the border continued."""
    half = len(line) // 2
    kernel = (line / line.sum()).expand(3, 1, 1, len(line))
    padded = F.pad(picture, (half, half, half, half), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)
