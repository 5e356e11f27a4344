"""The commands that show what there is tell the truth, for people and as JSON."""

import importlib.util
import json

import numpy as np
import pytest
import soundfile

from analysis import LiveAnalyzer
from analysis.frame import FEATURES
from engine.bends import OPERATORS
from live.bench.clicks import click_track
from live.cli import main
from live.cli.inspect import span
from live.control.addresses import ADDRESSES
from live.machine import checks, runtime_check
from scenes import library, load
from scenes.controls import CONTROLS


def said(capsys, *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_operators_lists_every_operator_with_its_neutral_values(capsys):
    listed = {op["name"]: op for op in json.loads(said(capsys, "operators", "--json"))}
    assert set(listed) == set(OPERATORS)
    zoom = {p["name"]: p for p in listed["zoom"]["parameters"]}
    assert zoom["factor"]["default"] == 1.0
    assert zoom["factor"]["range"] == [0.25, 4.0]
    table = said(capsys, "operators")
    assert all(name in table for name in OPERATORS)


@pytest.mark.parametrize("name", library())
def test_parameters_lists_every_address_that_can_be_played(name, capsys):
    listed = {p["address"] for p in json.loads(said(capsys, "parameters", "--scene", name, "--json"))}
    assert set(ADDRESSES) <= listed
    for entry in load(name).bends:
        assert {f"/bend/{entry.name}/{p}" for p in entry.parameters} <= listed


def test_scenes_lists_the_library_and_checks_a_file(capsys, tmp_path):
    assert [s["name"] for s in json.loads(said(capsys, "scenes", "--json"))] == list(library())
    keys = [s["key"] for s in json.loads(said(capsys, "scenes", "--json"))]
    assert keys == [str(n) if n <= 9 else "" for n in range(1, len(keys) + 1)], "there are keys 1 to 9 only"
    path = next(iter(library().values()))
    assert "fine" in said(capsys, "scenes", "check", str(path))
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: bad\nprompts: [{text: one}]\nbends: [{name: a, operator: zom, site: unet.mid}]\n")
    assert main(["scenes", "check", str(bad)]) == 2
    assert "bad.yaml:3" in capsys.readouterr().err


def test_sites_of_the_built_in_model_have_shapes_and_deviations(capsys):
    listed = {s["address"]: s for s in json.loads(said(capsys, "sites", "--json"))}
    assert {"text", "latent.0", "latent.end", "unet.in", "unet.mid", "unet.out", "picture"} <= set(listed)
    assert listed["latent.0"]["shape"] == [4, 32, 32]
    assert all(s["sd"] > 0 for s in listed.values())


def test_models_show_lists_the_words_of_the_built_in_model(capsys):
    words = said(capsys, "models", "show", "builtin")
    assert "galaxy" in words
    assert "neon" in words


def test_models_and_devices_and_doctor_run_anywhere(capsys):
    assert "builtin" in said(capsys, "models")
    assert "Sound inputs" in said(capsys, "devices")
    assert main(["doctor"]) in (0, 2)
    shown = capsys.readouterr().out
    assert "built-in model" in shown
    assert "runtime auto" in shown


@pytest.mark.parametrize(
    ("device", "cuda", "runtime"), [(True, True, "graph"), (True, False, "eager"), (False, False, "onnx")]
)
def test_doctor_says_what_auto_means(monkeypatch, device, cuda, runtime):
    monkeypatch.setattr("engine.runtimes.providers.graphics_device", lambda: device)
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "a GPU")
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    assert runtime_check().finding.startswith(runtime)


@pytest.mark.parametrize("package", ["torch", "diffusers", "onnxruntime", "sounddevice", "soundfile", "pygame", "av"])
def test_doctor_misses_each_library_that_playing_needs(monkeypatch, package):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == package else find(name))
    monkeypatch.setattr("live.machine.sound_problem", lambda: None)
    found = {check.what: check for check in checks()}[package]
    assert (found.mark, found.remedy) == ("✗", f"pip install {package}")


def test_without_a_connection_fetching_says_what_to_do(capsys, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["models", "fetch", "nobody/no-such-model"]) == 2
    assert "--model" in capsys.readouterr().err


@pytest.fixture
def clicks(tmp_path):
    samples, times = click_track(8.0, seed=5)
    path = tmp_path / "clicks.wav"
    soundfile.write(path, samples, 48000)
    return path, times


def test_analyze_prints_one_onset_a_line_where_the_clicks_are(clicks, capsys):
    path, times = clicks
    found = np.array([float(line) for line in said(capsys, "analyze", str(path)).split()])
    assert len(found) == len(times)
    assert np.abs(found - times).max() < 0.02
    fired = np.array([float(line) for line in said(capsys, "analyze", str(path), "--fire").split()])
    assert np.all(fired > times), "a live listener cannot act before the sound"
    assert np.median(fired - times) < 0.015


@pytest.mark.parametrize(("options", "gain"), [((), "auto"), (("--gain", "6"), 6.0)])
def test_features_of_a_file_are_those_heard_live_in_blocks_of_any_size(tmp_path, capsys, options, gain):
    rng = np.random.default_rng(8)
    t = np.arange(48_000) / 48_000
    sound = np.stack([0.2 * np.sin(2 * np.pi * 330 * t), 0.05 * rng.standard_normal(len(t))], axis=1)
    path, features = tmp_path / "stereo.wav", tmp_path / "f.json"
    soundfile.write(path, sound.astype(np.float32), 48_000, "FLOAT")
    said(capsys, "analyze", str(path), "--what", "features", "--json", str(features), *options)
    told = json.loads(features.read_text())
    for sizes in ([64], [256], [1000], rng.integers(1, 3000, 100).tolist()):
        analyzer, parts, start = LiveAnalyzer(48_000, gain_db=gain), [], 0
        while start < len(sound):
            size = sizes[len(parts) % len(sizes)]
            parts.append(analyzer.process(sound[start : start + size].astype(np.float32)))
            start += size
        frames = np.concatenate(parts)
        for field in FEATURES:
            assert frames[field.name].round(6).tolist() == told["features"][field.name], field.name
    assert told["fields"]["chroma"]["every"] == 8


def test_parameters_say_how_a_show_starts_and_whole_numbers_whole(capsys):
    listed = {p["address"]: p for p in json.loads(said(capsys, "parameters", "--json"))}
    assert listed["/gain/auto"]["default"] is True
    assert "from 1" in listed["/scene/number"]["description"]
    assert "from 0" in listed["/prompt/index"]["description"]
    assert span(CONTROLS["/seed"]) == "0 to 2147483647"
    assert span(CONTROLS["/motion"]) == "0 to 4"


def test_parameters_also_list_what_is_heard(capsys):
    text = said(capsys, "parameters")
    assert "8 hops" in text
    assert "key_strength" in text


def test_analyze_writes_features_and_a_page(clicks, capsys, tmp_path):
    path, _ = clicks
    features, page = tmp_path / "f.json", tmp_path / "p.png"
    said(capsys, "analyze", str(path), "--what", "features", "--json", str(features), "--plot", str(page))
    data = json.loads(features.read_text())
    assert set(data["features"]) >= {field.name for field in FEATURES}
    assert len(data["features"]["rms"]) == data["hops"] > 1000
    assert page.read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.glob("*.part"))
