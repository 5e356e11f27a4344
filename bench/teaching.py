"""What the commands that teach the small networks of `analysis` share: who plays, and where the weights go."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from live.bench.hearing.kits import KitBand
from live.bench.hearing.sampled import Band
from live.files import whole_file

__all__ = ["arguments", "bands", "write"]


def arguments(about: str | None, weights: Path, each: int) -> argparse.ArgumentParser:
    """Return a parser of what every teaching command takes."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soundfont", type=Path, action="append", default=[], help="an .sf2 file; may be said again")
    parser.add_argument("--each", type=int, default=each, help="clips of each class and source to teach on")
    parser.add_argument("--out", type=Path, default=weights, help="the network's file")
    parser.add_argument("--report", action="store_true", help="teach nothing: say how well the network there does")
    return parser


def bands(soundfonts: list[Path], kits: Path | None = None) -> dict[str, Band | None]:
    """Return the players by name; None is the synthesiser."""
    players: dict[str, Band | None] = {"synthesised": None}
    players |= {path.stem: Band(path) for path in soundfonts}
    if kits:
        players["recorded kits"] = KitBand(soundfonts[0], kits)
    return players


def write(weights: dict[str, np.ndarray], path: Path) -> None:
    """Write a network as `analysis.perceptron` reads it, whole or not at all."""
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **weights)
