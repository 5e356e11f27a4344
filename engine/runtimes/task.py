"""`Task`: one graph that is wanted of a model, as plain data that crosses to the exporting process. Needs no torch."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from engine.bends.plan import Bend, BendPlan, Painted

__all__ = ["MODEL", "Task", "near"]

_UNBENT = BendPlan()
Kind = Literal["model", "picture", "feedback"]


@dataclass(frozen=True, slots=True)
class Task:
    """What to export.

    Attributes
    ----------
    kind : str
        ``model``: what every picture needs (the text encoder, the tokenizer, the sites and their measures);
        ``picture``: a whole picture under a plan; ``feedback``: a starting latent that a picture takes part in.
    size : tuple of int
        (width, height) of the pictures.
    plan : BendPlan
    steps : int
    guided : bool
        Whether the picture is guided away from the empty prompt.
    late : bool
        Whether its steps begin at a picture: they are inputs then.
    tuned : bool
        Whether the graph is rewritten for this machine's processor, because that is what plays it.
    """

    kind: Kind
    size: tuple[int, int] = (0, 0)
    plan: BendPlan = _UNBENT
    steps: int = 1
    guided: bool = False
    late: bool = False
    tuned: bool = True

    @property
    def key(self) -> str:
        """Name of the graph. Plans that differ only in the names of their bends share one."""
        return _key(self)

    def to_json(self) -> dict[str, Any]:
        """Return the task as what JSON can hold."""
        return {
            "kind": self.kind,
            "size": list(self.size),
            "plan": [_bend_to_json(bend) for bend in self.plan.bends],
            "steps": self.steps,
            "guided": self.guided,
            "late": self.late,
            "tuned": self.tuned,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Task:
        """Return the task that `to_json` was made of."""
        width, height = content["size"]
        plan = BendPlan(tuple(_bend_from_json(bend) for bend in content["plan"]))
        late, tuned = content["late"], content["tuned"]
        return cls(content["kind"], (width, height), plan, content["steps"], content["guided"], late, tuned)


MODEL = Task("model")


def near(picture: Task, feedback: Task | None, most_steps: int) -> Iterator[tuple[Task, Task | None]]:
    """Yield (picture, feedback) tasks like the wanted ones, the likest first.

    What goes first is that the steps begin at a picture, then feedback, then guidance, then the number of steps.
    """
    for steps in sorted(range(1, most_steps + 1), key=lambda steps: abs(steps - picture.steps)):
        for guided in (picture.guided, not picture.guided):
            for mixing in dict.fromkeys((feedback, None)):
                for late in dict.fromkeys((picture.late and mixing is not None, False)):
                    yield replace(picture, steps=steps, guided=guided, late=late), mixing


@functools.lru_cache(512)
def _key(task: Task) -> str:
    # Kept: painted masks take milliseconds to write out, and every picture asks.
    if task.kind == "model":
        return "text"
    content = task.to_json()
    for bend in content["plan"]:
        del bend["name"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _bend_to_json(bend: Bend) -> dict[str, Any]:
    content = asdict(bend)
    content["sparse"] = float(bend.sparse)  # equal tasks have equal keys: 1 is 1.0
    if bend.painted is not None:
        content["painted"]["levels"] = base64.b64encode(bend.painted.levels).decode()
    return content


def _bend_from_json(content: dict[str, Any]) -> Bend:
    painted = content.get("painted")
    if painted is not None:
        painted = Painted(painted["height"], painted["width"], base64.b64decode(painted["levels"]))
    return Bend(**{**content, "painted": painted})
