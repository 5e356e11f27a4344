"""The typer application and the one place where errors become sentences and exit statuses."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from pathlib import Path

import typer

from bentlight import __version__
from bentlight.errors import BentlightError
from live.cli import bench, inspect, play, study

__all__ = ["app", "run"]

app = typer.Typer(
    name="bentlight",
    help="Play a diffusion model with sound. Without a command: play.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("play")(play.play)
app.command("devices")(inspect.devices)
app.command("doctor")(inspect.doctor)
app.add_typer(inspect.scenes_app, name="scenes")
app.command("sites")(inspect.sites)
app.command("operators")(inspect.operators)
app.command("parameters")(inspect.parameters)
app.add_typer(inspect.models_app, name="models")
app.command("analyze")(study.analyze)
app.command("render")(study.render)
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what happens to standard error."),
) -> None:
    """Play a diffusion model with sound. Without a command: play."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    if version:
        print(f"bentlight {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        play.perform(play.Wishes())


def run(arguments: list[str]) -> int:
    """Run the application on `arguments` and return the exit status."""
    try:
        status = app(arguments, standalone_mode=False, prog_name="bentlight")
    except BentlightError as error:
        print(f"bentlight: {error}", file=sys.stderr)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        return 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again at exit
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own usage errors
            if said := error.format_message():  # empty when the help was printed instead
                where = getattr(error, "ctx", None)
                asked = "bentlight" if where is None else where.command_path
                print(f"bentlight: {said.rstrip('.')}. `{asked} --help` shows what there is.", file=sys.stderr)
            return 2
        log = _crash_log()
        print(f"bentlight: a fault of ours: {type(error).__name__}: {error} (details: {log}).", file=sys.stderr)
        return 1
    return status if isinstance(status, int) else 0


def _crash_log() -> Path | str:
    """Write the traceback being handled to a file for a bug report and return its path."""
    from platformdirs import user_log_path

    try:
        path = user_log_path("bentlight", appauthor=False, ensure_exists=True) / "crash.txt"
        path.write_text(traceback.format_exc())
        return path
    except OSError:
        return "no place to write them"
