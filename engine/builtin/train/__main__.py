"""Command line of the training: ``python -m engine.builtin.train --stage vae --minutes 8``."""

import argparse
from pathlib import Path

import torch

from engine.builtin.train.common import Run, spread
from engine.builtin.vocabulary import LEARNT

STAGES = ("vae", "unet", "pixels", "export")


def _number(text: str, most: float) -> float | None:
    """Read a number above 0, up to ``most``; None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 < number <= most else None


def favour(text: str) -> tuple[str, float]:
    """Read ``FORM=TIMES``."""
    form, _, times = text.partition("=")
    if form not in LEARNT:
        raise argparse.ArgumentTypeError(f"{form!r} is none of {', '.join(LEARNT)}")
    number = _number(times, 100.0)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text!r} should be {form}=TIMES, such as {form}=3, TIMES up to 100")
    return form, number


def share(text: str) -> float:
    """Read a share: above 0, up to 1."""
    number = _number(text, 1.0)
    if number is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no share; give a number above 0, up to 1")
    return number


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line and run one stage."""
    parser = argparse.ArgumentParser(prog="python -m engine.builtin.train", description=__doc__)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--folder", type=Path, default=Path(".train"), help="checkpoints and log (default .train)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int, default=None, help="stop after this many steps")
    parser.add_argument("--resume", action="store_true", help="go on from the folder, or the shipped weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=None)
    parser.add_argument("--rate", type=float, default=None, help="peak learning rate")
    parser.add_argument("--pictures", type=int, default=None, help="painted pictures held in memory")
    parser.add_argument(
        "--adversarial",
        type=float,
        default=None,
        help="weight of the discriminator (default 0 in stage unet, 1 in stage pixels)",
    )
    parser.add_argument(
        "--favour",
        type=favour,
        action="append",
        default=[],
        metavar="FORM=TIMES",
        help="paint a form so many times as often, such as one that is painted otherwise than it was learnt",
    )
    parser.add_argument(
        "--share",
        type=share,
        default=1.0,
        help="stage export: how much of these weights, the rest of those that ship (default 1: all of them)",
    )
    parser.add_argument("--held-out", type=int, default=6, help="held-out pictures per form")
    parser.add_argument("--workers", type=int, default=1, help="processes of one thread each that share the batch")
    parser.add_argument("--compile", action="store_true", help="compile the network: pays in runs over half an hour")
    parser.add_argument("--threads", type=int, default=None)
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    defaults = {"vae": (32, 2e-3, 2000), "unet": (16, 1.5e-3, 6000), "pixels": (8, 3e-4, 400), "export": (1, 0, 0)}
    batch, rate, pictures = defaults[given.stage]
    weight = given.adversarial if given.adversarial is not None else float(given.stage == "pixels")
    run = Run(
        folder=given.folder, device=given.device, minutes=given.minutes, resume=given.resume, seed=given.seed,
        batch=given.batch or batch, rate=given.rate or rate, max_steps=given.steps,
        pictures=given.pictures or pictures, adversarial=weight, per_form=given.held_out, workers=given.workers,
        compile=given.compile, favoured=dict(given.favour),
    )  # fmt: skip
    if given.stage in ("unet", "pixels"):
        from engine.builtin import WEIGHTS
        from engine.builtin.train.export import unpack

        unpack(WEIGHTS, run)
    if given.stage == "vae":
        from engine.builtin.train.autoencoder import train_autoencoder

        spread(train_autoencoder, run)
    elif given.stage == "unet":
        from engine.builtin.train.network import get_tokenizer, train_network

        get_tokenizer(run)
        spread(train_network, run)
    elif given.stage == "pixels":
        from engine.builtin.train.finish import train_finish

        spread(train_finish, run)
    else:
        from engine.builtin import WEIGHTS
        from engine.builtin.train.export import export

        export(run.folder, WEIGHTS, given.share)


if __name__ == "__main__":
    main()
