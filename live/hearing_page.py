"""A page that shows what was heard in a file: an A4 sheet with the track in rows, as in a score."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from analysis.frame import BANDS
from live.files import whole_file
from live.truth import TOLERANCE_S, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.track import Track

__all__ = ["plot_page", "row_length_s"]

_A4_IN = (8.27, 11.69)
_DPI = 200
_MOST_ROWS = 6
_NICE_S = (1, 2, 3, 5, 10, 15, 20, 30, 40, 60, 90, 120, 180, 300, 600, 900, 1200, 1800)
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.085, 0.965, 0.895, 0.045
_COLUMNS = 1600
"""Points of a level curve in a row: about one for each printed dot."""
_MOST_LINES = 160
"""Onsets or beats in a row that can still be told apart as lines."""

_INK, _SOFT, _FAINT = "#1d232b", "#6a7380", "#c3c9d1"
_PEAK, _RMS = "#c5d0dd", "#4d6a8c"
_FOUND, _MISSED, _FALSE = "#0b7a5e", "#c4122f", "#d97706"
_BANDS_INK = ["#ffffff", "#cfdaea", "#7f9cc4", "#37598f", "#101f45"]
_CHROMA_INK = ["#ffffff", "#f6dcc3", "#e39a61", "#a94a2a", "#4b1414"]
_NOTES = {0: "C", 4: "E", 8: "G♯"}


class _Scale(NamedTuple):
    """What the rows of a page have in common."""

    loudest: float
    bands: tuple[float, float]
    tempo: tuple[float, float]


def row_length_s(duration_s: float) -> float:
    """Length of a row in seconds: a round one, so that the whole fits on six rows at most."""
    for length_s in _NICE_S:
        rows = math.ceil(duration_s / length_s - 1e-9)
        if rows <= (1 if length_s < 10 else _MOST_ROWS) and (length_s >= 20 or rows <= 1):
            return float(length_s)
    return float(math.ceil(duration_s / _MOST_ROWS / 600) * 600)


def plot_page(track: Track, path: Path, comparison: Comparison | None = None) -> None:
    """Draw level, onsets, beats, bands, chroma and tempo over time into a PNG of an A4 page.

    Parameters
    ----------
    track : Track
    path : Path
    comparison : Comparison, optional
        With it onsets are marked as found, missed and false.

    Raises
    ------
    BadInput
        If the file cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plain: Any = {"font.family": "DejaVu Sans", "text.color": _INK, "axes.edgecolor": _FAINT, "axes.linewidth": 0.5}
    with matplotlib.rc_context(plain), whole_file(path) as temporary:
        figure = Figure(figsize=_A4_IN, dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure)
        _head(figure, track, comparison)
        _rows(figure, track, comparison)
        figure.savefig(temporary, format="png", dpi=_DPI)


def _head(figure: Figure, track: Track, comparison: Comparison | None) -> None:
    """Name, figures, and what the marks mean."""
    # As it is: dollars are no mathematics, and what is no letter is drawn as unknown.
    name = Path(track.path).name.encode("utf-8", "replace").decode()
    title = name if len(name) <= 60 else name[:57] + "…"
    figure.text(_LEFT, 0.962, title, fontsize=15, fontweight="bold", va="center", parse_math=False)
    facts = [
        clock(track.duration_s),
        f"{track.sample_rate / 1000:g} kHz",
        {1: "mono", 2: "stereo"}.get(track.channels, f"{track.channels} channels"),
        f"{track.tempo:.1f} BPM" if track.tempo else "no tempo",
        _counted(len(track.beat_times_s), "beat"),
        _counted(len(track.onset_times_s), "onset"),
        f"peak after gain {20 * math.log10(loudest):.1f} dB" if (loudest := _loudest(track)) else "silence",
    ]
    figure.text(_LEFT, 0.941, "  ·  ".join(facts), fontsize=8.5, color=_SOFT, va="center")
    marks: list[tuple[str, str, dict[str, Any]]] = [("onset", _FOUND, _mark(_FOUND))]
    if comparison is not None:
        marks = [
            (f"found {len(comparison.found)}", _FOUND, _mark(_FOUND)),
            (f"missed {len(comparison.missed)}", _MISSED, _mark(_MISSED, marker="o", hollow=True)),
            (f"false {len(comparison.false)}", _FALSE, _mark(_FALSE, marker="x")),
        ]
        score = f"F {comparison.f_score:.3f}"
        figure.text(_RIGHT, 0.962, score, fontsize=15, fontweight="bold", va="center", ha="right")
        parts = [f"precision {comparison.precision:.3f}", f"recall {comparison.recall:.3f}"]
        detail = "  ·  ".join([*parts, f"within {1000 * TOLERANCE_S:g} ms"])
        figure.text(_RIGHT, 0.9185, detail, fontsize=7.5, color=_SOFT, va="center", ha="right")
    legend = figure.add_axes((_LEFT, 0.910, _RIGHT - _LEFT, 0.018))
    legend.set(xlim=(0, 100), ylim=(0, 1))
    legend.axis("off")
    at = 0.6
    for label, color, style in marks:
        legend.plot([at], [0.5], clip_on=False, **style)
        legend.text(at + 1.3, 0.47, label, fontsize=7.5, color=color, va="center")
        at += 4.0 + 0.95 * len(label)
    legend.plot([at, at], [0.0, 1.0], color=_SOFT, linewidth=0.6, alpha=0.8)
    legend.text(at + 1.0, 0.47, "beat", fontsize=7.5, color=_SOFT, va="center")
    at += 6.5
    if "bar_count" in (track.frames.dtype.names or ()):
        legend.plot([at, at], [0.0, 1.0], color=_SOFT, linewidth=1.2)
        legend.text(at + 1.0, 0.47, "bar", fontsize=7.5, color=_SOFT, va="center")
        at += 5.5
    for label, color in (("peak", _PEAK), ("RMS", _RMS)):
        legend.fill_between([at, at + 2.4], 0.2, 0.8, color=color, linewidth=0)
        legend.text(at + 3.2, 0.47, label, fontsize=7.5, color=_SOFT, va="center")
        at += 8.5


def _loudest(track: Track) -> float:
    return float(track.frames["peak"].max(initial=0.0))


def _mark(color: str, *, marker: str = "v", hollow: bool = False) -> dict[str, Any]:
    size = {"v": 3.2, "o": 4.2, "x": 4.2}[marker]
    return {
        "marker": marker,
        "markersize": size,
        "linestyle": "none",
        "markerfacecolor": "none" if hollow else color,
        "markeredgecolor": color,
        "markeredgewidth": 0.0 if marker == "v" else 1.0,
    }


def _rows(figure: Figure, track: Track, comparison: Comparison | None) -> None:
    length_s = row_length_s(track.duration_s)
    count = max(1, math.ceil(track.duration_s / length_s - 1e-9))
    lanes = {"level": 0.40, "bands": 0.26, "chroma": 0.26, "tempo": 0.15}
    if "chroma" not in (track.frames.dtype.names or ()):
        del lanes["chroma"]
    # One row need not fill the page: lanes taller than a hand's breadth are no easier to read.
    height = min((_TOP - _BOTTOM) / count, 0.40)
    scale = _Scale(_loudest(track), _band_span(track.frames["bands"]), _tempo_span(track.frames["tempo"]))
    for row in range(count):
        start_s = row * length_s
        end_s = min(track.duration_s, start_s + length_s)
        top = _TOP - row * height
        width = (_RIGHT - _LEFT) * (end_s - start_s) / (length_s if count > 1 else track.duration_s)
        _row(figure, track, comparison, lanes, (top, height, width), (start_s, end_s), scale)


def _row(
    figure: Figure,
    track: Track,
    comparison: Comparison | None,
    lanes: dict[str, float],
    box: tuple[float, float, float],
    span_s: tuple[float, float],
    scale: _Scale,
) -> None:
    top, height, width = box
    start_s, end_s = span_s
    times_s = track.frames["time_s"]
    frames = track.frames[np.searchsorted(times_s, start_s, "right") : np.searchsorted(times_s, end_s, "right")]
    inner = height - 0.024  # room for the time axis
    whole = sum(lanes.values())
    draw = {
        "level": lambda axes: _level(axes, track, frames, comparison, span_s, scale),
        "bands": lambda axes: _picture(
            axes, frames["bands"], span_s, scale.bands, _BANDS_INK, {0: "40 Hz", BANDS - 1: "16 kHz"}
        ),
        "chroma": lambda axes: _picture(axes, _full(frames["chroma"]), span_s, (0.0, 1.0), _CHROMA_INK, _NOTES),
        "tempo": lambda axes: _tempo(axes, frames, scale.tempo),
    }
    for i, (name, share) in enumerate(lanes.items()):
        part = inner * share / whole
        gap = 0.0035
        axes = figure.add_axes((_LEFT, top - part + gap, width, part - gap))
        top -= part
        axes.set_xlim(start_s, end_s)
        draw[name](axes)
        figure.text(0.022, top + part / 2, name, fontsize=6.5, color=_SOFT, rotation=90, ha="center", va="center")
        _keep_apart(axes)
        axes.tick_params(length=1.8, width=0.5, color=_FAINT, labelcolor=_SOFT, labelsize=5.5, pad=1.5)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if i + 1 < len(lanes):
            axes.set_xticks([])
            axes.spines["bottom"].set_visible(False)
        else:
            step_s = _tick_s(end_s - start_s, width)
            ticks = np.arange(math.ceil(start_s / step_s - 1e-9), math.floor(end_s / step_s + 1e-9) + 1) * step_s
            axes.set_xticks(ticks, [clock(tick, step_s) for tick in ticks])
            axes.tick_params(axis="x", labelsize=7, labelcolor=_INK)


def _keep_apart(axes: Axes) -> None:
    """Lowest and highest label within the lane, clear of the lanes beside it."""
    labels = axes.get_yticklabels()
    if len(labels) > 1:
        labels[0].set_verticalalignment("bottom")
        labels[-1].set_verticalalignment("top")


def _level(
    axes: Axes,
    track: Track,
    frames: np.ndarray,
    comparison: Comparison | None,
    span_s: tuple[float, float],
    scale: _Scale,
) -> None:
    """Peak and RMS about a middle line, beats behind, onsets above."""
    start_s, end_s = span_s
    axes.set_ylim(-1.04, 1.42)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    beats_s = track.beat_times_s
    beats_s = beats_s[(beats_s >= start_s) & (beats_s <= end_s)]
    # Where they would run into one another, lines become ticks at the edge.
    axes.vlines(
        beats_s,
        -1.04,
        1.04 if len(beats_s) <= _MOST_LINES else -0.88,
        color=_SOFT,
        linewidth=0.45,
        alpha=0.45,
        zorder=0,
    )
    axes.vlines(_bars_s(frames), -1.04, 1.04, color=_SOFT, linewidth=0.9, alpha=0.7, zorder=0)
    if len(frames):
        groups = np.unique(np.linspace(0, len(frames), _COLUMNS, endpoint=False).astype(int))
        at_s = frames["time_s"][groups]
        for name, color in (("peak", _PEAK), ("rms", _RMS)):
            level = np.maximum.reduceat(frames[name], groups) / (scale.loudest or 1.0)
            axes.fill_between(at_s, -level, level, color=color, linewidth=0, zorder=1)
    axes.axhline(0, color=_RMS, linewidth=0.3, zorder=2)
    if comparison is None:
        marks = [(track.onset_times_s, _FOUND, _mark(_FOUND))]
    else:
        marks = [
            (comparison.found, _FOUND, _mark(_FOUND)),
            (comparison.missed, _MISSED, _mark(_MISSED, marker="o", hollow=True)),
            (comparison.false, _FALSE, _mark(_FALSE, marker="x")),
        ]
    for onsets_s, color, style in marks:
        here = onsets_s[(onsets_s >= start_s) & (onsets_s <= end_s)]
        if style["marker"] != "v":
            axes.vlines(here, -1.04, 1.2, color=color, linewidth=0.7, alpha=0.8, zorder=3)
        elif len(here) > _MOST_LINES:
            axes.vlines(here, 1.14, 1.38, color=color, linewidth=0.35, zorder=3)
            continue
        else:
            axes.vlines(here, 0, 1.2, color=color, linewidth=0.45, alpha=0.8, zorder=3)
        axes.plot(here, np.full(len(here), 1.26), clip_on=False, zorder=4, **style)


def _bars_s(frames: np.ndarray) -> np.ndarray:
    """Where bars begin, if frames say so and there are few enough to be seen."""
    if "bar_count" not in (frames.dtype.names or ()) or not len(frames):
        return np.zeros(0)
    began = np.flatnonzero(np.diff(frames["bar_count"].astype(np.int64)) > 0) + 1
    found: np.ndarray = frames["time_s"][began] if len(began) <= _MOST_LINES else np.zeros(0)
    return found


def _picture(
    axes: Axes,
    values: np.ndarray,
    span_s: tuple[float, float],
    ends: tuple[float, float],
    inks: list[str],
    names: dict[int, str],
) -> None:
    """A heat map of several values over time."""
    from matplotlib.colors import LinearSegmentedColormap

    size = values.shape[1]
    axes.imshow(
        values.T if len(values) else np.zeros((size, 1)),
        aspect="auto",
        origin="lower",
        extent=(*span_s, -0.5, size - 0.5),
        vmin=ends[0],
        vmax=ends[1],
        cmap=LinearSegmentedColormap.from_list("ink", inks),
        interpolation_stage="data",
    )
    axes.set_yticks(list(names), list(names.values()))


def _full(chroma: np.ndarray) -> np.ndarray:
    """Chroma with the strongest note of each moment as 1, so that it can be read where many sound."""
    values = np.nan_to_num(chroma.astype(np.float64))
    return values / np.maximum(values.max(axis=1, keepdims=True, initial=0.0), 1e-6)


def _band_span(bands: np.ndarray) -> tuple[float, float]:
    """Levels drawn as white and as the darkest ink: those between which most of the sound is."""
    heard = bands[bands > 0]
    if not len(heard):
        return 0.0, 1.0
    low, high = np.percentile(heard, (10, 99.5))
    return float(low), float(max(high, low + 0.1))


def _tempo_span(tempo: np.ndarray) -> tuple[float, float]:
    known = tempo[tempo > 0]
    if not len(known):
        return 60.0, 180.0
    low, high = np.percentile(known, (1, 99))
    room = max(10.0, 0.15 * (high - low))
    return 10 * math.floor((low - room) / 10), 10 * math.ceil((high + room) / 10)


def _tempo(axes: Axes, frames: np.ndarray, tempi: tuple[float, float]) -> None:
    axes.set_ylim(*tempi)
    axes.set_yticks(tempi, [f"{tempi[0]:g}", f"{tempi[1]:g} BPM"])
    known = frames["tempo"] > 0
    if known.any():
        axes.plot(frames["time_s"], np.where(known, frames["tempo"], np.nan), color=_INK, linewidth=0.9)
    else:
        axes.text(0.5, 0.5, "no tempo", transform=axes.transAxes, fontsize=6, color=_SOFT, ha="center", va="center")


def _tick_s(span_s: float, width: float) -> float:
    """Distance of the labels of a time axis, so that they stand clear of each other."""
    most = max(2.0, 14 * width / (_RIGHT - _LEFT))
    return next((s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300) if span_s / s <= most), 600.0)


def clock(time_s: float, step_s: float = 1.0) -> str:
    """``m:ss``, with tenths where the step is less than a second."""
    tenths = step_s < 1
    whole = round(time_s * 10) if tenths else round(time_s) * 10
    return f"{whole // 600}:{whole // 10 % 60:02d}" + (f".{whole % 10}" if tenths else "")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
