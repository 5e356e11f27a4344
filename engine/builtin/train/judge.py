"""How good the one-step model is on noises it never saw: numbers and a contact sheet."""

import random
from pathlib import Path

import torch
import torch.nn.functional as F

from engine.builtin.painter import paint
from engine.builtin.train.models import build_scheduler
from engine.builtin.vocabulary import COLOURS, LEARNT, Meaning, caption_for


@torch.no_grad()
def held_out(vae, tokenizer, device: str, per_form: int) -> dict:
    """Fixed noises, captions and painted pictures that training does not draw."""
    from engine.builtin.train.network import encode, tokenize

    rng, generator = random.Random(987), torch.Generator().manual_seed(987)
    captions = []
    for form in LEARNT:
        captions.append(form)
        for mood in ("plain", "neon", "plain", "pastel", "dark")[: per_form - 1]:
            captions.append(caption_for(Meaning(form, rng.choice(list(COLOURS)), rng.choice(list(COLOURS)), mood), rng))
    noise = torch.randn(len(captions), 4, 32, 32, generator=generator).to(device)
    pictures = paint(noise, captions)
    return {
        "per_form": per_form,
        "noise": noise,
        "captions": captions,
        "ids": tokenize(tokenizer, captions).to(device),
        "pictures": pictures,
        "latents": torch.cat([encode(vae, p) for p in pictures.split(8)]),
    }


@torch.no_grad()
def one_step(model, vae, noise, ids) -> tuple[torch.Tensor, torch.Tensor]:
    """Latents and pictures (0..1) of the model in one step from pure noise."""
    from engine.builtin.train.models import LATENT_SCALE

    alphas = build_scheduler().alphas_cumprod
    latents, pictures = [], []
    for z, i in zip(noise.split(8), ids.split(8), strict=True):
        x = model(z * (1 - alphas[999].item()) ** 0.5, torch.full((len(z),), 999, device=z.device), i)
        latents.append(x)
        pictures.append((vae.decoder(x / LATENT_SCALE) / 2 + 0.5).clamp(0, 1))
    return torch.cat(latents), torch.cat(pictures)


@torch.no_grad()
def judge(model, vae, tests: dict) -> dict:
    """Validation figures: latent L1 (all, and per form), picture L1 and PSNR, sharpness against the painter."""
    latents, pictures = one_step(model, vae, tests["noise"], tests["ids"])
    error = (latents - tests["latents"]).abs().mean(dim=(1, 2, 3))
    want = tests["pictures"]
    squared = ((pictures - want) ** 2).mean(dim=(1, 2, 3))

    def sharpness(p):
        return (p[..., 1:] - p[..., :-1]).abs().mean().item()

    metrics = {
        "val_l1": error.mean().item(),
        "picture_l1": (pictures - want).abs().mean().item(),
        "psnr_db": (-10 * torch.log10(squared)).mean().item(),
        "sharpness": sharpness(pictures) / sharpness(want),
        "latent_std": latents.std().item() / tests["latents"].std().item(),
        "mid_noise_255": mid_noise(model, vae, tests),
    }
    per_form = error.view(len(LEARNT), -1).mean(1)
    return metrics | dict(zip(LEARNT, per_form.tolist(), strict=True))


@torch.no_grad()
def mid_noise(model, vae, tests: dict) -> float:
    """Mean change of the picture (of 255) when the middle block's output is replaced by noise of the same spread."""
    rows = slice(None, None, tests["per_form"])
    noise, ids = tests["noise"][rows], tests["ids"][rows]
    _, plain = one_step(model, vae, noise, ids)
    generator = torch.Generator().manual_seed(1)

    def replace(module, inputs, output):
        random_like = torch.randn(output.shape, generator=generator).to(output)
        return random_like * output.std() + output.mean()

    handle = model.unet.mid_block.register_forward_hook(replace)
    try:
        _, bent = one_step(model, vae, noise, ids)
    finally:
        handle.remove()
    return (bent - plain).abs().mean().item() * 255


@torch.no_grad()
def sheet(model, vae, tests: dict, path: Path, columns: int = 5, side: int = 128) -> None:
    """Contact sheet: a row per form, painter on the left half, the one-step model on the right."""
    from PIL import Image

    _, pictures = one_step(model, vae, tests["noise"], tests["ids"])
    rows = []
    for k in range(len(LEARNT)):
        at = slice(k * tests["per_form"], k * tests["per_form"] + min(columns, tests["per_form"]))
        both = torch.cat([tests["pictures"][at], pictures[at]])
        small = F.interpolate(both, size=(side, side), mode="area")
        rows.append(small.permute(0, 2, 3, 1).transpose(0, 1).reshape(side, -1, 3))
    image = (torch.cat(rows).clamp(0, 1) * 255).round().byte().cpu().numpy()
    Image.fromarray(image).save(path)
