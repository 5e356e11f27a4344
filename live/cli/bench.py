"""`bentlight bench`: measurements that anyone can run."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from live.cli.hearing import hearing
from live.cli.pictures import cost, memory, pictures
from live.cli.tables import show

__all__ = ["app"]

app = typer.Typer(
    help="Measure this machine.",
    no_args_is_help=True,
)
app.command("hearing")(hearing)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


app.command("pictures")(pictures)
app.command("cost")(cost)
app.command("memory")(memory)


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
