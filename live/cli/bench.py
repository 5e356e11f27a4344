"""`bentlight bench`: measurements that anyone can run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from live.cli.pictures import cost, memory, pictures
from live.cli.tables import show

__all__ = ["app"]

app = typer.Typer(
    help="Measure this machine: pictures (speed), cost (sizes and steps), memory, latency (sound to picture).",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


app.command("pictures")(pictures)
app.command("cost")(cost)
app.command("memory")(memory)


@app.command("latency")
def latency(
    seconds: Annotated[float, typer.Option(min=6, help="Length of the click track.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Draws the clicks' times.")] = 1,
    scene: Annotated[str, typer.Option(help="The scene; the first one when not said.")] = "",
    as_json: Json = False,
) -> None:
    """Time each leg from a click in the sound to the first picture that shows it, without the sound card's own."""
    from live.bench.latency import latency as measure
    from live.machine import machine_name

    made = measure(seconds, seed, scene)
    if as_json:
        print(json.dumps({"machine": machine_name(), **made}, indent=2))
        return
    show(
        f"Latency ({machine_name()}); {made['heard']} of {made['clicks']} clicks heard",
        ("leg", "p50 ms", "p95 ms"),
        [(name, leg.get("p50", "–"), leg.get("p95", "–")) for name, leg in made["legs"].items()],
    )
