"""What callers hand to a generator, checked where it comes in: each mistake is one sentence. Needs no torch."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterable
from typing import Any

from bentlight.errors import BadInput
from engine.bends.plan import BendPlan, site_step
from engine.spec import FrameSpec, Picture

__all__ = [
    "HIGHEST_SIDE",
    "LOWEST_SIDE",
    "check_previous",
    "check_spec",
    "check_steps",
    "checked_place",
    "checked_plans",
    "checked_sides",
    "checked_size",
    "checked_texts",
    "checked_threads",
    "whole_number",
]

LOWEST_SIDE, HIGHEST_SIDE = 16, 4096
"""Range of a picture's width and height, in pixels."""


def whole_number(value: Any, what: str) -> int:
    """Return a plain whole number of one, numpy's as well.

    Raises
    ------
    BadInput
        If it is none; floats are none, whatever their value.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise BadInput(f"{what} is {value!r}; it must be a whole number.") from None


def checked_size(width: int, height: int, step: int) -> tuple[int, int]:
    """Return (width, height) if pictures can have that size.

    Raises
    ------
    BadInput
        If a side is no multiple of `step`, or out of range.
    """
    for word, side in (("width", width), ("height", height)):
        try:
            whole = side == int(side)
        except (TypeError, ValueError, OverflowError):
            whole = False
        if not whole or side % step or not LOWEST_SIDE <= side <= HIGHEST_SIDE:
            raise BadInput(
                f"the {word} is {side}; it must be a multiple of {step} from {LOWEST_SIDE} to {HIGHEST_SIDE}."
            )
    return int(width), int(height)


def checked_sides(size: Any) -> tuple[int, int]:
    """Return the two of a size, whatever they are; a model says which it can have.

    Raises
    ------
    BadInput
        If there are not two.
    """
    try:
        width, height = size
    except (TypeError, ValueError):
        raise BadInput(f"the size is {size!r}; give width and height, such as (512, 512).") from None
    return width, height


def checked_place(value: Any, what: str) -> str:
    """Return a name, or a path, as a text.

    Raises
    ------
    BadInput
        If it is neither.
    """
    try:
        place = os.fspath(value)
    except TypeError:
        place = None
    if not isinstance(place, str):
        raise BadInput(f"{what} is {value!r}; give its name or its path.")
    return place


def checked_threads(threads: int | None) -> int | None:
    """Return a number of threads, at least 1; None stays.

    Raises
    ------
    BadInput
        If it is no whole number.
    """
    return None if threads is None else max(1, whole_number(threads, "the number of threads"))


def checked_texts(prompts: Iterable[str]) -> tuple[str, ...]:
    """Return texts; a single one is refused, whose letters would be taken for them.

    Raises
    ------
    BadInput
        If they are none.
    """
    if isinstance(prompts, str):
        raise BadInput(f"prompts is the text {prompts[:40]!r}; give a list of texts, such as [{prompts[:40]!r}].")
    texts = tuple(prompts)
    for text in texts:
        if not isinstance(text, str):
            raise BadInput(f"a prompt is {text!r}; give texts without weights.")
    return texts


def checked_plans(plans: Iterable[BendPlan]) -> tuple[BendPlan, ...]:
    """Return plans.

    Raises
    ------
    BadInput
        If they are none, or a single one.
    """
    if isinstance(plans, BendPlan):
        raise BadInput("plans is a single plan; give a list of plans, such as [plan].")
    found = tuple(plans)
    for plan in found:
        if not isinstance(plan, BendPlan):
            raise BadInput(f"a plan is a {type(plan).__name__}; make it with BendPlan(bends).")
    return found


def check_steps(plan: BendPlan, steps: int) -> None:
    """Refuse bends before steps that a picture does not have: they would never act, and nobody would know.

    Raises
    ------
    BadInput
        If there is one.
    """
    for bend in plan.bends:
        step = site_step(bend.site)
        if step is not None and step >= steps:
            raise BadInput(
                f"the bend {bend.name} is at {bend.site}, and a picture of {steps} step{'s' * (steps != 1)} has none "
                f"beyond latent.{steps - 1}; take {step + 1} steps or more, or another site."
            )


def check_spec(spec: FrameSpec) -> None:
    """Check what of a spec no other part does.

    Raises
    ------
    BadInput
        If a number is none or not finite, or prompts and values are not what they must be.
    """
    whole_number(spec.steps, "steps")
    try:
        finite = math.isfinite(spec.guidance), math.isfinite(spec.feedback + spec.strength)
    except TypeError:
        raise BadInput("guidance, feedback and strength must be numbers.") from None
    if not finite[0]:
        raise BadInput("the guidance scale must be a finite number.")
    if not finite[1]:
        raise BadInput("feedback and strength must be finite numbers.")
    if isinstance(spec.prompts, str):
        raise BadInput(
            f"prompts is the text {spec.prompts[:40]!r}; give texts with weights, (({spec.prompts[:40]!r}, 1.0),)."
        )
    if spec.values is None:
        raise BadInput("values is None; give one number for each of plan.slots, such as plan.neutral.")


def check_previous(previous: object) -> None:
    """Refuse what is no picture where the one before is wanted.

    Raises
    ------
    BadInput
        If it is something else.
    """
    if previous is not None and not isinstance(previous, Picture):
        raise BadInput(
            f"the picture before is a {type(previous).__name__}; give a Picture, such as Picture(pixels, 0.0, spec)."
        )
