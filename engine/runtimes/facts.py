"""What a runtime without torch knows of a model: its sizes, its sites, how its texts are encoded. Needs no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bentlight.errors import BadInput
from engine.measures import Measure, SiteInfo
from engine.steps import NoiseLevels

if TYPE_CHECKING:
    from engine.runtimes.session import Session

__all__ = ["Facts", "TextEncoder"]


@dataclass(frozen=True, slots=True)
class Facts:
    """A model's sizes and sites.

    Attributes
    ----------
    native : tuple of int
        (width, height) that the model was trained for.
    factor : int
        How many pixels wide the decoder makes one latent pixel.
    channels : int
        Channels of a latent.
    condition : int or None
        Width of the guidance embedding that the network takes; None when it takes none.
    most_steps : int
    zero_empty : bool
        Whether a picture is guided away from zeros, not from the embedding of the empty prompt.
    levels : NoiseLevels
    infos : tuple of SiteInfo
        The sites at the native size.
    measures : dict of str to Measure
    """

    native: tuple[int, int]
    factor: int
    channels: int
    condition: int | None
    most_steps: int
    zero_empty: bool
    levels: NoiseLevels
    infos: tuple[SiteInfo, ...]
    measures: dict[str, Measure]

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Facts:
        """Read what `EagerGenerator.facts` gave."""
        width, height = content["native"]
        sites = content["sites"]
        return cls(
            (width, height),
            content["factor"],
            content["channels"],
            content["condition"],
            content["most_steps"],
            content["zero_empty"],
            NoiseLevels.of(content["levels"]),
            tuple(SiteInfo(s["address"], s["kind"], tuple(s["shape"]), s["sd"], s["note"]) for s in sites),
            {s["address"]: Measure(s["channels"], s["sd"], tuple(s["clusters"])) for s in sites},
        )

    def latent_shape(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return (1, channel, height, width) of a latent for pictures of a size (width, height)."""
        width, height = size
        return (1, self.channels, height // self.factor, width // self.factor)

    def checked_steps(self, steps: int) -> int:
        """Return a number of denoising steps that a picture can have.

        Raises
        ------
        BadInput
            If it cannot.
        """
        if not 1 <= steps <= self.most_steps:
            raise BadInput(f"steps is {steps}; it must be from 1 to {self.most_steps}.")
        return steps

    def sites(self, size: tuple[int, int]) -> tuple[SiteInfo, ...]:
        """Return the sites as they are for pictures of a size (width, height)."""
        return tuple(
            SiteInfo(info.address, info.kind, self._shape(info, size), info.sd, info.note) for info in self.infos
        )

    def _shape(self, info: SiteInfo, size: tuple[int, int]) -> tuple[int, ...]:
        if info.kind in ("text", "weights"):
            return info.shape
        channels, *sides = info.shape
        _, _, height, width = self.latent_shape(size)
        _, _, native_height, native_width = self.latent_shape(self.native)
        return (
            channels,
            _side(sides[0], native_height, height),
            _side(sides[1], native_width, width),
        )


def _side(seen: int, native: int, latent: int) -> int:
    """A side of an activation: halved by rounding up, or doubled, as often as at the native size."""
    levels = round(math.log2(seen / native))
    return latent << levels if levels >= 0 else -(-latent // (1 << -levels))


class TextEncoder:
    """Callable: a text in, its embedding out, float32 (1, tokens, width); see `engine.text.TextEncoder`.

    Parameters
    ----------
    tokenizers : sequence of str
        As the library tokenizers reads them, set to cut and fill every text to the model's length.
    session : Session
    """

    def __init__(self, tokenizers: Sequence[str], session: Session) -> None:
        from tokenizers import Tokenizer

        self._tokenizers = [Tokenizer.from_str(tokenizer) for tokenizer in tokenizers]
        self._session = session

    def ids(self, text: str) -> list[int]:
        """Return the numbers of a text's tokens, of the first tokenizer."""
        return list(self._tokenizers[0].encode(text).ids)

    def __call__(self, text: str) -> np.ndarray:
        encoded = [tokenizer.encode(text) for tokenizer in self._tokenizers]
        values = {f"ids.{index}": np.array([part.ids], np.int64) for index, part in enumerate(encoded)}
        values["mask"] = np.array([encoded[0].attention_mask], np.int64)
        return self._session.run(values)[0]
