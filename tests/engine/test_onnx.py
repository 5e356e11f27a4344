"""The ONNX runtime paints what eager torch paints, from a cache that mends itself, and without torch when warm."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.bends import Painted
from engine.bends.catalog import OPERATORS
from engine.eager import EagerGenerator
from engine.errors import NotFinite
from engine.generator import Generator
from engine.runtimes import source
from engine.runtimes.exporter import Exporter
from engine.runtimes.facts import TextEncoder
from engine.runtimes.fold import FoldedEnd
from engine.runtimes.onnx import OnnxGenerator
from engine.runtimes.providers import providers_for
from engine.runtimes.session import Session
from engine.runtimes.source import Source
from engine.runtimes.store import Store
from engine.runtimes.task import MODEL, Task
from engine.runtimes.trace import export
from engine.runtimes.tune import tune

PROMPT = (("blue galaxy", 1.0),)
SITES = {"latent": "latent.0", "unet": "unet.up.0", "decoder": "decoder.0", "picture": "picture", "text": "text"}
BATCH = 20
"""Exporting takes seconds, however many bends a plan has."""
GRAIN = BendPlan((Bend("grain", "noise", "unet.mid", seed=4), Bend("turn", "rotate", "unet.up.0")))
MOVED = (0.5, 0.8, 0.7, 1.0)


class Inside(Exporter):
    """Exports at once, in this process: another one would load torch for seconds."""

    def __init__(self, model: EagerGenerator, store: Store) -> None:
        super().__init__(Source("tiny"), store.folder, lambda *_: None)
        self._model, self._store = model, store
        self.asked: list[Task] = []
        self.owner: OnnxGenerator | None = None

    def ask(self, task: Task, *, hurried: bool = False) -> None:
        self.asked.append(task)
        export(self._model, task, self._store)
        if self.owner is not None:
            self.owner._settled(task, None)

    def wait(self) -> None:
        pass


class Copying(Inside):
    """Takes what was exported once from another folder."""

    def __init__(self, origin: Path, store: Store) -> None:
        super().__init__(None, store)  # type: ignore[arg-type]
        self._origin = origin

    def ask(self, task: Task, *, hurried: bool = False) -> None:
        self.asked.append(task)
        for path in self._origin.rglob("*"):
            place = self._store.folder / path.relative_to(self._origin)
            if path.is_file() and not place.exists():
                shutil.copy(path, place)
        assert self.owner is not None
        self.owner._settled(task, None)


def opened(model: EagerGenerator, folder: Path, exporter: Exporter | None = None) -> OnnxGenerator:
    """An ONNX generator of a model that is in torch already; everything it needs to start has been exported."""
    store = Store(folder)
    if store.read_facts() is None:
        export(model, MODEL, store)
    exporter = exporter or Inside(model, store)
    made = OnnxGenerator(Source(str(model._folder)), store, providers_for("cpu"), 1, exporter)
    if isinstance(exporter, Inside):
        exporter.owner = made
    made._eager = model
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("graphs")


@pytest.fixture
def onnx(generator, folder) -> OnnxGenerator:
    return opened(generator, folder)


def assert_alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    difference = np.abs(ours.astype(int) - theirs.astype(int))
    assert (difference <= 2).mean() >= 0.999
    assert difference.mean() <= 0.3


def moved(bend: Bend) -> list[float]:
    """Values away from neutral: halfway to the far end, and mostly wet."""
    values = []
    for parameter in bend.parameters[:-1]:
        low, high, rest = float(parameter.low), float(parameter.high), float(parameter.default)
        end = high if high - rest >= rest - low else low
        values.append(parameter.clamp(rest + 0.35 * (end - rest)))
    return [*values, 0.8]


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


def test_pictures_are_the_same_every_time(generator, onnx, folder) -> None:
    spec = FrameSpec(prompts=PROMPT, seed=9, plan=GRAIN, values=MOVED)
    first = onnx.render(spec)
    assert np.array_equal(first.pixels, onnx.render(spec).pixels)
    assert np.array_equal(first.pixels, opened(generator, folder).render(spec).pixels)
    assert first.pixels.flags.c_contiguous
    assert not first.pixels.flags.writeable
    assert first.spec == spec


def test_values_out_of_range_are_moved_into_it(generator, onnx) -> None:
    wild = FrameSpec(prompts=PROMPT, plan=GRAIN, values=(99.0, 1.0, float("nan"), 5.0))
    assert_alike(onnx.render(wild).pixels, generator.render(wild).pixels)
    with pytest.raises(BadInput, match="4 bend values"):
        onnx.render(FrameSpec(prompts=PROMPT, plan=GRAIN, values=(0.0,)))


def test_plans_that_do_not_suit_are_refused(onnx) -> None:
    for bend in (Bend("b", "add", "unet.up.7"), Bend("b", "add", "unet.mid", "0-999")):
        with pytest.raises(BadInput):
            onnx.prepare(plans=(BendPlan((bend,)),))


@pytest.mark.parametrize(
    "text", ["", "A neon Blue galaxy, of 2 moons!", "x " * 60, "café — ∞ 漢字", " double  spaces\n"]
)
def test_tokens_equal_those_of_transformers(generator, folder, onnx, text: str) -> None:
    graph = Store(folder).read(MODEL)
    encode = TextEncoder(Store(folder).read_facts()["tokenizers"], Session(graph, providers_for("cpu"), 1))
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


def test_a_graph_is_exported_once_and_shared_by_plans_that_differ_in_names(generator, onnx, folder) -> None:
    onnx.prepare(plans=(GRAIN,))
    other = opened(generator, folder)
    renamed = BendPlan((Bend("a", "noise", "unet.mid", seed=4), Bend("b", "rotate", "unet.up.0")))
    other.prepare(plans=(GRAIN, renamed))
    assert not other._exporter.asked
    other.prepare(plans=(BendPlan((Bend("a", "noise", "unet.mid", seed=5),)),))
    assert len(other._exporter.asked) == 1


def test_graphs_share_their_weights(generator, folder, onnx) -> None:
    store = Store(folder)
    onnx.prepare(plans=(GRAIN, BendPlan()))
    first, second = (store.read(Task("picture", (32, 32), plan)) for plan in (GRAIN, BendPlan()))
    shared = [a for a in first.weights.values() if any(a is b for b in second.weights.values())]
    total = sum(a.nbytes for a in second.weights.values())
    assert sum(a.nbytes for a in shared) > 0.9 * total


@pytest.mark.parametrize("why", ["another device plays it", "it cannot be rewritten"])
def test_a_graph_that_is_not_rewritten_for_the_processor_paints_the_same(
    generator, onnx, tmp_path, monkeypatch, why: str
) -> None:
    spec = FrameSpec(prompts=PROMPT, seed=4, plan=GRAIN, values=MOVED)
    tuned = onnx.render(spec).pixels
    task = Task("picture", (32, 32), GRAIN)
    assert onnx._store.read(task).tuned
    plain = opened(generator, tmp_path)
    if why == "another device plays it":
        plain._tuned = False
    else:
        monkeypatch.setattr("engine.runtimes.trace.tune", lambda path: None)
    assert_alike(plain.render(spec).pixels, tuned)
    assert plain.playing == "onnx"
    assert not plain._store.read(plain._picture((32, 32), GRAIN, 1, 1.0)).tuned


def test_what_cannot_be_rewritten_is_said_to_be_so(tmp_path) -> None:
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"no graph")
    assert tune(path) is None


def test_another_processor_or_another_onnx_runtime_never_meets_a_rewritten_graph(monkeypatch) -> None:
    names = []
    for named, number in (("this", "1"), ("that", "1"), ("this", "2")):
        monkeypatch.setattr("engine.runtimes.source.processor", lambda named=named: named)
        monkeypatch.setattr("engine.runtimes.source.version", lambda library, number=number: number)
        source.code_version.cache_clear()
        names.append(source.code_version())
    source.code_version.cache_clear()
    assert len(set(names)) == 3


def test_the_nodes_of_a_graph_say_which_of_them_bend(onnx) -> None:
    import onnx as format

    onnx.prepare(plans=(GRAIN, BendPlan()))
    nodes = [
        [node.name for node in format.ModelProto.FromString(onnx._store.read(task).model).graph.node]
        for task in (Task("picture", (32, 32), GRAIN), Task("picture", (32, 32), BendPlan()))
    ]
    for index in range(len(GRAIN.bends)):
        assert any(f"bends.{index}/" in name for name in nodes[0])
    assert not any("bends." in name for name in nodes[1])


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "weights"])
def test_a_damaged_cache_is_made_anew(generator, folder, onnx, tmp_path, harm: str) -> None:
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED)
    whole = onnx.render(spec).pixels
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    damaged = tmp_path / f"{Task('picture', (32, 32), GRAIN).key}.graph"
    if harm == "weights":
        damaged = max((tmp_path / "tensors").iterdir(), key=lambda path: path.stat().st_size)
    content = damaged.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    damaged.write_bytes({"cut": content[:middle], "empty": b""}.get(harm, flipped))
    again = opened(generator, tmp_path, Copying(folder, Store(tmp_path)))
    assert np.array_equal(again.render(spec).pixels, whole)
    assert again._exporter.asked
    assert again.playing == "onnx"


def test_what_cannot_be_exported_plays_in_torch_and_says_so_once(generator, tmp_path, caplog) -> None:
    settled: list[str | None] = []
    broken = [sys.executable, "-c", "import sys; sys.exit('no room left')"]
    exporter = Exporter(Source("tiny"), tmp_path, lambda task, error: None, broken)
    onnx = opened(generator, tmp_path, exporter)

    def remember(task: Task, error: str | None) -> None:
        settled.append(error)
        onnx._settled(task, error)

    exporter._settled = remember
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED)
    with caplog.at_level(logging.WARNING, "engine"):
        first = onnx.render(spec).pixels
        exporter.wait()
        for _ in range(3):
            assert np.array_equal(onnx.render(spec).pixels, first)
        onnx.prepare(plans=(GRAIN,), wait=True)
    assert np.array_equal(first, generator.render(spec).pixels)
    assert onnx.playing == "eager"
    assert len(settled) == 1
    assert len(caplog.messages) == 1
    assert "grain, turn" in caplog.text
    assert "no room left" in caplog.text


def test_weights_play_in_torch_and_it_is_said_once(generator, onnx, caplog) -> None:
    name = next(n for n, operator in OPERATORS.items() if "weights" in operator.kinds)
    plan = BendPlan((Bend("worn", name, "weights.unet.in"),))
    spec = FrameSpec(prompts=PROMPT, plan=plan, values=tuple(moved(plan.bends[0])))
    with caplog.at_level(logging.WARNING, "engine"):
        for _ in range(2):
            assert np.array_equal(onnx.render(spec).pixels, generator.render(spec).pixels)
    assert onnx.playing == "eager"
    assert len(caplog.messages) == 1


def test_the_process_exports_and_a_warm_start_needs_no_torch(tiny_folder, tmp_path) -> None:
    code = f"""
import sys
import platformdirs
platformdirs.user_cache_dir = lambda *a, **k: {str(tmp_path)!r}
from engine import Bend, BendPlan, FrameSpec, Generator
generator = Generator.load({str(tiny_folder)!r}, runtime="onnx", threads=1)
plan = BendPlan((Bend("turn", "rotate", "unet.mid"),))
generator.prepare(prompts=("blue galaxy",), plans=(plan,), wait=True)
picture = generator.render(FrameSpec(prompts=(("blue galaxy", 1.0),), plan=plan, values=(0.5, 1.0)))
print(generator.playing, "torch" in sys.modules, "onnx" in sys.modules, picture.pixels.sum())
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=280
        ).stdout.split()
        for _ in range(2)
    ]
    assert said[0][:2] == ["onnx", "True"]
    assert said[1][:3] == ["onnx", "False", "False"]
    assert said[0][3] == said[1][3]


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_what_is_not_finite_is_no_picture_and_the_bend_is_named(generator, tmp_path, monkeypatch, runtime) -> None:
    from engine.bends.kernels import KERNELS

    monkeypatch.setitem(KERNELS, "add", lambda x, p, fixed, sd: x / torch.zeros_like(x) * p[0] + x)
    plan = BendPlan((Bend("still", "rotate", "unet.mid"), Bend("wild", "add", "unet.up.0")))
    player: Generator = generator if runtime == "eager" else opened(generator, tmp_path)
    with pytest.raises(NotFinite) as caught:
        player.render(FrameSpec(prompts=PROMPT, plan=plan, values=(0.3, 1.0, 1.0, 1.0)))
    if runtime == "onnx":
        import time

        deadline = time.monotonic() + 60
        while player._broken[plan] is None and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(NotFinite) as caught:
            player.render(FrameSpec(prompts=PROMPT, plan=plan, values=(0.3, 1.0, 1.0, 1.0)))
    assert caught.value.bend == "wild"
    assert "wild" in str(caught.value)


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
    from engine.runtimes import providers

    monkeypatch.setattr(providers, "graphics_device", lambda: False)
    assert generator._suits_onnx("builtin", "auto", None)
    assert generator._suits_onnx("builtin", "cpu", None)
    assert not generator._suits_onnx("builtin", "auto", "bfloat16")
    assert not generator._suits_onnx("builtin", "cuda", None)
    assert not generator._suits_onnx("some/model", "auto", None)
    monkeypatch.setattr(providers, "graphics_device", lambda: True)
    assert not generator._suits_onnx("builtin", "auto", None)
    assert generator._suits_onnx("some/model", "coreml", None)


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
