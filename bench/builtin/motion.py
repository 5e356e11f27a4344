"""Section ``motion``: smooth travel through noise and between prompts, that gets somewhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.builtin.captions import draw_captions
from bench.builtin.measures import circle, difference, step_ratio
from bench.builtin.readings import Reading, Section
from bench.builtin.setting import Setting
from engine.builtin.painter import paint
from engine.noise import fixed_noise
from engine.paces import Pace
from engine.paces import measure as measure_pace

__all__ = ["measure"]

ABOUT = "a circular noise walk and a prompt blend; steps are mean pixel differences between neighbours"
SEEDS = 12


@torch.inference_mode()
def measure(setting: Setting) -> Section:
    """Walk the circle and blend prompts for each form."""
    section = Section("motion", ABOUT)
    forms, counts, model = setting.forms(), setting.counts, setting.model
    captions = draw_captions(setting.rng("motion"), len(forms), forms, held_out=True)
    ends = setting.noise("motion", SEEDS)
    steps, reach, painted_reach, plain, even = {}, {}, {}, {}, {}
    for k, form in enumerate(setting.track(forms, "walking", len(forms))):
        caption, following = captions[k], captions[(k + 1) % len(captions)]
        walked = model.pictures(circle(ends[:1], ends[1:2], counts.walk), [caption] * counts.walk)
        steps[form] = step_ratio(difference(walked, walked.roll(-1, 0)))
        reach[form] = _opposites(walked) / _independent(model.pictures(ends, [caption] * SEEDS))
        few = circle(ends[:1], ends[1:2], SEEDS)
        painted_reach[form] = _opposites(paint(few, [caption] * SEEDS)) / _independent(paint(ends, [caption] * SEEDS))
        pace = _pace(setting, caption, following)
        shares = [i / (counts.blend - 1) for i in range(counts.blend)]
        for ratios, weights in ((plain, shares), (even, [pace(share) for share in shares])):
            text = torch.cat([model.blend(caption, following, weight) for weight in weights])
            blended = model.pictures(ends[:1].expand(counts.blend, -1, -1, -1), text)
            ratios[form] = step_ratio(difference(blended[1:], blended[:-1]))
    section.data = {
        "walk": steps,
        "blend": even,
        "blend at the weights' pace": plain,
        "opposites": reach,
        "opposites, painter": painted_reach,
    }
    section.readings += [
        Reading("walk: largest step / mean step", max(steps.values()), at_most=3.0, note=_at(steps, counts.walk)),
        Reading("blend: largest step / mean step", max(even.values()), at_most=3.0, note=_at(even, counts.blend)),
        Reading("blend at the weights' own pace", max(plain.values()), note=_at(plain, counts.blend)),
        Reading(
            "opposite points / independent noises",
            sum(reach.values()) / len(reach),
            0.7,
            note=f"{len(reach)} captions, least {min(reach.values()):.2f}; "
            f"painter {sum(painted_reach.values()) / len(painted_reach):.2f}",
        ),
    ]
    return section


def _pace(setting: Setting, caption: str, following: str) -> Pace:
    """The pace of a blend as a show measures it: with other noises than those that are walked."""
    model = setting.model

    def picture(weight: float, seed: int) -> np.ndarray:
        noise = torch.from_numpy(fixed_noise(seed, (1, 4, 32, 32))).to(model.device)
        drawn = model.pictures(noise, model.blend(caption, following, weight))[0]
        return (255 * drawn).round().byte().permute(1, 2, 0).cpu().numpy()

    return measure_pace(picture)


def _at(ratios: dict[str, float], count: int) -> str:
    worst = max(ratios, key=lambda form: ratios[form])
    mean = sum(ratios.values()) / len(ratios)
    return f"{count} pictures, {len(ratios)} captions, the largest at {worst}; mean {mean:.2f}"


def _opposites(walked: Tensor) -> float:
    """Mean difference, of 255, of pictures half a circle apart."""
    half = len(walked) // 2
    return float(difference(walked[:half], walked[half : 2 * half]).mean())


def _independent(pictures: Tensor) -> float:
    """Mean difference, of 255, of each two pictures of independent noises."""
    a, b = torch.triu_indices(len(pictures), len(pictures), 1)
    return float(difference(pictures[a], pictures[b]).mean())
