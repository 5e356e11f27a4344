"""What begins above 0.8 kHz, described; and the network that was taught on such descriptions."""

from __future__ import annotations

import numpy as np

from analysis.fast_onsets import AttackFunction
from analysis.hits import FEATURES, Hits, Judge
from tests.analysis.sounds import hat, noise, place, wired_snare

RATE, LOOK = 48_000, 128
TIMES = 0.5 + 0.3 * np.arange(10)


def described(sound: np.ndarray, amplified_db: float = 0.0) -> list[tuple[float, np.ndarray]]:
    attacks, hits = AttackFunction(RATE, LOOK), Hits(LOOK / RATE)
    if amplified_db:
        attacks.amplified(amplified_db)
        hits.amplified(amplified_db)
    found = []
    for number in range(len(sound) // LOOK):
        attacks.process(sound[number * LOOK : (number + 1) * LOOK])
        if (about := hits.process(attacks)) is not None:
            found.append(((number + 1) * LOOK / RATE, about))
    return found


def test_each_hit_is_described_once_and_soon() -> None:
    found = described(place(TIMES, wired_snare, RATE, 3.7))
    late = np.array([at for at, _ in found]) - TIMES
    assert len(found) == len(TIMES)
    assert (late > 0).all()
    assert (late < 0.025).all()
    assert all(about.shape == (FEATURES,) and np.isfinite(about).all() for _, about in found)


def test_nothing_is_described_in_noise_or_silence() -> None:
    assert not described(np.zeros(RATE, np.float32))
    steady = [at for at, _ in described(noise(RATE, 4.0, -20)) if at > 0.5]
    assert len(steady) <= 1


def test_a_description_does_not_depend_on_how_loud_the_music_is() -> None:
    sound = place(TIMES, wired_snare, RATE, 3.7, -140) + place(TIMES + 0.15, hat, RATE, 3.7, -140)
    loud, soft = described(sound), described(0.25 * sound)
    assert len(loud) == len(soft)
    # The first says how it stands to what was heard before it: nothing.
    for (_, a), (_, b) in zip(loud[1:], soft[1:], strict=True):
        # The quietest bands come near what counts as no sound at all.
        assert np.abs(a - b).mean() < 0.5


def test_a_hole_ends_what_has_begun() -> None:
    attacks, hits = AttackFunction(RATE, LOOK), Hits(LOOK / RATE)
    sound = place(TIMES, wired_snare, RATE, 3.7)
    end = round((TIMES[0] + 0.006) * RATE) // LOOK
    for number in range(end):
        attacks.process(sound[number * LOOK : (number + 1) * LOOK])
        assert hits.process(attacks) is None
    hits.clear()
    for _ in range(20):
        attacks.process(np.zeros(LOOK, np.float32))
        assert hits.process(attacks) is None


def test_the_network_parts_a_snare_from_a_hat() -> None:
    judge = Judge()
    snares = [judge(about) for _, about in described(place(TIMES, wired_snare, RATE, 3.7))]
    hats = [judge(about) for _, about in described(place(TIMES, hat, RATE, 3.7))]
    assert all(snare > 0 for snare, _ in snares[1:])
    assert all(snare < 0 < hat for snare, hat in hats[1:])
