"""What the HUD says of the sound."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from live.hud import CANCELLING, CLIPPING, heard_warnings

RATE = 48_000
TONE = (0.4 * np.sin(2 * np.pi * 300 * np.arange(6 * RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize(
    ("sound", "warnings"),
    [
        (np.stack([TONE, TONE], axis=1), []),
        (np.stack([TONE, 0 * TONE], axis=1), []),
        (np.stack([TONE, -TONE], axis=1), [CANCELLING]),
        (np.clip(3 * TONE, -1, 1), [CLIPPING]),
        (0 * TONE, []),
    ],
    ids=["well", "one channel", "inverted", "clipped", "digital silence"],
)
def test_what_is_wrong_with_the_sound_is_said(sound: np.ndarray, warnings: list[str]) -> None:
    assert heard_warnings(LiveAnalyzer(RATE).process(sound)[-1]) == warnings
