"""Fitting a scene to the model that is to play it; the same live and offline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.bends import site_step
from scenes.schema import Scene

if TYPE_CHECKING:
    from engine.generator import Generator

__all__ = ["fit_scene", "not_understood"]


def fit_scene(scene: Scene, generator: Generator, *, steps: int | None = None) -> tuple[Scene, str]:
    """Return the scene as `generator` can play it.

    Bends at sites that the model lacks, or before steps that its pictures lack, are left out, with the routes to them.

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
    beyond = [bend.name for bend in scene.bends if (site_step(bend.site) or 0) >= scene.steps]
    sites = {site.address for site in generator.sites()}
    # Weights are not listed as sites, there are hundreds; each lies below the address of one.
    missing = [bend.name for bend in scene.bends if not any(_lies_at(bend.site, site) for site in sites)]
    missing = [name for name in missing if name not in beyond]
    told = []
    if missing:
        told.append(
            f"{generator.model} lacks the sites of these bends of {scene.name}, they rest: {', '.join(missing)}"
        )
    if beyond:
        counted = f"{scene.steps} step{'s' * (scene.steps > 1)}"
        told.append(f"{scene.name} with {counted} has no place for these of its bends, they rest: {', '.join(beyond)}")
    if not told:
        return scene, ""
    return scene.without_bends([*missing, *beyond]), "; ".join(told)


def not_understood(texts: Iterable[str], generator: Generator) -> str:
    """Return one sentence that names the prompts of which the built-in model knows no word; empty when there are none.

    What other models know is not known.
    """
    if generator.model not in ("builtin", "painter"):
        return ""
    from engine.builtin.vocabulary import DEFAULT_FORM, says_something

    strange = [f"{text[:40]!r}" for text in texts if text.strip() and not says_something(text)]
    if not strange:
        return ""
    return (
        f"the built-in model knows no word of {', '.join(strange)} and draws a {DEFAULT_FORM}; "
        "`bentlight models show builtin` lists its words"
    )


def _lies_at(address: str, site: str) -> bool:
    return address == site or address.startswith(f"weights.{site}.")
