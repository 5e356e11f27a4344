"""What is heard: features, onsets and tempo, hop by hop and causal, or of a whole file at once.

Useful alone: ``LiveAnalyzer(48000).process(block)`` turns samples into feature frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.frame import BANDS, FEATURE_FRAME, FEATURES, FIELDS, Field, rest_frame

if TYPE_CHECKING:
    from analysis.live import LiveAnalyzer
    from analysis.track import Track, analyze

__all__ = ["BANDS", "FEATURES", "FEATURE_FRAME", "FIELDS", "Field", "LiveAnalyzer", "Track", "analyze", "rest_frame"]

_LAZY = {"LiveAnalyzer": "analysis.live", "Track": "analysis.track", "analyze": "analysis.track"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)
