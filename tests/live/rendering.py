"""What tests of offline rendering render: a scene, a sound, a small model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from scenes import loads

if TYPE_CHECKING:
    from engine.generator import Generator

RATE = 44_100

SCENE = loads("""\
name: test
seed: 4
prompts: [{text: red fire}]
motion: {noise_turns_per_minute: 2}
bends:
  - {name: hue, operator: channel_rotate, site: latent.end}
routes:
  - {name: kick, source: onset, to: hue/angle, mode: hit, out: [0, 1.5]}
""")


def small_model(folder: Path) -> Generator:
    """A model of random weights, 64 x 64."""
    from engine.generator import Generator
    from tests.engine.conftest import make_pipeline

    make_pipeline(folder).save_pretrained(str(folder / "tiny"))
    return Generator.load(str(folder / "tiny"), size=(64, 64), threads=1)


def clicks(path: Path) -> Path:
    """Two seconds with three clicks, stereo."""
    rng = np.random.default_rng(2)
    samples = 0.001 * rng.standard_normal((2 * RATE, 2)).astype(np.float32)
    for click_s in (0.5, 1.0, 1.6):
        start = round(click_s * RATE)
        samples[start : start + 900] += 0.7 * rng.uniform(-1, 1, (900, 2)) * np.exp(-np.arange(900) / 250)[:, None]
    soundfile.write(path, samples, RATE)
    return path
