"""`EarsStatus`: how the ears are, for whoever plays with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from live.capture.control_block import Report

__all__ = ["EarsStatus", "status_of"]


@dataclass(frozen=True, slots=True)
class EarsStatus:
    """How the ears are.

    Attributes
    ----------
    state : str
        ``starting``, ``running``, ``lost`` (comes back by itself), ``ended`` (a file is over) or ``failed`` (does not
        come back until another source is chosen).
    message : str
        One sentence for the performer, or empty.
    device : str
        What is listened to.
    source : str
        The source as a string that finds it again.
    sample_rate : float
        In Hz; 0 before the first sound.
    channels : int
        Channels in the sample ring, 1 or 2; 0 before the first sound.
    generation : int
        How many times the listening process has been started, less one.
    heartbeat_age_s, sound_age_s : float
        Time since the process last reported, and since sound last arrived; infinite before.
    gain_db : float
        Gain as it is now, automatic or not.
    xruns : int
        Blocks of sound that arrived damaged or late.
    silent : bool
        Only exact zeros have come for five seconds.
    """

    state: str
    message: str
    device: str
    source: str
    sample_rate: float
    channels: int
    generation: int
    heartbeat_age_s: float
    sound_age_s: float
    gain_db: float
    xruns: int
    silent: bool


def status_of(report: Report, state: str, message: str, generation: int, now: float) -> EarsStatus:
    """Return what a report says, as seen at ``now`` (s, host clock) by whoever judged its state."""
    return EarsStatus(
        state=state,
        message=message,
        device=report.device,
        source=report.source,
        sample_rate=report.sample_rate if report.channels else 0.0,
        channels=report.channels,
        generation=max(0, generation),
        heartbeat_age_s=now - report.loop_s if report.loop_s else math.inf,
        sound_age_s=now - report.sound_s if report.sound_s else math.inf,
        gain_db=report.gain_db,
        xruns=report.xruns,
        silent=report.silent and state == "running",
    )
