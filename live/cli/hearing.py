"""`bentlight bench hearing`: how well music is heard, on annotated clips that it makes itself."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bentlight.errors import BadInput
from live.cli.tables import show

if TYPE_CHECKING:
    from live.bench.hearing.run import Heard
    from live.bench.hearing.score import Score

__all__ = ["hearing"]


class WhichHalf(StrEnum):
    """Which clips."""

    tune = "tune"
    report = "report"


def hearing(
    seed: Annotated[int | None, typer.Option(min=0, help="Draws the report half; a fresh one when not said.")] = None,
    half: Annotated[
        WhichHalf, typer.Option(help="tune: the same clips every time; report: fresh tempi and instruments.")
    ] = WhichHalf.report,
    only: Annotated[list[str] | None, typer.Option(help="Only clips of this class; may be said again.")] = None,
    each: Annotated[int, typer.Option(min=1, help="Clips of each class; of slow attacks twice as many.")] = 2,
    seconds: Annotated[float | None, typer.Option(min=6, help="Length of each clip; 18 to 32 when not said.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the clips and their truth in this folder.")] = None,
    soundfont: Annotated[
        Path | None, typer.Option(help="An .sf2 file whose recorded instruments play in place of synthesised ones.")
    ] = None,
    kits: Annotated[
        Path | None, typer.Option(help="With --soundfont: a folder of Hydrogen drum kits, whose drums play instead.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Score onsets, beats, delays and cost on annotated clips drawn from a seed, aubio's defaults beside ours."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from live.bench.hearing.clips import TUNE_SEED
    from live.bench.hearing.kits import KitBand
    from live.bench.hearing.run import hear
    from live.bench.hearing.sampled import Band

    if kits is not None and soundfont is None:
        raise BadInput("--kits has only drums; give --soundfont too, for the other instruments.")
    band = None if soundfont is None else Band(soundfont) if kits is None else KitBand(soundfont, kits)
    chosen = TUNE_SEED if half is WhichHalf.tune else secrets.randbelow(1_000_000) if seed is None else seed
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
        transient=True,
        console=Console(stderr=True),
    ) as bar:
        task = bar.add_task("listening", total=1.0)
        heard = hear(
            chosen,
            half.value,
            only=only,
            each=each,
            seconds=seconds,
            folder=keep,
            band=band,
            progress=lambda share, name: bar.update(task, completed=share, description=name),
        )
    if as_json:
        print(json.dumps(_plain(_as_dict(heard)), indent=2))
    else:
        _print(heard, each)


def _as_dict(heard: Heard) -> dict[str, Any]:
    from live.bench.hearing.figures import by_class, totals
    from live.machine import machine_name

    values = {name: totals(scores) for name, scores in heard.scores.items()}
    return {
        "machine": machine_name(),
        "seed": heard.seed,
        "half": heard.half,
        "totals": [
            {
                "what": target.what,
                "target": target.goal,
                "met": target.met(value),
                **{name: rows[row][1] for name, rows in values.items()},
            }
            for row, (target, value) in enumerate(values["ours"])
        ],
        "classes": {name: by_class([*scores, *_demo(heard, name)]) for name, scores in heard.scores.items()},
        "cost": asdict(heard.cost),
    }


def _demo(heard: Heard, listener: str) -> list[Score]:
    return [heard.demo[listener]] if listener in heard.demo else []


def _plain(value: Any) -> Any:
    """Return the value with null for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _print(heard: Heard, each: int) -> None:
    from live.bench.hearing.figures import by_class, totals
    from live.machine import machine_name

    mine, theirs, quicker = (by_class([*scores, *_demo(heard, name)]) for name, scores in heard.scores.items())
    show(
        f"Onsets at 50 ms ({heard.half} half, seed {heard.seed}, {each} of each class, of slow attacks twice as many)",
        (
            *("class", "attack", "F", "", "P", "R", "false", "delay ms", "p95", "kick, snare, hat F"),
            *("aubio F", "delay ms", "quicker F", "delay ms"),
        ),
        [_onset_row(name, row, theirs[name], quicker[name]) for name, row in mine.items()],
    )
    show(
        "Beats after 5 s at 70 ms; worst of a class for tempo and lock",
        (
            *("class", "F", "", "CMLt", "AMLt", "downbeat F", "tempo error", "tempo right", "phase ms", "lock s"),
            *("again", "aubio F", "CMLt", "lock s"),
        ),
        [_beat_row(name, row, theirs[name]) for name, row in mine.items() if "beat_f" in row],
    )
    rows: list[Sequence[str]] = []
    for figures in zip(*(totals(scores) for scores in heard.scores.values()), strict=True):
        target, values = figures[0][0], [value for _, value in figures]
        if all(math.isnan(value) for value in values):
            continue
        sign = "" if target.goal is None else f"{'≥' if target.least else '≤'} {target.goal:g}"
        value, *others = (_n(value, target.places) for value in values)
        rows.append((target.what, sign, value, _mark(target.met(values[0])), *others))
    cost = heard.cost
    rows.append(
        ("processor time, mean share of a core, %", "≤ 10", _n(100 * cost.mean, 1), _mark(cost.mean <= 0.1), "", "")
    )
    rows.append(("p99 of a hop over its length, %", "< 50", _n(100 * cost.p99, 1), _mark(cost.p99 < 0.5), "", ""))
    ours, *names = heard.scores
    show(f"In all, without the demo track ({machine_name()})", ("what", "target", ours, "", *names), rows)


def _onset_row(name: str, row: Mapping[str, Any], *others: Mapping[str, Any]) -> Sequence[str]:
    goal = {"percussive": 0.95, "mixed": 0.95, "slow": 0.8}.get(row["attack"])
    good = row["false"] == 0 if goal is None else row["onset_f"] >= goal
    streams = ", ".join(
        f"{stream} {_n(part['f'])}" if math.isfinite(part["f"]) else f"{stream} {part['false']:.0f} false"
        for stream, part in row["streams"].items()
    )
    return (
        name,
        row["attack"],
        _n(row["onset_f"]),
        _mark(good),
        _n(row["precision"]),
        _n(row["recall"]),
        str(row["false"]),
        _n(row["delay_ms"], 1),
        _n(row["delay_p95_ms"], 1),
        streams or "–",
        *(
            figure
            for other in others
            for figure in (
                _n(other["onset_f"]) if goal is not None else f"{other['false']} false",
                _n(other["delay_ms"], 1),
            )
        ),
    )


def _beat_row(name: str, row: Mapping[str, Any], other: Mapping[str, Any]) -> Sequence[str]:
    return (
        name,
        _n(row["beat_f"]),
        _mark(row["beat_f"] >= 0.9 and row["cmlt"] >= 0.8),
        _n(row["cmlt"]),
        _n(row["amlt"]),
        _n(row["downbeat_f"]),
        f"{100 * row['tempo_error']:.1f} %" if math.isfinite(row["tempo_error"]) else "never known",
        _n(row["tempo_share"], 2),
        _n(row["phase_ms"], 1),
        f"{_n(row['lock_s'], 1)} of {_n(row['limit_s'], 1)}",
        _n(row["relock_s"], 1),
        _n(other["beat_f"]),
        _n(other["cmlt"]),
        _n(other["lock_s"], 1),
    )


def _n(value: float, places: int = 3) -> str:
    if math.isnan(value):
        return "–"
    return "never" if math.isinf(value) else f"{value:.{places}f}"


def _mark(met: bool | None) -> str:
    return "" if met is None else "ok" if met else "short"
