"""Exported graphs are made once, shared, kept whole, made anew when damaged, and played without torch when warm."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine import Bend, BendPlan, FrameSpec
from engine.runtimes import source
from engine.runtimes.source import Source
from engine.runtimes.store import MOST_VERSIONS, Store
from engine.runtimes.task import Task
from engine.runtimes.tune import tune
from tests.engine.onnx_players import GRAIN, MOVED, PROMPT, Copying, assert_alike, opened


def test_a_graph_is_exported_once_and_shared_by_plans_that_differ_in_names(generator, onnx, graphs) -> None:
    onnx.prepare(plans=(GRAIN,))
    other = opened(generator, graphs)
    renamed = BendPlan((Bend("a", "noise", "unet.mid", seed=4), Bend("b", "rotate", "unet.up.0")))
    other.prepare(plans=(GRAIN, renamed))
    assert not other._exporter.asked
    other.prepare(plans=(BendPlan((Bend("a", "noise", "unet.mid", seed=5),)),))
    assert len(other._exporter.asked) == 1


def test_graphs_share_their_weights(generator, graphs, onnx) -> None:
    store = Store(graphs)
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
    assert not plain._store.read(plain._picture((32, 32), GRAIN, 1, 1.0, late=False)).tuned


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


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "weights", "empty weights"])
def test_a_damaged_cache_is_made_anew(generator, graphs, onnx, tmp_path, harm: str) -> None:
    spec = FrameSpec(prompts=PROMPT, seed=1, plan=GRAIN, values=MOVED)
    whole = onnx.render(spec).pixels
    shutil.copytree(graphs, tmp_path, dirs_exist_ok=True)
    damaged = tmp_path / f"{Task('picture', (32, 32), GRAIN).key}.graph"
    if "weights" in harm:
        damaged = max((tmp_path / "tensors").iterdir(), key=lambda path: path.stat().st_size)
    content = damaged.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    damaged.write_bytes({"cut": content[:middle], "empty": b"", "empty weights": b""}.get(harm, flipped))
    again = opened(generator, tmp_path, Copying(graphs, Store(tmp_path)))
    assert np.array_equal(again.render(spec).pixels, whole)
    assert again._exporter.asked
    assert again.playing == "onnx"


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


def test_a_tensor_that_is_cut_short_is_written_anew(tmp_path) -> None:
    store, task = Store(tmp_path), Task("feedback", (32, 32))
    tensors = {"weight": ("float32", (3,), np.arange(3, dtype=np.float32).tobytes())}
    store.write(task, b"model", tensors)
    (place,) = (tmp_path / "tensors").iterdir()
    place.write_bytes(b"")
    store.write(task, b"model", tensors)
    assert store.read(task).weights["weight"].tolist() == [0, 1, 2]


def test_versions_of_a_model_are_tidied_away_but_not_those_in_use(tmp_path) -> None:
    def version(name: str, model: str, unused_days: float) -> Path:
        store = Store(tmp_path / name)
        store.opened(model)
        then = time.time() - 86400 * unused_days
        os.utime(store.folder, (then, then))
        return store.folder

    kept = [version("played beside", "mine", 0.5), version("other", "another", 20)]
    gone = [version("before", "mine", 3), version("long before", "mine", 9), version("old", "another", 31)]
    own = Store(tmp_path / "own")
    own.opened("mine")
    own.tidy()
    assert MOST_VERSIONS == 2
    assert all(folder.is_dir() for folder in [*kept, own.folder])
    assert not any(folder.exists() for folder in gone)


def test_the_version_before_is_kept(tmp_path) -> None:
    for name, unused_s in (("before", 3 * 86400), ("own", 0)):
        store = Store(tmp_path / name)
        store.opened("mine")
        os.utime(store.folder, (time.time() - unused_s,) * 2)
    store.tidy()
    assert (tmp_path / "before").is_dir()


def test_opening_a_model_says_that_it_is_in_use(generator, graphs) -> None:
    os.utime(graphs, (1e9, 1e9))
    opened(generator, graphs)
    assert graphs.stat().st_mtime > 1e9 + 1


def test_what_a_model_says_of_itself_is_part_of_its_name(tiny_folder, tmp_path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    before = Source(str(folder))
    key, name = before.key(), before.name()
    index = folder / "model_index.json"
    index.write_text(index.read_text().replace("{", '{ "force_zeros_for_empty_prompt": false,', 1))
    assert before.key() != key
    assert before.name() == name


def test_the_key_of_a_task_is_worked_out_once(monkeypatch) -> None:
    plan = BendPlan((Bend("once", "invert", "picture", sparse=1),))
    key = Task("picture", (24, 24), plan).key
    assert key == Task("picture", (24, 24), BendPlan((Bend("twice", "invert", "picture", sparse=1.0),))).key
    monkeypatch.setattr(Task, "to_json", lambda task: pytest.fail("worked out again"))
    assert Task("picture", (24, 24), plan).key == key
