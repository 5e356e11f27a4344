"""Stage ``vae``: the tiny autoencoder, on crops of painted pictures."""

import random

import torch
import torch.nn.functional as F

from engine.builtin.train.common import Average, Run, autocast, load, picture_loss, save, schedule, share_gradients
from engine.builtin.train.data import draw, random_crops
from engine.builtin.train.models import LATENT_SCALE, build_autoencoder


def latent_penalty(raw: torch.Tensor) -> torch.Tensor:
    """Keeps each channel of raw latents near mean 0 and deviation 1/LATENT_SCALE, and channels uncorrelated."""
    flat = raw.float().transpose(0, 1).flatten(1) * LATENT_SCALE
    mean = flat.mean(1, keepdim=True)
    covariance = (flat - mean) @ (flat - mean).T / flat.shape[1]
    return (mean**2).mean() + ((covariance - torch.eye(len(covariance), device=raw.device)) ** 2).mean()


def mean_colour(pictures: torch.Tensor) -> torch.Tensor:
    """Lightness, red minus blue, green minus the others, averaged over 8 x 8 pixels, ``(batch, 3, h/8, w/8)``."""
    r, g, b = F.avg_pool2d(pictures, 8).unbind(1)
    return torch.stack([(r + g + b) / 3, r - b, g - (r + b) / 2], 1)


def train_autoencoder(run: Run) -> dict:
    """Train encoder and decoder; writes ``vae.safetensors``. Returns the last metrics."""
    torch.manual_seed(run.seed)
    vae = build_autoencoder().to(run.device).to(memory_format=torch.channels_last)
    path = run.folder / "vae.safetensors"
    if run.resume and path.exists():
        load(vae, path)
    rng, generator = random.Random(run.seed * 100 + run.rank), torch.Generator().manual_seed(run.seed * 100 + run.rank)
    average = Average(vae, 0.998)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=run.rate, betas=(0.9, 0.98), weight_decay=0.0)
    pool = torch.cat(
        [(draw(4, generator, rng)[2] * 255).byte() for _ in range(max(2, run.pictures // 4 // run.workers))]
    )
    run.log(f"vae: {len(pool)} pictures painted, {run.batch} crops a step")
    held_out = (draw(24, torch.Generator().manual_seed(999), random.Random(999))[2] * 2 - 1).to(run.device)
    colour = torch.cat([mean_colour(p.float() / 127.5 - 1) for p in pool[:512].split(64)])
    centre, spread = (
        s.to(run.device) for s in (colour.mean((0, 2, 3), keepdim=True), colour.std((0, 2, 3), keepdim=True))
    )
    step, loss_mean, metrics = 0, 0.0, {}
    while (progress := run.progress(step)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = run.rate * schedule(step, progress)
        # Larger crops towards the end, so that borders and wide fields are seen too.
        side, count = (64, run.share) if progress < 0.75 else (128, max(1, run.share // 4))
        want = random_crops(pool, count, side, rng).to(run.device, memory_format=torch.channels_last)
        with autocast(run.device):
            raw = vae.encoder(want)
            # A little noise on the latents makes nearby latents decode to nearby pictures.
            noisy = raw + torch.randn_like(raw) * (0.06 / LATENT_SCALE)
            got = vae.decoder(noisy)
        got = got.float()
        # Left alone, all four channels first learn lightness and never find colour: three of them are led to it.
        guide = ((mean_colour(want) - centre) / spread - raw[:, :3].float() * LATENT_SCALE).abs().mean()
        loss = picture_loss(got, want).mean() + 2 * F.mse_loss(F.avg_pool2d(got, 8), F.avg_pool2d(want, 8))
        loss = loss + 0.1 * latent_penalty(raw) + (0.5 if progress < 0.4 else 0.1) * guide
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(run, vae)
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        average.update()
        step += 1
        loss_mean += (loss.item() - loss_mean) / min(step, 200)
        if step % (5 * run.log_every) == 0 and not run.rank:
            average.swap()
            metrics = evaluate(vae, held_out)
            save(vae, path)
            average.swap()
            run.log(
                f"vae step {step} {progress:.0%} loss {loss_mean:.4f} "
                + " ".join(f"{k} {v:.4f}" for k, v in metrics.items())
            )
    if run.rank:
        return metrics
    average.swap()
    even_out(vae, held_out)
    metrics = evaluate(vae, held_out) | {"steps": step, "train_loss": loss_mean}
    save(vae, path)
    run.log("vae done " + " ".join(f"{k} {v:.4f}" for k, v in metrics.items()))
    return metrics


@torch.no_grad()
def even_out(vae, pictures: torch.Tensor) -> None:
    """Scale each latent channel to deviation 1/LATENT_SCALE on pictures in -1..1, and undo it in the decoder."""
    spread = torch.cat([vae.encoder(p).transpose(0, 1).flatten(1) for p in pictures.split(8)], 1).std(1) * LATENT_SCALE
    last = vae.encoder.layers[-1]
    last.weight /= spread[:, None, None, None]
    last.bias /= spread
    first = next(m for m in vae.decoder.layers if isinstance(m, torch.nn.Conv2d))
    first.weight *= spread[None, :, None, None]


@torch.no_grad()
def evaluate(vae, pictures: torch.Tensor) -> dict:
    """L1 on -1..1, mean PSNR (dB), spread of the normalised latents, on pictures ``(n, 3, h, w)`` in -1..1."""
    raw = vae.encoder(pictures)
    got = vae.decoder(raw).clamp(-1, 1)
    error = ((got - pictures) ** 2).mean(dim=(1, 2, 3)) / 4
    flat = raw.transpose(0, 1).flatten(1) * LATENT_SCALE
    return {
        "l1": (got - pictures).abs().mean().item(),
        "psnr_db": (-10 * torch.log10(error)).mean().item(),
        "latent_mean": flat.mean(1).abs().max().item(),
        "latent_std_min": flat.std(1).min().item(),
        "latent_std_max": flat.std(1).max().item(),
    }
