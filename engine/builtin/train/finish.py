"""Stage ``pixels``: UNet, text encoder and decoder together, judged on pictures instead of latents.

Regression alone answers what it cannot tell with a blur. Here the error is taken on the decoded picture, and a small
discriminator, which sees the noise and the caption's form and colours too, asks for plausible detail. Because every
picture has its painted answer, matching the discriminator's features is a learnt measure of likeness as well.
"""

import hashlib
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from engine.builtin.train.adversary import LABELS, label
from engine.builtin.train.common import (
    Average,
    Run,
    autocast,
    detail_loss,
    even,
    load,
    picture_loss,
    save,
    schedule,
    share_gradients,
)
from engine.builtin.train.data import draw, some_size
from engine.builtin.train.models import LATENT_SCALE, build_scheduler, keep_structure
from engine.builtin.train.network import BLENDS, Model, build_model, encode, get_tokenizer, load_autoencoder, tokenize
from engine.builtin.train.rows import again, blend_loss, later, part_way, partly
from engine.builtin.vocabulary import LEARNT, reworded, understand

USUAL_CONTRAST = 0.33
"""Mean distance of pixels (-1..1) from their picture's mean; many pastel pictures have a third of it."""

RESTORING = 0.5
"""Weight of the loss on pictures that are encoded and decoded."""


DETAIL, WHOLE = 30.0, 0.2
"""Weights of the loss on how strong fine structure is: place by place, and over the whole picture."""

LATENTS = 0.3
"""Weight of the distance from the encoder's latents: left free, network and decoder agree on a code of their own, and
what is begun from a picture suffers."""

DECODER_RATE = 3.0
"""Rate of the decoder, of the network's: the network was brought near its best by stage ``unet``."""


class Painting(nn.Module):
    """From noise and words to pixels: the network and the decoder."""

    def __init__(self, model: Model, decoder: nn.Module):
        super().__init__()
        self.model, self.decoder = model, decoder

    def forward(self, sample, timestep, token_ids):
        """Latents ``(batch, 4, h, w)`` and pictures ``(batch, 3, 8h, 8w)`` in -1..1."""
        latents = self.model(sample, timestep, token_ids)
        return latents, self.decoder(latents / LATENT_SCALE)


class Discriminator(nn.Module):
    """Patch discriminator on 256-pixel pictures; joins the noise at 32 x 32 and the caption's labels at the end."""

    def __init__(self, width: int = 32):
        super().__init__()

        def conv(a, b, kernel, stride):
            return spectral_norm(nn.Conv2d(a, b, kernel, stride, kernel // 2))

        self.outer = nn.ModuleList(
            [conv(3, width, 5, 2), conv(width, 2 * width, 3, 2), conv(2 * width, 3 * width, 3, 2)]
        )
        self.inner = nn.ModuleList([conv(3 * width + 4, 4 * width, 3, 1), conv(4 * width, 4 * width, 3, 2)])
        self.verdict = spectral_norm(nn.Conv2d(4 * width, 1, 1))
        self.labels = nn.Embedding(LABELS, 4 * width)
        nn.init.normal_(self.labels.weight, 0, 0.05)

    def forward(self, picture, noise, labels):
        """Patch logits ``(batch, 16 * 16)`` and the features on the way; labels from `adversary.label`."""
        x, features = picture, []
        for layer in self.outer:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        x = torch.cat([x, noise], 1)
        for layer in self.inner:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        wanted = self.labels(labels).sum(1)[:, :, None, None]
        return (self.verdict(x) + (x * wanted).sum(1, keepdim=True)).flatten(1), features


def fine_loss(got: torch.Tensor, want: torch.Tensor, counts: torch.Tensor | float = 1.0):
    """`detail_loss` as it weighs here, ``(batch,)`` each; ``counts`` are the pictures' weights place by place."""
    missed, whole = detail_loss(got, want)
    return DETAIL * counts * missed, WHOLE * whole


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def train_finish(run: Run) -> dict:
    """Finish on pixels; rewrites ``network.safetensors``, writes ``decoder.safetensors`` and ``finish-raw.pt``."""
    from engine.builtin.train.judge import held_out, judge, sheet

    torch.manual_seed(run.seed)
    tokenizer, vae = get_tokenizer(run), load_autoencoder(run)
    tests = held_out(vae, tokenizer, run.device, run.per_form)
    model = build_model(run.folder, len(tokenizer)).to(run.device)
    load(model, run.folder / "network.safetensors")
    keep_structure(model.unet)
    if (run.folder / "decoder.safetensors").exists():
        load(vae.decoder, run.folder / "decoder.safetensors")
    painting = Painting(model, vae.decoder.requires_grad_(True))
    judge_net = Discriminator().to(run.device).to(memory_format=torch.channels_last)
    average = Average(painting, 0.998)
    groups = [{"params": model.parameters(), "of": 1.0}, {"params": vae.decoder.parameters(), "of": DECODER_RATE}]
    optimiser = torch.optim.AdamW(groups, lr=run.rate, betas=(0.8, 0.98), weight_decay=1e-3)
    judging = torch.optim.AdamW(judge_net.parameters(), lr=4e-4, betas=(0.0, 0.98), weight_decay=0.0)
    step, raw_path, network_path = 0, run.folder / "finish-raw.pt", run.folder / "network.safetensors"
    if run.resume and raw_path.exists():
        kept = torch.load(raw_path, weights_only=True, map_location=run.device)
        judge_net.load_state_dict(kept["judge"])
        judging.load_state_dict(kept["judging"])
        step = kept["step"]
        # Where stage `unet` has gone on since, what it made is finished, by the discriminator that there was.
        if kept.get("network") != digest(network_path):
            run.log(
                "pixels: stage unet has gone on since the last finish; the discriminator is kept, its network taken"
            )
        else:
            painting.load_state_dict(kept["painting"])
            optimiser.load_state_dict(kept["optimiser"])
            average.shadow, average.steps = kept["average"], step
    first_step = step
    rng, generator = (
        random.Random(run.seed + step + 7919 * run.rank),
        torch.Generator().manual_seed(run.seed + step + 7919 * run.rank),
    )
    alphas = build_scheduler().alphas_cumprod.to(run.device)
    hardness = dict.fromkeys(LEARNT, 0.1)

    def keep() -> dict:
        average.swap()
        painting.eval()
        metrics = judge(model, vae, tests)
        sheet(model, vae, tests, run.folder / "sheet.png")
        save(model, run.folder / "network.safetensors")
        save(vae.decoder, run.folder / "decoder.safetensors")
        painting.train()
        average.swap()
        kept = {
            "painting": painting.state_dict(), "judge": judge_net.state_dict(), "average": average.shadow, "step": step,
            "optimiser": optimiser.state_dict(), "judging": judging.state_dict(), "network": digest(network_path),
        }  # fmt: skip
        torch.save(kept, raw_path.with_suffix(".tmp"))
        raw_path.with_suffix(".tmp").replace(raw_path)
        return metrics

    means, metrics = dict.fromkeys(("pixel", "detail", "whole", "latents", "likeness", "fooled", "verdict"), 0.0), {}
    while (progress := run.progress(step - first_step)) < 1:
        pace = schedule(step - first_step, progress, warm_steps=50)
        for group in optimiser.param_groups:
            group["lr"] = run.rate * group["of"] * pace
        forms = rng.choices(list(hardness), run.chances(hardness), k=max(1, run.share // 2))
        each, size = -(-run.share // len(forms)), some_size(run.seed, step)
        drawn = [draw(each, generator, rng, run.device, [form], size) for form in forms]
        noise = torch.cat([d[0] for d in drawn])
        captions = [c for d in drawn for c in d[1]]
        want = (torch.cat([d[2] for d in drawn]) * 2 - 1).to(memory_format=torch.channels_last)
        told = [reworded(caption, rng, 0.5) for caption in captions]
        ids, labels = tokenize(tokenizer, told).to(run.device), label(captions).to(run.device)
        some = partly(len(noise))
        timestep = torch.full((len(noise),), 999, device=run.device)
        sample = (noise * (1 - alphas[999]) ** 0.5).to(memory_format=torch.channels_last)
        rows = slice(max(1, later(len(noise))))
        true_latents = encode(vae, want / 2 + 0.5)
        with autocast(run.device):
            again(model, sample, timestep, ids, noise, alphas, range(later(len(noise))), rng)
            if some and step % 2:
                # Starting from a picture as well: one row, in turns with the later step it would be.
                other = noise[:1] if step % 4 == 1 else noise[-1:]
                sample[:1], timestep[:1] = part_way(true_latents[:1], other, generator, alphas)
            latents, got = painting(sample, timestep, ids)
            real, real_features = judge_net(want, noise, labels)
            fake, _ = judge_net(got.detach(), noise, labels)
            verdict = (F.relu(1 - real.float()) + F.relu(1 + fake.float())).mean()
        judging.zero_grad(set_to_none=True)
        verdict.backward()
        share_gradients(run, judge_net)
        judging.step()
        judge_net.requires_grad_(False)
        with autocast(run.device):
            fake, features = judge_net(got, noise, labels)
            likeness = sum(
                F.l1_loss(a.float(), b.detach().float()) for a, b in zip(features, real_features, strict=True)
            )
        judge_net.requires_grad_(True)
        counts = even(want, USUAL_CONTRAST)
        pixel = (counts * picture_loss(got.float(), want)).mean()
        missed, whole = (part.mean() for part in fine_loss(got.float(), want, counts))
        # The adversary joins slowly: at first it only learns what painted pictures look like.
        weight = run.adversarial * min(1.0, (step + 1) / 300)
        loss = pixel + missed + whole + weight * (0.05 * -fake.float().mean() + 1.0 * likeness)
        moved = (counts * (latents.float() - true_latents).abs().mean(dim=(1, 2, 3))).mean()
        loss = loss + LATENTS * moved
        # The decoder must go on serving what the encoder makes of any picture: img2img and feedback go through both.
        # Taught its own latents' detail alone, it overshot on these: halos, and ten times the painter's fine structure.
        with autocast(run.device):
            restored = vae.decoder(true_latents[rows] / LATENT_SCALE)
        restored = restored.float()
        unlike = picture_loss(restored, want[rows]) + sum(fine_loss(restored, want[rows]))
        loss = loss + RESTORING * unlike.mean()
        if some:
            rows = slice(-some - 1, None)
            with autocast(run.device):
                uneven = blend_loss(model, sample[rows], timestep[rows], ids[rows], latents[rows].detach(), rng)
            loss = loss + BLENDS * uneven.mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(run, painting)
        torch.nn.utils.clip_grad_norm_(painting.parameters(), 1.0)
        optimiser.step()
        keep_structure(model.unet)
        average.update()
        step += 1
        with torch.no_grad():
            error = (got.float() - want).abs().mean(dim=(1, 2, 3))
        for caption, value in zip(captions, error.tolist(), strict=True):
            form = understand(caption).form
            hardness[form] += 0.02 * (min(max(value, 0.05), 0.4) - hardness[form])
        for key, value in (
            ("pixel", pixel),
            ("detail", missed),
            ("whole", whole),
            ("latents", moved),
            ("likeness", likeness),
            ("fooled", -fake.float().mean()),
            ("verdict", verdict),
        ):
            means[key] += (value.item() - means[key]) / min(step - first_step, 100)
        if step % run.log_every == 0:
            run.log(f"pixels step {step} {progress:.0%} " + " ".join(f"{k} {v:.4f}" for k, v in means.items()))
        if step % (4 * run.log_every) == 0 and not run.rank:
            metrics = keep()
            run.log("pixels " + " ".join(f"{k} {v:.3f}" for k, v in metrics.items()))
    if run.rank:
        return metrics
    metrics = keep() | {"steps": step}
    run.log("pixels done " + " ".join(f"{k} {v:.3f}" for k, v in metrics.items()))
    return metrics
