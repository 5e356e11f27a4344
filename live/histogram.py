"""A histogram of durations in fixed memory, so that a night's show can report percentiles."""

from __future__ import annotations

import numpy as np

__all__ = ["Histogram"]


class Histogram:
    """Durations counted in bins of 0.1 ms up to 2 s, and of 10 ms up to a minute; longer ones fall into the last bin.

    Single writer; readers on other threads may see a count that is one behind.
    """

    BIN_MS, COARSE_MS = 0.1, 10.0
    BINS, COARSE = 20_000, 5_800

    def __init__(self) -> None:
        self._counts = np.zeros(self.BINS + self.COARSE, np.int64)

    def add(self, duration_s: float) -> None:
        """Count one duration in seconds; negative ones count as zero."""
        bin_ = int(duration_s * 1e3 / self.BIN_MS)
        if bin_ >= self.BINS:
            bin_ = self.BINS + int((duration_s * 1e3 - self.BINS * self.BIN_MS) / self.COARSE_MS)
        self._counts[min(max(bin_, 0), len(self._counts) - 1)] += 1

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return int(self._counts.sum())

    def percentile_ms(self, percent: float) -> float:
        """Return the upper edge of the bin that holds the percentile, in ms; 0 when nothing was counted."""
        total = np.cumsum(self._counts)
        if total[-1] == 0:
            return 0.0
        bin_ = int(np.searchsorted(total, np.ceil(total[-1] * percent / 100)))
        fine, coarse = min(bin_ + 1, self.BINS), max(bin_ + 1 - self.BINS, 0)
        return round(fine * self.BIN_MS + coarse * self.COARSE_MS, 1)

    def summary_ms(self) -> dict[str, float]:
        """Return p50, p95 and p99 in ms."""
        return {f"p{p}": self.percentile_ms(p) for p in (50, 95, 99)}
