"""A model of the right shape, of random weights, built in memory: for timing, weights need not mean anything."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from engine.loading import Components
from engine.text import TextEncoder

__all__ = ["SHAPES", "build"]

SHAPES: dict[str, dict[str, Any]] = {
    # stabilityai/sd-turbo with madebyollin/taesd.
    "sd-turbo": {
        "channels": (320, 640, 1280, 1280), "heads": (5, 10, 20, 20), "layers": 2, "cross": 1024, "latent": 64,
        "tokens": 77, "decoder": 64, "blocks": (3, 3, 3, 1),
    },
    # The same kinds of blocks, for trying the code out.
    "tiny": {
        "channels": (32, 32, 32, 32), "heads": (1, 1, 1, 1), "layers": 1, "cross": 32, "latent": 16,
        "tokens": 8, "decoder": 16, "blocks": (1, 1, 1, 1),
    },
}  # fmt: skip


def build(shape: str, device: torch.device, dtype: torch.dtype) -> Components:
    """Return the parts of a model; the same weights every time on one kind of device.

    Parameters
    ----------
    shape : str
        A key of `SHAPES`.
    device : torch.device
    dtype : torch.dtype
    """
    from diffusers import AutoencoderTiny, EulerDiscreteScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    from engine.builtin import WEIGHTS

    wanted = SHAPES[shape]
    tokenizer = CLIPTokenizer.from_pretrained(str(WEIGHTS / "tokenizer"), local_files_only=True)
    tokenizer.model_max_length = wanted["tokens"]
    # Built without memory: filling it on the CPU first takes longer than everything else.
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=wanted["latent"],
            block_out_channels=wanted["channels"],
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            layers_per_block=wanted["layers"],
            cross_attention_dim=wanted["cross"],
            attention_head_dim=wanted["heads"],
            use_linear_projection=True,
        )
        width, blocks = wanted["decoder"], wanted["blocks"]
        vae = AutoencoderTiny(
            encoder_block_out_channels=(width,) * 4,
            decoder_block_out_channels=(width,) * 4,
            num_encoder_blocks=blocks[::-1],
            num_decoder_blocks=blocks,
        )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=wanted["cross"],
            intermediate_size=wanted["cross"],
            num_hidden_layers=1,
            num_attention_heads=1,
            max_position_embeddings=wanted["tokens"],
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    ).to(dtype)
    scheduler = EulerDiscreteScheduler(
        timestep_spacing="trailing", beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"
    )
    parts = [_filled(network, device, dtype) for network in (unet, vae)]
    for part in (*parts, text):
        part.eval().requires_grad_(False)
    return Components(shape, parts[0], parts[1], TextEncoder([tokenizer], [text]), scheduler)


def _filled(network: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """Give a network memory, and weights at which activations neither die nor overflow."""
    network = network.to(dtype).to_empty(device=device)
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim == 1:
                weight.fill_(float(name.endswith("weight")))
            else:
                weight.normal_(0, (0.5 / weight[0].numel()) ** 0.5, generator=generator)
    return network
