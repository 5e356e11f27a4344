"""`Asked`: the scenes and prompts that wait to be played; of those that stand for one another only the newest."""

from __future__ import annotations

import threading

from live.control.board import CHOOSING, ControlEvent

__all__ = ["Asked"]

_MOST = 64
_REPLACED = {
    "/scene": CHOOSING,
    "/scene/number": CHOOSING,
    "/prompt": frozenset({"/prompt"}),
    "/prompt/index": frozenset({"/prompt/index"}),
}
"""What no longer matters once this was asked for. A step is from wherever the others lead, so it replaces nothing."""


class Asked:
    """Events in the order in which they came, between the thread that adds them and the one that takes them.

    A model may take seconds over one scene; a knob that passes over ten meanwhile means the last of them. Of what does
    not stand for one another, the oldest of a flood are dropped, but never a scene for a prompt.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[ControlEvent] = []

    def add(self, event: ControlEvent) -> None:
        """Put an event last, in place of those that wait and no longer matter."""
        replaced = _REPLACED.get(event.address, frozenset())
        with self._lock:
            waiting = [waits for waits in self._events if waits.address not in replaced]
            if len(waiting) >= _MOST:
                prompts = [at for at, waits in enumerate(waiting) if waits.address not in CHOOSING]
                if not prompts and event.address not in CHOOSING:
                    return
                del waiting[prompts[0] if prompts else 0]
            self._events = [*waiting, event]

    def take(self) -> ControlEvent | None:
        """Return the oldest that waits, once; None when there is none."""
        with self._lock:
            return self._events.pop(0) if self._events else None
