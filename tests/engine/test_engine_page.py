"""docs/engine.md: its example runs, and what it says of composition is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine import Bend
from engine.bends.kernels import bend_activation, settle

PAGE = (Path(__file__).parents[2] / "docs" / "engine.md").read_text(encoding="utf-8")


EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def example() -> str:
    return EXAMPLES[0]


def test_the_example_is_ten_lines_and_gives_the_bent_picture(monkeypatch) -> None:
    from engine import FrameSpec, Generator

    load = Generator.load
    # Eager and small: exporting graphs for one picture would take this test a minute.
    monkeypatch.setattr(
        Generator,
        "load",
        lambda model, size: load(model, size=(64, 64), runtime="eager", device="cpu", dtype="float32"),
    )
    lines = [line for line in example().splitlines() if line.strip() and not line.startswith(("from", ")"))]
    assert len(lines) <= 10
    room: dict[str, Any] = {}
    exec(example(), room)
    pixels = room["pixels"]
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert room["picture"].spec.values != room["plan"].neutral
    spec = room["picture"].spec
    unbent = room["generator"].render(FrameSpec(prompts=spec.prompts, seed=spec.seed)).pixels
    assert np.abs(pixels.astype(int) - unbent).mean() > 2
    for further in EXAMPLES[1:]:
        exec(further, room)
    assert 0 < room["weight"] < 1


def test_a_bend_is_a_mix_of_dry_and_wet_within_its_selection() -> None:
    """x + mix · selection · (operator(x) − x), as the page says."""
    from engine.bends.selection import choose_channels, selection

    bend = Bend("b", "channel_rotate", "unet.mid", channels="even", rows="0.2-0.6", mask="circle:0.4")
    x = torch.randn(1, 8, 12, 12, generator=torch.Generator().manual_seed(1))
    shape = tuple(x.shape)
    wet, half = (
        bend_activation("channel_rotate", x, [torch.tensor(0.9), torch.tensor(mix)], setting)
        for setting in [settle(bend, shape, x.dtype, x.device, ())]
        for mix in (1.0, 0.3)
    )
    torch.testing.assert_close(half, x + 0.3 * (wet - x))
    chosen = choose_channels(bend.channels, 8)
    strength = torch.from_numpy(np.broadcast_to(selection(bend, chosen, shape), shape).copy())
    whole = Bend("b", "channel_rotate", "unet.mid", channels="even")
    full = bend_activation(
        "channel_rotate", x, [torch.tensor(0.9), torch.tensor(1.0)], settle(whole, shape, x.dtype, x.device, ())
    )
    torch.testing.assert_close(wet, x + strength * (full - x))
