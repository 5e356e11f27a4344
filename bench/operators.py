"""Writes docs/operators.md and its picture strips from the operators' declarations: ``python -m bench.operators``."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from bentlight.parameter import Parameter
from engine.bends import OPERATORS, RUNTIMES, Bend, BendPlan, Operator, sites_for
from engine.bends.catalog.channels import CHANNELS
from engine.bends.catalog.picture import PICTURE
from engine.bends.catalog.space import SPACE
from engine.bends.catalog.values import VALUES
from engine.generator import Generator
from engine.layers import site_of_layer
from engine.measures import SiteInfo
from engine.spec import FrameSpec

DOCS = Path(__file__).resolve().parent.parent / "docs"
STRIPS = "pictures/operators"
TILE = 96
COLUMNS = 5
SITES = ("latent.0", "unet.up.1", "latent.end")
"""An early, a middle and a late one."""
PROMPT, SEED = "neon cyan and orange flower", 46
TRIED = (0, 5, 10, 15, 20, 25, 30, 40, 45, 49, 50)
"""Indices of the DAFx paper's 50 steps at which its authors bent."""
MOST_STEPS = 4

HARDLY_SEEN = {
    "unet.skip.6": "bends here are hardly seen: they move the picture by 0.02 to 1.1 of 255",
    "unet.skip.7": "bends here are not seen: they move the picture by 0.0 of 255",
}
"""Sites of the built-in model with next to no say: `invert`, `noise`, `zoom`, `multiply` by 0 and `channel_rotate` at
`mix` 1, three seeds. The same at `unet.skip.5` move the picture by 2 to 9 of 255."""

FAMILIES = (
    ("Values", "Every value by itself, or by the statistics of the tensor.", VALUES),
    ("Channels", "Between channels: rotations, reflections, mixtures.", CHANNELS),
    ("Plane", "On the picture plane: geometry, smoothing, morphology, spatial frequency.", SPACE),
    ("Picture", "On the finished picture's colours.", PICTURE),
)

INTRODUCTION = """# Operators

<!-- made by `python -m bench.operators` from the declarations in engine/bends/catalog; do not edit -->

A bend is an operator at a site. Its parameters are live: routes, OSC and keys move them while the model plays, and
moving one rebuilds nothing.

- **Neutral.** At its neutral values (the column below) an operator is the identity, bit for bit; those that resample
  pixels, to 1e-5 of the site's standard deviation. Operators that have no neutral of their own rest at `mix` 0.
- **Site sd.** Amounts and thresholds are in units of the standard deviation of the unbent activation, measured once per
  model, so a value means the same at every site of every model.
- **mix** is dry/wet: 0 leaves the activation as it is, 1 is fully bent.
- **Order.** Any number of bends may sit at one site; they act in the order of the scene.
- **Groups.** Operators that cut channels into groups say how; the rest of the selection stays.

## Which part of a site

Every bend can be limited; the limits multiply. Shares are of the site's height and width, so they mean the same on
every model.

| key of a bend | values | what is bent |
|---|---|---|
| `channels` | `all`, `even`, `odd`, `4-11`, `random:0.25`, `cluster:1/4` | a range, a seeded share, a cluster |
| `rows`, `columns` | `all`, `0.5`, `0.2-0.6`, `random:0.1` | one line, a band, a share drawn by `seed` |
| `mask` | `left`, `right`, `top`, `bottom`, `circle:0.3`, `outside:0.3`, `star.png` | a slope, a circle, a picture |
| `sparse` | 0 to 1 | a share of single values drawn by `seed` |
| `plane` | `1-2`, `5-9/16` | for `plane_rotate`: which two groups of channels |

`random` takes a share of the channels, rows or columns. `cluster:1/4` is the largest of four sets of channels that act
alike (of 2 to 8): channels whose activations correlate, found by spherical k-means when a model is measured. Rows and
columns together choose a rectangle or a single pixel; at `text` the rows are the tokens. The slopes of `mask` are full
at the edge they name and nothing at the opposite one; the radius of a circle is in heights. A scene's
bend also takes a picture that lies beside it, `mask: star.png` (docs/scenes.md); from Python it is `mask="painted"`,
`painted=Painted.of(array)`.

## Weights

`weights.<module>` is the weight tensor of a module at or below a site, `weights.unet.up.2.resnet.0.conv1` for one.
It is bent as (1, outputs, inputs, kernel values): `channels` are its outputs and `rows` its inputs. The tensor is
written only when a value has changed, always from the weights as they were loaded, and comes back bit for bit.
Weights move in PyTorch only: with ONNX Runtime such a plan is played in PyTorch, which is said once.
"""


def main() -> None:
    """Write the page, and the strips unless they are not wanted."""
    parser = argparse.ArgumentParser(prog="python -m bench.operators", description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the page (default: docs)")
    parser.add_argument("--no-pictures", action="store_true", help="write the page only")
    parser.add_argument("--only", nargs="*", default=(), help="draw the strips of these operators only")
    parser.add_argument("--size", type=int, default=256, help="side of the rendered pictures")
    parser.add_argument("--quality", type=int, default=80, help="JPEG quality")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    wishes = parser.parse_args()
    import torch

    torch.set_num_threads(wishes.threads)
    model = Generator.load("builtin", runtime="eager", dtype="float32", size=(wishes.size, wishes.size))
    wishes.out.mkdir(parents=True, exist_ok=True)
    if not wishes.no_pictures:
        folder = wishes.out / STRIPS
        folder.mkdir(parents=True, exist_ok=True)
        for declared in OPERATORS.values():
            if not wishes.only or declared.name in wishes.only:
                draw_strip(model, declared, folder / f"{declared.name}.jpg", wishes.quality)
    (wishes.out / "operators.md").write_text(page(model.sites()), encoding="utf-8")


def page(sites: Sequence[SiteInfo]) -> str:
    """Return the whole page."""
    parts = [INTRODUCTION, site_section(sites), step_section()]
    for title, what, operators in FAMILIES:
        parts.append(f"## {title}\n\n{what}\n")
        parts.extend(operator_section(declared) for declared in operators)
    return "\n".join(parts)


def site_section(sites: Sequence[SiteInfo]) -> str:
    """Return what the layers behind each site do to a bend, for the built-in model; the finer sites left out."""
    coarse = [s for s in sites if ".resnet." not in s.address and ".attention." not in s.address]
    rows = [
        f"| `{s.address}` | {' × '.join(str(n) for n in s.shape)} | {s.sd:.3g} | {_note(s)} |"
        for s in coarse
        if not s.address.startswith("latent.") or s.address in ("latent.0", "latent.end")
    ]
    return "\n".join(
        (
            "## Sites of the built-in model, and what is cancelled behind them\n",
            "A group norm takes mean and size off every group of channels. Where it is the only reader, `add` and",
            "`multiply` on all channels have exactly no effect, and a factor that crosses zero flips the picture at",
            "once. Limited to some channels they act everywhere, and so does whatever moves pixels, mixes channels or",
            "bends the curve of values. `latent.<step>` exists up to the scene's number of steps; the finer sites",
            "(`unet.up.0.resnet.1`, `unet.mid.attention.0` …) are listed by `bentlight sites`.\n",
            "| site | channels × height × width | sd | what reads it |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


def _note(site: SiteInfo) -> str:
    return "; ".join(filter(None, (site.note, HARDLY_SEEN.get(site.address, ""))))


def step_section() -> str:
    """Return the table from the DAFx paper's step index to noise levels and to the sites of a few-step model."""
    published = published_levels()
    ours = {steps: step_levels(steps) for steps in range(1, MOST_STEPS + 1)}
    head = " | ".join(f"{n} step{'s' if n > 1 else ''}" for n in ours)
    rows = []
    for index in TRIED:
        timestep, signal, noise = published[index]
        nearest = [
            site_of_layer(index, steps, [t for t, _, _ in levels.values() if t >= 0]) for steps, levels in ours.items()
        ]
        where = f"{timestep:g}" if index < 50 else "after the last"
        rows.append(f"| {index} | {where} | {signal:.2f} / {noise:.2f} | {' | '.join(f'`{s}`' for s in nearest)} |")
    own = []
    for steps, levels in ours.items():
        row = (f"`{site}` {t:.0f}: {a:.2f} / {b:.2f}" for site, (t, a, b) in levels.items() if t >= 0)
        own.append(f"| {steps} | {', '.join(row)} |")
    return "\n".join(
        (
            "## Layers of the DAFx paper\n",
            "There a layer L is the latent before denoising step L of 50 (Stable Diffusion 1.4, DDIM), and 50 the",
            "latent after the last. What a bend does depends on how much noise is left, so the site of a few-step",
            "model that stands for a layer is the one whose latent is as noisy (`engine.layers.site_of_layer`).",
            "These are the sites of the built-in model; [engine.md](engine.md) has those of models whose steps are",
            "spaced evenly.\n",
            f"| L | timestep | signal / noise | {head} |",
            "|---|---|---|" + "---|" * len(ours),
            *rows,
            "",
            "Timestep, signal and noise amplitude before each step of the built-in model (the last one at 99):\n",
            "| steps | sites |",
            "|---|---|",
            *own,
            "",
        )
    )


def published_levels() -> dict[int, tuple[float, float, float]]:
    """Return (timestep, signal, noise amplitude) before each of the paper's 50 steps, and after the last."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1, clip_sample=False
    )
    scheduler.set_timesteps(50)
    alphas = scheduler.alphas_cumprod
    levels = {
        index: (float(t), math.sqrt(float(alphas[int(t)])), math.sqrt(1 - float(alphas[int(t)])))
        for index, t in enumerate(scheduler.timesteps)
    }
    return {**levels, 50: (0.0, 1.0, 0.0)}


def step_levels(steps: int) -> dict[str, tuple[float, float, float]]:
    """Return (timestep, signal, noise amplitude) at each latent site of the built-in model; timestep -1 is the end."""
    import torch
    from diffusers import EulerDiscreteScheduler

    from engine.builtin import WEIGHTS
    from engine.sampling import Sampler

    config = json.loads((WEIGHTS / "scheduler" / "scheduler_config.json").read_text())
    table = Sampler(EulerDiscreteScheduler.from_config(config), torch.device("cpu")).schedule(steps).steps
    # `scale` brings the latent to unit variance, of which the clean picture's share is its square.
    levels = {f"latent.{i}": (step.timestep, step.scale, math.sqrt(1 - step.scale**2)) for i, step in enumerate(table)}
    return {**levels, "latent.end": (-1.0, 1.0, 0.0)}


def operator_section(declared: Operator) -> str:
    """Return one operator's part of the page."""
    lines = [f"### {declared.name}\n", f"{declared.description[0].upper()}{declared.description[1:]}.\n"]
    if declared.note:
        lines.append(f"{declared.note}\n")
    lines += ["| parameter | range | neutral | unit | what it is |", "|---|---|---|---|---|"]
    lines += [
        f"| `{p.name}` | {_number(p.low)} to {_number(p.high)} | {_number(p.default)} | {p.unit} | {p.description} |"
        for p in declared.parameters
    ]
    where = sites_for(declared)
    runs = "every runtime" if declared.runtimes == RUNTIMES else f"{', '.join(sorted(declared.runtimes))} only"
    lines.append(f"\nSites: {where}. Runs in {runs}. From: {declared.source}.\n")
    name, values = travelled(declared)
    seen = ", ".join(_number(v) if v is not None else "unbent" for v in values)
    rows = ", ".join(f"`{b.site}`{' (even channels)' if b.channels == 'even' else ''}" for b in shown(declared))
    lines.append(f"![{declared.name}]({STRIPS}/{declared.name}.jpg)\n")
    lines.append(f"`{name}` from left to right: {seen}. From top to bottom: {rows}.\n")
    return "\n".join(lines)


def shown(declared: Operator) -> list[Bend]:
    """Return the bends that the strip of an operator shows, one per row."""
    sites = [site for site in SITES if site.split(".", maxsplit=1)[0] in declared.kinds] or ["picture"]
    some = declared.name in ("add", "multiply")
    return [
        Bend("shown", declared.name, site, "even" if some and site.startswith("unet") else "all", seed=1)
        for site in sites
    ]


def travelled(declared: Operator) -> tuple[str, list[float | None]]:
    """Return the parameter that a strip travels and its values from low to high; None is the unbent picture."""
    mix = declared.parameters[-1]
    if len(declared.parameters) == 1:
        return mix.name, [i / (COLUMNS - 1) for i in range(COLUMNS)]
    first = declared.parameters[0]
    if float(mix.default) == 0:
        return first.name, [None, *_spread(first, float(first.low or 0), COLUMNS - 1)]
    return first.name, list(_travel(first))


def _travel(parameter: Parameter) -> Iterator[float]:
    rest, low, high = float(parameter.default), float(parameter.low or 0), float(parameter.high or 0)
    if parameter.unit == "rad":
        yield from (i * math.pi / 3 for i in range(COLUMNS))
    elif parameter.unit in ("turns", "widths"):
        yield from (i / 8 for i in range(COLUMNS))
    elif low < rest < high:
        half = COLUMNS // 2
        yield from (low + (rest - low) * i / half for i in range(half))
        yield from (rest + (high - rest) * i / half for i in range(half + 1))
    else:
        yield from _spread(parameter, low, COLUMNS)


def _spread(parameter: Parameter, low: float, count: int) -> list[float]:
    return [low + (float(parameter.high or 0) - low) * i / (count - 1) for i in range(count)]


def draw_strip(model: Generator, declared: Operator, path: Path, quality: int) -> None:
    """Render one operator's strip, the sites below each other, into a JPEG."""
    from PIL import Image

    name, values = travelled(declared)
    bends = shown(declared)
    strip = Image.new("RGB", (TILE * len(values), TILE * len(bends)))
    for row, bend in enumerate(bends):
        plan = BendPlan((bend,))
        for column, value in enumerate(values):
            bank = plan.neutral
            if value is not None:
                wanted = {**{p.name: float(p.default) for p in declared.parameters}, "mix": 1.0, name: value}
                bank = tuple(wanted[p.name] for p in declared.parameters)
            picture = model.render(FrameSpec(prompts=((PROMPT, 1.0),), seed=SEED, plan=plan, values=bank))
            tile = Image.fromarray(picture.pixels).resize((TILE, TILE), Image.Resampling.LANCZOS)
            strip.paste(tile, (column * TILE, row * TILE))
    strip.save(path, quality=quality, optimize=True)


def _number(value: object) -> str:
    """A number for people: fractions of pi as such."""
    number = float(value)  # type: ignore[arg-type]
    turns = number / math.pi * 3
    if number and abs(turns - round(turns)) < 1e-6:
        whole, part = divmod(round(turns), 3)
        words = {1: "π", -1: "-π"}.get(whole, f"{whole}π") if part == 0 else f"{round(turns)}π/3".replace("1π", "π")
        return words
    return f"{number:.3g}"


if __name__ == "__main__":
    main()
