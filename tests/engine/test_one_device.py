"""Painting touches one device only: nothing comes from the CPU or goes there while a picture is painted.

The device here is torch's meta device: tensors of shapes without values, which cannot be mixed with those of the CPU.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from engine import Bend, BendPlan, FrameSpec
from engine.bends.catalog import OPERATORS
from engine.bends.hooks import BendRuntime
from engine.bends.kernels import KERNELS
from engine.eager import EagerGenerator
from engine.generator import Generator
from engine.pictures import finite, to_bytes
from engine.sampling import Sampler
from engine.sites import fingerprint
from engine.stream import Stream

META = torch.device("meta")
SITES = {"text": "text", "latent": "latent.1", "unet": "unet.up.0", "decoder": "decoder.0", "picture": "picture"}


class OneDevice(TorchDispatchMode):
    """Refuses every operation that reads a tensor of another device, single numbers too."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        for x in tree_flatten((args, kwargs or {}, found))[0]:
            if isinstance(x, torch.Tensor):
                assert x.device == META, f"{func} with a tensor of the CPU"
        return found


def elsewhere(folder) -> EagerGenerator:
    """The model on the meta device, measured before it went there."""
    model = Generator.load(str(folder), device="cpu", dtype="float32", runtime="eager")
    assert isinstance(model, EagerGenerator)
    model._known_measures()
    model._unet.to(META)
    model._vae.to(META)
    model.device = META
    model._sampler = Sampler(model._sampler._scheduler, META)
    model._runtime = BendRuntime(model._modules, model._known_measures, META)
    return model


@pytest.fixture(scope="module")
def model(tiny_folder) -> EagerGenerator:
    return elsewhere(tiny_folder)


def paint(model: EagerGenerator, plan: BendPlan, **fields) -> None:
    """Paint once to make what is made once, and again watched."""
    spec = FrameSpec(plan=plan, values=plan.neutral, **fields)
    with torch.inference_mode():
        compiled = model._runtime.use(plan)
        given = model.ingredients(spec)
        if model._stream is not None:
            given = model._stream.alike(given, model.schedule(spec.steps))
        fresh = [given.fresh(i).to(META) for i, step in enumerate(model.schedule(spec.steps).steps) if step.fresh]
        given = replace(given.on(META), fresh=lambda index: fresh[index], guidance=torch.tensor(2.0, device=META))
        before = torch.zeros((1, 3, *reversed(model.size)), device=META)
        share = torch.tensor(0.5, device=META)

        def work() -> None:
            start = model.fed_back(given.start, before, share)
            picture, latent = model.paint(replace(given, start=start), compiled, spec.steps)
            finite(picture, latent)
            to_bytes(picture)

        work()
        with OneDevice():
            work()


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_stays_on_the_device(model, name: str) -> None:
    kinds = [kind for kind in SITES if kind in OPERATORS[name].kinds]
    bends = [
        Bend(f"{kind}_{part}", name, SITES[kind], seed=3, **choice)
        for kind in kinds
        for part, choice in (("all", {}), ("some", {"rows": "0.2-0.7", "sparse": 0.5}))
    ]
    paint(model, BendPlan(tuple(bends)), steps=2)


@pytest.mark.parametrize("folder", ["tiny_folder", "kl_folder"])
@pytest.mark.parametrize(("steps", "guidance"), [(1, 1.0), (3, 1.0), (2, 3.0)])
@pytest.mark.parametrize("stream", [False, True])
def test_steps_guidance_and_streams_stay_there(folder: str, steps: int, guidance: float, stream: bool, request) -> None:
    model = elsewhere(request.getfixturevalue(folder))
    model._stream = Stream(META) if stream else None
    paint(model, BendPlan(), steps=steps, guidance=guidance)


def test_what_comes_from_the_cpu_is_noticed(model, monkeypatch) -> None:
    monkeypatch.setitem(KERNELS, "blur", lambda x, p, fixed, sd: x + torch.tensor(0.5))
    with pytest.raises(AssertionError, match="of the CPU"):
        paint(model, BendPlan((Bend("b", "blur", "unet.mid"),)))


def test_a_model_on_a_device_without_double_precision_has_a_name(model, monkeypatch) -> None:
    class NoDouble(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            assert found.device != META or found.dtype != torch.float64, f"{func} in double precision"
            return found

    monkeypatch.setattr(torch.Tensor, "cpu", lambda x: torch.zeros(x.shape, dtype=x.dtype))
    with NoDouble():
        assert len(fingerprint(*model.networks)) == 24
