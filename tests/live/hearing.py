"""The loop of the ears between shared memory and sources of a test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bentlight.errors import BentlightError
from live.capture.control_block import Command, ControlBlock
from live.capture.feature_ring import FeatureRing
from live.capture.hearing import Hearing
from live.capture.intake import Intake
from live.capture.sample_ring import SampleRing

__all__ = ["BLOCK", "RATE", "Bench", "FakeSource", "quiet"]

RATE = 48_000
BLOCK = 128


class FakeSource:
    """A sound card that hands over what the test gives it."""

    def __init__(self, name: str, channels: int = 2, fault: BentlightError | None = None) -> None:
        self.name, self.resolved, self.note = name, f"device:{name}", ""
        self.sample_rate = float(RATE)
        self.gone = self.ended = self.closed = False
        self.farewell = f"{self.name} is over."
        self.intake = Intake(RATE, channels, BLOCK)
        self.fault = fault

    def open(self) -> None:
        if self.fault is not None:
            raise self.fault

    def poll(self) -> None: ...

    def position_s(self) -> float:
        return 0.0

    def close(self) -> None:
        self.closed = True


@dataclass
class Bench:
    """Hearing between shared memory and fake sources, on a clock that only `listen` moves."""

    features: FeatureRing
    samples: SampleRing
    control: ControlBlock
    now: float = 1000.0
    offered: list[FakeSource] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    make: Callable[[Command], FakeSource] | None = None

    def hearing(self, generation: int = 0) -> Hearing:
        return Hearing(
            self.features,
            self.samples,
            self.control,
            generation,
            clock=lambda: self.now,
            wait=self.pass_time,
            make=self._make,
        )

    def _make(self, command: Command, before: list[str]) -> FakeSource:
        self.asked.append(command.source)
        return self.offered.pop(0)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    def listen(self, hearing: Hearing, source: FakeSource, sound: np.ndarray) -> None:
        """Let sound of shape (n, channels) arrive block by block."""
        for start in range(0, len(sound), BLOCK):
            self.now += BLOCK / RATE
            source.intake.put(sound[start : start + BLOCK], self.now)
            assert hearing.step()


def quiet(seconds: float, channels: int = 2) -> np.ndarray:
    # At half the sample rate: a constant would be taken off.
    return np.tile(np.array([[0.01], [-0.01]], np.float32), (int(seconds * RATE) // BLOCK * BLOCK // 2, channels))
