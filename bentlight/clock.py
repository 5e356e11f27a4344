"""The one clock of the performance: monotonic, and the same in every process of one machine."""

from __future__ import annotations

import time

__all__ = ["now_s"]

now_s = time.perf_counter
"""Seconds on the host's monotonic clock. ``perf_counter`` rather than ``monotonic``: the latter ticks
at 15 ms on Windows before Python 3.13."""
