"""Classifier-free guidance as an input of the network. Needs no torch."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["guidance_embedding"]


def guidance_embedding(guidance: float, width: int) -> np.ndarray:
    """Sinusoidal embedding, float32 (1, width), of a guidance scale, for networks distilled with guidance as an input.

    Luo et al. 2023, Latent Consistency Models, with the scale counted from 1 and multiplied by 1000.
    """
    half = width // 2
    frequencies = np.exp(np.arange(half, dtype=np.float32) * np.float32(-math.log(10000.0) / (half - 1)))
    angles = np.float32(1000 * (max(guidance, 1.0) - 1)) * frequencies
    embedding = np.zeros((1, width), np.float32)
    embedding[0, : 2 * half] = np.concatenate((np.sin(angles), np.cos(angles)))
    return embedding
