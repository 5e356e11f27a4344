"""Section ``bends``: whether each level of the UNet has a say, and answers to a bend evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.builtin.captions import draw_captions
from bench.builtin.drawing import contact_sheet
from bench.builtin.measures import difference, spearman, step_ratio
from bench.builtin.readings import Reading, Section
from bench.builtin.setting import Setting
from engine.bends import Bend, BendPlan, operator
from engine.builtin.vocabulary import LEARNT

__all__ = ["SWEEPS", "measure"]

ABOUT = "noise in place of each level's activation, and three operators swept at each level"
_SHOWN = 7


@dataclass(frozen=True, slots=True)
class Sweep:
    """One operator's parameter moved from its neutral value to an end."""

    operator: str
    start: float
    end: float
    channels: str = "all"

    def values(self, count: int) -> list[float]:
        """``count`` evenly spaced values, both ends included."""
        return [self.start + (self.end - self.start) * k / (count - 1) for k in range(count)]

    def plan(self, site: str) -> BendPlan:
        """The bend at a site."""
        return BendPlan((Bend("swept", self.operator, site, channels=self.channels),))

    def settings(self, value: float) -> tuple[float, ...]:
        """The plan's values with the parameter at ``value``, wholly wet."""
        return (value, *(1.0 if p.name == "mix" else float(p.default) for p in operator(self.operator).parameters[1:]))


SWEEPS = (
    Sweep("channel_rotate", 0.0, math.pi),
    # Every second channel: scaling all of them would be undone by the group norms that read them.
    Sweep("multiply", 1.0, 2.5, "even"),
    Sweep("zoom", 1.0, 0.5),
)


@torch.inference_mode()
def measure(setting: Setting) -> Section:
    """Replace each level by noise, then sweep every operator at each level."""
    section = Section("bends", ABOUT)
    _silence(setting, section)
    _sweep(setting, section)
    return section


def replaced_by_noise(x: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise with the mean and standard deviation of each activation (batch, channel, height, width)."""
    noise = torch.randn(x.shape, generator=generator).to(x)
    return noise * x.std(dim=(1, 2, 3), keepdim=True) + x.mean(dim=(1, 2, 3), keepdim=True)


def _silence(setting: Setting, section: Section) -> None:
    model, count = setting.model, max(len(LEARNT), setting.counts.bent)
    captions = draw_captions(setting.rng("silence"), count, held_out=True)
    noise = setting.noise("silence", count)
    plain = model.pictures(noise, captions)
    for level in setting.track(model.levels, "replacing levels by noise", len(model.levels)):
        generator = torch.Generator().manual_seed(setting.rng("silence noise").getrandbits(62))
        handle = model.sites[level].attach(lambda x, g=generator: replaced_by_noise(x, g))
        try:
            changes = difference(model.pictures(noise, captions), plain)
        finally:
            handle.remove()
        note = f"{count} captions, least {float(changes.min()):.1f}"
        section.readings.append(
            Reading(f"noise at {level}", float(changes.mean()), 10.0, unit="of 255", note=note, digits=1)
        )


def _sweep(setting: Setting, section: Section) -> None:
    model, counts = setting.model, setting.counts
    captions = draw_captions(setting.rng("sweep"), counts.bent, setting.forms(), held_out=True)
    noise = setting.noise("sweep", counts.bent)
    plain, text = model.pictures(noise, captions), model.text(captions)
    coarse: dict[str, float] = {}
    for sweep in SWEEPS:
        correlation, jump, contrast, broken, sheet, reach = {}, {}, {}, 0, [], {}
        values = sweep.values(counts.sweep)
        for level in setting.track(model.levels, f"sweeping {sweep.operator}", len(model.levels)):
            swept = torch.stack(
                [model.pictures(noise, text, plan=sweep.plan(level), values=sweep.settings(v)) for v in values]
            )
            broken += int((~torch.isfinite(swept)).flatten(2).any(dim=2).sum())
            away = torch.stack([difference(pictures, plain) for pictures in swept])
            steps = torch.stack([difference(a, b) for a, b in zip(swept[1:], swept[:-1], strict=True)])
            correlation[level] = spearman(torch.arange(len(values)), away.mean(dim=1).cpu())
            jump[level] = max(step_ratio(one) for one in steps.T)
            contrast[level] = float((_contrast(swept.flatten(0, 1)).view(len(values), -1) / _contrast(plain)).min())
            reach[level] = float(away[-1].mean())
            coarse[f"{sweep.operator} {level}"] = coarse_share(swept[-1] - plain)
            sheet.append(swept[_columns(len(values)), 0])
        section.readings += _readings(sweep.operator, correlation, jump, contrast, broken)
        section.remarks.append(
            f"{sweep.operator} at its end, change of 255 (coarse share of it): "
            + ", ".join(f"{_short(k)} {v:.0f} ({coarse[f'{sweep.operator} {k}']:.2f})" for k, v in reach.items())
        )
        section.data[sweep.operator] = {"spearman": correlation, "step": jump, "contrast": contrast, "reach": reach}
        columns = [f"{values[k]:.2f}" for k in _columns(len(values))]
        path = setting.out / f"sweep-{sweep.operator}.png"
        section.files.append(contact_sheet(sheet, path, [_short(level) for level in model.levels], columns))
    section.data["coarse share"] = coarse


def _readings(
    operator: str, correlation: dict[str, float], jump: dict[str, float], contrast: dict[str, float], broken: int
) -> list[Reading]:
    low, high, pale = min(correlation, key=correlation.get), max(jump, key=jump.get), min(contrast, key=contrast.get)
    failing = [_short(level) for level, value in correlation.items() if value < 0.9]
    note = f"least at {_short(low)}" + (f"; below the bar: {', '.join(failing)}" if failing else "")
    uneven = [_short(level) for level, value in jump.items() if value > 4]
    said = f"most at {_short(high)}, over captions" + (f"; above the bar: {', '.join(uneven)}" if uneven else "")
    return [
        Reading(f"{operator}: Spearman of change", correlation[low], 0.9, note=note),
        Reading(f"{operator}: largest step / mean step", jump[high], at_most=4.0, note=said, digits=2),
        Reading(f"{operator}: contrast left", contrast[pale], 0.25, note=f"least, at {_short(pale)}", digits=2),
        Reading(f"{operator}: pictures with NaN", broken, at_most=0, digits=0),
    ]


def coarse_share(change: Tensor) -> float:
    """Share of the energy of changes (batch, 3, height, width) that remains in means over 32 x 32 pixels, 0..1."""
    means = F.avg_pool2d(change, 32)
    return float(means.square().mean() / change.square().mean().clamp_min(1e-12))


def _contrast(pictures: Tensor) -> Tensor:
    return pictures.std(dim=(1, 2, 3))


def _columns(count: int) -> list[int]:
    shown = min(_SHOWN, count)
    return [round(k * (count - 1) / (shown - 1)) for k in range(shown)]


def _short(level: str) -> str:
    return level.removeprefix("unet.")
