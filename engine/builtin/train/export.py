"""Stage ``export``: checkpoints into the folder that ships, in the diffusers layout; and the way back."""

import json
import shutil
from pathlib import Path

import torch
from torch import nn

from engine.builtin.train.common import Run, load, save
from engine.builtin.train.models import build_scheduler
from engine.builtin.train.network import SHAPE, build_model, get_tokenizer, load_autoencoder
from engine.builtin.train.words import grow_embeddings, grow_tokenizer, vocabulary_words


def export(folder: Path, target: Path, share: float = 1.0) -> None:
    """Write ``folder``'s averaged weights to ``target`` in half precision, whole or not at all.

    The target's README.md and LICENSE stay.

    Parameters
    ----------
    folder, target : Path
    share : float
        Above 0, up to 1: how much is taken of these weights, the rest of those that are in ``target``. Weights that
        were trained on from others, and finished, are often better in between (Wortsman et al., "Model soups", 2022).

    Raises
    ------
    ValueError
        If weights of another shape are in ``target``.
    """
    from diffusers import AutoencoderTiny, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

    run = Run(folder)
    tokenizer, vae = get_tokenizer(run), load_autoencoder(run)
    model = build_model(folder, len(tokenizer))
    load(model, folder / "network.safetensors")
    if (folder / "decoder.safetensors").exists():
        load(vae.decoder, folder / "decoder.safetensors")
    if share < 1.0:
        mix(model.unet, UNet2DConditionModel.from_pretrained(target / "unet"), share)
        mix(model.text_encoder, CLIPTextModel.from_pretrained(target / "text_encoder"), share)
        mix(vae, AutoencoderTiny.from_pretrained(target / "vae"), share)
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


@torch.no_grad()
def mix(module: nn.Module, earlier: nn.Module, share: float) -> None:
    """Move ``module``'s weights towards ``earlier``'s, until ``share`` of the way between is left of their own."""
    before = earlier.state_dict()
    for name, value in module.state_dict().items():
        if name not in before or before[name].shape != value.shape:
            raise ValueError(f"{name} has another shape there, so the two cannot be mixed; export without --share.")
        if value.is_floating_point():
            value.copy_(torch.lerp(before[name].to(value), value, share))


def unpack(weights: Path, run: Run) -> None:
    """Seed ``run.folder`` from a folder `export` wrote, where it has no autoencoder yet.

    Without ``run.resume`` only the autoencoder is taken: a new network gets a tokenizer of today's vocabulary.
    """
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from transformers import CLIPTextModel

    folder = run.folder
    if not (folder / "vae.safetensors").exists():
        save(AutoencoderTiny.from_pretrained(weights / "vae"), folder / "vae.safetensors")
    if not run.resume or (folder / "network.safetensors").exists():
        return
    unet = UNet2DConditionModel.from_pretrained(weights / "unet")
    shape = {"widths": unet.config.block_out_channels, "heads": unet.config.attention_head_dim}
    (folder / SHAPE).write_text(json.dumps(shape))
    shutil.copytree(weights / "tokenizer", folder / "tokenizer", dirs_exist_ok=True)
    origin = grow_tokenizer(folder / "tokenizer", vocabulary_words())
    model = build_model(folder, len(get_tokenizer(run)))
    model.unet.load_state_dict(unet.state_dict())
    words = CLIPTextModel.from_pretrained(weights / "text_encoder").state_dict()
    model.text_encoder.load_state_dict(grow_embeddings(words, origin))
    save(model, folder / "network.safetensors")
