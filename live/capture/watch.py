"""Judging from outside whether the ears are well. Pure: times in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass

from live.capture.control_block import Report

__all__ = ["Verdict", "judge"]

IMPORT_S = 30.0
"""A cold start of the process may read much from a slow disk."""
OPEN_S = 6.0
LATE_S = 0.4
HUNG_S = 1.2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to show, and what to do.

    Attributes
    ----------
    state : str
        As in `live.capture.control_block.Report`.
    message : str
    replace : bool
        Whether the process is to be ended, if it still runs, and another started.
    """

    state: str
    message: str
    replace: bool


def judge(report: Report | None, *, now_s: float, started_s: float, alive: bool) -> Verdict:
    """Return the verdict on ears that started at `started_s` and reported `report` (of this start; None: nothing yet).

    While sound runs, both the loop and the sound must be fresher than 0.4 s, or it counts as lost (so that the HUD says
    so within half a second); after 1.2 s the process is replaced, since a hung sound server lets nothing be closed.
    Opening a device may take 6 s.
    """
    if report is None:
        late = now_s - started_s > IMPORT_S
        return Verdict("starting", "", late or not alive)
    if report.state in ("ended", "failed"):
        return Verdict(report.state, report.message, not alive)
    name = report.device or report.source.removeprefix("device:")
    if not alive:
        return Verdict("lost", "The listening process ended by itself and is started again.", True)
    silence_s = now_s - report.loop_s
    if report.state == "running":
        silence_s = max(silence_s, now_s - report.sound_s)
        if silence_s > LATE_S:
            message = f"No sound comes from '{name}' any more; it is taken again as soon as it is back."
            return Verdict("lost", message, silence_s > HUNG_S)
        return Verdict("running", report.message, False)
    if silence_s > OPEN_S:
        # A file waits for the output that it is heard through.
        what = "The sound output" if name.startswith("file:") or name == "demo" else f"Opening '{name}'"
        return Verdict("lost", f"{what} hangs; the sound server may hang too.", True)
    return Verdict(report.state, report.message, False)
