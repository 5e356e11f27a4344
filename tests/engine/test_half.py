"""Half precision: pictures of the built-in model stay within 1.5 of 255 of float32 on average."""

from __future__ import annotations

import numpy as np
import pytest

from engine import BendPlan, FrameSpec
from engine.generator import Generator
from live.bench.pictures import FOUR_BENDS

LIMIT = 1.5
SPECS = [
    FrameSpec(prompts=((text, 1.0),), seed=seed, plan=plan, values=values)
    for seed, (text, plan, values) in enumerate(
        [
            ("neon blue galaxy", BendPlan(), ()),
            ("dark red fire", FOUR_BENDS, (0.2, 1.0, 0.4, 1.0, 0.15, 1.0, 1.2, 1.0)),
            ("pastel green waves", BendPlan(), ()),
            ("gold mandala", FOUR_BENDS, (-0.2, 0.8, -0.5, 1.0, 0.3, 0.9, 0.8, 1.0)),
        ]
    )
]


@pytest.fixture(scope="module")
def exact():
    model = Generator.load("builtin", device="cpu", dtype="float32", runtime="eager")
    return [model.render(spec).pixels.astype(float) for spec in SPECS]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_stays_near_float32(exact, dtype: str) -> None:
    model = Generator.load("builtin", device="cpu", dtype=dtype, runtime="eager")
    differences = [np.abs(model.render(spec).pixels - whole).mean() for spec, whole in zip(SPECS, exact, strict=True)]
    print(dtype, [round(d, 2) for d in differences])
    assert max(differences) <= LIMIT
