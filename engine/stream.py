"""Stream batch: the steps of successive pictures in one pass of the network (Kodaira et al. 2023, StreamDiffusion).

With n denoising steps the network gets n latents at once: the newest picture at its first step, the one before at its
second, and so on. Every pass finishes one picture, which is the one that was begun n - 1 passes ago: the rate of one
step, for a delay of n - 1 pictures.

Starting noise, prompt, step noise and feedback are each picture's own. Bend values and the guidance scale are those of
the newest spec for all pictures under way, so that what is played is seen at once, not n - 1 pictures later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from engine.ingredients import Ingredients
from engine.sampling import Schedule

__all__ = ["Stream", "denoise_batch"]


class Stream:
    """The pictures under way.

    A stream begins anew when another plan, size, number of steps or kind of guidance comes, and after a picture that
    could not be made: the batch is then filled with the newest picture, as if it had been asked for all the time. That
    costs n - 1 passes once, and no picture is ever missing. Pictures of a strength below 1, each of which enters at a
    noise level of its own, are made one by one.

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._waiting: dict[tuple[tuple[int, ...], int], Tensor] = {}
        self._past: deque[Ingredients] = deque()
        self._key: Hashable = None
        self._joining: Hashable = None

    def join(self, newest: Ingredients, key: Hashable, schedule: Schedule) -> tuple[Ingredients, int]:
        """Put a picture in front.

        Parameters
        ----------
        newest : Ingredients
        key : hashable
            Pictures of different keys cannot be in one batch.
        schedule : Schedule

        Returns
        -------
        (Ingredients, int)
            What the batch is painted from, and how often it must be painted before to be full.
        """
        rows = len(schedule.steps)
        begun, self._key, self._joining = self._key == key, None, key
        if rows == 1:
            return newest, 0
        if begun:
            self._past.appendleft(newest)
        else:
            self._past = deque([newest] * rows, maxlen=rows)
        return self._batch(tuple(self._past)), 0 if begun else rows - 1

    def settled(self) -> None:
        """The picture that was joined last has been made: the next one may follow it."""
        self._key = self._joining

    def interrupt(self) -> None:
        """A picture comes that cannot be in a batch: the next one begins anew."""
        self._key = self._joining = None

    def alike(self, newest: Ingredients, schedule: Schedule) -> Ingredients:
        """Return a batch of one picture at all its steps; nothing is put in front."""
        rows = len(schedule.steps)
        return newest if rows == 1 else self._batch((newest,) * rows)

    def forget(self) -> None:
        """Let go of the latents under way."""
        self._waiting.clear()
        self._key = None

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Put the latents under way back as they were when the block ends."""
        before = {key: tensor.clone() for key, tensor in self._waiting.items()}
        try:
            yield
        finally:
            for key, tensor in before.items():
                self._waiting[key].copy_(tensor)

    def _batch(self, past: tuple[Ingredients, ...]) -> Ingredients:
        newest, rows = past[0], len(past)
        shape = (rows - 1, *newest.start.shape[1:])
        key = (shape, rows)
        if key not in self._waiting:
            self._waiting[key] = torch.zeros(shape, device=self._device)
        return replace(
            newest,
            text=torch.cat([picture.text for picture in past]),
            fresh=lambda index: past[index].fresh(index),
            waiting=self._waiting[key],
        )


def denoise_batch(
    noise: Tensor,
    waiting: Tensor,
    schedule: Schedule,
    predict: Callable[[Tensor, Tensor], Tensor],
    fresh: Callable[[int], Tensor],
    touch: Callable[[str, Tensor, float | None], Tensor],
) -> Tensor:
    """Take the newest picture and those that wait one step further each; return the latent that is finished.

    Parameters
    ----------
    noise : Tensor
        The newest picture's, (1, channel, height, width), float32.
    waiting : Tensor
        The others', (steps - 1, channel, height, width), each before its own step; moved on in place.
    schedule, predict, fresh, touch
        As for `engine.sampling.denoise`; `predict` takes one timestep for each row.
    """
    steps = schedule.steps
    rows = (noise * schedule.start, *waiting.split(1))
    bent = [touch(f"latent.{i}", rows[i], step.spread) for i, step in enumerate(steps)]
    scaled = torch.cat([x * step.scale for x, step in zip(bent, steps, strict=True)])
    outputs = predict(scaled, torch.stack(schedule.timesteps)).split(1)
    moved = []
    for index, step in enumerate(steps):
        x = bent[index] * step.keep + outputs[index].to(noise.dtype) * step.take
        moved.append(x + fresh(index) * step.fresh if step.fresh else x)
    waiting.copy_(torch.cat(moved[:-1]))
    return touch("latent.end", moved[-1], None)
