"""Loading from folders, hub ids and single files; what cannot be loaded is refused in one clear sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from bentlight.errors import BadInput, ModelMissing
from engine import FrameSpec, hub, loading
from engine.generator import Generator
from tests.engine.conftest import make_pipeline
from tests.engine.layouts import made
from tests.engine.original_layout import save_original
from tests.links import link

SPEC = FrameSpec(prompts=(("blue galaxy", 1.0),), seed=2)


def load(model, **options) -> Generator:
    return Generator.load(str(model), device="cpu", dtype="float32", **options)


@pytest.fixture
def model(tiny_folder, tmp_path):
    """A copy of the tiny model that a test may break."""
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def test_a_folder_loads_as_what_it_is(tiny_folder, kl_folder) -> None:
    tiny, full = load(tiny_folder), load(kl_folder)
    assert tiny.model == str(tiny_folder)
    assert type(tiny._vae).__name__ == "AutoencoderTiny"
    assert type(full._vae).__name__ == "AutoencoderKL"
    assert tiny.size == full.size == (32, 32)
    assert len(full.render(SPEC).pixels) == 32


def test_half_precision_files_load(tiny_folder, tmp_path) -> None:
    make_pipeline(tmp_path, prediction="sample").to(dtype=torch.float16).save_pretrained(
        tmp_path / "half", variant="fp16"
    )
    generator = load(tmp_path / "half")
    assert generator._unet.dtype == torch.float32
    whole = load(tiny_folder).render(SPEC).pixels.astype(float)
    assert np.abs(generator.render(SPEC).pixels - whole).mean() < 1


def test_an_unsupported_scheduler_is_played_by_euler_with_its_noise_levels(model) -> None:
    path = model / "scheduler" / "scheduler_config.json"
    config = json.loads(path.read_text()) | {"_class_name": "PNDMScheduler", "timestep_spacing": "leading"}
    path.write_text(json.dumps(config))
    schedule = load(model)._sampler.schedule(1)
    assert schedule.steps[0].timestep == 999


def test_a_tiny_autoencoder_takes_the_place_of_the_full_one(tiny_folder, kl_folder) -> None:
    generator = load(kl_folder, tiny_autoencoder=str(tiny_folder / "vae"))
    assert type(generator._vae).__name__ == "AutoencoderTiny"
    assert "decoder.2" in {site.address for site in generator.sites()}
    assert generator.render(SPEC).pixels.shape == (32, 32, 3)


def test_what_is_no_tiny_autoencoder_is_refused(tiny_folder, kl_folder, tmp_path) -> None:
    with pytest.raises(BadInput, match="AutoencoderTiny"):
        load(tiny_folder, tiny_autoencoder=str(kl_folder / "vae"))
    with pytest.raises(ModelMissing, match="tiny autoencoder"):
        load(tiny_folder, tiny_autoencoder=str(tmp_path / "nothing"))
    with pytest.raises(ModelMissing, match=r"config\.json"):
        load(tiny_folder, tiny_autoencoder=str(tmp_path))


def test_a_tiny_autoencoder_of_another_latent_space_is_refused(tiny_folder, tmp_path) -> None:
    from diffusers import AutoencoderTiny

    blocks = {"encoder_block_out_channels": (8,) * 4, "decoder_block_out_channels": (8,) * 4}
    AutoencoderTiny(latent_channels=16, **blocks).save_pretrained(tmp_path / "sixteen")
    with pytest.raises(BadInput, match=r"sixteen decodes latents of 16 channels, .* gives 4"):
        load(tiny_folder, tiny_autoencoder=str(tmp_path / "sixteen"))


@pytest.mark.parametrize("content", ["{broken", "[1]", "7"])
def test_a_tiny_autoencoder_with_a_broken_configuration_is_refused(tiny_folder, tmp_path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInput, match="cannot be read as a tiny autoencoder"):
        load(tiny_folder, tiny_autoencoder=str(tmp_path))


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
def test_a_link_to_nowhere_is_a_missing_model(model, runtime: str) -> None:
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    link(weights, model / "nowhere")
    with pytest.raises(ModelMissing, match="copy"):
        Generator.load(str(model), device="cpu", runtime=runtime)


def test_a_single_file_in_the_original_layout_loads(tmp_path) -> None:
    pipe = make_pipeline(tmp_path / "words", "kl", prediction="sample")
    pipe.save_pretrained(tmp_path / "one")
    expected = load(tmp_path / "one").render(SPEC).pixels
    for weights in (tmp_path / "one").rglob("*.safetensors"):
        weights.unlink()
    save_original(pipe, tmp_path / "one.safetensors")
    generator = load(tmp_path / "one.safetensors")
    assert expected.std() > 3
    assert np.abs(generator.render(SPEC).pixels.astype(int) - expected.astype(int)).max() <= 1


@pytest.mark.parametrize("harm", ["library", "pickle", "code"])
def test_a_configuration_beside_a_single_file_runs_no_code(tmp_path, monkeypatch, harm: str) -> None:
    pipe = make_pipeline(tmp_path / "words", "kl", prediction="sample")
    pipe.save_pretrained(tmp_path / "one")
    for weights in (tmp_path / "one").rglob("*.safetensors"):
        weights.unlink()
    save_original(pipe, tmp_path / "one.safetensors")
    (tmp_path / "trap_that_was_sprung.py").write_text("raise SystemExit('sprung')\n")
    monkeypatch.syspath_prepend(tmp_path)
    if harm == "library":
        index = tmp_path / "one" / "model_index.json"
        index.write_text(json.dumps(json.loads(index.read_text()) | {"tokenizer": ["trap_that_was_sprung", "X"]}))
    elif harm == "pickle":
        (tmp_path / "one" / "text_encoder" / "pytorch_model.bin").write_bytes(b"anything")
    else:
        (tmp_path / "one" / "unet" / "unet.py").touch()
    said = {"library": "names 'trap_that_was_sprung' for its tokenizer"}.get(harm, "can run code when opened")
    with pytest.raises(BadInput, match=said):
        load(tmp_path / "one.safetensors")


def test_a_single_file_without_its_configuration_says_where_to_put_it(tmp_path) -> None:
    save_original(make_pipeline(tmp_path / "words", "kl"), tmp_path / "alone.safetensors")
    with pytest.raises((BadInput, ModelMissing), match=r"configuration.*alone"):
        load(tmp_path / "alone.safetensors")


def test_a_broken_single_file_is_refused(tmp_path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises((BadInput, ModelMissing), match="broken"):
        load(tmp_path / "broken.safetensors")
    (tmp_path / "notes.txt").write_text("no model")
    with pytest.raises(BadInput, match=r"no \.safetensors file"):
        load(tmp_path / "notes.txt")


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".pth", ".bin", ".pkl"])
def test_formats_that_can_run_code_are_refused_unopened(tmp_path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"anything")
    with pytest.raises(BadInput, match="run code"):
        load(path)


def test_pickled_weights_in_a_folder_are_not_loaded(model) -> None:
    weights = model / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelMissing, match=r"no \.safetensors weights"):
        load(model)


@pytest.mark.parametrize("part", ["scheduler", "text_encoder", "tokenizer", "unet", "vae"])
def test_a_folder_without_a_component_says_which(model, part: str) -> None:
    shutil.rmtree(model / part)
    with pytest.raises(ModelMissing, match=part):
        load(model)


def rewrite(path, change) -> None:
    """Put what `change` makes of a file's tensors, by name, into it."""
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("weights", "missing"),
    [
        ("text_encoder/model", "final_layer_norm.bias"),
        ("unet/diffusion_pytorch_model", "conv_out.weight"),
        ("vae/diffusion_pytorch_model", "decoder.layers.0.weight"),
    ],
)
def test_weights_of_which_a_tensor_is_missing_are_refused(model, weights: str, missing: str) -> None:
    place = model / f"{weights}.safetensors"
    rewrite(place, lambda tensors: {name: t for name, t in tensors.items() if not name.endswith(missing)})
    with pytest.raises(BadInput, match=f"{place.parent} are not all .*{missing}"):
        load(model)
    rewrite(place, lambda tensors: {f"other.{name}": t for name, t in tensors.items()})
    with pytest.raises(BadInput, match=f"{place.parent} are not all"):
        load(model)


def test_a_single_file_whose_configuration_lacks_the_vocabulary_is_refused(tmp_path) -> None:
    pipe = make_pipeline(tmp_path / "words", "kl", prediction="sample")
    pipe.save_pretrained(tmp_path / "one")
    save_original(pipe, tmp_path / "one.safetensors")
    for path in (tmp_path / "one" / "tokenizer").iterdir():
        if path.name in ("vocab.json", "tokenizer.json"):
            path.unlink()
    with pytest.raises(ModelMissing, match="no vocabulary"):
        load(tmp_path / "one.safetensors")


@pytest.mark.parametrize("word", ["", "text_model."])
@pytest.mark.parametrize("layout", ["turbo", "xl_turbo"])
def test_text_encoders_load_by_the_names_of_every_version(tmp_path, layout: str, word: str) -> None:
    made(layout, tmp_path)
    expected = load(tmp_path / "model").embedding("blue galaxy")

    def renamed(tensors):
        plain = {name.removeprefix("text_model."): tensor for name, tensor in tensors.items()}
        return {name if "projection" in name else word + name: tensor for name, tensor in plain.items()}

    for encoder in (tmp_path / "model").glob("text_encoder*"):
        rewrite(encoder / "model.safetensors", renamed)
    np.testing.assert_allclose(load(tmp_path / "model").embedding("blue galaxy"), expected, atol=1e-5)


@pytest.mark.parametrize("part", ["scheduler", "text_encoder", "tokenizer", "unet", "vae"])
def test_a_component_without_its_configuration_or_vocabulary_is_not_whole(model, part: str, monkeypatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(model))
    assert hub.local_copy("someone/model") == model
    names = ("config.json", "scheduler_config.json", "vocab.json", "merges.txt", "tokenizer.json")
    gone = [path for path in (model / part).iterdir() if path.name in names]
    for path in gone:
        path.unlink()
    assert gone
    assert hub.local_copy("someone/model") is None
    with pytest.raises(ModelMissing, match=f"not complete.*{part}"):
        load(model)


@pytest.mark.parametrize("kind", ["StableDiffusion3Pipeline", "StableDiffusionInpaintPipeline", "FluxPipeline"])
def test_another_kind_of_pipeline_is_refused(model, kind: str) -> None:
    (model / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    with pytest.raises(BadInput, match=kind):
        load(model)


def test_broken_weights_are_refused(model) -> None:
    (model / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"\x08\x00")
    with pytest.raises((BadInput, ModelMissing), match="copy"):
        load(model)


@pytest.mark.parametrize("runtime", ["eager", "onnx"])
@pytest.mark.parametrize(
    "name",
    ["no such model", "./missing", "missing.safetensors", "", "~nosuchuser/x", f"./{'x' * 300}", "a\0b"],
    ids=lambda name: name[:20],
)
def test_a_model_that_is_nowhere_is_said_to_be(name: str, runtime: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelMissing, match="there is no model"):
        Generator.load(name, device="cpu", runtime=runtime)


@pytest.mark.parametrize("part", ["lora", "tiny_autoencoder"])
@pytest.mark.parametrize("name", ["~nosuchuser/x", f"./{'x' * 300}", ""], ids=lambda name: name[:20])
def test_a_part_that_is_nowhere_is_said_to_be(tiny_folder, name: str, part: str) -> None:
    with pytest.raises(ModelMissing, match=f"there is no {'LoRA' if part == 'lora' else 'tiny autoencoder'}"):
        load(tiny_folder, **{part: name})


def test_a_hub_id_offline_says_what_to_fetch_and_where_to_put_it() -> None:
    with pytest.raises(ModelMissing, match=r"models fetch stabilityai/sd-turbo.*give that folder's path"):
        Generator.load("stabilityai/sd-turbo", device="cpu")


def test_a_hub_model_that_is_on_this_machine_loads_offline(tiny_folder, monkeypatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(tiny_folder))
    assert Generator.load("someone/model", device="cpu").render(SPEC).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize("layout", ["turbo", "xl_turbo"])
def test_a_download_that_was_cut_anywhere_is_not_taken_for_whole(layout: str, tmp_path, monkeypatch) -> None:
    import huggingface_hub

    made(layout, tmp_path)
    folder = tmp_path / "model"
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **options: str(folder))
    assert hub.local_copy("someone/model") == folder
    parts = sorted(part.name for part in folder.iterdir() if part.is_dir())
    assert len(parts) == {"turbo": 5, "xl_turbo": 7}[layout]
    for part in parts:
        (folder / part).rename(tmp_path / "later")
        assert hub.local_copy("someone/model") is None, part
        (folder / part).mkdir()
        assert hub.local_copy("someone/model") is None, part
        (folder / part).rmdir()
        (tmp_path / "later").rename(folder / part)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_name("diffusion_pytorch_model-00001-of-00002.safetensors"))
    files = {f"w{i}": f"diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)}
    weights.with_name(weights.name + ".index.json").write_text(json.dumps({"weight_map": files}))
    assert hub.local_copy("someone/model") is None
    weights.with_name(files["w2"]).touch()
    assert hub.local_copy("someone/model") == folder


def test_of_a_repository_only_what_is_needed_and_safe_is_fetched() -> None:
    names = [
        "README.md",
        "model_index.json",
        "sd_turbo.safetensors",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.safetensors",
        "text_encoder/model.fp16.safetensors",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.bin",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "unet/diffusion_pytorch_model.non_ema.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "safety_checker/model.safetensors",
    ]
    assert hub.files_to_fetch(names) == [
        "model_index.json",
        "scheduler/scheduler_config.json",
        "text_encoder/config.json",
        "text_encoder/model.fp16.safetensors",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    shards = [
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors",
    ]
    index = "unet/diffusion_pytorch_model.safetensors.index.json"
    half = "unet/diffusion_pytorch_model.fp16.safetensors"
    assert hub.files_to_fetch(["unet/config.json", *shards, index]) == sorted(["unet/config.json", *shards, index])
    assert hub.files_to_fetch(["unet/config.json", *shards, index, half]) == ["unet/config.json", half]
    # As diffusers names the parts of half precision, and their index, one way and the other.
    halves = [
        "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors",
        "unet/diffusion_pytorch_model.fp16-00002-of-00002.safetensors",
    ]
    for word in ("safetensors.index.fp16.json", "fp16.safetensors.index.json"):
        ours = ["unet/config.json", *halves, f"unet/diffusion_pytorch_model.{word}"]
        assert hub.files_to_fetch([*ours, *shards, index]) == sorted(ours)
    assert hub.files_to_fetch(["config.json", "diffusion_pytorch_model.safetensors", "x.pt"]) == [
        "config.json",
        "diffusion_pytorch_model.safetensors",
    ]


def test_a_pickled_lora_is_refused(tiny_folder, tmp_path) -> None:
    with pytest.raises(BadInput, match="run code"):
        load(tiny_folder, lora=str(tmp_path / "style.bin"))
    with pytest.raises(ModelMissing, match="no LoRA"):
        load(tiny_folder, lora=str(tmp_path / "missing.safetensors"))


def test_a_missing_builtin_model_says_so(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    with pytest.raises(ModelMissing, match="built-in model"):
        Generator.load("builtin", device="cpu")


def test_a_network_plays_silently_and_without_the_painter(tiny_folder) -> None:
    code = (
        "import sys; from engine import Generator, FrameSpec\n"
        "Generator.load(sys.argv[1], device='cpu', threads=1).render(FrameSpec())\n"
        "assert not [m for m in sys.modules if 'painter' in m]\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tiny_folder)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_the_painter_paints_behind_the_same_interface() -> None:
    from engine import Bend, BendPlan

    painter = Generator.load("painter", device="cpu", size=(64, 48))
    spec = FrameSpec(prompts=(("neon blue galaxy", 1.0),), seed=4)
    picture = painter.render(spec)
    assert picture.pixels.shape == (48, 64, 3)
    assert picture.pixels.std() > 3
    assert np.array_equal(painter.render(spec).pixels, picture.pixels)
    plan = BendPlan((Bend("turn", "channel_rotate", "latent.0"), Bend("flip", "invert", "picture")))
    bent = painter.render(FrameSpec(prompts=spec.prompts, seed=4, plan=plan, values=(1.0, 1.0, 0.0)))
    assert not np.array_equal(bent.pixels, picture.pixels)
    assert {site.address for site in painter.sites()} == {"latent.0", "picture"}
    with pytest.raises(BadInput, match=r"latent\.0, picture"):
        painter.prepare(plans=[BendPlan((Bend("b", "add", "unet.mid"),))])
