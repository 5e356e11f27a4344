"""What the HUD says at a moment of the performance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bentlight.clock import now_s
from live.stage.state import HudState

if TYPE_CHECKING:
    from live.performance import Performance

__all__ = ["heard_warnings", "hud_state"]

CLIPPING = "the input clips: turn it down at the mixer or the sound card"
CANCELLING = "the two channels cancel each other: is one of them inverted? --channels 1 hears one alone"
STILL_S = 1.0
"""Without a picture for so long, none are being made."""
OPPOSED = 0.95
"""Width above which next to nothing is left of the mean of the channels."""


def heard_warnings(frame: np.ndarray) -> list[str]:
    """Return what is wrong with the sound by its newest frame, shape (), in plain words."""
    found = []
    if frame["width"] > OPPOSED:
        found.append(CANCELLING)
    if frame["clipping"]:
        found.append(CLIPPING)
    return found


def hud_state(performance: Performance) -> HudState:
    """Return the HUD's state now; called by the stage, once per frame."""
    frame = performance.newest_frame()
    ears = performance.ears.status()
    stats = performance.renderer.stats
    patch, generator = performance.renderer.patch, performance.renderer.generator
    recorder = performance.director.recordings.recorder
    osc = performance.osc.stats() if performance.osc is not None else None
    listening = ears.state == "running"
    # Of a slow model the next picture may take longer than that.
    playing = now_s() - stats.last_s < max(STILL_S, 1.5 / max(stats.rate_hz, 1e-3))
    # While nothing is heard, the pictures follow the beat of hands and clocks, if there is one.
    beat = frame if listening else performance.renderer.hearing.newest
    scene, wanted = performance.director.playing, performance.bank.current
    heard = [ears.message] if ears.message and ears.state in ("running", "lost", "ended", "failed") else []
    if listening:
        heard += heard_warnings(frame)
    return HudState(
        rms=float(frame["rms"]) if listening else 0.0,
        peak=float(frame["peak"]) if listening else 0.0,
        bands=tuple(frame["bands"].tolist()) if listening else (0.0,) * 8,
        onset_count=int(frame["onset_count"]),
        tempo=float(beat["tempo"]),
        beat_phase=float(beat["beat_phase"]),
        pictures_per_s=stats.rate_hz if playing else 0.0,
        runtime=generator.playing if generator is not None else "",
        sound_age_ms=1e3 * stats.newest_age_s if playing and listening else None,
        # In letters that every font has.
        scene=scene if scene == wanted else f"{scene} > {wanted}",
        prompt=patch.prompt if patch is not None else "",
        input_name=ears.device,
        input_state=ears.state,
        input_ok=listening,
        osc_accepted=osc.accepted if osc else 0,
        osc_dropped=osc.dropped_total if osc else 0,
        recording_s=recorder.status().seconds if recorder is not None else None,
        loading="" if stats.pictures else "loading the model",
        warnings=tuple(performance.warnings(heard)),
    )
