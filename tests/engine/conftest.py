"""Tiny random models in exactly sd-turbo's layout, made once per test session."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Site measures of test models stay out of the user's cache."""
    import platformdirs

    cache = tmp_path_factory.mktemp("cache")
    keep, threads = platformdirs.user_cache_dir, torch.get_num_threads()
    platformdirs.user_cache_dir = lambda *a, **k: str(cache)
    # Networks this small are slower on two threads than on one, and far slower on a busy machine.
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    platformdirs.user_cache_dir = keep


def write_tokenizer(folder: Path) -> None:
    """A CLIP tokenizer of single bytes, in CLIP's order of entries."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(rest))]
    entries = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({w: i for i, w in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    special |= {"unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 24, **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").write_text(json.dumps(special))


def make_pipeline(
    folder: Path, autoencoder: str = "tiny", scheduler: str = "euler", prediction: str = "epsilon"
) -> Any:
    """Build a StableDiffusionPipeline of random weights; deterministic."""
    from diffusers import (
        AutoencoderKL,
        AutoencoderTiny,
        EulerDiscreteScheduler,
        LCMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(7)
    write_tokenizer(folder / "words")
    tokenizer = CLIPTokenizer.from_pretrained(str(folder / "words"))
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(16, 32),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        norm_num_groups=8,
        cross_attention_dim=32,
        attention_head_dim=8,
    )
    with torch.no_grad():
        # Random networks hardly answer to their input; louder last layers make every site visible in eight-bit pixels.
        unet.conv_out.weight.mul_(6)
        for name, parameter in unet.named_parameters():
            if ".attn2.to_out.0." in name or ".proj_out." in name:
                parameter.mul_(4)
    if autoencoder == "tiny":
        vae = AutoencoderTiny(
            encoder_block_out_channels=(16, 16, 16),
            decoder_block_out_channels=(16, 16, 16),
            num_encoder_blocks=(1, 1, 1),
            num_decoder_blocks=(1, 1, 0),
            scaling_factor=1.0,
        )
        with torch.no_grad():
            vae.decoder.layers[-1].weight.mul_(6)
            vae.decoder.layers[-1].bias.fill_(0.5)
    else:
        vae = AutoencoderKL(
            block_out_channels=(16, 16, 32),
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            layers_per_block=1,
            norm_num_groups=8,
            latent_channels=4,
            scaling_factor=0.9,
        )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=24,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )
    noise = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": prediction}
    if scheduler == "euler":
        steps = EulerDiscreteScheduler(timestep_spacing="trailing", steps_offset=1, **noise)
    else:
        steps = LCMScheduler(steps_offset=1, **noise)
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=steps,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Path:
    """A model folder with AutoencoderTiny and an Euler scheduler, 32 x 32 pictures."""
    base = tmp_path_factory.mktemp("tiny")
    make_pipeline(base, prediction="sample").save_pretrained(base / "model")
    return base / "model"


@pytest.fixture(scope="session")
def kl_folder(tmp_path_factory) -> Path:
    """A model folder with AutoencoderKL and an LCM scheduler."""
    base = tmp_path_factory.mktemp("kl")
    make_pipeline(base, "kl", "lcm").save_pretrained(base / "model")
    return base / "model"


@pytest.fixture(scope="session")
def generator(tiny_folder):
    """The tiny model, loaded once; tests leave its size as it was."""
    from engine.generator import Generator

    return Generator.load(str(tiny_folder), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def kl_generator(kl_folder):
    from engine.generator import Generator

    return Generator.load(str(kl_folder), device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def graphs(tmp_path_factory) -> Path:
    """Where graphs of the tiny model are kept; tests that harm them copy it first."""
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture
def onnx(generator, graphs):
    """The tiny model in ONNX Runtime."""
    from tests.engine.onnx_players import opened

    return opened(generator, graphs)
