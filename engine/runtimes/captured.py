"""`CapturedPicture`: a whole picture, from starting noise to 8-bit pixels, captured on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from engine.bends.hooks import CompiledPlan
from engine.ingredients import Ingredients
from engine.pictures import finite, to_bytes
from engine.resize import fitted
from engine.runtimes.block import Block
from engine.runtimes.capture import Capturer
from engine.sampling import Schedule, schedule_of

if TYPE_CHECKING:
    from engine.eager import EagerGenerator

__all__ = ["CapturedPicture"]

_ENTRY = ("share", "of_picture", "of_noise")


class CapturedPicture:
    """What plays the pictures of one plan at one size, number of steps and kind of guidance.

    All that a picture brings is copied to the device in one block beside the bank, and its pixels and whether they are
    finite come back in another, so that a picture waits for the device once. Playing allocates nothing there.

    Parameters
    ----------
    model : EagerGenerator
        Bent by `plan`.
    capturer : Capturer
    plan : CompiledPlan
    steps : int
    given : Ingredients
        Those of any picture that is to be played; on the CPU.
    fed : bool
        Whether pictures may be fed back.
    late : bool
        Whether they begin at a picture, of a strength below 1.

    Raises
    ------
    RuntimeError
        If it cannot be captured, or the device has not enough memory.
    """

    def __init__(
        self,
        model: EagerGenerator,
        capturer: Capturer,
        plan: CompiledPlan,
        steps: int,
        given: Ingredients,
        fed: bool,
        late: bool = False,
    ) -> None:
        self.plan = plan
        self._capturer = capturer
        # The graph reads and writes this memory for as long as it is played.
        self._waiting = given.waiting
        self._stepping = tuple(i for i, step in enumerate(model.schedule(steps).steps) if step.fresh)
        self._size = model.size
        width, height = self._size
        examples = self._values(given)
        if fed:
            picture = torch.zeros((height, width, 3), dtype=torch.uint8)
            examples |= {"previous": picture, **_entry((0.0, 0.0, 1.0))}
        if late:
            examples["schedule"] = _numbers(model.late_schedule(steps, 0.5))
        self._block = Block(examples, model.device, capturer.pinned)
        count = 3 * width * height + 1
        self._out = torch.zeros(count, dtype=torch.uint8, device=model.device)
        self._seen = torch.zeros(count, dtype=torch.uint8, pin_memory=capturer.pinned)
        self._shape, self._fed = (height, width, 3), fed
        placed = self._placed(given)

        def work() -> None:
            start = placed.start
            if fed:
                before = self._block.tensors["previous"].permute(2, 0, 1)[None].to(torch.float32) / 127.5 - 1
                start = model.fed_back(start, before, *(self._block.tensors[name] for name in _ENTRY))
            schedule = schedule_of(self._block.tensors["schedule"], model.schedule(steps)) if late else None
            painted, latents = model.paint(replace(placed, start=start, schedule=schedule), plan, steps)
            sound = finite(painted, latents).to(torch.uint8).reshape(1)
            self._out.copy_(torch.cat((to_bytes(painted).reshape(-1), sound)))

        self._block.write(examples)
        self._play = capturer.capture(work)

    def _values(self, given: Ingredients) -> dict[str, Tensor]:
        """What a picture brings, by name."""
        values = given.tensors() | {f"fresh.{i}": given.fresh(i) for i in self._stepping}
        if given.empty is not None:
            values["guidance"] = torch.as_tensor(given.guidance, dtype=torch.float32)
        return values

    def _placed(self, given: Ingredients) -> Ingredients:
        tensors = self._block.tensors
        own: Mapping[str, Any] = {name: tensors[name] for name in (*given.tensors(), "guidance") if name in tensors}
        return replace(given, **own, fresh=lambda index: tensors[f"fresh.{index}"])

    def play(
        self,
        given: Ingredients,
        missing: int,
        previous: np.ndarray | None,
        entry: tuple[float, float, float],
        schedule: Schedule | None,
    ) -> tuple[np.ndarray, bool]:
        """Make one picture.

        Parameters
        ----------
        given : Ingredients
            On the CPU.
        missing : int
            How often to play before it counts.
        previous : ndarray of uint8 or None
            Pixels that are fed back.
        entry : tuple of float
            How they take part: share, amplitude of the picture, amplitude of the noise; see `EagerGenerator.fed_back`.
        schedule : Schedule or None
            The steps of a picture that begins at them.

        Returns
        -------
        (ndarray of uint8, bool)
            Pixels (height, width, 3), and whether all of the picture is finite.
        """
        values = self._values(given)
        if self._fed:
            values |= _entry((0.0, 0.0, 1.0) if previous is None else entry)
        if schedule is not None:
            values["schedule"] = _numbers(schedule)
        if previous is not None:
            # A copy: torch takes no array that must not be written to.
            values["previous"] = torch.from_numpy(np.array(fitted(previous, self._size)))
        self._block.write(values)
        for _ in range(1 + missing):
            self._play()
        self._seen.copy_(self._out, non_blocking=True)
        self._capturer.wait()
        seen = self._seen.numpy()
        # The picture's own: this memory is written by the next one.
        pixels = seen[:-1].reshape(self._shape).copy()
        pixels.setflags(write=False)
        return pixels, bool(seen[-1])


def _entry(entry: tuple[float, float, float]) -> dict[str, Tensor]:
    return {name: torch.tensor(value) for name, value in zip(_ENTRY, entry, strict=True)}


def _numbers(schedule: Schedule) -> Tensor:
    """A schedule as a tensor, (steps, numbers of a step)."""
    return torch.tensor([astuple(step) for step in schedule.steps])
