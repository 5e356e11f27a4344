"""A model's own CLIP text encoder, run by torch, as the function from text to embedding that `PromptSpace` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

__all__ = ["TextEncoder"]


class TextEncoder:
    """Callable: a text in, its embedding out.

    Parameters
    ----------
    tokenizer, text_encoder
        A CLIP tokenizer and text model.

    Attributes
    ----------
    tokens : int
        Tokens per text: the tokenizer's, but never more than the text encoder has positions for.
    """

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self._tokenizer, self._encoder = tokenizer, text_encoder
        config = getattr(text_encoder.config, "text_config", text_encoder.config)
        self.tokens: int = min(tokenizer.model_max_length, config.max_position_embeddings)

    @torch.inference_mode()
    def __call__(self, text: str) -> np.ndarray:
        """Return the embedding, float32, shape (1, tokens, width)."""
        device = next(self._encoder.parameters()).device
        tokens = self._tokenizer(
            text, padding="max_length", max_length=self.tokens, truncation=True, return_tensors="pt"
        )
        masked = getattr(self._encoder.config, "use_attention_mask", False)
        mask = tokens.attention_mask.to(device) if masked else None
        return self._encoder(tokens.input_ids.to(device), attention_mask=mask)[0].float().cpu().numpy()
