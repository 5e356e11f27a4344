"""Scenes that move, what they hear, and how far they move, for the tests of motion."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from analysis.frame import FEATURE_FRAME, rest_frame
from engine.noise import NoiseBank
from scenes import Patch, loads

SHAPE = (1, 4, 16, 16)
HOPS_PER_S = 160
BASE = """\
name: moving
seed: 5
prompts: [{text: one}, {text: two}, {text: three}, {text: four}]
prompt_blend_s: 1
"""
TIMED = BASE.replace("{text: two}", "{text: two, at: 1}").replace("{text: three}", "{text: three, at: 4}")

NOISES = {
    "walk": "{}",
    "arc": "{arc: 0.2}",
    "walk in bars": "{bars: 4, still: 0.3}",
    "slerp": "{kind: slerp, seeds: 4, bars: 2}",
    "spline": "{kind: spline, seeds: [3, 1, 4, 15, 9], bars: 4}",
    "rotation": "{kind: rotation, spread: 0.4, bars: 2}",
    "perlin": "{kind: perlin, bars: 4, cells: 3, grain: 0.6}",
    "layers": "{kind: layers, fast_turns_per_minute: 10, fast: 0.3, mask: centre}",
    "details": "{kind: layers, fast_turns_per_minute: 10, fast: 0.5, mask: fine, cells: 6}",
    "drift": "{kind: drift}",
    "mixture": "{kind: mixture, by: bands}",
    "few mixed": "{kind: mixture, by: bands, seeds: [7, 8, 9]}",
    "sections": "{kind: sections, fade_s: 1, anchors: [77, 78]}",
}


def scene(noise: str = "{}", prompts: str = "{}", more: str = "", base: str = BASE):
    return loads(f"{base}motion: {{noise_turns_per_minute: 4, noise: {noise}, prompts: {prompts}}}\n{more}")


def music(seconds: float, tempo: float = 120.0) -> np.ndarray:
    """Frames of a steady beat under bands that swell one after the other."""
    count = round(seconds * HOPS_PER_S)
    frames = np.full(count, rest_frame(), FEATURE_FRAME)
    times = frames["time_s"] = (np.arange(count) + 1) / HOPS_PER_S
    frames["tempo"] = tempo
    places = 0.3 + times * tempo / 60
    frames["beat_phase"], frames["bar_phase"] = places % 1, places / 4 % 1
    frames["bands"] = 0.5 + 0.5 * np.cos(times[:, None] * 2 + np.arange(8))
    frames["silent"] = 0
    return frames


def visit(patch: Patch, frames: np.ndarray, times, control=None) -> list:
    """Advance at every time, handing over what was heard since the time before."""
    specs, done = [], int(np.searchsorted(frames["time_s"], times[0] - 1e-9, side="right")) if patch._hop_s else 0
    for time_s in times:
        upto = int(np.searchsorted(frames["time_s"], time_s + 1e-9, side="right"))
        specs.append(patch.advance(frames[done:upto], control or {}, float(time_s)))
        done = upto
    return specs


def started(specs, bank=None) -> np.ndarray:
    bank = bank or NoiseBank(limit=400)
    return np.array([bank.start(spec, SHAPE) for spec in specs])


def largest_stride(noises: np.ndarray) -> float:
    return max(float(np.sqrt(np.mean((b - a) ** 2))) for a, b in pairwise(noises))


def weights(spec) -> dict[str, float]:
    return dict(spec.prompts)
