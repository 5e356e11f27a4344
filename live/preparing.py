"""Making a generator ready for a scene; the same live and offline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.generator import Generator
    from scenes.patch import Patch

__all__ = ["prepare_for"]


def prepare_for(generator: Generator, patch: Patch, *, by_hand: bool = False, wait: bool = False) -> None:
    """Make a generator ready to play a scene, so that its first picture comes as fast as the others.

    Parameters
    ----------
    generator : Generator
    patch : Patch
    by_hand : bool
        Whether feedback and strength may be moved by hand, though the scene moves neither.
    wait : bool
        Return only when it is as ready as it will be; else a runtime that is not lets another play for it.

    Raises
    ------
    BadInput
        If the model lacks a site or channels of the scene's bends.
    """
    scene = patch.scene
    routed = {route.to for route in scene.routes}
    # A route may cross from guided pictures to others and back.
    scales = (0.0, 20.0) if "guidance/scale" in routed else (scene.guidance,)
    for guidance in scales:
        generator.prepare(
            prompts=patch.prompts,
            plans=(patch.plan,),
            steps=scene.steps,
            guidance=guidance,
            feedback=by_hand or scene.feedback > 0 or "feedback/amount" in routed,
            late=by_hand or scene.strength < 1 or "strength/amount" in routed,
            wait=wait,
        )
