"""LoRA: low-rank changes of a network's weights, added to them once when a model is loaded."""

from __future__ import annotations

import json
import math
import re
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

_PEFT = "base_model.model."
_OUTER = {
    "time_embed_0": "time_embedding_linear_1", "time_embed_2": "time_embedding_linear_2",
    "label_emb_0_0": "add_embedding_linear_1", "label_emb_0_2": "add_embedding_linear_2",
    "input_blocks_0_0": "conv_in", "out_2": "conv_out",
}  # fmt: skip
_RESNET = {
    "in_layers_2": "conv1", "out_layers_3": "conv2",
    "emb_layers_1": "time_emb_proj", "skip_connection": "conv_shortcut",
}  # fmt: skip
"""What the original layout calls modules of a UNet that have weights of more than one axis."""


def merge_lora(path: Path, parts: Mapping[str, nn.Module]) -> int:
    """Add a LoRA to the weights it is for: ``W + alpha / rank * up @ down`` (Hu et al. 2021).

    Nothing is changed unless all of it fits.

    Parameters
    ----------
    path : Path
        A ``.safetensors`` file in the naming of kohya's scripts, with the blocks of diffusers or of the original
        layout, or as diffusers saves it, with peft or without. An adapter that peft itself saved is refused: its scale
        lies in another file.
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
    layers = getattr(getattr(parts.get("unet"), "config", None), "layers_per_block", 2)
    layers = layers if isinstance(layers, int) else max(layers)
    places = {
        part: {name.replace(".", "_"): module for name, module in network.named_modules()}
        for part, network in parts.items()
    }
    ready: list[tuple[Tensor, Tensor, Tensor, float]] = []
    for stem, change in changes.items():
        part, name = _place(stem, layers)
        if "down" not in change or "up" not in change:
            raise BadInput(f"the LoRA {path.name} is not complete: {stem} has only one of its two halves.")
        known = places.get(part, {})
        module = known.get(name) or known.get(name.removeprefix("text_model_"))
        weight = getattr(module, "weight", None)
        down, up = change["down"], change["up"]
        if weight is None or not _fits(weight, down, up):
            raise BadInput(f"the LoRA {path.name} is for another model: this one has no {stem} of its shape.")
        rank = down.shape[0]
        alpha = float(change["alpha"]) if "alpha" in change else alphas.get(part, float(rank))
        if not (math.isfinite(alpha) and bool(down.isfinite().all()) and bool(up.isfinite().all())):
            raise BadInput(f"the LoRA {path.name} is broken: {stem} has values that are not finite.")
        ready.append((weight, down, up, alpha / rank))
    if not ready:
        raise BadInput(f"{path.name} holds no LoRA.")
    with torch.no_grad():
        # One at a time: written out they are as large as the networks.
        for weight, down, up, scale in ready:
            added = scale * (up.float().flatten(1) @ down.float().flatten(1))
            weight.add_(added.reshape(weight.shape).to(weight))
    return len(ready)


def _fits(weight: Tensor, down: Tensor, up: Tensor) -> bool:
    """Whether ``up @ down`` is of a weight's shape, the first axis and all others taken together."""
    if weight.ndim < 2 or down.ndim < 2 or up.ndim < 2 or not down.numel():
        return False
    down, up = down.flatten(1), up.flatten(1)
    return up.shape[1] == down.shape[0] and (up.shape[0], down.shape[1]) == tuple(weight.flatten(1).shape)


def _read(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, float]]:
    """The tensors of a file by what they change, and by part the alpha that the file's header gives, if it does."""
    changes: dict[str, dict[str, Tensor]] = {}
    with safe_open(str(path), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            if name.startswith(_PEFT):
                raise BadInput(
                    f"the LoRA {path.name} is an adapter as peft saves it, which is not supported; save it with "
                    "diffusers' save_lora_weights."
                )
            end = next((end for end in _ENDS if name.endswith(end)), None)
            if end is None:
                raise BadInput(f"the LoRA {path.name} is of a kind that is not supported: it holds {name[:80]}.")
            changes.setdefault(name.removesuffix(end), {})[_ENDS[end]] = file.get_tensor(name)
        header = json.loads((file.metadata() or {}).get("lora_adapter_metadata", "{}"))
    for option in ("use_dora", "use_rslora", "alpha_pattern"):
        if any(value for key, value in header.items() if key.endswith(option)):
            raise BadInput(f"the LoRA {path.name} is of a kind that is not supported: {option}.")
    ending = ".lora_alpha"
    return changes, {key.removesuffix(ending): float(v) for key, v in header.items() if key.endswith(ending)}


def _place(stem: str, layers: int) -> tuple[str, str]:
    """The network and the module, dots written as underscores, that a change is for; `layers` is per block."""
    # Older diffusers files name attention's processor, which the weights are no longer below.
    flat = stem.replace(".processor", "").replace(".", "_")
    if flat.endswith("_to_out"):
        flat += "_0"
    start = next((start for start in _PARTS if flat.startswith(start)), None)
    part, name = ("unet", flat) if start is None else (_PARTS[start], flat.removeprefix(start))
    return part, _own_name(name, layers) if part == "unet" else name


def _own_name(name: str, layers: int) -> str:
    """A UNet module's name in diffusers, from that in the original layout, where it is one.

    There, a down block has one entry for each layer and one that halves the size, and an up block one entry for each
    layer, of which the last holds what doubles it.
    """
    if name in _OUTER:
        return _OUTER[name]
    found = re.fullmatch(r"(input_blocks|output_blocks|middle_block)_(\d+)_(?:(\d+)_)?(.+)", name)
    if found is None:
        return name
    way, first, inner, rest = found[1], int(found[2]), found[3], found[4]
    if way == "middle_block":
        return f"mid_block_attentions_0_{rest}" if first == 1 else f"mid_block_resnets_{first // 2}_{_in_resnet(rest)}"
    down = way == "input_blocks"
    block, layer = divmod(first - 1 if down else first, layers + 1)
    stem = f"{'down' if down else 'up'}_blocks_{block}"
    if rest in ("op", "conv"):
        return f"{stem}_downsamplers_0_conv" if rest == "op" else f"{stem}_upsamplers_0_conv"
    if inner == "0":
        return f"{stem}_resnets_{layer}_{_in_resnet(rest)}"
    return f"{stem}_attentions_{layer}_{rest}"


def _in_resnet(rest: str) -> str:
    return _RESNET.get(rest, rest)
