"""Prompt space: texts to embeddings, kept and blended, so that the picture loop encodes no text. Needs no torch."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from bentlight.errors import BadInput
from engine.sphere import mean_shares, slerp

__all__ = ["BLENDINGS", "PromptSpace"]

BLENDINGS = ("slerp", "lerp")
"""How prompts are blended: along the sphere, token by token, or straight."""


class PromptSpace:
    """Encodes prompts, keeps the embeddings and blends them.

    Safe to be used from two threads: one may `encode` while another `blend`s.

    Parameters
    ----------
    encode : callable
        Takes a text, returns its embedding, shape (1, tokens, width).
    limit : int
        Most embeddings kept; the least recently used one goes first.
    zero_empty : bool
        What `empty` gives: zeros, or the embedding of the empty text.

    Attributes
    ----------
    encodings : int
        How many texts have been encoded so far.
    """

    def __init__(self, encode: Callable[[str], np.ndarray], limit: int = 256, *, zero_empty: bool = False) -> None:
        self.encodings = 0
        self._zero_empty = zero_empty
        self._run, self._limit = encode, limit
        self._kept: OrderedDict[str, np.ndarray] = OrderedDict()
        self._named: dict[str, np.ndarray] = {}
        self._last: tuple[tuple[object, ...], np.ndarray] | None = None
        self._mixture: _Mixture | None = None
        self._lock = threading.Lock()
        # Taken before the other, never inside it: what is known is blended while an encoder runs.
        self._encoding = threading.Lock()

    def encode(self, text: str) -> np.ndarray:
        """Return the embedding of a text, float32, shape (1, tokens, width), not to be written to.

        It is encoded only when it is not kept.
        """
        found = self._known(text)
        if found is not None:
            return found
        with self._encoding:
            # Another thread may have encoded it meanwhile.
            found = self._known(text)
            if found is not None:
                return found
            self.encodings += 1
            # Half a surrogate pair, as a phone may send one, is no text to a tokenizer.
            sound = text.encode("utf-8", "replace").decode("utf-8")
            embedding = np.ascontiguousarray(self._run(sound), np.float32)
            with self._lock:
                self._kept[text] = embedding
                if len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
                return self._named.get(text, embedding)

    def shown(self, text: str) -> np.ndarray:
        """Return what `encode` does, for those outside: it cannot be written to, which would change every picture."""
        view = self.encode(text).view()
        view.setflags(write=False)
        return view

    def _known(self, text: str) -> np.ndarray | None:
        """Return an embedding that is kept, as the one used last."""
        with self._lock:
            if text in self._named:
                return self._named[text]
            embedding = self._kept.get(text)
            if embedding is not None:
                self._kept.move_to_end(text)
            return embedding

    def keep(self, name: str, embedding: np.ndarray) -> None:
        """Take an embedding under a name, which from then on stands for it wherever a text does.

        Parameters
        ----------
        name : str
            Any text; one that was kept before is replaced.
        embedding : ndarray, shape (1, tokens, width)

        Raises
        ------
        BadInput
            If the embedding has not the shape of this model's, or is not finite.
        """
        try:
            kept = np.array(embedding, np.float32)
        except (TypeError, ValueError):
            raise BadInput(
                f"the embedding {name!r} is a {type(embedding).__name__}; give an array of numbers."
            ) from None
        shape = self.encode("").shape
        if kept.shape != shape or not np.isfinite(kept).all():
            raise BadInput(f"the embedding {name!r} must be {shape} finite numbers; it is {kept.shape}.")
        with self._lock:
            self._named[name] = kept
            self._last = self._mixture = None

    def empty(self) -> np.ndarray:
        """Return what a picture is guided away from, shaped like every embedding."""
        embedding = self.encode("")
        return np.zeros_like(embedding) if self._zero_empty else embedding

    def blend(self, prompts: tuple[tuple[str, float], ...], blending: str = "slerp") -> np.ndarray:
        """Return the embedding between texts, float32, shape (1, tokens, width), not to be written to.

        The order of the texts does not matter, a weight may rise from 0 or fall to it without a jump, and a single
        text gives its own embedding exactly.

        Parameters
        ----------
        prompts : tuple of (str, float)
            Texts with weights >= 0; only their proportions matter.
        blending : {"slerp", "lerp"}
            ``slerp`` takes the spherical mean of each token's vectors, which for two texts is their slerp; ``lerp`` the
            straight mean.

        Raises
        ------
        BadInput
            If no weight is above 0, one is negative or not finite, or there is no such blending.
        """
        last = self._last
        if last is not None and last[0] == (prompts, blending):
            return last[1]
        if any(not math.isfinite(w) or w < 0 for _, w in prompts) or not any(w > 0 for _, w in prompts):
            raise BadInput("prompt weights must be 0 or more, with at least one above 0.")
        if blending not in BLENDINGS:
            raise BadInput(f"there is no prompt blending {blending!r}; there are {', '.join(BLENDINGS)}.")
        weights: dict[str, float] = {}
        for text, weight in prompts:
            weights[text] = weights.get(text, 0.0) + weight
        total = sum(weights.values())
        blended = self._between({text: weight / total for text, weight in weights.items()}, blending)
        self._last = ((prompts, blending), blended)
        return blended

    def _between(self, weights: dict[str, float], blending: str) -> np.ndarray:
        """Blend texts by weights that sum to 1."""
        heard = [text for text, weight in weights.items() if weight > 0]
        if len(heard) == 1:
            return self.encode(heard[0])
        if len(heard) == 2 and blending == "slerp":
            return slerp(self.encode(heard[0]), self.encode(heard[1]), weights[heard[1]], axis=-1)
        texts = tuple(weights)
        if self._mixture is None or self._mixture.texts != texts:
            self._mixture = _Mixture(texts, np.concatenate([self.encode(text) for text in texts]))
        return self._mixture.mean(np.array(list(weights.values())), blending)


class _Mixture:
    """Texts whose weights move.

    Parameters
    ----------
    texts : tuple of str
    embeddings : ndarray, shape (texts, tokens, width)
    """

    def __init__(self, texts: tuple[str, ...], embeddings: np.ndarray) -> None:
        self.texts = texts
        self._tokens = np.ascontiguousarray(embeddings.swapaxes(0, 1))
        units = self._tokens / np.maximum(np.linalg.norm(self._tokens, axis=-1, keepdims=True), np.float32(1e-12))
        self._cosines = (units @ units.swapaxes(1, 2)).astype(np.float64)

    def mean(self, weights: np.ndarray, blending: str) -> np.ndarray:
        """Weighted mean, shape (1, tokens, width)."""
        if blending == "slerp":
            shares = mean_shares(self._cosines, weights)
        else:
            shares = np.broadcast_to(weights, self._cosines.shape[:2])
        return (shares[:, None].astype(np.float32) @ self._tokens).swapaxes(0, 1)
