"""Annotated sound that this package makes itself, and how well it is heard; behind `bentlight bench hearing`.

`clips` draws clips of many kinds with exact truth, `listen` lets an analyzer hear them, `score` compares. Needs only
numpy and aubio until something is scored: that takes `mir_eval`.
"""

from live.bench.hearing.clips import CLASSES, clips
from live.bench.hearing.truth import Clip, Truth

__all__ = ["CLASSES", "Clip", "Truth", "clips"]
