"""What was heard in a file, as JSON and as a page to read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.frame import BANDS, FIELDS
from live.files import whole_file

if TYPE_CHECKING:
    from analysis.track import Track

__all__ = ["features_json", "plot_page"]

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


def plot_page(track: Track, path: Path) -> None:
    """Draw levels, bands, onsets, brightness and tempo over time into a PNG.

    Raises
    ------
    BadInput
        If the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    frames = track.frames
    time = frames["time_s"]
    figure, axes = pyplot.subplots(4, 1, figsize=(14, 9), sharex=True, constrained_layout=True)
    axes[0].fill_between(time, frames["peak"], color="#b8c7d9", label="peak")
    axes[0].plot(time, frames["rms"], color="#1f4e79", linewidth=0.8, label="RMS")
    for onset in track.onset_times_s:
        axes[0].axvline(onset, color="#d1495b", linewidth=0.6, alpha=0.7)
    axes[0].set(
        ylabel="level", title=f"{len(track.onset_times_s)} onsets (red), {len(track.beat_times_s)} beats (grey)"
    )
    axes[0].legend(loc="upper right")
    end = float(time[-1]) if len(time) else 1.0
    axes[1].imshow(
        frames["bands"].T,
        aspect="auto",
        origin="lower",
        extent=(0, end, 0.5, BANDS + 0.5),
        vmin=0,
        vmax=1,
        cmap="magma",
    )
    axes[1].set(ylabel="band")
    axes[2].plot(time, frames["brightness"], color="#e0a030", linewidth=0.8, label="brightness")
    axes[2].plot(time, frames["novelty"], color="#7a5195", linewidth=0.6, label="novelty")
    axes[2].set(ylabel="0 to 1", ylim=(0, 1))
    axes[2].legend(loc="upper right")
    axes[3].plot(time, frames["tempo"], color="#2a9d8f", label="tempo")
    for beat in track.beat_times_s:
        axes[3].axvline(beat, color="#999999", linewidth=0.5, alpha=0.6)
    axes[3].set(ylabel="BPM", xlabel="seconds")
    try:
        with whole_file(path) as temporary:
            figure.savefig(temporary, format="png", dpi=110)
    finally:
        pyplot.close(figure)
