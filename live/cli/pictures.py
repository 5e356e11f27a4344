"""`bentlight bench pictures`, `cost` and `memory`: how fast pictures are made, and what they take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from live.cli.tables import show

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["cost", "memory", "pictures"]

PROMPT = "neon blue galaxy"
RUNTIMES = ("onnx", "eager")

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Model = Annotated[str, typer.Option(help="The model.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of the model alone; as many as in a show when not said.")
]


def pictures(
    seconds: Annotated[float, typer.Option(min=5, help="Length of the headless show.")] = 30.0,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="The same in minutes.")] = None,
    scene: Annotated[str, typer.Option(help="The scene; the first one when not said.")] = "",
    model: Model = "builtin",
    threads: Threads = None,
    of_each: Annotated[int, typer.Option("--pictures", min=20, help="How many pictures of each are timed.")] = 200,
    windows: Annotated[
        bool, typer.Option("--windows", help="Also play six windows of five seconds of each, in turns.")
    ] = False,
    stages: Annotated[bool, typer.Option(help="Also say where the time of a picture goes.")] = True,
    as_json: Json = False,
) -> None:
    """Time each runtime with no bends, 4 and 12 moving ones, diffusers' pipeline, and a headless show of the demo.

    All take turns picture by picture, so that whatever else the machine does hits each alike; every bend value moves
    with every picture. `over no bends` and `over pipeline` are ratios of medians, the latter to the pipeline called
    fairly: embeddings given, one step, no guidance, no progress bar, an array as result.

    `best of six` there is the best of six stretches of the pictures timed. `--windows` takes half a minute for each:
    the pictures in the best, the median and the worst of six windows of five seconds.

    Where the time goes is wall time per picture, and adds up. In ONNX Runtime its own profile tells the layers apart,
    which costs a little itself; `without watching` is the time that counts.
    """
    from live.bench.pictures import generator_speed, pipeline_players, players, show_speed, window_speed
    from live.machine import machine_name

    count = threads or _usual_threads()
    generators = _generators(model, count)
    own = {name: play for generator in generators.values() for name, play in players(generator, PROMPT).items()}
    everyone = own | (pipeline_players(PROMPT, count) if model == "builtin" else {})
    speed = generator_speed(everyone, of_each)
    found: dict[str, Any] = {"machine": machine_name(), "generator": speed}
    if windows:
        found["windows"] = window_speed(everyone)
    if stages:
        found["stages"] = _stages(generators)
    found["show"] = show_speed(60 * minutes if minutes else seconds, scene, model)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    where = f"{model}; {count} threads; {machine_name()}"
    _show_speed(speed, f"Pictures alone ({of_each} of each, taking turns; {where})")
    if windows:
        show(
            f"Six windows of five seconds of each, taking turns ({where})",
            ("what", "best, pictures/s", "median", "worst"),
            [tuple(row.values()) for row in found["windows"]],
        )
    if stages:
        _show_stages(found["stages"], where)
    _show_show(found["show"])


def cost(
    model: Model = "builtin",
    threads: Threads = None,
    of_each: Annotated[int, typer.Option("--pictures", min=2, help="Pictures timed at each point.")] = 40,
    as_json: Json = False,
) -> None:
    """Time pictures at sizes from 128 to 512 and with 1 to 4 steps, four bends moving, both runtimes taking turns.

    Sizes are played with one step, numbers of steps at the model's own size. `python -m bench.cost` draws it.
    """
    from live.bench.cost import picture_cost
    from live.machine import machine_name

    count = threads or _usual_threads()
    rows = picture_cost(_generators(model, count), PROMPT, pictures=of_each)
    if as_json:
        print(json.dumps({"machine": machine_name(), "cost": rows}, indent=2))
        return
    show(
        f"Cost of a picture with four bends ({of_each} each; {model}; {count} threads; {machine_name()})",
        ("runtime", "size", "steps", "median ms", "p95 ms", "pictures/s"),
        [
            (r["runtime"], f"{r['side']} x {r['side']}", r["steps"], r["median_ms"], r["p95_ms"], _rate(r["median_ms"]))
            for r in rows
        ],
    )


def memory(
    model: Model = "builtin",
    threads: Threads = None,
    runtime: Annotated[str, typer.Option(help="The runtime: onnx or eager.")] = "onnx",
    count: Annotated[int, typer.Option("--pictures", min=1000, help="Pictures to play.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Play the bends of all built-in scenes in turn, and watch the resident memory of this process.

    First each scene is made ready, and what that added is told. Then pictures are made, every value moving, another
    scene every 250; growth is counted from picture 500 to the last.
    """
    from engine.generator import Generator
    from live.bench.memory import library_plans
    from live.bench.memory import memory as measure
    from live.machine import machine_name

    generator = Generator.load(model, device="cpu", runtime=runtime, threads=threads or _usual_threads())
    made = measure(generator, library_plans(), PROMPT, count)
    if as_json:
        print(json.dumps({"machine": machine_name(), **made}, indent=2))
        return
    show(
        f"Memory of this process, MB ({model}; {generator.runtime}; {count} pictures; {machine_name()})",
        ("what", "MB"),
        [
            ("before any scene", f"{made['bare_mb']:.1f}"),
            *((f"scene {name} added", f"{added:.1f}") for name, added in made["graphs"]),
            ("each scene after the first, on average", f"{made['per_graph_mb']:.1f}"),
            ("after 500 pictures", f"{made['settled_mb']:.1f}"),
            ("at the end", f"{made['end_mb']:.1f}"),
            ("growth", f"{made['growth_mb']:.1f}"),
            ("peak", f"{made['peak_mb']:.1f}"),
        ],
    )


def _usual_threads() -> int:
    from live.performance import render_threads

    return render_threads()


def _generators(model: str, threads: int) -> dict[str, Generator]:
    from engine.generator import Generator

    # ONNX Runtime plays on the CPU unless told otherwise: torch beside it must too.
    return {runtime: Generator.load(model, device="cpu", runtime=runtime, threads=threads) for runtime in RUNTIMES}


def _stages(generators: Mapping[str, Generator]) -> dict[str, Any]:
    from engine.bends import BendPlan
    from live.bench.pictures import FOUR_BENDS
    from live.bench.stages import stages, text_cost_ms

    found: dict[str, Any] = {}
    for runtime, generator in generators.items():
        for words, plan in (("no bends", BendPlan()), ("4 bends", FOUR_BENDS)):
            found[f"{runtime}, {words}"] = stages(generator, plan, PROMPT)
        found[f"{runtime}, new text"] = text_cost_ms(generator)
    return found


def _show_speed(speed: Sequence[Mapping[str, Any]], title: str) -> None:
    plain = next((row["median_ms"] for row in speed if "fairly" in row["what"]), None)
    show(
        title,
        ("what", "median ms", "p95 ms", "p99 ms", "pictures/s", "best of six", "over no bends", "over pipeline"),
        [[*row.values(), _over_unbent(row, speed), _ratio(plain, row["median_ms"])] for row in speed],
    )


def _show_stages(found: Mapping[str, Any], where: str) -> None:
    from live.bench.stages import STAGES

    tables = {name: made for name, made in found.items() if isinstance(made, dict)}
    rows: list[list[str]] = []
    for stage in STAGES:
        times = [dict(made["rows"]).get(stage) for made in tables.values()]
        rows.append([stage, *("–" if ms is None else f"{ms:.2f}" for ms in times)])
    rows.append(["whole", *(f"{made['whole_ms']:.2f}" for made in tables.values())])
    rows.append(["whole without watching", *(f"{made['unwatched_ms']:.2f}" for made in tables.values())])
    new = [found[f"{name.split(',')[0]}, new text"] for name in tables]
    rows.append(["beside it, once: a text never seen", *(f"{ms:.2f}" for ms in new)])
    show(f"Where a picture's time goes, mean ms ({where})", ("stage", *tables), rows)


def _show_show(made: Mapping[str, Any]) -> None:
    age = made["feature_age_ms"]
    show(
        f"Headless show of the demo track, scene {made['scene']}, {made['seconds']:.0f} s",
        ("what", "figure"),
        [
            ("pictures/s", made["pictures_per_s"]),
            ("distinct pictures", f"{made['distinct']} of {made['pictures']}"),
            ("size, steps", f"{made['width']} x {made['height']}, {made['steps']}"),
            ("age of the newest feature at render start, ms", f"p50 {age['p50']}, p95 {age['p95']}, p99 {age['p99']}"),
            ("one picture, ms", ", ".join(f"{k} {v}" for k, v in made["picture_ms"].items())),
            ("onsets heard, shown", f"{made['onsets_heard']}, {made['onsets_shown']}"),
            ("hops lost", made["hops_lost"]),
            ("memory of all processes, start and growth, MB", f"{made['memory_mb'][0][1]}, {made['memory_growth_mb']}"),
        ],
    )


def _over_unbent(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Time over that of the same runtime without bends."""
    runtime = row["what"].split(",")[0]
    base = next((r["median_ms"] for r in rows if r["what"] == f"{runtime}, no bends"), None)
    return _ratio(row["median_ms"], base)


def _ratio(above: float | None, below: float | None) -> str:
    return f"{above / below:.2f}" if above and below else "–"


def _rate(ms: float) -> str:
    return f"{1e3 / ms:.1f}"
