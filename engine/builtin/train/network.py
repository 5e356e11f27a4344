"""Stage ``unet``: the UNet and text encoder, by regression of the painter's latents.

The painter is a function of (noise, caption), so the one-step network can be taught by showing it the answer; no
second model and no simulation of a sampler is needed. Some batches are noised less, so that more steps, and starting
from a picture, work too.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import AttnProcessor
from torch import nn

from engine.builtin.train.adversary import KEYS, Adversary, label
from engine.builtin.train.common import Average, Run, autocast, even, load, save, schedule, share_gradients
from engine.builtin.train.data import SIZES, SQUARE, draw, some_size
from engine.builtin.train.models import (
    HEADS,
    LATENT_SCALE,
    TOKENS,
    WIDTHS,
    build_autoencoder,
    build_scheduler,
    build_text_encoder,
    build_tokenizer,
    build_unet,
    keep_structure,
)
from engine.builtin.train.rows import again, blend_loss, later, noised, partly
from engine.builtin.vocabulary import FORMS, LEARNT, random_caption, reworded

BLENDS = 0.25
"""Weight of the loss on blended words: a few rows a batch."""

THINNED = 0.85
"""Share of the steps in which the skips are silent about what half their size could hold."""

USUAL_CONTRAST = 0.4
"""Mean distance of normalised latents from their picture's mean; pastel and dark pictures have a bit more than half."""

SHAPE = "network.json"
"""The network's widths and heads, beside its checkpoint."""


class Model(nn.Module):
    """Text encoder and UNet together: what stage ``unet`` trains."""

    def __init__(self, vocabulary_size: int, widths: tuple[int, int, int, int] = WIDTHS, heads: int = HEADS):
        super().__init__()
        self.text_encoder = build_text_encoder(vocabulary_size)
        self.unet = build_unet(widths, heads).to(memory_format=torch.channels_last)
        # Plain matrix products: for 16 or 64 tokens the fused kernel's backward pass costs a third of a step.
        self.unet.set_attn_processor(AttnProcessor())

        self.compiled: Callable | None = None
        # Tensors, not flags: quieter skips must not make another compiled graph.
        self.register_buffer("skips", torch.ones(()), persistent=False)
        self.register_buffer("thinned", torch.zeros(()), persistent=False)
        for block in list(self.unet.up_blocks)[1:]:
            block.register_forward_pre_hook(self._quieten_skips, with_kwargs=True)

    def _quieten_skips(self, block, positional, named):
        if self.training:
            heard = (r - self.thinned * coarse_part(r) for r in named["res_hidden_states_tuple"])
            named["res_hidden_states_tuple"] = tuple(r * self.skips for r in heard)
        return positional, named

    def hear(self, skips, thinned) -> None:
        """Say how loud the skips are in training, and how much of their coarse part is left out; a number, or rows."""
        self.skips, self.thinned = (torch.as_tensor(x, device=self.skips.device) for x in (skips, thinned))

    def forward(self, sample, timestep, token_ids):
        """Clean latents ``(batch, 4, h, w)`` from noised ones, timesteps and token ids ``(batch, tokens)``."""
        return self.from_words(sample, timestep, self.text_encoder(token_ids)[0])

    def from_words(self, sample, timestep, words):
        """The same from text embeddings ``(batch, tokens, width)``."""
        unet = self.compiled if self.training and self.compiled is not None else self.unet
        return unet(sample, timestep, words, return_dict=False)[0]


def coarse_part(x: torch.Tensor) -> torch.Tensor:
    """Maps ``(batch, channels, h, w)`` blurred to what half their size could hold (5 x 5 binomial)."""
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=x.dtype, device=x.device) / 16
    # One convolution per channel: here several times as fast as pooling and widening again.
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 5, 5)
    return F.conv2d(x, kernel, padding=2, groups=x.shape[1])


class Pool:
    """Painted and encoded examples of one size, kept in half precision; old ones give way once it is full."""

    def __init__(self, capacity: int, vae, tokenizer, run: Run, seed: int, hardness: dict[str, float], size=SQUARE):
        self.vae, self.tokenizer, self.capacity, self.size = vae, tokenizer, capacity, size
        self.run, self.device = run, run.device
        self.rng, self.generator = random.Random(seed), torch.Generator().manual_seed(seed)
        cells = (capacity, 4, *size)
        self.noise = torch.empty(cells, dtype=torch.float16)
        self.latents = torch.empty(cells, dtype=torch.float16)
        self.captions = [""] * capacity
        self.labels = torch.empty(capacity, len(KEYS), dtype=torch.int64)
        self.filled = self.next = 0
        self.hardness = hardness

    def grow(self, count: int) -> None:
        """Paint and encode ``count`` more, harder forms more often."""
        form = self.rng.choices(list(self.hardness), self.run.chances(self.hardness))
        noise, captions, pictures = draw(count, self.generator, self.rng, self.device, form, self.size)
        latents = encode(self.vae, pictures)
        for k in range(count):
            if not torch.isfinite(latents[k]).all():
                raise FloatingPointError(f"the painter or the encoder made no finite latents of {captions[k]!r}")
            at = self.next
            self.noise[at], self.latents[at] = noise[k].half().cpu(), latents[k].half().cpu()
            self.captions[at] = captions[k]
            self.labels[at] = label([captions[k]])[0]
            self.next = (at + 1) % self.capacity
            self.filled = max(self.filled, at + 1)

    def batch(self, count: int):
        """Noise, clean latents, token ids and labels of ``count`` examples, most of them in other words than before.

        A picture is used several times; were its caption always the same, the words would be learnt by heart.
        """
        pick = torch.randint(self.filled, (count,), generator=self.generator)
        captions = [reworded(self.captions[k], self.rng) for k in pick.tolist()]
        to = {"device": self.device, "non_blocking": True}
        return (
            self.noise[pick].float().to(**to),
            self.latents[pick].float().to(**to),
            tokenize(self.tokenizer, captions).to(**to),
            self.labels[pick].to(**to),
        )


@torch.no_grad()
def encode(vae, pictures: torch.Tensor) -> torch.Tensor:
    """Normalised latents of pictures in 0..1."""
    device = pictures.device.type
    with autocast(device):
        raw = vae.encoder((pictures * 2 - 1).to(memory_format=torch.channels_last))
    return raw.float() * LATENT_SCALE


def tokenize(tokenizer, captions: list[str]) -> torch.Tensor:
    """Token ids ``(batch, TOKENS)``, padded and cut as the standard pipeline does."""
    ids = tokenizer(captions, padding="max_length", truncation=True, max_length=TOKENS)["input_ids"]
    return torch.tensor(ids)


def get_tokenizer(run: Run):
    """The run's tokenizer, trained once."""
    from transformers import CLIPTokenizer

    folder = run.folder / "tokenizer"
    if (folder / "vocab.json").exists():
        return CLIPTokenizer.from_pretrained(folder)
    # Words of every form, so that a form can be taught later without changing what a token means.
    rng = random.Random(0)
    return build_tokenizer(folder, [random_caption(rng, rng.choice(list(FORMS))) for _ in range(30000)])


def load_autoencoder(run: Run):
    """The run's autoencoder, frozen."""
    vae = build_autoencoder()
    load(vae, run.folder / "vae.safetensors")
    return vae.to(run.device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def build_model(folder: Path, vocabulary_size: int) -> Model:
    """An untrained network of the shape that the folder's ``network.json`` tells, or of today's."""
    path = folder / SHAPE
    shape = json.loads(path.read_text()) if path.exists() else {"widths": WIDTHS, "heads": HEADS}
    return Model(vocabulary_size, tuple(shape["widths"]), shape["heads"])


def train_network(run: Run) -> dict:
    """Train UNet and text encoder; writes ``network.safetensors`` (averaged) and ``network-raw.pt`` (to resume)."""
    from engine.builtin.train.judge import held_out, judge, sheet

    torch.manual_seed(run.seed)
    tokenizer, vae = get_tokenizer(run), load_autoencoder(run)
    resume = run.resume and (run.folder / "network.safetensors").exists()
    model = (build_model(run.folder, len(tokenizer)) if resume else Model(len(tokenizer))).to(run.device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=run.rate, betas=(0.9, 0.98), weight_decay=1e-3, fused=True)
    step, raw_path, kept = 0, run.folder / "network-raw.pt", None
    if resume and raw_path.exists():
        kept = torch.load(raw_path, weights_only=True, map_location=run.device)
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
    elif resume:
        load(model, run.folder / "network.safetensors")
    keep_structure(model.unet)
    average = Average(model, 0.999)
    if kept:
        average.shadow, average.steps, step = kept["average"], kept["step"], kept["step"]
    adversary = Adversary(run) if run.adversarial else None
    first_step = step
    alphas = build_scheduler().alphas_cumprod.to(run.device)
    # Harder forms are painted more often.
    hardness = dict.fromkeys(LEARNT, 0.4)
    pools, seed = {}, run.seed + step + 7919 * run.rank
    for size, share in SIZES.items():
        capacity = round(share * run.pictures / run.workers)
        pools[size] = Pool(max(capacity, 2 * run.batch), vae, tokenizer, run, seed, hardness, size)
        while pools[size].filled < max(2 * run.share, capacity // 10):
            pools[size].grow(8)
    tests = held_out(vae, tokenizer, run.device, run.per_form)
    run.log(f"unet: {sum(pool.filled for pool in pools.values())} examples to begin with, step {step}")

    def keep() -> dict:
        average.swap()
        model.eval()
        metrics = judge(model, vae, tests)
        sheet(model, vae, tests, run.folder / "sheet.png")
        save(model, run.folder / "network.safetensors")
        shape = {"widths": model.unet.config.block_out_channels, "heads": model.unet.config.attention_head_dim}
        (run.folder / SHAPE).write_text(json.dumps(shape))
        model.train()
        average.swap()
        torch.save(
            {
                "model": model.state_dict(),
                "optimiser": optimiser.state_dict(),
                "average": average.shadow,
                "step": step,
            },
            raw_path.with_suffix(".tmp"),
        )
        raw_path.with_suffix(".tmp").replace(raw_path)
        if adversary:
            adversary.keep()
        return metrics

    if run.compile:
        # Lists of hooks and modules are walked at each call; a name inside would be a submodule saved twice.
        object.__setattr__(model, "compiled", torch.compile(model.unet, dynamic=False))
    recent, hidden, blends, verdict, metrics = 0.0, 0.0, 0.0, 0.0, {}
    while (progress := run.progress(step - first_step)) < 1:
        factor = schedule(step - first_step, progress, warm_steps=50)
        for group in optimiser.param_groups:
            group["lr"] = run.rate * factor
        pool = pools[some_size(run.seed, step)]
        pool.grow(max(1, run.share // 4))
        noise, latents, ids, labels = pool.batch(run.share)
        sample, timestep = noised(noise, latents, pool.generator, alphas)
        some = partly(len(noise))
        pure = slice(some + later(len(noise)), None)
        # What later steps begin from is made as it will be made when played: with all skips.
        model.hear(1.0, 0.0)
        with autocast(run.device):
            again(model, sample, timestep, ids, noise, alphas, range(some, pure.start), pool.rng)
        # Now and then no skip speaks and only the coarse layout is asked for: it must then come from the middle block.
        # Drawn from the step, so that all workers share the same gradients in the same order.
        drawn = random.Random(f"{run.seed} {step}")
        silent = drawn.random() < run.silence
        # In most of the others the skips say nothing of what the level below could have told: what is seldom there is
        # not worth hearing, so the deeper levels say it, and a bend there shows.
        skips, thinned = float(not silent), float(drawn.random() < THINNED)
        # Not where the answer is half there already: the skips are the way to copy it.
        bare = (timestep == 999).float()[:, None, None, None]
        model.hear(1.0 - bare * (1.0 - skips), bare * thinned)
        with autocast(run.device):
            got = model(sample, timestep, ids)
        model.hear(skips, thinned)
        got = got.float()
        error = (got - latents).abs().mean(dim=(1, 2, 3))
        coarse = (F.avg_pool2d(got, 4) - F.avg_pool2d(latents, 4)).abs().mean(dim=(1, 2, 3))
        loss = (even(latents, USUAL_CONTRAST) * (coarse if silent else error + coarse)).mean()
        model.zero_grad(set_to_none=True)
        if adversary and not silent:
            verdict += (adversary.learn(latents[pure], got[pure], noise[pure], labels[pure]) - verdict) / min(
                step - first_step + 1, 200
            )
            got.backward(adversary.gradient(loss, latents, got, noise, labels, pure))
        else:
            loss.backward()
        if some and not silent:
            rows = slice(-some - 1, None)
            with autocast(run.device):
                uneven = blend_loss(model, sample[rows], timestep[rows], ids[rows], latents[rows], pool.rng).mean()
            (BLENDS * uneven).backward()
            blends += (uneven.item() - blends) / min(step - first_step + 1, 200)
        share_gradients(run, model)
        size = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if not torch.isfinite(size):
            # One bad example in half a million must not cost the run; every worker sees the same shared gradient.
            run.log(f"unet step {step}: gradient not finite, step left out")
            continue
        optimiser.step()
        keep_structure(model.unet)
        average.update()
        step += 1
        if not silent:
            for (number, *_), value in zip(labels.tolist(), error.tolist(), strict=True):
                name = list(FORMS)[number]
                hardness[name] += 0.02 * (min(max(value, 0.1), 1.0) - hardness[name])
            recent += (error.mean().item() - recent) / min(step - first_step, 200)
        else:
            hidden += (coarse.mean().item() - hidden) / min(step - first_step, 50)
        if step % run.log_every == 0:
            figures = f"l1 {recent:.4f} without skips {hidden:.4f} blends {blends:.4f} verdict {verdict:.3f}"
            run.log(f"unet step {step} {progress:.0%} {figures}")
        if step % (10 * run.log_every) == 0 and not run.rank:
            metrics = keep()
            run.log("unet " + " ".join(f"{k} {v:.3f}" for k, v in metrics.items()))
    if run.rank:
        return metrics
    metrics = keep() | {"steps": step, "train_l1": recent}
    run.log("unet done " + " ".join(f"{k} {v:.3f}" for k, v in metrics.items()))
    return metrics
