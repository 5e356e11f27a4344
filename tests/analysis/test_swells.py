"""How partials rise, described; and the network that was taught on such descriptions."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.onsets import OnsetDetector
from analysis.swells import AGES, EVERY, FEATURES, SwellOnsets, Swells
from analysis.timing import detector_hop
from tests.analysis.sounds import noise

RATE = 48_000
LONG_AGO_S = 10.0


def step(rate: int = RATE) -> int:
    return 2 * detector_hop(rate) * EVERY


def swelling(starts: tuple[float, ...], attack_s: float, seconds: float, rate: int = RATE) -> np.ndarray:
    """Notes that swell in, each at another pitch, and die away before the next."""
    t = np.arange(int(seconds * rate)) / rate
    sound = np.zeros(len(t))
    for number, start in enumerate(starts):
        since = t - start
        envelope = 0.5 - 0.5 * np.cos(np.pi * np.clip(since / attack_s, 0, 1))
        envelope *= np.clip((1.0 - since) / 0.3, 0, 1) * (since > 0)
        pitch = 220.0 * 2 ** (number * 5 % 12 / 12)
        sound += 0.1 * envelope * sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 8))
    return (sound + noise(rate, seconds, -80)[: len(t)]).astype(np.float32)


def described(sound: np.ndarray, rate: int = RATE, amplified: tuple[int, float] | None = None) -> np.ndarray:
    swells, hop = Swells(rate, step(rate)), step(rate)
    found = []
    for number in range(len(sound) // hop):
        if amplified and number == amplified[0]:
            swells.amplified(amplified[1])
        found.append(swells.process(sound[number * hop : (number + 1) * hop], LONG_AGO_S))
    return np.array(found)


def reported(sound: np.ndarray, rate: int = RATE) -> list[tuple[float, float]]:
    """When a swell was reported, and where it was said to lie."""
    swells, hop, last_s, found = SwellOnsets(rate, step(rate)), step(rate), LONG_AGO_S, []
    for number in range(len(sound) // hop):
        age_s = swells.process(sound[number * hop : (number + 1) * hop], LONG_AGO_S, last_s, learn=number < 14)
        last_s += hop / rate
        if age_s is not None:
            end_s = (number + 1) * hop / rate
            found.append((end_s, end_s - age_s))
            last_s = age_s
    return found


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_every_rate_is_described_in_as_many_finite_numbers(rate: int) -> None:
    sound = np.concatenate([np.zeros(rate // 2, np.float32), swelling((0.3,), 0.2, 1.5, rate)])
    found = described(sound, rate)
    assert found.shape[1] == FEATURES
    assert np.isfinite(found).all()


def test_a_description_does_not_depend_on_how_loud_the_music_is() -> None:
    sound = swelling((0.3, 1.3, 2.3), 0.2, 3.5)
    difference = np.abs(described(sound) - described(0.25 * sound))
    # Before the first note there is next to nothing, and the least level that is told apart is an absolute one.
    assert difference[round(0.7 * RATE / step()) :].mean() < 0.05


def test_a_fader_that_is_told_of_is_no_rise() -> None:
    sound, at = swelling((0.3, 1.3, 2.3), 0.2, 3.5), 80
    louder = sound.copy()
    louder[at * step() :] *= 2.0
    told, untold, plain = (
        described(louder, amplified=(at, 20 * np.log10(2))), described(louder), described(sound)
    )  # fmt: skip
    # The window still holds samples from before the change for its own length.
    later = slice(at + 10, None)
    assert np.abs(told[later] - plain[later]).mean() < 0.1
    assert (
        np.abs(untold[at : at + 8] - plain[at : at + 8]).mean()
        > 3 * np.abs(told[at : at + 8] - plain[at : at + 8]).mean()
    )


@pytest.mark.parametrize("attack_s", [0.15, 0.25, 0.35])
def test_notes_that_swell_in_are_reported_once_and_dated(attack_s: float) -> None:
    starts = tuple(0.7 + 1.2 * np.arange(6))
    found = reported(swelling(starts, attack_s, 8.5))
    heard = np.array(starts) + attack_s / 3
    assert len(found) == len(heard)
    dated = np.array([at for _, at in found])
    assert np.abs(dated - heard).max() < 0.1
    assert np.median(np.abs(dated - heard)) < 0.07
    assert all(at < fired < at + (AGES + 1) * step() / RATE for fired, at in found)


def test_nothing_swells_in_silence_in_noise_or_in_a_held_tone() -> None:
    t = np.arange(4 * RATE) / RATE
    tone = 0.2 * sum(np.sin(2 * np.pi * k * 220 * t) / k for k in range(1, 8))
    for sound in (np.zeros(4 * RATE), noise(RATE, 4.0, -20), tone):
        assert not reported(sound.astype(np.float32))


def test_an_onset_is_never_placed_before_the_last_one() -> None:
    sound = swelling((0.7,), 0.3, 2.0)
    (fired_s, _), hop = reported(sound)[0], step()
    swells = SwellOnsets(RATE, hop)
    for number in range(len(sound) // hop):
        # Something else began a moment ago, all the time.
        assert swells.process(sound[number * hop : (number + 1) * hop], LONG_AGO_S, 0.1, learn=number < 14) is None
    assert fired_s > 0.7


def test_a_detector_can_do_without() -> None:
    sound = swelling((0.7, 1.9, 3.1), 0.35, 4.5)
    look = detector_hop(RATE)

    def found(**how: bool) -> np.ndarray:
        detector = OnsetDetector(RATE, look, **how)
        ends = range(2 * look, len(sound), 2 * look)
        onsets = [detector.process(sound[end - 2 * look : end]) for end in ends]
        return np.array([end / RATE - onset.age_s for end, onset in zip(ends, onsets, strict=True) if onset.hit])

    heard = np.array([0.7, 1.9, 3.1]) + 0.35 / 3
    with_them, without = found(), found(swells=False)
    assert all(np.abs(with_them - at).min() < 0.1 for at in heard)
    assert not all(len(without) and np.abs(without - at).min() < 0.1 for at in heard)
