"""Section ``sharpness``: fine structure against the painter's, and whether a discriminator can tell the two apart."""

from __future__ import annotations

import itertools
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.builtin.captions import draw_captions
from bench.builtin.measures import high_frequency_energy, psnr_db
from bench.builtin.readings import Reading, Section
from bench.builtin.setting import Setting
from engine.builtin.painter import paint
from engine.builtin.vocabulary import LEARNT, understand

__all__ = ["measure"]

ABOUT = "one-step pictures beside painter pictures: spectra, a discriminator, and the autoencoder's own loss"
_PAIRS = 16
_LEARNT = 20_000
"""Pictures after which a discriminator's error counts."""


def measure(setting: Setting) -> Section:
    """Compare spectra per form, train a discriminator, and send painter pictures through the autoencoder."""
    section = Section("sharpness", ABOUT)
    _spectra(setting, section)
    _tell_apart(setting, section)
    _reconstruct(setting, section)
    return section


def _spectra(setting: Setting, section: Section) -> None:
    per_form = setting.counts.sharp_per_form
    captions = draw_captions(setting.rng("spectra"), per_form * len(LEARNT), held_out=True)
    noise = setting.noise("spectra", len(captions))
    found: dict[str, list[Tensor]] = {"painter": [], "model": [], "autoencoder": []}
    for k in setting.track(range(0, len(captions), 16), "comparing spectra", len(range(0, len(captions), 16))):
        z, words = noise[k : k + 16], captions[k : k + 16]
        painted = paint(z, words)
        found["painter"].append(_bands(painted))
        found["model"].append(_bands(setting.model.pictures(z, words)))
        found["autoencoder"].append(_bands(setting.model.reconstruct(painted)))
    energy = {who: torch.cat(parts, dim=1).cpu() for who, parts in found.items()}
    forms = [understand(caption).form for caption in captions]
    for form in LEARNT:
        rows = [k for k, name in enumerate(forms) if name == form]
        upper, below, unwindowed = zip(*(energy[who][:, rows].mean(dim=1).tolist() for who in energy), strict=True)
        ratio, through = upper[1] / upper[0], upper[2] / upper[0]
        told = {
            "painter rms of 255": 255 * upper[0] ** 0.5, "autoencoder": through, "octave below": below[1] / below[0],
            "octave below, autoencoder": below[2] / below[0], "unwindowed": unwindowed[1] / unwindowed[0],
        }  # fmt: skip
        note = ", ".join(f"{name} {value:.2f}" for name, value in told.items())
        section.readings.append(Reading(f"fine structure, {form}", ratio, 0.75, 1.25, note=note, digits=2))
        section.data[form] = {"upper half": ratio, **told}
    section.remarks.append(
        "fine structure: energy, model / painter, in the upper half of the spectrum; painter rms: all there is of it "
        "in the painter's pictures; autoencoder: the painter's pictures sent through it, the most a model can reach; "
        "unwindowed: with the jump between opposite edges, which hides the rest"
    )


def _bands(pictures: Tensor) -> Tensor:
    """Energies (3, batch): the upper half of the spectrum, the octave below, the upper half without a window."""
    return torch.stack([
        high_frequency_energy(pictures),
        high_frequency_energy(pictures, 0.25, 0.5),
        high_frequency_energy(pictures, windowed=False),
    ])  # fmt: skip


class Discriminator(nn.Module):
    """Strided convolutions over the whole picture; the score is the mean over places."""

    def __init__(self) -> None:
        super().__init__()
        widths, layers = (3, 24, 48, 72, 96), []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 64, 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(64, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores (batch,), above 0 for the model's pictures, of pictures in 0..1."""
        return self.layers(((pictures - 0.35) * 3).to(memory_format=torch.channels_last)).mean(dim=(1, 2, 3))


def _tell_apart(setting: Setting, section: Section) -> None:
    """Train a fresh discriminator on pairs, a picture of each kind from one noise and caption; test it on others."""
    counts, device, rng = setting.counts, setting.model.device, setting.rng("tell apart")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.getrandbits(62))
        judge = Discriminator().to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(judge.parameters(), lr=6e-4, betas=(0.8, 0.99))
    generator = torch.Generator().manual_seed(rng.getrandbits(62))
    pairs, tested = counts.told_apart // 2, counts.told_apart_test // 2
    kept: list[Tensor] = []
    shown, recent, started = 0, 0.5, time.monotonic()
    for _ in setting.track(range(0, pairs, _PAIRS), "training the discriminator", len(range(0, pairs, _PAIRS))):
        if time.monotonic() - started > 60 * setting.minutes:
            break
        captions = draw_captions(rng, _PAIRS, rng.sample(LEARNT, len(LEARNT)), held_out=False)
        pictures = _both(setting, captions, torch.randn(_PAIRS, 4, 32, 32, generator=generator))
        kept = [*kept, (pictures * 255).round().byte()][-64:]
        shown += len(pictures)
        # Each new batch once, and two older ones again: making pictures costs more than learning from them.
        for again in [pictures, *(kept[rng.randrange(len(kept))].float() / 255 for _ in range(2))]:
            score = judge(again)
            loss = F.binary_cross_entropy_with_logits(score, _kinds(score))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if again is pictures:
                recent += 0.05 * (_error(score.detach()) - recent)
    captions = draw_captions(setting.rng("tell apart test"), tested, held_out=True)
    noise, errors = setting.noise("tell apart test", tested).cpu(), []
    for k in setting.track(range(0, tested, _PAIRS), "testing the discriminator", len(range(0, tested, _PAIRS))):
        with torch.inference_mode():
            part = captions[k : k + _PAIRS]
            errors.append((_error(judge(_both(setting, part, noise[k : k + _PAIRS]))), len(part)))
    error = sum(e * n for e, n in errors) / tested
    note = f"trained on {shown} pictures (error on new ones at the end {recent:.2f}), tested on {2 * tested}"
    # One that learnt less errs more: its error is no merit of the model's, so there is a verdict only after all of it.
    learnt = shown >= _LEARNT
    if not learnt:
        note += f"; no verdict below {_LEARNT}"
    section.readings.append(Reading("discriminator's error", error, 0.10 if learnt else None, note=note))


@torch.no_grad()
def _both(setting: Setting, captions: list[str], noise: Tensor) -> Tensor:
    """Painter pictures sent through the autoencoder, then the model's, of the same noises and captions."""
    z = noise.to(setting.model.device)
    with torch.inference_mode():
        both = torch.cat([setting.model.reconstruct(paint(z, captions)), setting.model.pictures(z, captions)])
    return both.clone()


def _kinds(score: Tensor) -> Tensor:
    half = len(score) // 2
    return torch.cat([score.new_zeros(half), score.new_ones(half)])


def _error(score: Tensor) -> float:
    return float(((score > 0).float() != _kinds(score)).float().mean())


@torch.inference_mode()
def _reconstruct(setting: Setting, section: Section) -> None:
    count = setting.counts.reconstructed
    captions, noise = draw_captions(setting.rng("psnr"), count, held_out=True), setting.noise("psnr", count)
    found = []
    for k in setting.track(range(0, count, 16), "sending pictures through the autoencoder", len(range(0, count, 16))):
        painted = paint(noise[k : k + 16], captions[k : k + 16])
        found.append(psnr_db(setting.model.reconstruct(painted), painted).cpu())
    values = torch.cat(found)
    lowest = captions[int(values.argmin())] or "an empty caption"
    note = f"{count} painter pictures; lowest {float(values.min()):.1f} ({lowest})"
    section.readings.append(Reading("autoencoder PSNR", float(values.mean()), 30.0, unit="dB", note=note, digits=1))
