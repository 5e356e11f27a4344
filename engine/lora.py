"""LoRA: low-rank changes of a network's weights, added to them once when a model is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from bentlight.errors import BadInput

__all__ = ["merge_lora"]

_ENDS = {
    ".lora_down.weight": "down", ".lora.down.weight": "down", ".lora_A.weight": "down",
    ".lora_linear_layer.down.weight": "down", "_lora.down.weight": "down",
    ".lora_up.weight": "up", ".lora.up.weight": "up", ".lora_B.weight": "up",
    ".lora_linear_layer.up.weight": "up", "_lora.up.weight": "up",
    ".alpha": "alpha",
}  # fmt: skip
"""How kohya's scripts, diffusers and peft end the names of the tensors of one change."""
_PARTS = {
    "lora_unet_": "unet", "unet_": "unet", "lora_te1_": "text_encoder", "lora_te2_": "text_encoder_2",
    "lora_te_": "text_encoder", "text_encoder_2_": "text_encoder_2", "text_encoder_": "text_encoder",
}  # fmt: skip


def merge_lora(path: Path, parts: Mapping[str, nn.Module]) -> int:
    """Add a LoRA to the weights it is for: ``W + alpha / rank * up @ down`` (Hu et al. 2021).

    Nothing is changed unless all of it fits.

    Parameters
    ----------
    path : Path
        A ``.safetensors`` file in the naming of kohya's scripts, of diffusers or of peft.
    parts : mapping of str to Module
        The networks by their names in a model folder: ``unet``, ``text_encoder``, ``text_encoder_2``.

    Returns
    -------
    int
        How many weight tensors were changed.

    Raises
    ------
    BadInput
        If the file is for another model, or is no plain LoRA.
    """
    changes, alphas = _read(path)
    places = {
        part: {name.replace(".", "_"): module for name, module in network.named_modules()}
        for part, network in parts.items()
    }
    ready: list[tuple[Tensor, Tensor]] = []
    for stem, change in changes.items():
        part, name = _place(stem)
        if "down" not in change or "up" not in change:
            raise BadInput(f"the LoRA {path.name} is not complete: {stem} has only one of its two halves.")
        known = places.get(part, {})
        module = known.get(name) or known.get(name.removeprefix("text_model_"))
        weight = getattr(module, "weight", None)
        down, up = change["down"].float(), change["up"].float()
        if weight is None or weight.numel() != up.shape[0] * down[0].numel() or weight.shape[0] != up.shape[0]:
            raise BadInput(f"the LoRA {path.name} is for another model: this one has no {stem} of its shape.")
        rank = down.shape[0]
        alpha = float(change["alpha"]) if "alpha" in change else alphas.get(part, float(rank))
        ready.append((weight, alpha / rank * (up.flatten(1) @ down.flatten(1))))
    if not ready:
        raise BadInput(f"{path.name} holds no LoRA.")
    with torch.no_grad():
        for weight, added in ready:
            weight.add_(added.reshape(weight.shape).to(weight))
    return len(ready)


def _read(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, float]]:
    """The tensors of a file by what they change, and by part the alpha that the file's header gives, if it does."""
    changes: dict[str, dict[str, Tensor]] = {}
    with safe_open(str(path), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            end = next((end for end in _ENDS if name.endswith(end)), None)
            if end is None:
                raise BadInput(f"the LoRA {path.name} is of a kind that is not supported: it holds {name[:80]}.")
            changes.setdefault(name.removesuffix(end), {})[_ENDS[end]] = file.get_tensor(name)
        header = json.loads((file.metadata() or {}).get("lora_adapter_metadata", "{}"))
    for option in ("use_dora", "use_rslora"):
        if any(value for key, value in header.items() if key.endswith(option)):
            raise BadInput(f"the LoRA {path.name} is of a kind that is not supported: {option}.")
    ending = ".lora_alpha"
    return changes, {key.removesuffix(ending): float(v) for key, v in header.items() if key.endswith(ending)}


def _place(stem: str) -> tuple[str, str]:
    """The network and the module, dots written as underscores, that a change is for."""
    # Older diffusers files name attention's processor, which the weights are no longer below.
    flat = stem.replace(".processor", "").replace(".", "_")
    if flat.endswith("_to_out"):
        flat += "_0"
    start = next((start for start in _PARTS if flat.startswith(start)), None)
    return ("unet", flat) if start is None else (_PARTS[start], flat.removeprefix(start))
