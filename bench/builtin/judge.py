"""The judge: a small classifier that learnt form, first colour and mood from painter pictures alone."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.builtin.captions import draw_captions
from engine.builtin.painter import paint
from engine.builtin.train.common import Average, autocast, load, schedule
from engine.builtin.vocabulary import COLOURS, LEARNT, MOODS, understand
from engine.devices import fast_bfloat16

if TYPE_CHECKING:
    from bench.builtin.setting import Setting

__all__ = ["HEADS", "SHIPPED", "SIDE", "Judge", "labels", "trained_judge"]

SHIPPED = Path(__file__).with_name("judge.safetensors")
"""The judge that comes with the bench, so that figures are taken with one measure; how it learnt is in the .json."""

SIDE = 128
"""Side of the pictures the judge looks at, in pixels; larger ones are averaged down."""
HEADS: dict[str, tuple[str, ...]] = {"form": tuple(LEARNT), "colour": tuple(COLOURS), "mood": tuple(MOODS)}
"""What is asked for, and the answers there are."""
_ENOUGH = {"form": 0.96, "colour": 0.96, "mood": 0.92}
"""Accuracies on held-out painter pictures at which training ends: a little above the bar of 0.95."""
_STEEPEST = 10.0
"""Largest norm of a step's gradient."""
_BATCH, _RATE, _EVERY, _CHECKED = 64, 2e-3, 50, 480
_GOING_ON = 6e-4
"""Peak rate of a judge that learnt before: at the first rate it loses in minutes what it had."""
_AGAIN = 4096
"""Painter pictures kept: half of each batch is new, half drawn from these, since painting costs as much as learning."""


class Judge(nn.Module):
    """Convolutions for what is where, and a branch of 1 x 1 convolutions for which colours there are and how much."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 48, 80, 112, 128)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b in itertools.pairwise(widths)
        )
        self.palette = nn.Sequential(nn.Conv2d(3, 48, 1), nn.ReLU(), nn.Conv2d(48, 96, 1), nn.ReLU())
        # 4 x 4 places of the last stage, means of the two before, and the palette.
        self.join = nn.Sequential(nn.Linear(128 * 16 + 80 + 112 + 96, 256), nn.ReLU(), nn.Dropout(0.1))
        self.heads = nn.ModuleDict({name: nn.Linear(256, len(answers)) for name, answers in HEADS.items()})

    def features(self, pictures: Tensor) -> Tensor:
        """What the answers are read from, (batch, 256), of pictures (batch, 3, height, width) in 0..1."""
        x = (_looked_at(pictures) - 0.35) * 3
        colours = self.palette(F.avg_pool2d(x, 4)).mean(dim=(2, 3))
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        means = [seen[k].mean(dim=(2, 3)) for k in (2, 3)]
        return self.join(torch.cat([x.flatten(1), *means, colours], dim=1))

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Scores (batch, answers) for each question."""
        features = self.features(pictures)
        return {name: head(features) for name, head in self.heads.items()}

    @torch.inference_mode()
    def read(self, pictures: Tensor) -> dict[str, Tensor]:
        """The likeliest answers (batch,) to each question, as numbers."""
        parts = [self(part) for part in pictures.split(64)]
        return {name: torch.cat([part[name].argmax(dim=1) for part in parts]) for name in HEADS}

    @torch.inference_mode()
    def described(self, pictures: Tensor) -> Tensor:
        """`features` of any number of pictures."""
        return torch.cat([self.features(part) for part in pictures.split(64)])


def _looked_at(pictures: Tensor) -> Tensor:
    return pictures if pictures.shape[-1] == SIDE else F.interpolate(pictures, size=(SIDE, SIDE), mode="area")


def labels(captions: Sequence[str], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """The right answers to each question, as numbers (batch,)."""
    meanings = [understand(caption) for caption in captions]
    fields = {"form": "form", "colour": "first", "mood": "mood"}
    return {
        name: torch.tensor([answers.index(getattr(m, fields[name])) for m in meanings], device=device)
        for name, answers in HEADS.items()
    }


def trained_judge(setting: Setting) -> tuple[Judge, str]:
    """The judge, from the cache, the one that ships or trained now, and a line on where it is from.

    A kept judge is used when it learnt from the same painter and words, and either learnt enough or had at least the
    time that there is now; one that had less goes on learning for the rest. The one that ships is used when it learnt
    enough from this painter; else learning begins from its weights.
    """
    path = setting.cache / f"judge-{_key(setting.seed)}.safetensors"
    history = path.with_suffix(".json")
    judge, before, begun = Judge().to(setting.model.device), None, "trained now"
    if path.exists() and history.exists():
        before, begun = _read(judge, path), "of an earlier run"
    elif not setting.fresh and SHIPPED.exists():
        before, begun = _read(judge, SHIPPED), "that ships"
        same = before["key"] == _key(0)
        if not (same and before["enough"]):
            # It goes on learning for all the time that there is.
            before |= {"minutes": 0.0, "enough": False, "earlier": before["minutes"] + before["earlier"]}
        if not same:
            before["pictures"], begun = 0, "of another painter"
    if before and (before["enough"] or before["minutes"] >= setting.minutes):
        kept_by = "kept from an earlier run" if begun == "of an earlier run" else begun
        return judge.eval(), f"judge {kept_by} ({_told(before)})"
    kept = _train(judge, setting, before)
    _write(judge, kept, path)
    if before is None:
        return judge.eval(), f"judge trained now ({_told(kept)})"
    return judge.eval(), f"judge {begun} ({_told(before)}) trained further now ({_told(kept)})"


def _write(judge: Judge, kept: dict, path: Path) -> None:
    """Write a judge and, beside it, what it learnt from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    # Half precision: it ships.
    save_file({name: x.detach().half().cpu().contiguous() for name, x in judge.state_dict().items()}, temporary)
    temporary.replace(path)
    path.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def _read(judge: Judge, path: Path) -> dict:
    load(judge, path)
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def _told(kept: dict) -> str:
    ended = "accurate enough" if kept["enough"] else "time was out"
    earlier = f", after {kept['earlier']:.0f} minutes before it shipped" if kept["earlier"] else ""
    return f"{kept['pictures']} painter pictures, {kept['minutes']:.1f} minutes, {ended}{earlier}"


def _key(seed: int) -> str:
    """A name that changes with the painter, the words, this file and the seed."""
    from engine.builtin import painter, vocabulary

    here = Path(__file__)
    files = [*sorted(Path(painter.__file__).parent.glob("*.py")), Path(vocabulary.__file__), here]
    digest = hashlib.sha256(str(seed).encode())
    for path in [*files, here.with_name("captions.py")]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _train(judge: Judge, setting: Setting, before: dict | None) -> dict:
    """Train on fresh pictures until the running average of the weights answers well enough, or time is out."""
    new, before = before is None, before or {"minutes": 0.0, "pictures": 0, "earlier": 0.0}
    # What goes on must not begin with the pictures it began with.
    rng = setting.rng(f"judge training {before['pictures']}" if before["pictures"] else "judge training")
    generator = torch.Generator().manual_seed(rng.getrandbits(62))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(rng.getrandbits(62))
        if new:
            judge.load_state_dict(Judge().to(setting.model.device).state_dict())
        rate = _RATE if new else _GOING_ON
        kept = _learn(judge, setting, 60 * (setting.minutes - before["minutes"]), rng, generator, rate)
    sums = {"minutes": round(kept["minutes"] + before["minutes"], 2), "pictures": kept["pictures"] + before["pictures"]}
    return kept | sums | {"earlier": before["earlier"], "key": _key(setting.seed)}


def _learn(
    judge: Judge, setting: Setting, seconds: float, rng: random.Random, generator: torch.Generator, rate: float
) -> dict:
    device = setting.model.device
    checked = draw_captions(setting.rng("judge check"), _CHECKED, held_out=True, every_colour=True)
    check_pictures, check_labels = _painted(checked, setting.noise("judge check", _CHECKED)), labels(checked, device)
    judge.to(memory_format=torch.channels_last)
    quick = device.type == "cuda" or (device.type == "cpu" and fast_bfloat16())
    kept: list[tuple[Tensor, dict[str, Tensor]]] = []
    average = Average(judge, 0.995)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=rate, weight_decay=1e-2)
    started, step, enough, best = time.monotonic(), 0, False, dict.fromkeys(HEADS, 0.0)
    task = setting.progress.add_task("training the judge", total=seconds)
    while not enough and (spent := time.monotonic() - started) < seconds:
        for group in optimiser.param_groups:
            group["lr"] = rate * schedule(step, spent / seconds, warm_steps=50)
        # Turns through the forms begin anywhere, so that a batch that no number of forms divides is fair over time.
        forms = rng.sample(LEARNT, len(LEARNT))
        captions = draw_captions(rng, _BATCH // 2, forms, held_out=False)
        noise = torch.randn(_BATCH // 2, 4, 32, 32, generator=generator).to(device)
        new, right = _painted(captions, noise), labels(captions, device)
        if not torch.isfinite(new).all():
            continue
        kept = [*kept, ((new * 255).round().byte(), right)][-_AGAIN // len(captions) :]
        old = [(rng.choice(kept), rng.randrange(_BATCH // 2)) for _ in range(_BATCH // 2)]
        pictures = torch.cat([new, torch.stack([part[k] for (part, _), k in old]).float() / 255])
        right = {q: torch.cat([right[q], torch.stack([answer[q][k] for (_, answer), k in old])]) for q in HEADS}
        with autocast(device.type) if quick else nullcontext():
            answers = judge(pictures.to(memory_format=torch.channels_last))
        loss = sum(F.cross_entropy(answers[q].float(), right[q], label_smoothing=0.02) for q in HEADS)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        step += 1
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(judge.parameters(), _STEEPEST)):
            optimiser.step()
            average.update()
        else:
            # Else nothing would be left of all that was learnt; the statistics of its batch are in there already.
            judge.load_state_dict(average.shadow)
        if step % _EVERY == 0:
            average.swap()
            judge.eval()
            got = judge.read(check_pictures)
            best = {name: (got[name] == check_labels[name]).float().mean().item() for name in HEADS}
            enough = all(best[name] >= _ENOUGH[name] for name in HEADS)
            judge.train()
            average.swap()
        said = ", ".join(f"{name} {value:.2f}" for name, value in best.items())
        setting.progress.update(task, completed=spent, description=f"training the judge: {said}")
    average.swap()
    setting.progress.remove_task(task)
    minutes = (time.monotonic() - started) / 60
    return {"enough": enough, "minutes": round(minutes, 2), "pictures": step * _BATCH // 2, "check": best}


def _painted(captions: Sequence[str], noise: Tensor) -> Tensor:
    with torch.no_grad():
        parts = zip(range(0, len(captions), 32), noise.split(32), strict=True)
        return torch.cat([paint(z, list(captions[k : k + 32]), (SIDE, SIDE)) for k, z in parts])
