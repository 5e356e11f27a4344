"""Section ``variety``: whether pictures of one caption differ, and each follows its own noise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.builtin.captions import draw_captions
from bench.builtin.judge import Judge, trained_judge
from bench.builtin.measures import mean_pairwise, retrieval_rank
from bench.builtin.readings import Reading, Section
from bench.builtin.setting import Setting
from engine.builtin.painter import paint

__all__ = ["measure"]

ABOUT = "distances between pictures of one caption, and finding the painter picture of the same noise among others"
SEEDS = 16
SIDE = 64


def measure(setting: Setting) -> Section:
    """Compare spreads of 16 seeds; look pictures up among painter pictures of their caption."""
    section, forms = Section("variety", ABOUT), setting.forms()
    # Where no section before trained a judge, it is trained here: not in inference mode.
    judge, origin = trained_judge(setting)
    section.remarks.append(origin)
    with torch.inference_mode():
        _compare(setting, section, judge, forms)
        _look_up(setting, section, forms)
    return section


def _compare(setting: Setting, section: Section, judge: Judge, forms: list[str]) -> None:
    captions = draw_captions(setting.rng("variety"), len(forms), forms, held_out=True)
    noise = setting.noise("variety", SEEDS)
    spread: dict[str, tuple[float, float]] = {}
    for caption, form in zip(setting.track(captions, "comparing 16 seeds", len(captions)), forms, strict=True):
        drawn = setting.model.pictures(noise, [caption] * SEEDS)
        painted = paint(noise, [caption] * SEEDS)
        spread[form] = mean_pairwise(judge.described(drawn)), mean_pairwise(judge.described(painted))
    model, painter = (sum(pair[k] for pair in spread.values()) for k in (0, 1))
    ratios = {form: mine / theirs for form, (mine, theirs) in spread.items()}
    note = f"{len(captions)} captions x {SEEDS} seeds, in the judge's features; least {_least(ratios)}"
    section.readings.append(Reading("spread, model / painter", model / painter, 0.7, note=note))
    section.data["spread"] = ratios


def _least(values: dict[str, float]) -> str:
    form = min(values, key=lambda name: values[name])
    return f"{form} {values[form]:.2f}"


def _look_up(setting: Setting, section: Section, forms: list[str]) -> None:
    counts, found = setting.counts, {}
    captions = draw_captions(setting.rng("retrieval"), len(forms), forms, held_out=True)
    asked = setting.noise("retrieval asked", counts.retrieval_asked)
    rivals = setting.noise("retrieval rivals", counts.retrieval_rivals)
    for caption, form in zip(setting.track(captions, "looking pictures up", len(captions)), forms, strict=True):
        others = torch.cat([_small(paint(z, [caption] * len(z), (128, 128))) for z in rivals.split(32)])
        own = _small(paint(asked, [caption] * len(asked)))
        mine = _small(setting.model.pictures(asked, [caption] * len(asked)))
        ranks = [retrieval_rank(a, b, others) for a, b in zip(mine, own, strict=True)]
        found[form] = sum(rank == 0 for rank in ranks) / len(ranks)
    share = sum(found.values()) / len(found)
    note = (
        f"nearest among {counts.retrieval_rivals} others of its caption, pixels at {SIDE} x {SIDE}; "
        f"{len(captions)} captions x {counts.retrieval_asked} noises; least {_least(found)}"
    )
    section.readings.append(Reading("finds its own painter picture", share, 0.90, note=note))
    section.data["retrieval"] = found


def _small(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, size=(SIDE, SIDE), mode="area")
