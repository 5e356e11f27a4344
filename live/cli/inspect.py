"""Commands that show what there is: devices, doctor, scenes, sites, operators, parameters, models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bentlight.parameter import Parameter
from live.cli.tables import show

__all__ = ["devices", "doctor", "models_app", "operators", "parameters", "scenes_app", "sites"]

scenes_app = typer.Typer(help="List the scenes, or check a scene file.", invoke_without_command=True)
models_app = typer.Typer(help="List the models that are there, fetch one, or show one.", invoke_without_command=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def devices() -> None:
    """List sound inputs, displays, graphics devices and MIDI ports."""
    from live.machine import describe_displays, describe_graphics, describe_midi, describe_sound

    for title, rows in (
        ("Sound inputs", describe_sound()),
        ("Displays", describe_displays()),
        ("Graphics devices", describe_graphics()),
        ("MIDI ports", describe_midi()),
    ):
        show(title, ("what", "details"), rows)


def doctor() -> None:
    """Check what playing needs, and say what mends what is missing, where one command does."""
    from live.machine import checks

    found = checks()
    show("Doctor", ("", "what", "how it is", "to mend it"), [(c.mark, c.what, c.finding, c.remedy) for c in found])
    if any(c.mark == "✗" for c in found):
        raise typer.Exit(2)


@scenes_app.callback()
def scenes(context: typer.Context, as_json: Json = False) -> None:
    """List the scenes."""
    if context.invoked_subcommand is not None:
        return
    import scenes as room

    rows = []
    for key, (name, path) in enumerate(room.library().items(), start=1):
        scene = room.load(path)
        played = str(key) if key <= 9 else ""
        rows.append((played, name, scene.description, str(len(scene.bends)), str(len(scene.routes))))
    if as_json:
        print(json.dumps([dict(zip(("key", "name", "description", "bends", "routes"), r, strict=True)) for r in rows]))
    else:
        show("Scenes", ("key", "name", "description", "bends", "routes"), rows)


@scenes_app.command("check")
def check(path: Annotated[Path, typer.Argument(help="The scene file, or a built-in scene's name.")]) -> None:
    """Check a scene file; says file, line and reason when it is refused."""
    import scenes as room

    scene = room.load(str(path))
    print(f"{path}: fine; {len(scene.bends)} bends, {len(scene.routes)} routes, {len(scene.prompts)} prompts.")


def sites(
    model: Annotated[str, typer.Option(help="builtin, a hub id, a model folder or a .safetensors file.")] = "builtin",
    as_json: Json = False,
) -> None:
    """List where a model can be bent, with shapes and the standard deviation that amounts are measured in."""
    from engine.generator import Generator

    found = Generator.load(model).sites()
    rows = [(s.address, s.kind, "x".join(str(n) for n in s.shape), f"{s.sd:.3g}") for s in found]
    if as_json:
        print(json.dumps([{"address": s.address, "kind": s.kind, "shape": list(s.shape), "sd": s.sd} for s in found]))
    else:
        show(f"Sites of {model}", ("site", "kind", "shape", "sd"), rows)


def operators(as_json: Json = False) -> None:
    """List the bending operators with their parameters, the sites they suit and the runtimes they run in."""
    from engine.bends import OPERATORS, RUNTIMES

    if as_json:
        print(
            json.dumps(
                [
                    {
                        "name": op.name,
                        "description": op.description,
                        "note": op.note,
                        "sites": sorted(op.kinds),
                        "runtimes": sorted(op.runtimes),
                        "resamples": op.resamples,
                        "source": op.source,
                        "parameters": [as_dict(p) for p in op.parameters],
                    }
                    for op in OPERATORS.values()
                ]
            )
        )
        return
    rows = []
    for op in OPERATORS.values():
        only = "" if op.runtimes == RUNTIMES else f" ({' and '.join(sorted(op.runtimes))} only)"
        for i, p in enumerate(op.parameters):
            head = (op.name, ", ".join(sorted(op.kinds)), op.description + only) if i == 0 else ("", "", "")
            rows.append((head[0], p.name, span(p), p.unit, f"{p.default:g}", head[1], head[2]))
    show("Operators", ("operator", "parameter", "range", "unit", "neutral", "sites", "what it does"), rows)


def parameters(
    scene: Annotated[
        str, typer.Option(help="Whose /bend, /route and /noise to list: a name or a file; the first when not said.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List every live parameter: OSC address, type, range, unit, default; of one scene, each has its own."""
    from live.bank import SceneBank
    from live.control.addresses import ADDRESSES
    from scenes.patch import Patch

    bank = SceneBank(scene)
    everything = {**ADDRESSES, **Patch(bank.choose(bank.current)).parameters}
    if as_json:
        print(json.dumps([{"address": address, **as_dict(p)} for address, p in everything.items()]))
        return
    rows = [(address, p.kind, span(p), p.unit, str(p.default), p.description) for address, p in everything.items()]
    show(f"Parameters ({bank.current})", ("OSC address", "type", "range", "unit", "default", "what it does"), rows)
    show(
        "Heard: what routes can listen to", ("source", "range", "unit", "at rest", "every", "what it is"), heard_rows()
    )


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the models that are there, and what each needs."""
    if context.invoked_subcommand is None:
        from live.models import listing

        show("Models", ("model", "where", "size", "what it is"), listing())


@models_app.command("fetch")
def fetch(model: Annotated[str, typer.Argument(help="A hub id such as stabilityai/sd-turbo.")]) -> None:
    """Download a model, with progress; only safetensors and its settings are fetched."""
    from live.models import fetch as fetch_model

    print(f"{model} is in {fetch_model(model)}.")


@models_app.command("show")
def show_model(model: Annotated[str, typer.Argument(help="Only builtin for now.")] = "builtin") -> None:
    """Show the words that the built-in model knows."""
    from live.models import vocabulary

    for kind, (says, words) in vocabulary(model).items():
        show(kind.capitalize(), ("word", says), words)


def as_dict(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter's declaration for JSON."""
    return {
        "name": parameter.name,
        "type": parameter.kind,
        "range": [parameter.low, parameter.high] if parameter.low is not None else None,
        "choices": list(parameter.choices) or None,
        "unit": parameter.unit,
        "default": parameter.default,
        "description": parameter.description,
    }


def heard_rows() -> list[tuple[str, ...]]:
    """Return a row for each feature."""
    from analysis.frame import FEATURES

    rows: list[tuple[str, ...]] = []
    for field in FEATURES:
        name = field.name if field.size == 1 else f"{field.name}.0 to .{field.size - 1}"
        ends = f"{field.low:g} to {field.high:g}"
        rows.append((name, ends, field.unit, f"{field.rest:g}", field.pace, field.description))
    return rows


def span(parameter: Parameter) -> str:
    """Return a parameter's range for people."""
    if parameter.low is not None and parameter.high is not None:
        if parameter.kind == "int":
            return f"{parameter.low:.0f} to {parameter.high:.0f}"
        return f"{parameter.low:g} to {parameter.high:g}"
    return ", ".join(parameter.choices) or ("on, off" if parameter.kind == "bool" else "")
