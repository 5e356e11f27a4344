"""How the picture before takes part in the next: in the noise, or as what the steps begin at. Needs no torch."""

from __future__ import annotations

import math

import numpy as np

from engine.spec import FrameSpec
from engine.steps import NoiseLevels

__all__ = ["begun_at", "mixed_with"]


def begun_at(noise: np.ndarray, latent: np.ndarray, spec: FrameSpec, levels: NoiseLevels) -> np.ndarray:
    """Return the starting latent of a picture that another one takes part in.

    Parameters
    ----------
    noise : ndarray of float32, shape (1, channel, height, width)
        Unit variance.
    latent : ndarray of float32, same shape
        The other picture's.
    spec : FrameSpec
        Its `feedback` is the latent's share in the noise; with a `strength` below 1 the latent, noised so far, is what
        the steps of ``levels.late`` begin at.
    levels : NoiseLevels
    """
    start = mixed_with(noise, latent, min(max(spec.feedback, 0.0), 1.0))
    if spec.strength < 1:
        of_picture, of_noise = levels.entry(spec.steps, spec.strength)
        start = np.float32(of_picture) * latent + np.float32(of_noise) * start
    return start


def mixed_with(noise: np.ndarray, latent: np.ndarray, share: float) -> np.ndarray:
    """Mix the latent of a picture into starting noise and keep the noise's variance.

    Parameters
    ----------
    noise : ndarray of float32, shape (1, channel, height, width)
        Unit variance.
    latent : ndarray of float32, same shape
        Any variance.
    share : float
        0 gives the noise itself, 1 the latent brought to the noise's variance.
    """
    if share == 0:
        return noise
    loudness = _rms(noise)
    calm = latent * (loudness / _rms(latent))
    mix = np.float32(math.cos(share * math.pi / 2)) * noise + np.float32(math.sin(share * math.pi / 2)) * calm
    return mix * (loudness / _rms(mix))


def _rms(x: np.ndarray) -> np.float32:
    return np.float32(max(math.sqrt(float(np.square(x, dtype=np.float64).mean())), 1e-6))
