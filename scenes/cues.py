"""Which prompts are in the picture: on cue, on the way between their times, round a loop, or by ear."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bentlight.parameter import Value
from scenes.controls import CHOSEN, NEXT
from scenes.drift import BeatPhase, CrossFade, Heard, Listener
from scenes.even import Mix
from scenes.schema import Scene
from scenes.sources import VECTORS

__all__ = ["Cues"]


class Cue(NamedTuple):
    """A text that was gone to, and the one that a route to ``prompt/blend`` brings in beside it; empty for none."""

    text: str
    following: str = ""


class Cues:
    """The prompt mix over scene time.

    A cue starts a cross-fade from whatever mix stands at that moment; the new text's share rises as a smoothstep. A
    timed cue starts exactly at its time, however late the next picture comes. Where the prompts move by themselves, a
    cue cross-fades to the same movement some prompts further on. The share of the next prompt is each cue's own, so
    that it fades with it.

    Parameters
    ----------
    scene : Scene

    Attributes
    ----------
    index : int
        The scene's prompt that was cued last, or by how many prompts a moving list has been moved on.
    cued : list of (int, float)
        Every index that was gone to, with its scene time, since this was last emptied.
    """

    def __init__(self, scene: Scene) -> None:
        motion = scene.motion.prompts
        self._kind, self._blend_s = motion.kind, scene.prompt_blend_s
        self._follows = len(scene.prompts) > 1 and any(route.to == "prompt/blend" for route in scene.routes)
        self._texts = tuple(prompt.text for prompt in scene.prompts)
        self._times = tuple((prompt.at, i) for i, prompt in enumerate(scene.prompts) if prompt.at is not None)
        self._timed = () if self._kind == "travel" else self._times
        self._loop = BeatPhase(motion.bars)
        self._loops_per_s = motion.loops_per_minute / 60
        self._listener = Listener(
            motion.by, VECTORS[motion.by], len(self._texts), motion.attack_ms, motion.release_ms, motion.sharpness
        )
        self.index = 0
        self._typed = ""
        self._next_timed = 0
        while self._next_timed < len(self._timed) and self._timed[self._next_timed][0] <= 0:
            self.index = self._timed[self._next_timed][1]
            self._next_timed += 1
        self.cued: list[tuple[int, float]] = []
        self._fade: CrossFade[Cue | int] = CrossFade(self._item)
        self._seen_index: int | None = None
        self._seen_chosen: int | None = None
        self._seen_next: int | None = None
        self._time_s = 0.0
        self._ahead_s = 0.0

    @property
    def text(self) -> str:
        """The text the mix is going to."""
        return max(self._texts_of(self._fade.to), key=lambda part: part[1])[0]

    @property
    def _item(self) -> Cue | int:
        """What the fade goes to: a text, or where texts move by themselves, how far these are moved on."""
        if self._typed:
            return Cue(self._typed)
        if self._kind != "cues":
            return self.index
        return Cue(self._texts[self.index], self._after(self.index) if self._follows else "")

    def _after(self, index: int) -> str:
        return self._texts[(index + 1) % len(self._texts)]

    def carry_over(self, previous: Cues) -> None:
        """Go on from where the cues of the scene's earlier version stand: the same prompt, in its new wording."""
        self._time_s = previous._time_s
        while self._next_timed < len(self._timed) and self._timed[self._next_timed][0] <= self._time_s:
            self._next_timed += 1
        self.index = min(previous.index, len(self._texts) - 1) if self._kind == previous._kind else 0
        self._typed, self._seen_index = previous._typed, previous._seen_index
        self._seen_chosen, self._seen_next = previous._seen_chosen, previous._seen_next
        self._loop.turns = previous._loop.turns
        self._listener.copy_from(previous._listener)
        item = self._item
        if self._kind == previous._kind and (self._kind == "cues" or self._texts == previous._texts):
            self._fade.copy_from(previous._fade)
            self._fade.cue(item, self._time_s, self._blend_s)
        else:
            standing: dict[Cue | int, float] = {}
            for thing, weight in previous._fade.mix(self._time_s):
                for text, share in previous._texts_of(thing):
                    cue = Cue(text, previous._following(thing))
                    standing[cue] = standing.get(cue, 0.0) + weight * share
            self._fade.begin(tuple(standing.items()), item, self._time_s, self._blend_s)

    def look_past(self, control: Mapping[str, Value]) -> None:
        """Take the cues counted so far for those of another scene."""
        self._seen_chosen, self._seen_next = _whole(control.get(CHOSEN)), _whole(control.get(NEXT))

    def step(self, heard: Heard) -> None:
        """Take in a hop."""
        if self._kind == "loop":
            self._loop.step(heard)
            self._loop.set_rate(self._loops_per_s, heard.tempo, heard.speed, heard.metre)
        elif self._kind == "mixture":
            self._listener.step(heard)

    def advance(self, time_s: float, control: Mapping[str, Value], ahead_s: float = 0.0) -> None:
        """Let every cue up to `time_s`, which is `ahead_s` after the newest hop, happen: timed ones, then the rest."""
        self._time_s = max(self._time_s, time_s)
        self._ahead_s = ahead_s
        while self._next_timed < len(self._timed) and self._timed[self._next_timed][0] <= time_s:
            at, index = self._timed[self._next_timed]
            self._next_timed += 1
            self._go(index, float(at))
        self._performer(time_s, control)

    def mix(self, time_s: float, to_next: float = 0.0) -> Mix:
        """Return texts and weights, which sum to 1; `to_next` is the share given to the next prompt of the list."""
        parts: list[tuple[str, float]] = []
        for item, weight in self._fade.mix(time_s):
            following = self._following(item)
            away = to_next if following else 0.0
            parts += [(text, weight * (1 - away) * share) for text, share in self._texts_of(item)]
            parts.append((following, weight * away))
        return _summed(parts)

    def _following(self, item: Cue | int) -> str:
        """The text of which a share is given beside an item of the fade; empty where there is none."""
        if isinstance(item, Cue):
            return item.following
        return self._after(item) if self._follows else ""

    def _texts_of(self, item: Cue | int) -> Mix:
        """What an item of the fade stands for at present."""
        if isinstance(item, Cue):
            return ((item.text, 1.0),)
        if self._kind == "mixture":
            rest, shares = self._listener.shares()
            return _summed([(self._texts[item % len(self._texts)], rest), *zip(self._texts, shares, strict=True)])
        texts, place = self._list()
        place = min(max(place + item, 0), len(texts) - 1) if self._kind == "travel" else (place + item) % len(texts)
        first = min(math.floor(place), len(texts) - 1)
        share = place - first
        return _summed([(texts[first], 1 - share), (texts[(first + 1) % len(texts)], share)])

    def _list(self) -> tuple[tuple[str, ...], float]:
        """The texts that move by themselves, and the place among them."""
        if self._kind == "loop":
            return self._texts, self._loop.ahead(self._ahead_s) % 1.0 * len(self._texts)
        times = [float(at) for at, _ in self._times if at is not None]
        last = bisect_right(times, self._time_s) - 1
        if last < 0:
            place = 0.0
        elif last + 1 >= len(times):
            place = float(last)
        else:
            place = last + (self._time_s - times[last]) / (times[last + 1] - times[last])
        return tuple(self._texts[i] for _, i in self._times), place

    def _performer(self, time_s: float, control: Mapping[str, Value]) -> None:
        index = _whole(control.get("/prompt/index"))
        if index is not None and self._is_chosen(index, _whole(control.get(CHOSEN))):
            self._go(self._offset(index), time_s)
        count = _whole(control.get(NEXT))
        if count is not None:
            if self._seen_next is not None and count > self._seen_next:
                self._go(self._further(count - self._seen_next), time_s)
            self._seen_next = count
        typed = control.get("/prompt", "")
        typed = typed.strip() if isinstance(typed, str) else ""
        if typed != self._typed:
            self._typed = typed
            self._fade.cue(self._item, time_s, self._blend_s)

    def _is_chosen(self, index: int, count: int | None) -> bool:
        """Whether the index is a cue: each time it is counted; where nobody counts, when it changes."""
        seen, self._seen_index = self._seen_index, index
        if count is None:
            return index != seen and not (seen is None and index == 0)  # 0 at first is a control at rest
        counted, self._seen_chosen = self._seen_chosen, count
        return counted is not None and count > counted

    def _offset(self, index: int) -> int:
        """What to go to for a prompt by its index: where prompts move by themselves, how far to move them on."""
        index %= len(self._texts)
        if self._kind == "travel":
            timed = [i for _, i in self._times]
            return (timed.index(index) if index in timed else index % len(timed)) - math.floor(self._list()[1])
        return index - math.floor(self._list()[1]) if self._kind == "loop" else index

    def _further(self, count: int) -> int:
        """What to go to for so many prompts further than now."""
        if self._kind != "travel":
            return self.index + count
        here = math.floor(self._list()[1])
        return (here + self.index + count) % len(self._times) - here

    def _go(self, index: int, time_s: float) -> None:
        self.index = index if self._kind == "travel" else index % len(self._texts)
        self.cued.append((self.index, time_s))
        if not self._typed:
            self._fade.cue(self._item, time_s, self._blend_s)


def _summed(parts: Iterable[tuple[str, float]]) -> Mix:
    """Texts with the sums of their weights, without those of no weight."""
    shares: dict[str, float] = {}
    for text, weight in parts:
        if weight > 0:
            shares[text] = shares.get(text, 0.0) + weight
    return tuple(shares.items())


def _whole(value: Value | None) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None
