"""`Operator`: what a bending operator declares about itself, and the words its declaration is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bentlight.parameter import Parameter

__all__ = [
    "AIART", "ANYWHERE", "BROAD", "DRY", "FEATURES", "JAES", "OWN", "RUNTIMES", "SPATIAL", "TORCH_ONLY", "TURN",
    "WEIGHTS", "WET", "WILSON", "Operator",
]  # fmt: skip

RUNTIMES = frozenset({"eager", "graph", "onnx"})
"""PyTorch, PyTorch with a captured CUDA graph, ONNX Runtime."""
TORCH_ONLY = frozenset({"eager", "graph"})

SPATIAL = frozenset({"latent", "unet", "decoder", "picture"})
"""Sites whose activations have a picture plane."""
FEATURES = frozenset({"latent", "unet"})
ANYWHERE = SPATIAL | {"text"}
WEIGHTS = ANYWHERE | {"weights"}

WET = Parameter("mix", 1.0, 0.0, 1.0, "", "dry/wet: 0 leaves the activation as it is")
DRY = Parameter("mix", 0.0, 0.0, 1.0, "", "dry/wet: 0 leaves the activation as it is")
TURN = 2 * math.pi

WILSON = "Wilson et al., Network bending of diffusion models for audio-visual generation, DAFx 2024"
JAES = "Wilson et al., extended version for a few-step model, JAES 2025"
BROAD = "Broad, Leymarie and Grierson, Network bending: expressive manipulation of deep generative models, 2021"
AIART = "AIART, network bending of StyleGAN2 with music; its parent maua-stylegan2 (Brouwer, 2020)"
OWN = "Bentlight"


@dataclass(frozen=True, slots=True)
class Operator:
    """A bending operator's declaration.

    Attributes
    ----------
    name : str
    description : str
        One line.
    parameters : tuple of Parameter
        `mix` (dry/wet) is always the last. Defaults are neutral: together they make the operator the identity.
    kinds : frozenset of str
        Kinds of site it suits: "text", "latent", "unet", "decoder", "picture", "weights".
    source : str
        The paper or system that the operator is from.
    resamples : bool
        True when neutral is the identity only to rounding, since pixels are resampled.
    runtimes : frozenset of str
        Where it can run: "eager", "graph", "onnx".
    groups : int
        Into how many groups it cuts the chosen channels; fewer channels than that are refused.
    note : str
        What a player should know beyond the description; a sentence or a few for the reference page.
    """

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    kinds: frozenset[str] = ANYWHERE
    source: str = WILSON
    resamples: bool = False
    runtimes: frozenset[str] = RUNTIMES
    groups: int = 1
    note: str = ""
