"""How late pictures are: each leg from a click in the sound to the picture that shows it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from live.render import OnsetTrace

__all__ = ["click_track", "latency"]

RATE = 48000
FIRST_S = 3.0


def click_track(seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a track of decaying clicks at uneven distances, and the clicks' times.

    Parameters
    ----------
    seconds : float
    seed : int

    Returns
    -------
    samples : ndarray of float32, shape (samples,)
        At 48 kHz, over a noise floor of -70 dB.
    times : ndarray of float64, shape (clicks,)
        Seconds.
    """
    rng = np.random.default_rng(seed)
    samples = (10 ** (-70 / 20) * rng.standard_normal(int(seconds * RATE))).astype(np.float32)
    times = FIRST_S + np.cumsum(rng.uniform(0.35, 0.7, int(seconds / 0.35)))
    times = times[times < seconds - 0.5]
    t = np.arange(int(0.03 * RATE)) / RATE
    for time in times:
        start = round(time * RATE)
        click = np.exp(-t / 0.006) * rng.standard_normal(len(t)) * 0.5
        samples[start : start + len(t)] += click.astype(np.float32)
    return np.clip(samples, -1, 1), times


def latency(seconds: float = 30.0, seed: int = 1, scene: str = "") -> dict[str, Any]:
    """Play clicks from a file, paced by the clock, and time each leg on the host clock.

    The sound card's own latency is not in it; on a real card add what `bentlight devices` reports.

    Returns
    -------
    dict
        ``clicks``, ``heard``, ``legs``: name → p50, p95 in ms.
    """
    import soundfile

    from live.performance import Performance, PlaySettings

    samples, times = click_track(seconds, seed)
    traces: list[OnsetTrace] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clicks.wav"
        soundfile.write(path, samples, RATE)
        performance = Performance(
            PlaySettings(input=f"file:{path}", gain=0.0, scene=scene, headless=True, mute=True, osc=None)
        )
        performance.renderer.onset_listener = traces.append
        made = performance.run()
    legs: dict[str, list[float]] = {name: [] for name in LEGS}
    heard = 0
    for time in times:
        trace = next((t for t in traces if -0.005 <= t.time_s - time < 0.1), None)
        if trace is None:
            continue
        heard += 1
        # The hop that reported the onset ended at stream time `time_s`, and was handed over at `captured_s`.
        sounded_s = trace.captured_s - (trace.time_s - time)
        legs["click → onset readable"].append(trace.published_s - sounded_s)
        legs["onset readable → render start"].append(trace.begun_s - trace.published_s)
        legs["render"].append(trace.done_s - trace.begun_s)
        legs["click → picture"].append(trace.done_s - sounded_s)
    return {
        "clicks": len(times),
        "heard": heard,
        "legs": {
            name: {f"p{p}": round(1e3 * float(np.percentile(values, p)), 1) for p in (50, 95)} if values else {}
            for name, values in legs.items()
        },
        "feature_age_ms": made["feature_age_ms"],
        "pictures_per_s": made["pictures_per_s"],
    }


LEGS = ("click → onset readable", "onset readable → render start", "render", "click → picture")
