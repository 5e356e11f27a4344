"""How soon a lost sound input is told and taken again, while pictures go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bentlight.clock import now_s

if TYPE_CHECKING:
    from live.performance import Performance
    from live.stand_ins.sound_server import PrivatePulse

__all__ = ["FAULTS", "Outcome", "faults"]

_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.005
_GONE_S = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one fault.

    Attributes
    ----------
    fault : str
    told_s : float
        From the fault to the warning that the HUD shows.
    back_s : float
        From the sound's return to the first hop heard.
    pictures : int
        Pictures made while the input was gone.
    device : str
        What is listened to afterwards.
    same_device : bool
        Whether it is the one that was listened to before.
    """

    fault: str
    told_s: float
    back_s: float
    pictures: int
    device: str
    same_device: bool


FAULTS: dict[str, tuple[Callable[[PrivatePulse], None], Callable[[PrivatePulse], None]]] = {
    "sound server ended": (lambda pulse: pulse.kill(), lambda pulse: pulse.start()),
    "sound server frozen": (lambda pulse: pulse.hang(), lambda pulse: pulse.resume()),
    "input removed": (lambda pulse: pulse.remove_source(), lambda pulse: pulse.restore_source()),
}
"""Each fault with what brings it about and what mends it."""


def faults() -> list[Outcome]:
    """Play a headless show on a private sound server, and bring about each of `FAULTS` in turn.

    Raises
    ------
    BadInput
        If this machine has no sound server to run.
    """
    from live.performance import Performance, PlaySettings
    from live.stand_ins.sound_server import private_pulse

    outcomes: list[Outcome] = []
    failure: list[BaseException] = []
    with private_pulse() as pulse:
        show = Performance(PlaySettings(input="pulse", gain=0.0, headless=True, osc=None, size=(128, 128)))

        def play() -> None:
            try:
                _until(lambda: show.renderer.stats.pictures > 5 and _running(show), "pictures and sound")
                outcomes.extend(_outcome(show, pulse, name) for name in FAULTS)
            except BaseException as error:
                failure.append(error)
            finally:
                show.director.quit.set()

        player = threading.Thread(target=play, daemon=True)
        player.start()
        show.run()
        player.join()
    if failure:
        raise failure[0]
    return outcomes


def _running(show: Performance) -> bool:
    return show.ears.status().state == "running"


def _until(condition: Callable[[], Any], what: str) -> float:
    """Wait for `condition` and return the host clock then."""
    pause, deadline = threading.Event(), now_s() + _PATIENCE_S
    while not condition():
        if now_s() > deadline:
            raise TimeoutError(f"not within {_PATIENCE_S:.0f} s: {what}")
        pause.wait(_LOOK_EVERY_S)
    return now_s()


def _outcome(show: Performance, pulse: PrivatePulse, fault: str) -> Outcome:
    bring, mend = FAULTS[fault]
    before = show.ears.status().device
    pictures = show.renderer.stats.pictures
    begun_s = now_s()
    bring(pulse)
    told_s = _until(lambda: any(before in warning for warning in show.hud().warnings), "the warning") - begun_s
    _until(lambda: now_s() - begun_s > _GONE_S and show.ears.status().state == "lost", "a while without sound")
    made = show.renderer.stats.pictures - pictures
    reader = show.ears.features.reader()
    mend(pulse)
    mended_s = now_s()
    back_s = _until(lambda: _running(show) and len(reader.read()[0]), "sound again") - mended_s
    status = show.ears.status()
    return Outcome(fault, told_s, max(0.0, back_s), made, status.device, status.device == before)
