"""Teach the network that tells snares and hats apart: ``python -m bench.hits --soundfont GM.sf2 --kits DRUMKITS``.

Writes ``analysis/hits.npz`` from the tuning halves of the clips of ``bentlight bench hearing``, synthesised and played
by the recorded instruments given, and prints how well snares and hats are told apart in the report halves, which have
other recordings (but of a drum of which a SoundFont has only one). Needs scikit-learn, which librosa brings, and for
SoundFonts tinysoundfont.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from analysis.fast_onsets import AttackFunction
from analysis.hits import FEATURES, WEIGHTS, Hits
from analysis.timing import detector_hop
from bench.teaching import answers, asked_for, bands, beginnings, write
from live.bench.hearing.draw import Half
from live.bench.hearing.truth import Clip

DRUMS = ("snare", "hat")
EARLY_S, LATE_S = 0.040, 0.012
"""How long before and after a hit begins what it is may have its onset."""
JITTER_DB, COPIES = 2.0, 3
"""Descriptions are shown as they are and, so that none is learnt by heart, with so much added at random."""
HIDDEN, DECAY, ROUNDS = 48, 0.3, 150


class Examples(NamedTuple):
    """Descriptions ``(n, FEATURES)``, whether each is a snare and a hat ``(n, 2)``, and how many of each had none."""

    described: np.ndarray
    true: np.ndarray
    unheard: np.ndarray


def examples(music: Clip) -> Examples:
    """Describe all that begins in a clip, and say what it truly is."""
    look = detector_hop(music.rate)
    look_s = look / music.rate
    attacks, hits = AttackFunction(music.rate, look), Hits(look_s)
    found: list[tuple[float, np.ndarray]] = []
    for number in range(len(music.samples) // look):
        end_s = (number + 1) * look_s
        attacks.process(music.samples[number * look : (number + 1) * look], learn=end_s < 0.12)
        if end_s >= 0.12 and (described := hits.process(attacks)) is not None:
            found.append((end_s - hits.wait * look_s, described))
    true = np.zeros((len(found), len(DRUMS)), bool)
    unheard = np.zeros(len(DRUMS), int)
    for column, name in enumerate(DRUMS):
        left = list(music.truth.streams_s.get(name, ()))
        for row, (begun_s, _) in enumerate(found):
            mine = next((at for at in left if -EARLY_S < at - begun_s < LATE_S), None)
            if mine is not None:
                left.remove(mine)
                true[row, column] = True
        unheard[column] = len(left)
    return Examples(np.array([one for _, one in found]).reshape(-1, FEATURES), true, unheard)


def joined(parts: Iterable[Examples]) -> Examples:
    """Put the examples of several clips together."""
    described, true, unheard = zip(*parts, strict=True)
    return Examples(np.concatenate(described), np.concatenate(true), np.sum(unheard, axis=0))


def best_f(odds: np.ndarray, true: np.ndarray, unheard: int) -> tuple[float, float]:
    """Return the best F over thresholds of the log odds, and that threshold."""

    def f(threshold: float) -> float:
        said = odds > threshold
        return 2 * float((said & true).sum()) / max(1, said.sum() + true.sum() + unheard)

    return max((f(threshold), float(threshold)) for threshold in np.linspace(-2, 2, 41))


def teach(taught: Examples, seed: int = 0) -> dict[str, np.ndarray]:
    """Fit the network; returns what ``hits.npz`` holds."""
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    mean, scale = taught.described.mean(axis=0), taught.described.std(axis=0) + 1e-6
    shown = [taught.described + rng.normal(0, JITTER_DB * (k > 0), taught.described.shape) for k in range(COPIES + 1)]
    network = MLPClassifier((HIDDEN,), alpha=DECAY, max_iter=ROUNDS, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.fit((np.concatenate(shown) - mean) / scale, np.tile(taught.true, (COPIES + 1, 1)))
    (first, last), (first_bias, last_bias) = network.coefs_, network.intercepts_
    weights = {"mean": mean, "scale": scale, "first": first, "first_bias": first_bias, "last": last}
    odds = answers(weights | {"last_bias": last_bias}, taught.described)
    thresholds = [best_f(odds[:, k], taught.true[:, k], int(taught.unheard[k]))[1] for k in range(len(DRUMS))]
    weights["last_bias"] = last_bias - thresholds
    return {name: value.astype(np.float32) for name, value in weights.items()}


def main() -> None:
    """Gather, teach, write, report."""
    chosen = asked_for(__doc__, WEIGHTS, each=3, kits=True)

    from rich.progress import track

    players = bands(chosen.soundfont, chosen.kits)

    def hear(half: Half, each: int) -> dict[str, Examples]:
        return {
            name: joined(map(examples, track(beginnings(half, each, band), f"{half} half, {name}", transient=True)))
            for name, band in players.items()
        }

    if chosen.report:
        with np.load(chosen.out) as kept:
            weights = dict(kept)
        heard = hear("report", chosen.each)
    else:
        taught = joined(hear("tune", chosen.each).values())
        print(
            f"taught on {len(taught.described)} hits, {taught.true[:, 0].sum()} snares, {taught.true[:, 1].sum()} hats"
        )
        weights = teach(taught)
        write(weights, chosen.out)
        heard = {"taught": taught, **hear("report", 1)}
    for name, others in heard.items():
        said = answers(weights, others.described) > 0
        hits = (said & others.true).sum(axis=0)
        f = 2 * hits / np.maximum(1, said.sum(axis=0) + others.true.sum(axis=0) + others.unheard)
        print(f"{name:24} snare F {f[0]:.3f}   hat F {f[1]:.3f}")


if __name__ == "__main__":
    main()
