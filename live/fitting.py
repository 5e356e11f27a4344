"""Fitting a scene to the model that is to play it; the same live and offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenes.schema import Scene

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["fit_scene"]


def fit_scene(scene: Scene, generator: Generator, *, steps: int | None = None) -> tuple[Scene, str]:
    """Return the scene as `generator` can play it.

    Bends at sites that the model lacks are left out, with the routes to them.

    Parameters
    ----------
    scene : Scene
    generator : Generator
    steps : int, optional
        Denoising steps instead of the scene's.

    Returns
    -------
    scene : Scene
    resting : str
        One sentence that names the bends left out; empty when there are none.
    """
    if steps is not None:
        scene = scene.model_copy(update={"steps": steps})
    sites = {site.address for site in generator.sites()}
    # Weights are not listed as sites, there are hundreds; each lies below the address of one.
    missing = [bend.name for bend in scene.bends if not any(_lies_at(bend.site, site) for site in sites)]
    if not missing:
        return scene, ""
    told = f"{generator.model} lacks the sites of these bends of {scene.name}, they rest: {', '.join(missing)}"
    return scene.without_bends(missing), told


def _lies_at(address: str, site: str) -> bool:
    return address == site or address.startswith(f"weights.{site}.")
