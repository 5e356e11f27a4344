"""A model's own CLIP text encoders, run by torch, as the function from text to embedding that `PromptSpace` takes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["TextEncoder", "apart"]


class TextEncoder:
    """Callable: a text in, its embedding out.

    A model with one encoder reads its last hidden state. One with two (SDXL) reads the last but one of both, side by
    side, and beside the tokens a pooled vector of the second. That vector is the embedding's last row, filled up with
    zeros, so that prompts are kept, blended and handed on as one array whatever the model; `apart` takes it off again.

    Parameters
    ----------
    tokenizers, encoders : sequence
        CLIP tokenizers and text models, one or two; the second a ``CLIPTextModelWithProjection``.

    Attributes
    ----------
    tokens : int
        Tokens per text: the tokenizer's, but never more than the text encoder has positions for.
    pooled : int
        Width of the pooled vector; 0 where there is none.
    """

    def __init__(self, tokenizers: Sequence[Any], encoders: Sequence[Any]) -> None:
        self.tokenizers, self.encoders = tuple(tokenizers), tuple(encoders)
        configs = [getattr(encoder.config, "text_config", encoder.config) for encoder in self.encoders]
        self.tokens: int = min(
            *(tokenizer.model_max_length for tokenizer in self.tokenizers),
            *(config.max_position_embeddings for config in configs),
        )
        self.pooled: int = int(configs[-1].projection_dim) if len(configs) > 1 else 0

    def to(self, device: torch.device) -> TextEncoder:
        """Move the encoders to a device."""
        for encoder in self.encoders:
            encoder.to(device=device)
        return self

    def in_float32(self) -> TextEncoder:
        """Return the same encoders in float32; their own stay as they are."""
        return TextEncoder(self.tokenizers, [copy.deepcopy(encoder).float() for encoder in self.encoders])

    @property
    def masked(self) -> bool:
        """Whether the encoder looks at the tokens of the text only, not at those that fill it up."""
        return bool(getattr(self.encoders[0].config, "use_attention_mask", False))

    @torch.inference_mode()
    def __call__(self, text: str) -> np.ndarray:
        """Return the embedding, float32, shape (1, tokens, width), or (1, tokens + 1, width) with a pooled vector."""
        device = next(self.encoders[0].parameters()).device
        read = [
            tokenizer(text, padding="max_length", max_length=self.tokens, truncation=True, return_tensors="pt")
            for tokenizer in self.tokenizers
        ]
        mask = read[0].attention_mask.to(device) if self.masked else None
        return self.embed([part.input_ids.to(device) for part in read], mask).float().cpu().numpy()

    def embed(self, ids: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
        """Return the embedding of a text's token numbers, (1, tokens) of each tokenizer."""
        if not self.pooled:
            embedding: Tensor = self.encoders[0](ids[0], attention_mask=mask)[0]
            return embedding
        first, second = (
            encoder(numbers, output_hidden_states=True) for encoder, numbers in zip(self.encoders, ids, strict=True)
        )
        tokens = torch.cat((first.hidden_states[-2], second.hidden_states[-2]), dim=-1)
        pooled = F.pad(second.text_embeds, (0, tokens.shape[-1] - self.pooled))
        return torch.cat((tokens, pooled[:, None]), dim=1)


def apart(embedding: Tensor, pooled: int) -> tuple[Tensor, Tensor | None]:
    """Return the tokens of an embedding (1, tokens, width), and its pooled vector (1, pooled) where it has one."""
    if not pooled:
        return embedding, None
    return embedding[:, :-1], embedding[:, -1, :pooled]
