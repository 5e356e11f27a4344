"""Teach the network that finds notes without a hard attack: ``python -m bench.swells --soundfont GM.sf2``.

Writes ``analysis/swells.npz`` from the tuning halves of the clips of ``bentlight bench hearing``, synthesised and
played by the recorded instruments given, and prints how well the onsets of the report halves are found, which have
other instruments. It needs mir_eval, and for SoundFonts tinysoundfont.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from analysis.onsets import OnsetDetector
from analysis.swells import AGES, EVERY, FEATURES, WEIGHTS, Swells
from analysis.timing import detector_hop
from bench.teaching import REPORT_SEED, SECONDS, Lesson, asked_for, bands, fitted, write
from live.bench.hearing.clips import CLASSES, clip
from live.bench.hearing.draw import Draw, Half
from live.bench.hearing.listen import ours
from live.bench.hearing.sampled import Band
from live.bench.hearing.truth import Clip

TIMES = {"slow": 8, "mixed": 2, "percussive": 1, "none": 1}
"""Clips of each class, by its attack, for each that is asked for."""
PLAIN, PLAIN_S = 120, 12.0
"""Sounds that are no music, for each clip that is asked for, and their length."""
LEARN_S = 0.3
SLOW_SHARE = 0.6
"""Of each batch."""
LESSON = Lesson(hidden=48, networks=2, steps=12000, batch=512, rate=2e-3, decay=0.02, dropout=0.2, jitter=0.15)


class Sound(NamedTuple):
    """Samples ``(n,)``, their rate, where something begins, and whether all of it comes in slowly."""

    samples: np.ndarray
    rate: int
    onsets_s: np.ndarray
    slow: bool = False


class Examples(NamedTuple):
    """Descriptions ``(n, FEATURES)``, of each how many steps ago an onset was, from 1, or 0 for none ``(n,)``, and
    whether it is of a sound of slow attacks ``(n,)``."""

    described: np.ndarray
    ago: np.ndarray
    slow: np.ndarray


def examples(music: Sound) -> Examples:
    """Describe a sound step by step, and say where its onsets truly are."""
    look = detector_hop(music.rate)
    hop = 2 * look
    step_s = EVERY * hop / music.rate
    detector, swells = OnsetDetector(music.rate, look, swells=False), Swells(music.rate, EVERY * hop)
    described, since_s = [], np.inf
    for number in range(len(music.samples) // hop):
        end = (number + 1) * hop
        since_s = 0.0 if detector.process(music.samples[end - hop : end]).hit else since_s + hop / music.rate
        if (number + 1) % EVERY == 0:
            learn = end / music.rate <= LEARN_S
            described.append(swells.process(music.samples[end - EVERY * hop : end], since_s, learn))
    ends_s = step_s * (1 + np.arange(len(described)))
    ago = np.zeros(len(described), np.int64)
    for at_s in music.onsets_s:
        steps = np.floor((ends_s - at_s) / step_s).astype(int)
        near = (steps >= 0) & (steps < AGES)
        ago[near] = steps[near] + 1
    return Examples(np.array(described, np.float32).reshape(-1, FEATURES), ago, np.full(len(ago), music.slow))


def gathered(half: Half, each: int, band: Band | None) -> Iterator[Clip]:
    """Yield the clips of a half, of slow attacks most."""
    for name, (_, attack, _) in CLASSES.items():
        for index in range(TIMES[attack] * each if name != "silence" else 0):
            seconds = None if attack == "slow" else SECONDS
            yield clip(name, index, seed=REPORT_SEED, half=half, seconds=seconds, band=band)


def plain(draw: Draw) -> Sound:
    """Return what music seldom has alone: clicks, notes cut off or very soft, held tones that shake, noise."""
    rate = draw.one_of((44_100, 48_000))
    rng, t = draw.rng, np.arange(round(PLAIN_S * rate)) / rate
    kind = draw.one_of(("clicks", "cut off", "held", "held", "soft", "soft", "rumble", "hiss"))
    sound, onsets_s = np.zeros(len(t)), np.zeros(0)
    if kind in ("clicks", "cut off", "soft"):
        least_s = 0.15 if kind == "clicks" else 0.3
        onsets_s = 0.5 + np.cumsum(rng.uniform(least_s, draw.between(0.4, 1.0), 100))
        onsets_s = onsets_s[onsets_s < PLAIN_S - 0.5]
        attack_s = draw.between(0.002, 0.03)
        decay_s, hz, low = draw.between(0.0005, 0.06), draw.between(40, 400), draw.chance(0.5)
        for at_s in onsets_s:
            since_s = t - at_s
            if kind == "clicks":
                burst = np.exp(-np.maximum(since_s, 0) / decay_s) * (since_s >= 0)
                sound += burst * (np.sin(2 * np.pi * 4 * hz * since_s) if low else rng.standard_normal(len(t)))
            elif kind == "soft":
                pitch = 2 * hz * 2 ** (int(rng.integers(0, 12)) / 12)
                ringing = np.exp(-np.maximum(since_s, 0) / (2 * decay_s + 0.08)) * np.clip(since_s / attack_s, 0, 1)
                sound += ringing * sum(np.sin(2 * np.pi * n * pitch * since_s) / n**0.5 for n in range(1, 8))
            else:
                pitch, held_s = hz * 2 ** (int(rng.integers(0, 12)) / 12), rng.uniform(0.08, 0.26)
                gate = np.clip(since_s / 0.002, 0, 1) * np.clip((held_s - since_s) / draw.between(1e-4, 0.01), 0, 1)
                sound += gate * sum(np.sin(2 * np.pi * n * pitch * since_s) / n**2 for n in range(1, 5))
        if kind == "soft":
            louder = draw.between(0.5, 4)
            for _ in range(3):
                sound += louder * np.sin(2 * np.pi * draw.between(80, 300) * t + rng.random())
    elif kind == "held":
        shake_hz, depth, detuned = draw.between(1.5, 8), draw.between(0, 0.8), draw.between(0, 0.006)
        together, vibrato = draw.chance(0.6), draw.between(0, 0.01) * draw.chance(0.5)
        for _ in range(int(rng.integers(1, 5))):
            pitch = draw.between(60, 1000)
            for voice in (1 - detuned, 1.0, 1 + detuned):
                phase = pitch * (voice * t - vibrato / (2 * np.pi * 5) * np.cos(2 * np.pi * 5 * t)) + rng.random()
                sound += sum(np.sin(2 * np.pi * n * phase) / n for n in range(1, 9))
            sound *= 1 if together else 1 - depth * (0.5 + 0.5 * np.sin(2 * np.pi * draw.between(1.5, 8) * t))
        sound *= 1 - depth * together * (0.5 + 0.5 * np.sin(2 * np.pi * shake_hz * t))
    else:
        spectrum, hz = np.fft.rfft(rng.standard_normal(len(t))), np.fft.rfftfreq(len(t), 1 / rate)
        low = draw.between(10, 60) if kind == "rumble" else draw.between(60, 4000)
        wide = draw.between(1.3, 4)
        sound = np.fft.irfft(spectrum * ((hz > low) & (hz < low * wide)), len(t))
        sound *= 1 + draw.between(0, 0.5) * np.sin(2 * np.pi * draw.between(0.1, 0.6) * t)
    sound *= 10 ** (draw.between(-30, -3) / 20) / np.abs(sound).max()
    if draw.chance(0.5):
        sound += 10 ** (draw.between(-90, -45) / 20) * rng.standard_normal(len(t))
    return Sound(sound.astype(np.float32), rate, onsets_s)


def sounds(each: int, band: Band | None) -> Iterator[Sound]:
    """Yield all that is taught of one player; the synthesiser's also holds the plain sounds."""
    for music in gathered("tune", each, band):
        yield Sound(music.samples, music.rate, music.truth.onsets_s, CLASSES[music.name][1] == "slow")
    for index in range(PLAIN * each if band is None else 0):
        yield plain(Draw(REPORT_SEED, "tune", "plain", index))


def joined(parts: Iterable[Examples]) -> Examples:
    """Put the examples of several clips together."""
    return Examples(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def heard_of(each: int, soundfont: Path | None) -> Examples:
    """Describe all that is taught of one player."""
    return joined(map(examples, sounds(each, Band(soundfont) if soundfont else None)))


def teach(taught: Examples, lesson: Lesson = LESSON) -> dict[str, np.ndarray]:
    """Fit the networks; returns what ``swells.npz`` holds."""
    import torch

    ago = torch.from_numpy(taught.ago)
    slow, others = (torch.from_numpy(np.flatnonzero(rows)) for rows in (taught.slow, ~taught.slow))
    few = round(SLOW_SHARE * lesson.batch) if len(others) else lesson.batch

    def pick() -> torch.Tensor:
        rows = slow[torch.randint(len(slow), (few,))]
        if few == lesson.batch:
            return rows
        return torch.cat([rows, others[torch.randint(len(others), (lesson.batch - few,))]])

    def loss(said: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(said, ago[rows])

    return fitted(taught.described, AGES + 1, pick, loss, lesson)


def main() -> None:
    """Gather, teach, write, report."""
    import mir_eval
    from rich.progress import track

    chosen = asked_for(__doc__, WEIGHTS, each=2)
    players = bands(chosen.soundfont)
    if not chosen.report:
        # Each player in a process of its own: hearing takes longer than teaching.
        with ProcessPoolExecutor() as pool:
            hearing = [pool.submit(heard_of, chosen.each, path) for path in (None, *chosen.soundfont)]
            taught = joined(one.result() for one in track(hearing, "hearing what is taught", transient=True))
        print(f"taught on {len(taught.ago)} steps, {np.mean(taught.ago > 0):.0%} of them soon after an onset")
        write(teach(taught), chosen.out)
    if chosen.out.resolve() != WEIGHTS:
        print(f"{chosen.out} is not what is heard with: put it in place of {WEIGHTS} for the report")
        return
    for name, band in players.items():
        scores: dict[str, list[float]] = {}
        reported = list(gathered("report", chosen.each if chosen.report else 1, band))
        for music in track(reported, f"report half, {name}", transient=True):
            attack = CLASSES[music.name][1]
            if attack != "none":
                heard = ours(music).onsets.at_s
                f, _, _ = mir_eval.onset.f_measure(music.truth.onsets_s, heard, window=0.05)
                scores.setdefault(attack, []).append(f)
        said = "   ".join(f"{attack} {np.mean(f):.3f} ({len(f)} clips)" for attack, f in scores.items())
        print(f"{name:24} onset F: {said}")


if __name__ == "__main__":
    main()
