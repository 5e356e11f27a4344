"""The GPU bench: its whole path runs small on a CPU, and without a GPU it says so."""

from __future__ import annotations

import json

import platformdirs
import pytest
import torch

from bench.gpu.__main__ import main, measured
from bench.gpu.floor import Floor, Peaks, work_of
from bench.gpu.players import PLANS


@pytest.fixture(autouse=True)
def _one_thread_and_a_cache_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *a, **k: str(tmp_path))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def check(found, ways):
    assert [row["what"] for row in found["rows"]] == [f"{way}, {plan}" for plan in PLANS for way in ways]
    for row in found["rows"]:
        assert 0 < row["median_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert set(found["worst_hitch_ms"]) == set(ways)
    operations = [found["floor"][plan]["operations"] for plan in PLANS]
    assert operations == sorted(operations)
    assert operations[0] > 1e8
    assert "no result" in found["device"]


def test_all_that_is_measured_is_there_and_is_shown(tmp_path, caplog, capsys):
    main("cpu", 6, "", True, True, tmp_path / "gpu.json")
    check(json.loads((tmp_path / "gpu.json").read_text()), ("eager", "graph"))
    shown = capsys.readouterr().out
    assert all(plan in shown for plan in PLANS)
    assert not [record for record in caplog.records if record.name.startswith("engine")]


def test_compiled_blocks_can_be_captured(caplog):
    check(measured("cpu", 6, "", True, ("graph, compiled",)), ("graph, compiled",))
    assert not [record for record in caplog.records if record.name.startswith("engine")]


@pytest.mark.parametrize(
    ("device", "tiny", "words"),
    [("cuda", False, "no CUDA"), ("cuda", True, "no CUDA"), ("cpu", False, "--tiny")],
)
def test_without_a_gpu_it_says_so_in_a_sentence(monkeypatch, capsys, device, tiny, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(Exception) as stopped:  # noqa: PT011 - typer's own
        main(device, 6, "", tiny, False, None)
    assert stopped.value.exit_code == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_the_floor_counts_products_and_what_they_move():
    a, b = torch.zeros(8, 16), torch.zeros(16, 32)
    found = work_of(lambda: torch.relu(a @ b))
    assert found == Floor(2 * 8 * 16 * 32, 4 * (8 * 16 + 16 * 32 + 8 * 32))
    assert found.ms(Peaks(8192e3, 1e6)) == pytest.approx((1.0, found.bytes / 1e3))
