"""What was heard in a file, as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis.frame import FIELDS

if TYPE_CHECKING:
    from analysis.track import Track

__all__ = ["features_json"]

WALL_CLOCK = {"captured_s", "published_s", "generation"}


def features_json(track: Track) -> dict[str, Any]:
    """Return every feature of every hop: name → list over hops; `fields` says unit, range and resting value."""
    fields = [field for field in FIELDS if field.name not in WALL_CLOCK]
    return {
        "sample_rate": track.sample_rate,
        "hops": len(track.frames),
        "fields": {
            f.name: {
                "unit": f.unit,
                "low": f.low,
                "high": min(f.high, 1e300),
                "rest": f.rest,
                "every": f.every,
                "what": f.description,
            }
            for f in fields
        },
        "features": {f.name: track.frames[f.name].round(6).tolist() for f in fields},
    }
