"""A pipeline's weights under the names of the original checkpoints: the inverse of diffusers' reading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

_RESNET = (
    ("time_emb_proj", "emb_layers.1"),
    ("norm1", "in_layers.0"),
    ("conv1", "in_layers.2"),
    ("norm2", "out_layers.0"),
    ("conv2", "out_layers.3"),
    ("conv_shortcut", "skip_connection"),
)
_UNET = (
    ("time_embedding.linear_1", "time_embed.0"),
    ("time_embedding.linear_2", "time_embed.2"),
    ("conv_in", "input_blocks.0.0"),
    ("conv_norm_out", "out.0"),
    ("conv_out", "out.2"),
)
_ATTENTION = (("group_norm", "norm"), ("to_out.0", "proj_out"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"))


def save_original(pipe: Any, path: Path) -> None:
    """Write a pipeline with AutoencoderKL as one file in the original layout."""
    per_level = pipe.unet.config.layers_per_block + 1
    tensors: dict[str, Tensor] = {}
    for name, value in pipe.unet.state_dict().items():
        tensors["model.diffusion_model." + unet_name(name, per_level)] = value.contiguous()
    levels = len(pipe.vae.config.block_out_channels)
    for name, value in pipe.vae.state_dict().items():
        original = _vae_name(name, levels)
        one_by_one = ".attn_1." in original and value.ndim == 2
        tensors["first_stage_model." + original] = (value[:, :, None, None] if one_by_one else value).contiguous()
    for name, value in pipe.text_encoder.state_dict().items():
        tensors["cond_stage_model.transformer.text_model." + name.removeprefix("text_model.")] = value.contiguous()
    save_file(tensors, str(path))


def unet_name(name: str, per_level: int) -> str:
    """A UNet module's or tensor's name in the original layout, from that in diffusers."""
    found = re.match(r"(down|up)_blocks\.(\d)\.(resnets|attentions|downsamplers|upsamplers)\.(\d)\.(.*)", name)
    if found:
        way, level, part, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
        if part == "downsamplers":
            return f"input_blocks.{(level + 1) * per_level}.0.op.{rest.removeprefix('conv.')}"
        if part == "upsamplers":
            place = 2 if level == 0 else 1
            return f"output_blocks.{(level + 1) * per_level - 1}.{place}.{rest}"
        number = level * per_level + index + (1 if way == "down" else 0)
        stem = f"{'input' if way == 'down' else 'output'}_blocks.{number}"
        return f"{stem}.0.{_replace(rest, _RESNET)}" if part == "resnets" else f"{stem}.1.{rest}"
    found = re.match(r"mid_block\.(resnets|attentions)\.(\d)\.(.*)", name)
    if found:
        if found[1] == "attentions":
            return f"middle_block.1.{found[3]}"
        return f"middle_block.{2 * int(found[2])}.{_replace(found[3], _RESNET)}"
    return _replace(name, _UNET)


def _vae_name(name: str, levels: int) -> str:
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{levels - 1 - int(m[1])}.block", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{levels - 1 - int(m[1])}.upsample", name)
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        name = _replace(name.replace("mid_block.attentions.0", "mid.attn_1"), _ATTENTION)
    return name.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")


def _replace(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for ours, original in pairs:
        if ours in name:
            return name.replace(ours, original)
    return name
