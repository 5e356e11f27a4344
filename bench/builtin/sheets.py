"""Section ``sheets``: contact sheets to look at, painter beside model."""

from __future__ import annotations

import torch

from bench.builtin.drawing import contact_sheet
from bench.builtin.measures import circle
from bench.builtin.readings import Section
from bench.builtin.setting import Setting
from engine.builtin.painter import paint
from engine.builtin.vocabulary import FORMS, LEARNT, MOOD_WORDS, PALETTES

__all__ = ["measure"]

ABOUT = "forms in six palettes and in every mood (painter on the left, model on the right), and a loop"
LOOP = 16
"""Pictures of a 4-bar loop: one on each beat of a circular walk."""


@torch.inference_mode()
def measure(setting: Setting) -> Section:
    """Draw the sheets."""
    section = Section("sheets", ABOUT)
    palettes = list(PALETTES)[:6]
    moods = ["", *(words[0] for words in MOOD_WORDS.values())]
    for name, words in (("palettes", palettes), ("moods", moods)):
        noise, rows = setting.noise("sheets", len(words)), []
        for form in setting.track(LEARNT, f"drawing {name}", len(LEARNT)):
            captions = [f"{word} {FORMS[form][0]}".strip() for word in words]
            rows.append(torch.cat([paint(noise, captions), setting.model.pictures(noise, captions)]).cpu())
        titles = [f"{who} {word or 'plain'}"[:18] for who in ("painter", "model") for word in words]
        path = setting.out / f"forms-and-{name}.jpg"
        section.files.append(contact_sheet(rows, path, LEARNT, titles))
    ends, rows, forms = setting.noise("loop", 2), [], setting.forms()
    for form in setting.track(forms, "drawing loops", len(forms)):
        walk = circle(ends[:1], ends[1:], LOOP)
        rows.append(setting.model.pictures(walk, [f"infrared {FORMS[form][0]}"] * LOOP).cpu())
    section.files.append(contact_sheet(rows, setting.out / "loop.jpg", forms, [str(k + 1) for k in range(LOOP)]))
    return section
