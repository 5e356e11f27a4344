"""The ONNX runtime paints what eager torch paints."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends import Painted
from engine.bends.catalog import OPERATORS
from engine.generator import Generator
from engine.runtimes.facts import TextEncoder
from engine.runtimes.fold import FoldedEnd
from engine.runtimes.providers import providers_for
from engine.runtimes.session import Session
from engine.runtimes.store import Store
from engine.runtimes.task import MODEL, Task
from tests.engine.onnx_players import GRAIN, MOVED, PROMPT, assert_alike, moved, opened

SITES = {"latent": "latent.0", "unet": "unet.up.0", "decoder": "decoder.0", "picture": "picture", "text": "text"}
BATCH = 20
"""Exporting takes seconds, however many bends a plan has."""


def playable() -> list[Bend]:
    """Every operator that ONNX Runtime can run, at one of the kinds of site that suit it, taking turns."""
    found = []
    for name, operator in OPERATORS.items():
        kinds = [kind for kind in SITES if kind in operator.kinds]
        if "onnx" in operator.runtimes and kinds:
            found.append((kinds, name))
    return [
        Bend(f"b{number}", name, SITES[kind], "even" if kind in ("unet", "decoder") else "all", seed=number)
        for number, (kind, name) in enumerate((kinds[i % len(kinds)], name) for i, (kinds, name) in enumerate(found))
    ]


BENDS = playable()


@pytest.mark.parametrize("start", range(0, len(BENDS), BATCH), ids=lambda start: BENDS[start].operator)
def test_every_operator_paints_alike(generator, onnx, start: int) -> None:
    """Each operator alone away from neutral, with others of its group in the same graph at rest."""
    plan = BendPlan(tuple(BENDS[start : start + BATCH]))
    still = generator.render(FrameSpec(prompts=PROMPT, seed=2)).pixels
    changed = 0
    for alone in plan.bends:
        values = [
            v
            for bend in plan.bends
            for v in (moved(bend) if bend is alone else [float(p.default) for p in bend.parameters])
        ]
        spec = FrameSpec(prompts=PROMPT, seed=2, plan=plan, values=tuple(values))
        theirs = generator.render(spec).pixels
        assert_alike(onnx.render(spec).pixels, theirs)
        changed += not np.array_equal(theirs, still)
    assert onnx.playing == "onnx"
    assert changed >= 0.8 * len(plan.bends)


@pytest.mark.parametrize(
    "spec",
    [
        FrameSpec(prompts=(("red fire", 0.3), ("slow smoke", 0.7)), seed=3, angle=0.7),
        FrameSpec(prompts=PROMPT, seed=3, steps=3, guidance=4.0, plan=GRAIN, values=MOVED),
    ],
    ids=["blend", "guided"],
)
def test_specs_mean_the_same(generator, onnx, spec: FrameSpec) -> None:
    assert_alike(onnx.render(spec).pixels, generator.render(spec).pixels)
    assert onnx.playing == "onnx"


def test_noise_between_the_steps_and_the_full_autoencoder_come_out_alike(kl_generator, tmp_path) -> None:
    onnx = opened(kl_generator, tmp_path)
    spec = FrameSpec(prompts=PROMPT, seed=5, steps=2, plan=GRAIN, values=MOVED)
    assert_alike(onnx.render(spec).pixels, kl_generator.render(spec).pixels)
    assert onnx.playing == "onnx"


def test_feedback_means_the_same_at_another_size_too(generator, onnx) -> None:
    last = generator.render(FrameSpec(prompts=PROMPT, seed=8))
    spec = FrameSpec(prompts=PROMPT, seed=1, feedback=0.4)
    assert_alike(onnx.render(spec, last).pixels, generator.render(spec, last).pixels)
    assert onnx.playing == "onnx"
    try:
        onnx.resize(48, 40)
        assert onnx.render(spec, last).pixels.shape == (40, 48, 3)
        assert_alike(onnx.render(spec, last).pixels, generator.render(spec, last).pixels)
        assert onnx.sites() == generator.sites()
    finally:
        onnx.resize(32, 32)
    assert onnx.sites() == generator.sites()


def test_memory_of_another_size_is_given_back_once(generator, onnx, monkeypatch) -> None:
    import onnxruntime

    asked = []

    class Options(onnxruntime.RunOptions):
        def add_run_config_entry(self, key: str, value: str) -> None:
            asked.append((key, value))
            super().add_run_config_entry(key, value)

    monkeypatch.setattr(onnxruntime, "RunOptions", Options)
    spec = FrameSpec(prompts=PROMPT, seed=2)
    before = onnx.render(spec).pixels
    assert not asked
    onnx.resize(*onnx.size)
    onnx.render(spec)
    assert not asked
    try:
        generator.resize(48, 40)
        onnx.resize(48, 40)
        for _ in range(3):
            onnx.render(spec)
        assert asked == [("memory.enable_memory_arena_shrinkage", "cpu:0")]
    finally:
        generator.resize(32, 32)
    onnx.resize(32, 32)
    assert np.array_equal(onnx.render(spec).pixels, before)
    assert onnx.playing == "onnx"


def test_pictures_are_the_same_every_time(generator, onnx, graphs) -> None:
    spec = FrameSpec(prompts=PROMPT, seed=9, plan=GRAIN, values=MOVED)
    first = onnx.render(spec)
    assert np.array_equal(first.pixels, onnx.render(spec).pixels)
    assert np.array_equal(first.pixels, opened(generator, graphs).render(spec).pixels)
    assert first.pixels.flags.c_contiguous
    assert not first.pixels.flags.writeable
    assert first.spec == spec


def test_values_out_of_range_are_moved_into_it(generator, onnx) -> None:
    wild = FrameSpec(prompts=PROMPT, plan=GRAIN, values=(99.0, 1.0, float("nan"), 5.0))
    assert_alike(onnx.render(wild).pixels, generator.render(wild).pixels)
    with pytest.raises(BadInput, match="4 bend values"):
        onnx.render(FrameSpec(prompts=PROMPT, plan=GRAIN, values=(0.0,)))


def test_numbers_of_numpy_are_played_and_exported(generator, onnx) -> None:
    numpy = FrameSpec(
        prompts=PROMPT,
        seed=np.int64(4),
        steps=np.int64(3),
        guidance=np.float64(1.0),
        strength=np.float32(1.0),
        plan=GRAIN,
        values=tuple(np.array(MOVED, np.float32)),
    )
    ours = onnx.render(numpy).pixels
    assert onnx.playing == "onnx"
    assert_alike(ours, generator.render(FrameSpec(prompts=PROMPT, seed=4, steps=3, plan=GRAIN, values=MOVED)).pixels)


def test_what_is_handed_out_and_in_stays_as_it_was(onnx) -> None:
    with pytest.raises(ValueError, match="read-only"):
        onnx.embedding("fire")[:] = 0
    mine = onnx.embedding("fire").copy()
    onnx.keep("mine in hand", mine)
    mine[:] = 0
    assert np.array_equal(onnx.embedding("mine in hand"), onnx.embedding("fire"))
    assert np.array_equal(onnx._named["mine in hand"], onnx.embedding("fire"))


def test_plans_that_do_not_suit_are_refused(onnx) -> None:
    for bend in (Bend("b", "add", "unet.up.7"), Bend("b", "add", "unet.mid", "0-999")):
        with pytest.raises(BadInput):
            onnx.prepare(plans=(BendPlan((bend,)),))


@pytest.mark.parametrize(
    "text", ["", "A neon Blue galaxy, of 2 moons!", "x " * 60, "café — ∞ 漢字", " double  spaces\n"]
)
def test_tokens_equal_those_of_transformers(generator, graphs, onnx, text: str) -> None:
    graph = Store(graphs).read(MODEL)
    encode = TextEncoder(Store(graphs).read_facts()["tokenizers"], Session(graph, providers_for("cpu"), 1))
    tokens = generator._prompts.encode("").shape[1]
    theirs = generator.text.tokenizers[0](text, padding="max_length", max_length=tokens, truncation=True).input_ids
    assert encode.ids(text) == theirs
    np.testing.assert_allclose(encode(text), generator._prompts.encode(text), atol=1e-5)


def test_the_builtin_tokenizer_is_the_same_without_transformers(tmp_path) -> None:
    from tokenizers import Tokenizer
    from transformers import CLIPTokenizer

    from engine.builtin import WEIGHTS
    from engine.runtimes.trace import _tokenizer

    theirs = CLIPTokenizer.from_pretrained(str(WEIGHTS / "tokenizer"))
    ours = Tokenizer.from_str(_tokenizer(theirs, 24))
    for text in ("neon blue galaxy", "Photograph of an astronaut, riding 3 horses!", "", "fire " * 40):
        assert ours.encode(text).ids == theirs(text, padding="max_length", max_length=24, truncation=True).input_ids


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (16, 8)])
def test_the_folded_end_is_what_it_stands_for(size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    first = torch.nn.Conv2d(6, 5, 3, padding=1, bias=False)
    second = torch.nn.Conv2d(5, 3, 3, padding=1)
    x = torch.randn(1, 6, *size)
    with torch.no_grad():
        plain = second(first(torch.nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")))
        torch.testing.assert_close(FoldedEnd(first, second)(x), plain, rtol=0, atol=1e-5)


def test_a_bend_at_the_last_site_of_the_decoder_is_played(generator, onnx) -> None:
    last = [a for a in generator.site_addresses if a.startswith("decoder.")][-1]
    plan = BendPlan((Bend("turn", "rotate", last),))
    spec = FrameSpec(prompts=PROMPT, plan=plan, values=(0.8, 1.0))
    assert_alike(onnx.render(spec).pixels, generator.render(spec).pixels)
    assert not np.array_equal(onnx.render(spec).pixels, onnx.render(FrameSpec(prompts=PROMPT)).pixels)


def test_a_painted_mask_is_the_same_in_both_runtimes_and_another_painting_another_graph(generator, onnx) -> None:
    left, right = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    left[:, :4], right[:, 4:] = 255, 255
    plans = [
        BendPlan((Bend("b", "invert", "picture", mask="painted", painted=Painted.of(levels)),))
        for levels in (left, right)
    ]
    assert len({Task("picture", (32, 32), plan).key for plan in plans}) == 2
    plain = generator.render(FrameSpec(prompts=PROMPT)).pixels
    for plan, bent, kept in ((plans[0], slice(0, 12), slice(20, 32)), (plans[1], slice(20, 32), slice(0, 12))):
        spec = FrameSpec(prompts=PROMPT, plan=plan, values=(1.0, 1.0)[: len(plan.slots)])
        pixels = onnx.render(spec).pixels
        assert_alike(pixels, generator.render(spec).pixels)
        assert_alike(pixels[:, kept], plain[:, kept])
        assert np.abs(pixels[:, bent].astype(int) - plain[:, bent]).mean() > 10
    assert onnx.playing == "onnx"


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "coreml", "dml", "nonsense"])
def test_a_provider_that_is_not_there_is_refused_in_a_sentence(tiny_folder, device: str, monkeypatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BadInput, match=device):
        Generator.load(str(tiny_folder), device=device, runtime="onnx")


def test_bad_choices_are_refused(tiny_folder) -> None:
    with pytest.raises(BadInput, match="runtime"):
        Generator.load(str(tiny_folder), runtime="magic")
    with pytest.raises(BadInput, match="float32"):
        Generator.load(str(tiny_folder), runtime="onnx", dtype="float16")
    with pytest.raises(BadInput, match="painter"):
        Generator.load("painter", runtime="onnx")


def test_auto_is_onnx_for_the_builtin_model_without_a_graphics_device(monkeypatch) -> None:
    from engine import generator

    monkeypatch.setattr(generator, "graphics_device", lambda: False)
    assert generator._suits_onnx("builtin", "auto", None)
    assert generator._suits_onnx("builtin", "cpu", None)
    assert not generator._suits_onnx("builtin", "auto", "bfloat16")
    assert not generator._suits_onnx("builtin", "cuda", None)
    assert not generator._suits_onnx("some/model", "auto", None)
    monkeypatch.setattr(generator, "graphics_device", lambda: True)
    assert not generator._suits_onnx("builtin", "auto", None)
    assert generator._suits_onnx("some/model", "coreml", None)
