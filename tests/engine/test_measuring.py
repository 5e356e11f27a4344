"""Measuring sites: the same in every floating-point type, and possible on a device that is short of memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from engine import Bend, BendPlan, FrameSpec
from engine.eager import EagerGenerator
from engine.errors import OutOfMemory
from engine.generator import Generator
from engine.measures import measures_path
from engine.measuring import _MEASURES_VERSION

BENT = BendPlan((Bend("grow", "zoom", "unet.mid", "cluster:1/4"),))


def load(model, dtype: str = "float32", **options) -> EagerGenerator:
    made = Generator.load(str(model), device="cpu", dtype=dtype, runtime="eager", **options)
    assert isinstance(made, EagerGenerator)
    return made


@pytest.fixture
def anew(monkeypatch) -> Iterator[int]:
    """Nothing that other tests measured is known."""
    version = -_MEASURES_VERSION - 10
    monkeypatch.setattr("engine.measuring._MEASURES_VERSION", version)
    yield version
    for path in measures_path("").parent.glob(f"{version}-*"):
        path.unlink()


def kept(model: EagerGenerator, version: int) -> bool:
    return measures_path(f"{version}-{model._survey.key}").exists()


@pytest.fixture(scope="module")
def exact() -> dict:
    return load("builtin")._known_measures()


@pytest.mark.parametrize("kind", ["float16", "decoder in bfloat16"])
def test_which_channels_act_alike_is_the_same_in_every_type(exact, anew, kind: str) -> None:
    model = load("builtin", "float16" if kind == "float16" else "float32")
    if kind != "float16":
        model._decode_in_bfloat16()
    own = {weight: (weight.data.clone(), weight.data_ptr()) for n in model.networks for weight in n.parameters()}
    text = next(model.text.encoders[0].parameters()).dtype
    model.render(FrameSpec(plan=BENT, values=(1.5, *BENT.neutral[1:])))
    assert {a: m.clusters for a, m in model._known_measures().items()} == {a: m.clusters for a, m in exact.items()}
    assert all(torch.equal(w.data, data) and w.data_ptr() == place for w, (data, place) in own.items())
    assert next(model.text.encoders[0].parameters()).dtype == text == model.dtype


def short_of_memory(monkeypatch, lacks) -> None:
    paint = EagerGenerator.paint

    def small(self, *args):
        if lacks(self):
            raise torch.OutOfMemoryError("out of memory")
        return paint(self, *args)

    monkeypatch.setattr(EagerGenerator, "paint", small)


def test_a_device_too_small_for_the_native_size_measures_at_its_own_for_now(tiny_folder, anew, monkeypatch) -> None:
    short_of_memory(monkeypatch, lambda model: model.size[0] > 16)
    model = load(tiny_folder, size=(16, 16))
    assert {site.address: site.shape for site in model.sites()}["picture"] == (3, 16, 16)
    assert model.render(FrameSpec(plan=BENT, values=BENT.neutral)).pixels.shape == (16, 16, 3)
    assert not kept(model, anew)
    model.resize(32, 32)
    with pytest.raises(OutOfMemory, match="32 x 32"):
        model.render(FrameSpec())
    with pytest.raises(OutOfMemory, match="32 x 32"):
        load(tiny_folder).sites()


def test_a_device_too_small_for_float32_measures_in_its_own_type(tiny_folder, anew, monkeypatch) -> None:
    short_of_memory(monkeypatch, lambda model: model.dtype == torch.float32)
    model = load(tiny_folder, "float16")
    model.render(FrameSpec(plan=BENT, values=BENT.neutral))
    assert kept(model, anew)
