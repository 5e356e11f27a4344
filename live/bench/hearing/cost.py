"""What hearing costs: processor time of each hop."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from analysis.live import LiveAnalyzer
from live.bench.hearing.clips import clip

__all__ = ["Cost", "cost"]

RATE = 48_000
_CLASS = "house_track"
_WARM_HOPS = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of `LiveAnalyzer`, as shares of the length of a hop.

    Attributes
    ----------
    hop_ms : float
        Length of a hop.
    mean, p50, p99 : float
        Share of one core.
    """

    hop_ms: float
    mean: float
    p50: float
    p99: float


def cost(seed: int = 0) -> Cost:
    """Time a clip of everything at once, hop by hop, at 48 kHz, in stereo with automatic gain, as at a show.

    Processor time, so that other programs do not count.
    """
    mono = clip(_CLASS, seed=seed, half="report", rate=RATE).samples
    # A third of the sound, some milliseconds late, on the other side: any pair that is not twice the same.
    samples = np.stack([mono, 0.7 * mono + 0.3 * np.roll(mono, 480)], axis=1).astype(np.float32)
    analyzer = LiveAnalyzer(RATE, gain_db="auto")
    hop = analyzer.hop
    spent = []
    for at in range(0, len(samples) - hop, hop):
        block = samples[at : at + hop]
        before = time.thread_time_ns()
        analyzer.process(block)
        spent.append(time.thread_time_ns() - before)
    shares = np.array(spent[_WARM_HOPS:]) / 1e9 / analyzer.hop_s
    p50, p99 = np.percentile(shares, (50, 99))
    return Cost(1e3 * analyzer.hop_s, float(shares.mean()), float(p50), float(p99))
