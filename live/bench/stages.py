"""Where the time of a picture goes: a table of stages that adds up to the whole, for ONNX Runtime and for torch.

Everything is wall time of one thread of Python, in means over pictures whose values all move, so that the rows of a
table add up. Inside ONNX Runtime's graph the time of every layer comes from its own profile; layers belong to stages by
their names, which keep the path of the module they were exported from. The profile costs time itself; the whole
without it stands beside.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bentlight.clock import now_s
from bentlight.errors import BadInput
from engine.bends import BendPlan
from engine.spec import FrameSpec
from live.bench.pictures import moving
from live.bench.stopwatch import Stopwatch

if TYPE_CHECKING:
    from engine.eager import EagerGenerator
    from engine.generator import Generator
    from engine.runtimes.onnx import OnnxGenerator

__all__ = ["STAGES", "layer_stages", "stages", "text_cost_ms"]

TEXT, NOISE, SAMPLING = "text (kept embeddings, blended)", "noise on the host", "latent arithmetic"
UNET, BENDS, DECODER = "UNet", "bends", "decoder"
PIXELS, BETWEEN, REST = "to 8-bit pixels", "between layers", "remainder"
STAGES = (TEXT, NOISE, SAMPLING, UNET, BENDS, DECODER, PIXELS, BETWEEN, REST)
"""Rows of a table, in order. `between layers` is ONNX Runtime's: what its layers do not account for."""

_RUN = "run"
WARM = 5


def stages(generator: Generator, plan: BendPlan, prompt: str, pictures: int = 30) -> dict[str, Any]:
    """Measure where the time of a generator's pictures under a plan goes.

    Parameters
    ----------
    generator : Generator
        An `EagerGenerator` on the CPU, or an `OnnxGenerator`; nobody else may be using it.
    plan : BendPlan
    prompt : str
    pictures : int
        Pictures timed, after five to get warm.

    Returns
    -------
    dict
        ``rows``: list of (stage, ms); ``whole_ms``: the mean wall time of a picture that is watched, timed from
        outside, which the rows add up to; ``unwatched_ms``: the same without watching.

    Raises
    ------
    BadInput
        If ONNX Runtime does not play the plan, so that torch plays for it.
    """
    generator.prepare(prompts=(prompt,), plans=(plan,), wait=True)

    def play(index: int) -> None:
        values = moving(plan, index)
        generator.render(FrameSpec(prompts=((prompt, 1.0),), angle=0.02 * index, plan=plan, values=values))

    for index in range(WARM):
        play(index)
    begun = now_s()
    for index in range(pictures):
        play(index)
    unwatched_s = now_s() - begun
    watch: Any = _watched_onnx if generator.runtime == "onnx" else _watched_eager
    spent_s, whole_s = watch(generator, plan, play, pictures)
    rows = [(stage, 1e3 * spent_s[stage] / pictures) for stage in STAGES if stage in spent_s]
    return {
        "rows": rows,
        "whole_ms": 1e3 * whole_s / pictures,
        "unwatched_ms": 1e3 * unwatched_s / pictures,
    }


def text_cost_ms(generator: Generator, count: int = 5) -> float:
    """Return what encoding a prompt that was never seen costs, median in ms. Pictures pay it once per text."""
    times = []
    for index in range(count):
        text = f"a prompt of the benchmark, number {index}"
        begun = now_s()
        generator.prepare(prompts=(text,))
        times.append(now_s() - begun)
    return 1e3 * float(np.median(times))


def _watched_eager(
    generator: EagerGenerator, plan: BendPlan, play: Callable[[int], None], pictures: int
) -> tuple[dict[str, float], float]:
    from engine import eager

    watch = Stopwatch()
    unet, vae = generator.networks
    with ExitStack() as stack:
        for owner, name, stage in (
            (generator._prompts, "blend", TEXT),
            (generator._noises, "start", NOISE),
            (generator._noises, "step", NOISE),
            (generator, "paint", SAMPLING),
            (eager, "to_pixels", PIXELS),
        ):
            stack.enter_context(watch.watching(owner, name, stage))
        for module, stage in ((unet, UNET), (vae.decoder, DECODER)):
            stack.enter_context(_module_watched(watch, module, stage))
        stack.enter_context(_bends_watched(watch, generator.use(plan).seats))
        whole_s = _play(watch, play, pictures)
    return watch.spent_s, whole_s


@contextmanager
def _module_watched(watch: Stopwatch, module: Any, stage: str) -> Iterator[None]:
    handles = [
        module.register_forward_pre_hook(lambda *_: watch.enter(stage)),
        module.register_forward_hook(lambda *_: watch.leave()),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _bends_watched(watch: Stopwatch, seats: dict[str, list[Any]]) -> Iterator[None]:
    plain = {site: list(row) for site, row in seats.items()}
    for site, row in plain.items():
        seats[site][:] = [watch.wrapped(bend, BENDS) for bend in row]
    try:
        yield
    finally:
        for site, row in plain.items():
            seats[site][:] = row


def _watched_onnx(
    generator: OnnxGenerator, plan: BendPlan, play: Callable[[int], None], pictures: int
) -> tuple[dict[str, float], float]:
    task = generator._picture(generator.size, plan, 1, 1.0, late=False)
    graph, ready = generator._store.read(task), generator._ready
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        session = stack.enter_context(generator._shelf.profiled(task, Path(folder) / "layers"))
        if session is None or graph is None or ready is None:
            raise BadInput(f"ONNX Runtime does not play {plan} (its log says why): there are no layers to time.")
        for owner, name, stage in (
            (ready.prompts, "blend", TEXT),
            (generator._noises, "start", NOISE),
            (generator._noises, "step", NOISE),
            (session, "run", _RUN),
        ):
            stack.enter_context(watch.watching(owner, name, stage))
        for index in range(WARM):
            play(index)
        watch.spent_s.clear()
        whole_s = _play(watch, play, pictures)
        events = json.loads(session.end_profile().read_text(encoding="utf-8"))
    layers_s = _layer_times(events, layer_stages(graph.model), pictures)
    spent_s = dict(watch.spent_s)
    spent_s[BETWEEN] = spent_s.pop(_RUN) - sum(layers_s.values())
    return spent_s | layers_s, whole_s


def _play(watch: Stopwatch, play: Callable[[int], None], pictures: int) -> float:
    """Make pictures, and return how long it took in s."""
    begun = now_s()
    for index in range(pictures):
        with watch.stage(REST):
            play(WARM + index)
    return now_s() - begun


def _layer_times(events: Iterable[dict[str, Any]], stage_of: dict[str, str], pictures: int) -> dict[str, float]:
    """Sum the last `pictures` times of every layer by stage, in s."""
    took_us: dict[str, list[float]] = {}
    ending = "_kernel_time"
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(ending):
            took_us.setdefault(event["name"].removesuffix(ending), []).append(event["dur"])
    found = dict.fromkeys((SAMPLING, UNET, BENDS, DECODER, PIXELS), 0.0)
    for name, times in took_us.items():
        if name in stage_of:  # else put in when the session opened: its time stays between layers
            found[stage_of[name]] += 1e-6 * sum(times[-pictures:])
    return found


def layer_stages(model: bytes) -> dict[str, str]:
    """Return the stage of every layer of an exported picture's graph, by the layer's name.

    A bend's layers have ``bends.<i>`` in their names, those of the networks begin with ``/unet`` or ``/decoder``. What
    else was exported is arithmetic on latents, or, behind the decoder, on pixels. Layers that ONNX Runtime put in
    (changes of layout above all) have names of its own: they belong with the layer before them.
    """
    import onnx

    nodes = onnx.ModelProto.FromString(model).graph.node
    made_by: dict[str, str] = {}
    behind: set[str] = set()
    found: dict[str, str] = {}
    for node in nodes:
        before = next((made_by[name] for name in node.input if name in made_by), None)
        decoded = any(name in behind for name in node.input)
        stage = _named_stage(node.name)
        if stage is None:
            exported = node.name.startswith("/")
            stage = (PIXELS if decoded else SAMPLING) if exported or before is None else before
        found[node.name] = stage
        made_by |= dict.fromkeys(node.output, stage)
        if decoded or stage == DECODER:
            behind.update(node.output)
    return found


def _named_stage(name: str) -> str | None:
    parts = name.split("/")
    if any(part.startswith("bends.") for part in parts):
        return BENDS
    scope = parts[1].split(".")[0] if len(parts) > 2 else ""
    return {"unet": UNET, "decoder": DECODER, "vae": DECODER}.get(scope)
