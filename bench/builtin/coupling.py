"""Section ``judge``: whether words decide the picture, and whether the network denoises at every level of noise."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.builtin.captions import draw_captions
from bench.builtin.drawing import confusion_picture
from bench.builtin.judge import HEADS, labels, trained_judge
from bench.builtin.measures import confusion
from bench.builtin.readings import Reading, Section
from bench.builtin.setting import Setting
from engine.builtin.painter import paint
from engine.builtin.vocabulary import LEARNT

__all__ = ["measure"]

BARS = {"form": 0.90, "colour": 0.90, "mood": 0.85}
TIMESTEPS = (250, 500, 750)
ABOUT = "a classifier that saw only painter pictures reads the model's; colour is the caption's first"


def measure(setting: Setting) -> Section:
    """Let the judge read painter pictures, one-step and two-step pictures; then recover noised latents."""
    section = Section("judge", ABOUT)
    judge, origin = trained_judge(setting)
    section.remarks.append(origin)
    count = setting.counts.read_per_form * len(LEARNT)
    captions = draw_captions(setting.rng("read"), count, held_out=True, every_colour=True)
    noise, right = setting.noise("read", count), labels(captions, setting.model.device)
    answers: dict[str, list[dict[str, Tensor]]] = {"painter": [], "one step": [], "two steps": []}
    for k in setting.track(range(0, count, 32), "reading pictures", len(range(0, count, 32))):
        z, words = noise[k : k + 32], captions[k : k + 32]
        answers["painter"].append(judge.read(paint(z, words)))
        answers["one step"].append(judge.read(setting.model.pictures(z, words)))
        answers["two steps"].append(judge.read(setting.model.pictures(z, words, steps=2)))
    read = {who: {q: torch.cat([part[q] for part in parts]) for q in HEADS} for who, parts in answers.items()}
    shares = {who: {q: float((got[q] == right[q]).float().mean()) for q in HEADS} for who, got in read.items()}
    seen = f"{count} held-out captions, fresh noise"
    for question in HEADS:
        bar = None if question == "mood" else 0.95
        section.readings.append(Reading(f"painter, {question}", shares["painter"][question], bar, note=seen))
    for question, bar in BARS.items():
        section.readings.append(Reading(f"one step, {question}", shares["one step"][question], bar))
    for question in HEADS:
        at_least = shares["one step"][question]
        note = "bar: as good as one step"
        section.readings.append(Reading(f"two steps, {question}", shares["two steps"][question], at_least, note=note))
    for who in ("painter", "one step"):
        for question, names in HEADS.items():
            table = confusion(right[question].cpu(), read[who][question].cpu(), len(names))
            section.data[f"{who}, {question}"] = by_class(table, names)
            section.remarks.append(f"{who}, {question}: {_worst_first(table, names)}")
            if mistakes := top_confusions(table, names):
                section.remarks.append(f"{who}, {question} taken for another: {mistakes}")
            path = setting.out / f"confusion-{who.replace(' ', '-')}-{question}.png"
            confusion_picture(table, names, f"{who}: {question}", path)
            section.files.append(path)
    _recover(setting, section)
    return section


def by_class(table: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """Share of right answers for each class that occurred, from a confusion table."""
    return {
        name: float(row[k] / row.sum()) for k, (name, row) in enumerate(zip(names, table, strict=True)) if row.sum()
    }


def _worst_first(table: Tensor, names: tuple[str, ...]) -> str:
    return ", ".join(
        f"{name} {share:.2f}" for name, share in sorted(by_class(table, names).items(), key=lambda i: i[1])
    )


def top_confusions(table: Tensor, names: tuple[str, ...], most: int = 6) -> str:
    """The commonest mistakes in words, from a confusion table."""
    wrong = table.clone().fill_diagonal_(0)
    order = wrong.flatten().argsort(descending=True)[:most].tolist()
    pairs = [(names[k // len(names)], names[k % len(names)], int(wrong.flatten()[k])) for k in order]
    return ", ".join(f"{a} for {b} ({n})" for a, b, n in pairs if n)


@torch.inference_mode()
def _recover(setting: Setting, section: Section) -> None:
    """Predict painter latents from noised ones in one go, against what the caption alone tells of them.

    The best guess without seeing the latent, for mean absolute error, is the median over other painter pictures of the
    same caption, cell by cell.
    """
    model, counts = setting.model, setting.counts
    captions = draw_captions(setting.rng("recover"), counts.recovered, held_out=True)
    painted, other = setting.noise("recover painted", counts.recovered), setting.rng("recover others")
    fresh, generator = setting.noise("recover fresh", counts.recovered), torch.Generator()
    generator.manual_seed(other.getrandbits(62))
    errors: dict[int, list[float]] = {t: [] for t in TIMESTEPS}
    blind = []
    for k, caption in enumerate(setting.track(captions, "recovering noised latents", len(captions))):
        latent, text = model.encode(paint(painted[k : k + 1], [caption])), model.text([caption])
        for t in TIMESTEPS:
            a = model.alphas[t]
            got = model.predict(a.sqrt() * latent + (1 - a).sqrt() * fresh[k : k + 1], torch.tensor(t), text)
            errors[t].append(float((got - latent).abs().mean()))
        noises = torch.randn(counts.others, 4, 32, 32, generator=generator).to(model.device)
        guess = model.encode(paint(noises, [caption] * counts.others)).median(dim=0).values
        blind.append(float((guess - latent).abs().mean()))
    nothing = sum(blind) / len(blind)
    means = {t: sum(found) / len(found) for t, found in errors.items()}
    note = f"bar: below {nothing:.3f}, the median of {counts.others} other pictures of the caption"
    for t in TIMESTEPS:
        later = [means[u] for u in TIMESTEPS if u > t]
        bar = min([nothing, *later])
        told = note if not later else "bar: below the error at more noise, and below the guess without the latent"
        section.readings.append(Reading(f"latent L1 recovered from timestep {t}", means[t], at_most=bar, note=told))
    section.data["latent L1"] = {"without the latent": nothing} | {str(t): mean for t, mean in means.items()}
