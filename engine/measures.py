"""What is measured of a model's sites, and how it is kept between runs. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from engine.files import write_whole

__all__ = [
    "MOST_CLUSTERS",
    "Measure",
    "SiteInfo",
    "cached",
    "clusters_of",
    "listed",
    "load_measures",
    "measures_path",
    "save_measures",
]

MOST_CLUSTERS = 8
_ROUNDS = 25
_WIDTH = 48


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """A site as people see it.

    Attributes
    ----------
    address : str
    kind : str
        "text", "latent", "unet", "decoder", "picture" or "weights".
    shape : tuple of int
        (channel, height, width) of one activation at the generator's present size; (width of embedding, tokens, 1)
        at ``text``; (outputs, inputs, kernel values) of a weight tensor.
    sd : float
        Standard deviation of the unbent activation; the unit of additive and threshold amounts.
    note : str
        What the layers behind the site do to a bend.
    """

    address: str
    kind: str
    shape: tuple[int, ...]
    sd: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Measure:
    """What a bend must know of a site before it can be compiled.

    Attributes
    ----------
    channels : int
    sd : float
    clusters : tuple of str
        Channels that act alike: the n-th text gives, by one digit per channel, the cluster of each when there are n + 2
        of them. Empty where they are not known.
    """

    channels: int
    sd: float
    clusters: tuple[str, ...] = ()


def listed(measures: Iterable[str]) -> str:
    """Return a model's sites for a message: the finer ones left out, since there are dozens."""
    return ", ".join(a for a in measures if ".resnet." not in a and ".attention." not in a)


def clusters_of(activity: np.ndarray) -> tuple[str, ...]:
    """Sort channels into 2 to 8 clusters by how they act together.

    Spherical k-means on the channels' activity, mean removed and scaled to unit length, so that the cosine is the
    correlation; started by taking in turn the channel least like those taken before. Deterministic.

    Parameters
    ----------
    activity : ndarray
        (channel, sample): each channel's values at the same places of the same pictures.

    Returns
    -------
    tuple of str
        As in `Measure.clusters`, as far as there are channels; cluster 1 is the largest.
    """
    rows = activity - activity.mean(axis=1, keepdims=True)
    if rows.shape[1] > _WIDTH:
        # A random projection keeps correlations well enough, at a fraction of the work.
        rows = rows @ np.random.default_rng(0).standard_normal((rows.shape[1], _WIDTH))
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return tuple(
        "".join(str(label) for label in _k_means(rows, count)) for count in range(2, min(MOST_CLUSTERS, len(rows)) + 1)
    )


def _k_means(rows: np.ndarray, count: int) -> np.ndarray:
    """Label of each row, the largest cluster 0."""
    chosen = [int(np.abs(rows @ rows.mean(axis=0)).argmax())]
    while len(chosen) < count:
        chosen.append(int((rows @ rows[chosen].T).max(axis=1).argmin()))
    centres = rows[chosen]
    labels = np.zeros(len(rows), int)
    for _ in range(_ROUNDS):
        found = (rows @ centres.T).argmax(axis=1)
        if (found == labels).all():
            break
        labels = found
        for k in range(count):
            if (labels == k).any():
                centre = rows[labels == k].sum(axis=0)
                centres[k] = centre / max(float(np.linalg.norm(centre)), 1e-12)
    order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    return np.argsort(order)[labels]


def cached(what: str, key: str) -> Path:
    """Return where something of the model called `key` is kept between runs."""
    return Path(platformdirs.user_cache_dir("bentlight", appauthor=False)) / what / f"{key}.json"


def measures_path(key: str) -> Path:
    """Return where the measures of the model called `key` are kept between runs."""
    return cached("sites", key)


def load_measures(path: Path, key: str) -> dict[str, Measure] | None:
    """Read measures written by `save_measures`; None when there are none, or they belong to other weights."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["model"] != key:
            return None
        return {
            address: Measure(int(m["channels"]), float(m["sd"]), tuple(str(c) for c in m["clusters"]))
            for address, m in content["sites"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save_measures(path: Path, key: str, measures: Mapping[str, Measure]) -> None:
    """Write measures, whole or not at all; a folder that cannot be written to costs only measuring again."""
    sites = {a: {"channels": m.channels, "sd": m.sd, "clusters": list(m.clusters)} for a, m in measures.items()}
    try:
        write_whole(path, json.dumps({"model": key, "sites": sites}, indent=1).encode("utf-8"))
    except OSError:
        return
