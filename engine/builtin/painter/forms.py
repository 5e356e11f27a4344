"""The forms: each turns fields into light, as amounts of the caption's two colours and of white.

A form returns ``(ground, first, second, white)``, each ``(batch, height, width)`` and >= 0: how much of a dim
ground in the first colour, of the first colour, of the second, and of white light reaches each pixel. All maps are
gentle and local: a place's light depends on where it is and on the noise around it, never on a number decoded
from the whole noise. That is what lets a small network learn them by plain regression.
"""

from engine.builtin.painter.geometry import GEOMETRY
from engine.builtin.painter.nature import NATURE
from engine.builtin.painter.textures import TEXTURES

PAINT = NATURE | TEXTURES | GEOMETRY
"""Form -> the function that draws it."""
