"""Stand-ins around a director: ears that note what they are told, and a generator that notes what it is to prepare."""

from types import SimpleNamespace

import numpy as np

from analysis.frame import FEATURE_FRAME
from engine.paces import Pace

GOOD = """
name: {name}
description: a test
prompts: [{{text: one}}, {{text: two}}]
motion: {{noise_turns_per_minute: 1}}
bends:
  - {{name: zoom, operator: zoom, site: unet.mid}}
routes:
  - {{name: kick, source: onset, to: zoom/factor, mode: hit, out: [0, 1]}}
"""


class Ears:
    def __init__(self):
        self.done = []

    def tap(self, at_s):
        self.done.append(("tap", at_s))

    def nudge(self):
        self.done.append("nudge")

    def downbeat(self, at_s):
        self.done.append(("downbeat", at_s))

    def set_metre(self, beats):
        self.done.append(("metre", beats))

    def set_tempo(self, bpm):
        self.done.append(("tempo", bpm))

    def set_clock(self, bpm, phase, at_s):
        self.done.append(("clock", bpm, phase, at_s))

    def status(self):
        return SimpleNamespace(gain_db=17.6)

    def set_gate(self, gate):
        self.done.append(("gate", gate))

    def set_gain(self, gain):
        self.done.append(("gain", gain))

    def set_source(self, source):
        self.done.append(("source", source))

    following = "line in"

    def next_input(self, steps):
        self.done.append(("next", steps))
        return self.following


STRAIGHT = Pace((0.0, 1.0), (0.0, 1.0))


class Generator:
    size, model, playing = (64, 64), "fake", "eager"

    def sites(self):
        return [SimpleNamespace(address=a) for a in ("latent.0", "unet.mid")]

    def __init__(self):
        self.prepared = set()
        self.plans = []
        self.ways = []
        self.paces = SimpleNamespace(save=lambda: setattr(self, "saved", self.saved + 1))
        self.saved = 0

    def pace(self, first, second, spec):
        return STRAIGHT if (first, second) == ("one", "two") else None

    def prepare(self, prompts=(), plans=(), **how):
        self.prepared |= set(prompts)
        self.plans += plans
        self.ways.append(how)


class Reader:
    def read(self):
        return np.zeros(0, FEATURE_FRAME), 0
