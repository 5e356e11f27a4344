"""Stage ``export``: checkpoints into the folder that ships, in the diffusers layout."""

import shutil
from pathlib import Path

import torch

from engine.builtin.train.common import Run, load
from engine.builtin.train.models import build_scheduler
from engine.builtin.train.network import Model, get_tokenizer, load_autoencoder


def export(folder: Path, target: Path) -> None:
    """Write ``folder``'s averaged weights to ``target`` in half precision, whole or not at all.

    The target's README.md and LICENSE stay.
    """
    from diffusers import StableDiffusionPipeline

    run = Run(folder)
    tokenizer, vae = get_tokenizer(run), load_autoencoder(run)
    model = Model(len(tokenizer))
    load(model, folder / "network.safetensors")
    if (folder / "decoder.safetensors").exists():
        load(vae.decoder, folder / "decoder.safetensors")
    pipeline = StableDiffusionPipeline(
        vae=vae.to(memory_format=torch.contiguous_format).half(),
        text_encoder=model.text_encoder.half(),
        tokenizer=tokenizer,
        unet=model.unet.to(memory_format=torch.contiguous_format).half(),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    fresh = target.with_name(target.name + ".new")
    old = target.with_name(target.name + ".old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    pipeline.save_pretrained(fresh)
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json"):
        if not (fresh / "tokenizer" / name).exists():
            shutil.copy(folder / "tokenizer" / name, fresh / "tokenizer" / name)
    for kept in ("README.md", "LICENSE"):
        if (target / kept).exists():
            shutil.copy(target / kept, fresh / kept)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
