"""A whole track at once, for rendering and for notebooks: parts, sections, pulse and signals; nothing here is causal.

Needs the extra ``track`` (librosa, which brings scipy and scikit-learn). ``study(path)`` does it all; the functions
work on plain arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.study.whole import SIGNALS, TrackStudy, load, study

__all__ = ["SIGNALS", "TrackStudy", "load", "study"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'analysis.study' has no attribute {name!r}")
    from analysis.study import whole

    return getattr(whole, name)
