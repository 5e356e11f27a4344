"""`python -m bench.scenes`: what scenes make of a sound, a row for each; draws docs/pictures/demo.jpg."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from bentlight.errors import BentlightError
from scenes import Patch, Scene, library, load

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generator import Generator

__all__ = ["moments"]

SHEET = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "demo.jpg"
EVERY_S, SECONDS, SIDE = 2.9, 46.0, 88


def main() -> None:
    """Play each scene, and put its pictures in a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", action="append", help="a name or a file; may be said again (all built-in ones)")
    parser.add_argument("--sound", default="demo", help="a sound file (the demo track)")
    parser.add_argument("--every", type=_positive, default=EVERY_S, help=f"seconds from picture to picture ({EVERY_S})")
    parser.add_argument("--seconds", type=_positive, default=SECONDS, help=f"of the sound ({SECONDS:g})")
    parser.add_argument("--side", type=_pixels, default=SIDE, help=f"height of each picture in pixels ({SIDE})")
    parser.add_argument("--out", type=Path, default=SHEET, help=f"the sheet ({SHEET.name} in docs/pictures)")
    chosen = parser.parse_args()

    from rich.progress import track

    from bench.builtin.drawing import contact_sheet
    from engine.generator import Generator

    names = chosen.scene or list(library())
    try:
        found = [load(name) for name in names]
        generator = Generator.load("builtin")
        playing = track(found, "playing scenes")
        rows = [moments(scene, generator, chosen.sound, chosen.every, chosen.seconds) for scene in playing]
    except BentlightError as error:
        parser.error(str(error))
    try:
        print(contact_sheet(rows, chosen.out, [scene.name for scene in found], side=chosen.side))
    except OSError as error:
        parser.error(f"{chosen.out} cannot be written ({error.strerror}); choose another place with --out")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return value


def _pixels(text: str) -> int:
    return max(1, round(_positive(text)))


def moments(scene: Scene, generator: Generator, sound: str, every_s: float, seconds: float) -> Tensor:
    """Return what a scene shows every so often, shape (pictures, 3, height, width), 0 to 1.

    Where a scene looks at its last picture, that is the one so long before, not a show's.
    """
    import numpy as np
    import torch

    from live.offline import specs
    from live.preparing import prepare_for

    patch = Patch(scene, start_s=0.0)
    prepare_for(generator, patch, wait=True)
    made, previous = [], None
    for step in specs(sound, patch, fps=1.0 / every_s, seconds=seconds):
        for _, spec in step.pictures:
            previous = generator.render(spec, previous if spec.wants_previous else None)
            made.append(np.array(previous.pixels))
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2) / 255.0


if __name__ == "__main__":
    main()
