"""Tiny random models in exactly the layouts of the families that can be played."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.engine.conftest import write_tokenizer

TOKENS = 24
_NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


def _tokenizer(folder: Path) -> Any:
    from transformers import CLIPTokenizer

    if not folder.exists():
        write_tokenizer(folder)
    return CLIPTokenizer.from_pretrained(str(folder))


def _text(width: int, layers: int = 2, activation: str = "quick_gelu", *, projection: int | None = None) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=TOKENS,
        hidden_act=activation,
        projection_dim=projection or width,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
    )
    return CLIPTextModel(config) if projection is None else CLIPTextModelWithProjection(config)


def _unet(width: int, **options: Any) -> Any:
    from diffusers import UNet2DConditionModel

    settled: dict[str, Any] = {
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attention_head_dim": 8,
        "cross_attention_dim": width,
    } | options
    unet = UNet2DConditionModel(**settled)
    with torch.no_grad():
        # Random networks hardly answer to their input; louder layers make everything visible in eight-bit pixels.
        unet.conv_out.weight.mul_(6)
        for name, parameter in unet.named_parameters():
            if ".attn2.to_out.0." in name or ".proj_out." in name or "add_embedding" in name or "cond_proj" in name:
                parameter.mul_(4)
    return unet


def _vae() -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 16, 32),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        norm_num_groups=8,
        latent_channels=4,
        scaling_factor=0.9,
    )


def _plain(folder: Path, unet: Any, text: Any, scheduler: Any, kind: str = "StableDiffusionPipeline") -> Any:
    import diffusers

    return getattr(diffusers, kind)(
        vae=_vae(),
        text_encoder=text,
        tokenizer=_tokenizer(folder / "words"),
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sd1(folder: Path) -> Any:
    """SD 1.x: one CLIP encoder, convolutions round attention, PNDM."""
    from diffusers import PNDMScheduler

    return _plain(folder, _unet(32), _text(32), PNDMScheduler(skip_prk_steps=True, set_alpha_to_one=False, **_NOISE))


def sd2_v(folder: Path) -> Any:
    """SD 2.x: OpenCLIP's encoder, linear layers round attention, heads per level, v-prediction, DDIM."""
    from diffusers import DDIMScheduler

    unet = _unet(32, use_linear_projection=True, attention_head_dim=(2, 4))
    steps = DDIMScheduler(prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False, **_NOISE)
    return _plain(folder, unet, _text(32, 3, "gelu"), steps)


def turbo(folder: Path) -> Any:
    """sd-turbo: SD 2.x with Euler steps, the first at the last timestep."""
    from diffusers import EulerDiscreteScheduler

    unet = _unet(32, use_linear_projection=True, attention_head_dim=(2, 4))
    return _plain(folder, unet, _text(32, 3, "gelu"), EulerDiscreteScheduler(timestep_spacing="trailing", **_NOISE))


def lcm(folder: Path) -> Any:
    """A latent consistency model: guidance is an embedding beside the timestep's."""
    from diffusers import LCMScheduler

    unet = _unet(32, time_cond_proj_dim=24)
    return _plain(folder, unet, _text(32), LCMScheduler(**_NOISE), "LatentConsistencyModelPipeline")


def xl_turbo(folder: Path) -> Any:
    """sdxl-turbo: two encoders, a pooled vector and the picture's size beside the timestep's embedding."""
    from diffusers import EulerAncestralDiscreteScheduler, StableDiffusionXLPipeline

    unet = _unet(
        32 + 40,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        attention_head_dim=(2, 4),
        transformer_layers_per_block=(1, 2),
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=40 + 6 * 8,
    )
    return StableDiffusionXLPipeline(
        vae=_vae(),
        text_encoder=_text(32, 3),
        text_encoder_2=_text(40, 3, "gelu", projection=40),
        tokenizer=_tokenizer(folder / "words"),
        tokenizer_2=_tokenizer(folder / "words"),
        unet=unet,
        scheduler=EulerAncestralDiscreteScheduler(timestep_spacing="trailing", **_NOISE),
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )


LAYOUTS: dict[str, Callable[[Path], Any]] = {
    "sd1": sd1,
    "sd2_v": sd2_v,
    "turbo": turbo,
    "lcm": lcm,
    "xl_turbo": xl_turbo,
}


def made(name: str, folder: Path) -> Any:
    """A pipeline of a layout, saved at ``folder / "model"``; deterministic."""
    torch.manual_seed(11)
    pipe = LAYOUTS[name](folder)
    pipe.set_progress_bar_config(disable=True)
    pipe.save_pretrained(folder / "model")
    return pipe
