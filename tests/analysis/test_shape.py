"""The shape of spectra that are known."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import LiveAnalyzer
from tests.analysis.sounds import noise

RATES = (44_100, 48_000, 96_000)
NAMES = ("spread", "skewness", "kurtosis", "rolloff", "flatness")


def tones(rate: int, *parts: tuple[float, float]) -> np.ndarray:
    """One second of sines of (frequency, amplitude)."""
    t = np.arange(rate) / rate
    return sum(a * np.sin(2 * np.pi * f * t + f) for f, a in parts).astype(np.float32)


def shape(sound: np.ndarray, rate: int = 48_000) -> dict[str, float]:
    frames = LiveAnalyzer(rate).process(sound)[-60:]
    return {name: float(frames[name].mean()) for name in NAMES}


@pytest.mark.parametrize("rate", RATES)
def test_two_tones_spread_by_half_their_distance(rate: int) -> None:
    heard = shape(tones(rate, (1000, 0.2), (3000, 0.2)), rate)
    assert heard["spread"] == pytest.approx(1000, rel=0.02)
    assert heard["skewness"] == pytest.approx(0, abs=0.05)
    assert heard["kurtosis"] == pytest.approx(1, abs=0.05)
    assert heard["rolloff"] == pytest.approx(3000, rel=0.02)


@pytest.mark.parametrize(("low", "high", "sign"), [(0.3, 0.1, 1), (0.1, 0.3, -1)])
def test_the_longer_tail_decides_the_sign_of_skewness(low: float, high: float, sign: int) -> None:
    heard = shape(tones(48_000, (1000, low), (3000, high)))
    # Two points of weights p and q: (q - p) / sqrt(p q), and 1 / (p q) - 3 for the fourth moment.
    assert heard["skewness"] == pytest.approx(sign * 0.5 / np.sqrt(0.1875), abs=0.06)
    assert heard["kurtosis"] == pytest.approx(1 / 0.1875 - 3, abs=0.1)
    assert heard["spread"] == pytest.approx(2000 * np.sqrt(0.1875), rel=0.02)


@pytest.mark.parametrize("frequency", [300, 1000, 8000])
def test_a_tone_is_narrow_symmetric_and_not_flat(frequency: int) -> None:
    heard = shape(tones(48_000, (frequency, 0.3)))
    assert heard["spread"] < 60
    assert abs(heard["skewness"]) < 0.2
    assert heard["flatness"] < 0.01
    assert heard["rolloff"] == pytest.approx(frequency, abs=70)


@pytest.mark.parametrize("rate", RATES)
def test_white_noise_is_flat_and_wide(rate: int) -> None:
    # As loud per hertz at every rate.
    heard = shape(noise(rate, 1.0, -20 + 10 * np.log10(rate / 48_000)), rate)
    assert heard["flatness"] > 0.95
    assert heard["spread"] == pytest.approx(16_000 / np.sqrt(12), rel=0.03)
    assert heard["kurtosis"] == pytest.approx(1.8, abs=0.1)
    assert heard["rolloff"] == pytest.approx(0.85 * 16_000, rel=0.03)


def test_brown_noise_lies_between_a_tone_and_white_noise() -> None:
    brown = np.cumsum(noise(48_000, 1.0, -40).astype(float))
    brown = 0.1 * brown / np.abs(brown).max()
    assert 0.001 < shape(brown)["flatness"] < 0.5
    assert shape(brown)["skewness"] > 1


@pytest.mark.parametrize("name", NAMES)
def test_level_does_not_change_the_shape(name: str) -> None:
    sound = tones(48_000, (500, 0.3), (1500, 0.2), (4000, 0.1)) + noise(48_000, 1.0, -50)
    assert shape(0.1 * sound)[name] == pytest.approx(shape(sound)[name], rel=0.05)
