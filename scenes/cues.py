"""Which prompts are in the picture: timed ones come by themselves, the others on cue, each with a cross-fade."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bentlight.parameter import Value
from scenes.schema import Scene

__all__ = ["Cues"]

_MOST_IN_A_MIX = 4


class Cues:
    """The prompt mix over scene time.

    A cue starts a cross-fade from whatever mix stands at that moment; the new text's share rises as a smoothstep,
    ``3u² - 2u³`` with ``u`` the elapsed share of the fade. A timed cue starts exactly at its time, however late the
    next picture comes.

    Parameters
    ----------
    scene : Scene
    """

    def __init__(self, scene: Scene) -> None:
        self._texts = tuple(prompt.text for prompt in scene.prompts)
        self._timed = tuple((prompt.at, i) for i, prompt in enumerate(scene.prompts) if prompt.at is not None)
        self._blend_s = scene.prompt_blend_s
        self.index = 0
        self._next_timed = 0
        while self._next_timed < len(self._timed) and self._timed[self._next_timed][0] <= 0:
            self.index = self._timed[self._next_timed][1]
            self._next_timed += 1
        self._from: tuple[tuple[str, float], ...] = ()
        self._to = self._texts[self.index]
        self._since_s = float("-inf")
        self._typed = ""
        self._seen_index: int | None = None
        self._seen_next: int | None = None
        self._time_s = 0.0

    @property
    def text(self) -> str:
        """The text the mix is going to."""
        return self._to

    def carry_over(self, previous: Cues) -> None:
        """Go on from where the cues of the scene's earlier version stand: the same prompt, in its new wording."""
        self._time_s = previous._time_s
        while self._next_timed < len(self._timed) and self._timed[self._next_timed][0] <= self._time_s:
            self._next_timed += 1
        self.index = min(previous.index, len(self._texts) - 1)
        self._typed, self._seen_index, self._seen_next = previous._typed, previous._seen_index, previous._seen_next
        self._from, self._to, self._since_s = previous._from, previous._to, previous._since_s
        self._cue(self._typed or self._texts[self.index], self._time_s)

    def advance(self, time_s: float, control: Mapping[str, Value]) -> None:
        """Let every cue up to `time_s` happen: timed ones in order, then what the performer asked for."""
        self._time_s = max(self._time_s, time_s)
        while self._next_timed < len(self._timed) and self._timed[self._next_timed][0] <= time_s:
            at, index = self._timed[self._next_timed]
            self._next_timed += 1
            self.index = index
            if not self._typed:
                self._cue(self._texts[index], float(at))
        self._performer(time_s, control)

    def mix(self, time_s: float, to_next: float = 0.0) -> tuple[tuple[str, float], ...]:
        """Return texts and weights, which sum to 1; `to_next` is the share given to the next prompt of the list."""
        mix = self._standing(time_s)
        if to_next > 0 and len(self._texts) > 1:
            following = self._texts[(self.index + 1) % len(self._texts)]
            shares = {text: weight * (1 - to_next) for text, weight in mix}
            shares[following] = shares.get(following, 0.0) + to_next
            mix = tuple(shares.items())
        return mix

    def _performer(self, time_s: float, control: Mapping[str, Value]) -> None:
        index = _whole(control.get("/prompt/index"))
        if index is not None and index != self._seen_index:
            first = self._seen_index is None
            self._seen_index = index
            if not (first and index == 0):  # 0 at the first visit is a control at rest, no cue
                self._go(index, time_s)
        count = _whole(control.get("/prompt/next"))
        if count is not None:
            if self._seen_next is not None and count > self._seen_next:
                self._go(self.index + count - self._seen_next, time_s)
            self._seen_next = count
        typed = control.get("/prompt", "")
        typed = typed.strip() if isinstance(typed, str) else ""
        if typed != self._typed:
            self._typed = typed
            self._cue(typed or self._texts[self.index], time_s)

    def _go(self, index: int, time_s: float) -> None:
        self.index = index % len(self._texts)
        if not self._typed:
            self._cue(self._texts[self.index], time_s)

    def _cue(self, text: str, time_s: float) -> None:
        if text == self._to:
            return
        mix = sorted(self._standing(time_s), key=lambda part: -part[1])[:_MOST_IN_A_MIX]
        whole = sum(weight for _, weight in mix)
        self._from = tuple((t, w / whole) for t, w in mix)
        self._to, self._since_s = text, time_s

    def _standing(self, time_s: float) -> tuple[tuple[str, float], ...]:
        elapsed = (time_s - self._since_s) / self._blend_s if self._blend_s > 0 else 1.0
        if elapsed >= 1 or not self._from:
            return ((self._to, 1.0),)
        share = max(0.0, elapsed)
        share = share * share * (3 - 2 * share)
        shares = {self._to: share}
        for text, weight in self._from:
            shares[text] = shares.get(text, 0.0) + weight * (1 - share)
        return tuple((text, weight) for text, weight in shares.items() if weight > 0)


def _whole(value: Value | None) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None
