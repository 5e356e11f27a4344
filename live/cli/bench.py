"""`bentlight bench`: measurements that anyone can run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from live.cli.hearing import hearing
from live.cli.tables import show

__all__ = ["app"]

app = typer.Typer(
    help="Measure this machine.",
    no_args_is_help=True,
)
app.command("hearing")(hearing)

PROMPT = "neon blue galaxy"

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


@app.command("pictures")
def pictures(
    seconds: Annotated[float, typer.Option(min=5, help="Length of the headless show.")] = 30.0,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="The same in minutes.")] = None,
    scene: Annotated[str, typer.Option(help="The scene; the first one when not said.")] = "",
    model: Annotated[str, typer.Option(help="The model.")] = "builtin",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of the model alone; as many as in a show when not said.")
    ] = None,
    of_each: Annotated[int, typer.Option("--pictures", min=20, help="How many pictures of each are timed.")] = 200,
    as_json: Json = False,
) -> None:
    """Time each runtime with no bends, 4 and 12 moving ones, diffusers' pipeline, and a headless show of the demo."""
    from live.bench.pictures import generator_speed, show_speed
    from live.machine import machine_name
    from live.performance import render_threads

    count = threads or render_threads()
    speed = generator_speed(_everyone(model, count), of_each)
    made = show_speed(60 * minutes if minutes else seconds, scene, model)
    if as_json:
        print(json.dumps({"machine": machine_name(), "generator": speed, "show": made}, indent=2))
        return
    plain = next((row["median_ms"] for row in speed if "fairly" in row["what"]), None)
    show(
        f"Pictures alone ({model}; {of_each} of each, taking turns; {count} threads; {machine_name()})",
        (
            "what",
            "median ms",
            "p95 ms",
            "p99 ms",
            "pictures/s",
            "best of six",
            "over no bends",
            "over pipeline",
        ),
        [[*row.values(), _over_unbent(row, speed), _ratio(plain, row["median_ms"])] for row in speed],
    )
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


def _everyone(model: str, threads: int) -> dict[str, Callable[[int], None]]:
    """Everything that is timed side by side."""
    from engine.generator import Generator
    from live.bench.pictures import pipeline_players, players

    found: dict[str, Callable[[int], None]] = {}
    for runtime in ("onnx", "eager"):
        found |= players(Generator.load(model, runtime=runtime, threads=threads), PROMPT)
    return found | pipeline_players(PROMPT, threads) if model == "builtin" else found


def _over_unbent(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Time over that of the same runtime without bends."""
    runtime = row["what"].split(",")[0]
    base = next((r["median_ms"] for r in rows if r["what"] == f"{runtime}, no bends"), None)
    return _ratio(row["median_ms"], base)


def _ratio(above: float | None, below: float | None) -> str:
    return f"{above / below:.2f}" if above and below else "–"


@app.command("latency")
def latency(
    seconds: Annotated[float, typer.Option(min=6, help="Length of the click track.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Draws the clicks' times.")] = 1,
    scene: Annotated[str, typer.Option(help="The scene; the first one when not said.")] = "",
    sound_server: Annotated[
        bool | None,
        typer.Option(
            "--sound-server/--file",
            help="Play the clicks into a private sound server (pulseaudio) and capture them, or read them from a file.",
        ),
    ] = None,
    display: Annotated[
        bool | None,
        typer.Option("--display/--no-display", help="Watch the window on a virtual display (Xvfb)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Time each leg from a click in the sound to the picture that shows it and to the display.

    A private sound server and a virtual display stand in for a sound card and a screen where this machine has them, so
    a real card's and a real screen's own latency come on top.
    """
    from live.bench.latency import measure
    from live.machine import machine_name

    made = measure(seconds, seed, scene, sound_server=sound_server, display=display)
    if as_json:
        print(json.dumps({"machine": machine_name(), **made}, indent=2))
        return
    heard = f"{made['heard']} of {made['clicks']} clicks heard"
    if made["display"]:
        heard += f", {made['shown']} seen on the display"
    show(
        f"Latency ({machine_name()}; {made['runtime']}, {made['pictures_per_s']} pictures/s); {heard}",
        ("leg", "p50 ms", "p95 ms"),
        [(name, leg.get("p50", "not measured"), leg.get("p95", "")) for name, leg in made["legs"].items()],
    )


@app.command("faults")
def faults(as_json: Json = False) -> None:
    """Take the sound input away from a show in three ways: how soon it is told, and how soon it is taken again."""
    from dataclasses import asdict

    from live.bench.faults import faults as measure
    from live.machine import machine_name

    outcomes = measure()
    if as_json:
        print(json.dumps({"machine": machine_name(), "faults": [asdict(outcome) for outcome in outcomes]}, indent=2))
        return
    show(
        f"Loss and return of the sound input ({machine_name()})",
        ("fault", "told after, ms", "taken again after, ms", "pictures meanwhile", "the same device"),
        [
            (
                o.fault,
                f"{1e3 * o.told_s:.0f}",
                f"{1e3 * o.back_s:.0f}",
                str(o.pictures),
                "yes" if o.same_device else "no",
            )
            for o in outcomes
        ],
    )
