"""Which values of an activation a bend may touch: channels, rows, columns, masks, a sparse share. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from bentlight.errors import BadInput
from engine.bends.plan import Bend, Painted
from engine.measures import Measure
from engine.resize import triangles

__all__ = ["check_bend", "choose_channels", "choose_lines", "selection"]

_RADIUS = 0.35
"""Radius, in heights, of a circle whose scene gives none."""


def check_bend(bend: Bend, measure: Measure) -> list[int]:
    """Return the channels of a bend at a site with this measure.

    Raises
    ------
    BadInput
        If the site lacks them, or they are fewer than the operator needs.
    """
    try:
        chosen = choose_channels(bend.channels, measure.channels, bend.seed, measure.clusters)
    except BadInput as error:
        raise BadInput(f"the bend {bend.name} at {bend.site}: {error}") from None
    if len(chosen) < bend.groups:
        raise BadInput(
            f"{bend.operator} cuts the channels into {bend.groups} groups; "
            f"{bend.name} has only {len(chosen)} at {bend.site}."
        )
    return chosen


def selection(bend: Bend, chosen: Sequence[int], shape: Sequence[int]) -> np.ndarray | None:
    """Return how strongly a bend acts on each value, 0 to 1.

    Parameters
    ----------
    bend : Bend
    chosen : sequence of int
        What `choose_channels` made of its channels.
    shape : sequence of int
        (batch, channel, height, width).

    Returns
    -------
    ndarray of float32, broadcastable to (1, channel, height, width), or None where everything is bent.
    """
    _, channels, height, width = shape
    mask: np.ndarray | None = None

    def narrow(part: np.ndarray) -> None:
        nonlocal mask
        mask = part if mask is None else mask * part

    if len(chosen) < channels:
        row = np.zeros(channels, np.float32)
        row[list(chosen)] = 1
        narrow(row[None, :, None, None])
    if bend.rows != "all":
        narrow(choose_lines(bend.rows, height, (bend.seed, 1))[None, None, :, None])
    if bend.columns != "all":
        narrow(choose_lines(bend.columns, width, (bend.seed, 2))[None, None, None, :])
    if bend.mask != "all":
        narrow(_plane(bend, height, width)[None, None])
    if bend.sparse < 1:
        draw = np.random.default_rng((bend.seed, 3)).random((1, channels, height, width), np.float32)
        narrow((draw < bend.sparse).astype(np.float32))
    return mask


def choose_channels(choice: str, channels: int, seed: int = 0, clusters: Sequence[str] = ()) -> list[int]:
    """Return the indices, ascending, that a bend's `channels` names among `channels` channels.

    Parameters
    ----------
    choice : str
        See `Bend.channels`.
    channels : int
    seed : int
    clusters : sequence of str
        The site's clusters as `engine.measures.Measure` keeps them.

    Raises
    ------
    BadInput
        If a range runs backwards or beyond the last channel, or the clusters it asks for are not known.
    """
    if choice == "all":
        return list(range(channels))
    if choice in ("even", "odd"):
        return list(range(choice == "odd", channels, 2)) or [0]
    if found := re.fullmatch(r"(\d+)-(\d+)", choice):
        first, last = int(found[1]), int(found[2])
        if not first <= last < channels:
            raise BadInput(f"channels {choice} do not fit; this site has the channels 0-{channels - 1}.")
        return list(range(first, last + 1))
    if found := re.fullmatch(r"cluster:(\d)/(\d)", choice):
        return _cluster(int(found[1]), int(found[2]), clusters)
    share = float(choice.removeprefix("random:"))
    return sorted(_shuffled(channels, seed)[: max(1, round(share * channels))])


def _cluster(which: int, count: int, clusters: Sequence[str]) -> list[int]:
    if which > count:
        raise BadInput(f"channels cluster:{which}/{count} do not fit; the clusters of {count} are 1 to {count}.")
    labels = clusters[count - 2] if len(clusters) > count - 2 else ""
    if not labels:
        raise BadInput(f"channels cluster:{which}/{count} do not fit; no {count} clusters are known at this site.")
    found = [c for c, label in enumerate(labels) if int(label) == which - 1]
    if not found:
        raise BadInput(f"channels cluster:{which}/{count} do not fit; this site has fewer kinds of channels.")
    return found


def _shuffled(count: int, seed: int) -> list[int]:
    """What ``torch.randperm`` gives for a seed on a CPU: a Fisher-Yates shuffle by the Mersenne twister."""
    twister = np.random.RandomState(seed & 0xFFFFFFFF).randint(0, 1 << 32, max(count - 1, 1), dtype=np.uint32)
    order = list(range(count))
    for i in range(count - 1):
        j = i + int(twister[i]) % (count - i)
        order[i], order[j] = order[j], order[i]
    return order


def choose_lines(choice: str, count: int, seed: tuple[int, ...]) -> np.ndarray:
    """Return 1 for the chosen of `count` rows or columns and 0 for the others, at least one of them chosen."""
    centres = (np.arange(count) + 0.5) / count
    if choice.startswith("random:"):
        order = np.random.default_rng(seed).permutation(count)
        chosen = np.isin(np.arange(count), order[: max(1, round(float(choice[7:]) * count))])
    else:
        ends = [float(part) for part in choice.split("-")]
        chosen = (centres >= ends[0]) & (centres <= ends[-1])
        if not chosen.any():
            chosen = np.arange(count) == np.abs(centres - sum(ends) / len(ends)).argmin()
    return chosen.astype(np.float32)


def _plane(bend: Bend, height: int, width: int) -> np.ndarray:
    """Mask (height, width) of a bend, 0 to 1."""
    down, right = ((np.arange(n, dtype=np.float32) + 0.5) / n for n in (height, width))
    word, _, number = bend.mask.partition(":")
    if word == "painted":
        assert bend.painted is not None
        return _stretched(bend.painted, height, width)
    if word in ("left", "right"):
        return np.broadcast_to(right if word == "right" else 1 - right, (height, width))
    if word in ("top", "bottom"):
        return np.broadcast_to((down if word == "bottom" else 1 - down)[:, None], (height, width))
    # In site pixels, with an edge one pixel wide, so that a small site has no staircase.
    distance = np.hypot((down[:, None] - 0.5) * height, (right[None, :] - 0.5) * width)
    inside = np.clip((float(number) if number else _RADIUS) * height - distance + 0.5, 0, 1)
    return (inside if word == "circle" else 1 - inside).astype(np.float32)


def _stretched(painted: Painted, height: int, width: int) -> np.ndarray:
    levels = np.frombuffer(painted.levels, np.uint8).reshape(painted.height, painted.width).astype(np.float32) / 255
    return triangles(painted.height, height) @ levels @ triangles(painted.width, width).T
