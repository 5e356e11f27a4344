"""What the commands that teach the small networks of `analysis` share: players, clips, fitting, writing."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from live.bench.hearing import drums, pieces, rhythms
from live.bench.hearing.clips import CLASSES, clip
from live.bench.hearing.draw import Draw, Half
from live.bench.hearing.kits import KitBand
from live.bench.hearing.sampled import Band
from live.bench.hearing.song import Song
from live.bench.hearing.truth import Clip
from live.files import whole_file

__all__ = [
    "REPORT_SEED",
    "SECONDS",
    "Lesson",
    "answers",
    "apart",
    "asked_for",
    "bands",
    "beginnings",
    "fitted",
    "tilted",
    "write",
]

WITH_DRUMS = {writer.__name__ for writer in (*rhythms.KITS, *pieces.MIXED)}
SECONDS = 16.0
APART = 6
"""Clips of hits apart for each clip of a class."""
TILT_DB = 3.0
REPORT_SEED = 5


def asked_for(about: str | None, weights: Path, each: int, *, kits: bool = False) -> argparse.Namespace:
    """Return what a teaching command was asked for: ``soundfont``, ``each``, ``out``, ``report`` and ``kits``."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfont", type=Path, action="append", default=[], help="an .sf2 file; may be said again")
    parser.add_argument("--each", type=int, default=each, help="clips of each class and source, to teach or to score")
    parser.add_argument("--out", type=Path, default=weights, help="the network's file")
    parser.add_argument("--report", action="store_true", help="teach nothing: say how well the network there does")
    if not kits:
        return parser.parse_args()
    parser.add_argument("--kits", type=Path, help="a folder of Hydrogen drum kits; needs a SoundFont for the rest")
    chosen = parser.parse_args()
    if chosen.kits and not chosen.soundfont:
        parser.error("--kits has only drums; give --soundfont too, for the other instruments")
    return chosen


def bands(soundfonts: list[Path], kits: Path | None = None) -> dict[str, Band | None]:
    """Return the players by name; None is the synthesiser."""
    players: dict[str, Band | None] = {"synthesised": None}
    players |= {path.stem: Band(path) for path in soundfonts}
    if kits:
        players["recorded kits"] = KitBand(soundfonts[0], kits)
    return players


def apart(draw: Draw) -> Song:
    """Single hits of every drum, never two at once, in no order."""
    song, kit = rhythms.start(draw, 90, 130, seconds=SECONDS)
    tom, ride = drums.tom(draw, song.rate), drums.ride(draw, song.rate)
    heard = [("kick", kit.kick), ("snare", kit.snare), ("snare", kit.clap), ("hat", kit.hat), ("hat", kit.open),
             ("hat", ride), ("tom", tom)]  # fmt: skip
    for step in range(2 * song.beats):
        song.hit(*draw.one_of(heard), step / 2, draw.between(0.4, 1.0))
    return song


def tilted(music: Clip, draw: Draw) -> Clip:
    """Make a clip brighter or darker by up to 3 dB an octave, as another room or another master would."""
    spectrum = np.fft.rfft(music.samples)
    octaves = np.log2(np.fft.rfftfreq(len(music.samples), 1 / music.rate) / 1000 + 0.02)
    samples = np.fft.irfft(spectrum * 10 ** (draw.between(-TILT_DB, TILT_DB) * octaves / 20), len(music.samples))
    peak = 10 ** (draw.between(-12, -1) / 20)
    return replace(music, samples=(peak * samples / (np.abs(samples).max() + 1e-9)).astype(np.float32))


def beginnings(half: Half, each: int, band: Band | None) -> Iterator[Clip]:
    """Yield the clips of a half in which something begins, of drums among other instruments twice as many; in the
    tuning half also hits apart, and half of all tilted."""
    for name, (_, attack, _) in CLASSES.items():
        if attack == "none" or (isinstance(band, KitBand) and name not in WITH_DRUMS):
            continue
        for index in range(2 * each if attack == "mixed" else each):
            music = clip(name, index, seed=REPORT_SEED, half=half, seconds=SECONDS, band=band)
            tilt = half == "tune" and index % 2
            yield tilted(music, Draw(index, half, f"{name}, tilted", index)) if tilt else music
    for index in range(APART * each if half == "tune" else 0):
        draw = Draw(REPORT_SEED, half, "apart", index, seconds=SECONDS, band=band)
        music = apart(draw).clip("apart", index, "percussive", beats=False)
        yield tilted(music, draw) if index % 2 else music


@dataclass(frozen=True, slots=True)
class Lesson:
    """How a network is fitted.

    Attributes
    ----------
    hidden, networks : int
        Units, and how many networks are taught from different beginnings and then heard as one.
    steps, batch : int
    rate : float
        Of learning, at first; it sinks to 0.
    decay, dropout : float
    jitter : float
        What is added to descriptions at random, so that none is learnt by heart, in their standard deviations.
    """

    hidden: int
    networks: int
    steps: int
    batch: int
    rate: float
    decay: float
    dropout: float
    jitter: float


def fitted(
    described: np.ndarray, outputs: int, pick: Callable[[], Any], loss: Callable[[Any, Any], Any], lesson: Lesson
) -> dict[str, np.ndarray]:
    """Fit a network and return it as `analysis.perceptron` reads it.

    Parameters
    ----------
    described : ndarray of float32, shape (n, features)
    outputs : int
    pick : callable
        Returns the rows of a batch, a tensor (batch,) of indices.
    loss : callable
        Takes answers, (batch, outputs), and the rows they belong to; returns the mean loss.
    lesson : Lesson
    """
    import torch
    from torch import nn

    mean, scale = described.mean(axis=0), described.std(axis=0) + 1e-3
    x = torch.from_numpy(((described - mean) / scale).astype(np.float32))
    found = []
    for number in range(lesson.networks):
        torch.manual_seed(number)
        network = nn.Sequential(
            nn.Linear(x.shape[1], lesson.hidden), nn.ReLU(), nn.Dropout(lesson.dropout),
            nn.Linear(lesson.hidden, outputs),
        )  # fmt: skip
        optimiser = torch.optim.AdamW(network.parameters(), lr=lesson.rate, weight_decay=lesson.decay)
        for step in range(lesson.steps):
            optimiser.param_groups[0]["lr"] = lesson.rate * (1 - step / lesson.steps)
            rows = pick()
            said = network(x[rows] + lesson.jitter * torch.randn(len(rows), x.shape[1]))
            optimiser.zero_grad()
            loss(said, rows).backward()
            optimiser.step()
        found.append([p.detach().numpy().T for p in network.parameters()])
    first, first_bias, last, last_bias = zip(*found, strict=True)
    weights = {
        "mean": mean, "scale": scale, "first": np.concatenate(first, axis=1), "first_bias": np.concatenate(first_bias),
        "last": np.concatenate(last) / lesson.networks, "last_bias": np.mean(last_bias, axis=0),
    }  # fmt: skip
    return {name: value.astype(np.float32) for name, value in weights.items()}


def answers(weights: dict[str, np.ndarray], described: np.ndarray) -> np.ndarray:
    """Return what a network says of descriptions, (..., features), as (..., answers): `Perceptron`, many at once."""
    inner = (described - weights["mean"]) / weights["scale"] @ weights["first"] + weights["first_bias"]
    return np.maximum(inner, 0.0) @ weights["last"] + weights["last_bias"]


def write(weights: dict[str, np.ndarray], path: Path) -> None:
    """Write a network as `analysis.perceptron` reads it, whole or not at all."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **weights)
