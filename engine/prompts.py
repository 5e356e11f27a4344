"""Prompt space: texts to embeddings, kept and blended, so that the picture loop encodes no text."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.noise import slerp

__all__ = ["PromptSpace"]


class PromptSpace:
    """Encodes prompts with a model's own text encoder, keeps the embeddings and blends them.

    Safe to be used from two threads: one may `encode` while another `blend`s.

    Parameters
    ----------
    tokenizer, text_encoder
        A CLIP tokenizer and text model.
    limit : int
        Most embeddings kept; the least recently used one goes first.

    Attributes
    ----------
    encodings : int
        How many texts have been run through the text encoder so far.
    """

    def __init__(self, tokenizer: Any, text_encoder: Any, limit: int = 256) -> None:
        self.encodings = 0
        self._tokenizer, self._encoder, self._limit = tokenizer, text_encoder, limit
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._last: tuple[tuple[tuple[str, float], ...], Tensor] | None = None
        self._lock = threading.Lock()

    @torch.inference_mode()
    def encode(self, text: str) -> Tensor:
        """Return the embedding of a text, shape (1, tokens, width); encoded only when it is not kept."""
        with self._lock:
            embedding = self._kept.get(text)
            if embedding is None:
                embedding = self._kept[text] = self._run(text)
                if len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(text)
            return embedding

    @torch.inference_mode()
    def blend(self, prompts: tuple[tuple[str, float], ...]) -> Tensor:
        """Return the embedding between texts, shape (1, tokens, width).

        Each token's vectors are interpolated spherically, one text after the other; a weight may rise from 0 without
        a jump, and a single text gives its own embedding exactly.

        Parameters
        ----------
        prompts : tuple of (str, float)
            Texts with weights >= 0; only their proportions matter.

        Raises
        ------
        BadInput
            If no weight is above 0, or one is negative or not finite.
        """
        last = self._last
        if last is not None and last[0] == prompts:
            return last[1]
        if any(not math.isfinite(w) or w < 0 for _, w in prompts) or not any(w > 0 for _, w in prompts):
            raise BadInput("prompt weights must be 0 or more, with at least one above 0.")
        total, mixed = 0.0, None
        for text, weight in prompts:
            if weight == 0:
                continue
            total += weight
            embedding = self.encode(text)
            mixed = embedding if mixed is None else slerp(mixed, embedding, weight / total, dim=-1)
        assert mixed is not None
        self._last = (prompts, mixed)
        return mixed

    def _run(self, text: str) -> Tensor:
        self.encodings += 1
        device = next(self._encoder.parameters()).device
        tokens = self._tokenizer(
            text,
            padding="max_length",
            max_length=self._length(),
            truncation=True,
            return_tensors="pt",
        )
        mask = tokens.attention_mask.to(device) if getattr(self._encoder.config, "use_attention_mask", False) else None
        return self._encoder(tokens.input_ids.to(device), attention_mask=mask)[0]

    def _length(self) -> int:
        """Tokens per text: the tokenizer's, but never more than the text encoder has positions for."""
        config = getattr(self._encoder.config, "text_config", self._encoder.config)
        return min(self._tokenizer.model_max_length, config.max_position_embeddings)
