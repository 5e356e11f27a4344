"""SD 1.x, 2.x, turbo, LCM, SDXL-turbo: each loads, paints what diffusers paints, and bends at the same sites."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine import Bend, BendPlan, FrameSpec
from engine.generator import Generator
from engine.loading import load_components
from engine.noise import fixed_noise
from engine.runtimes.graph import GraphGenerator
from engine.runtimes.tape import TapeCapturer
from tests.engine.layouts import LAYOUTS, made
from tests.engine.onnx_players import assert_alike, opened

PROMPT = (("blue galaxy", 1.0),)
SITES = ("text", "latent.0", "unet.in", "unet.down.0", "unet.mid", "unet.skip.0", "unet.up.0", "unet.up.1", "unet.out",
         "latent.end", "decoder.0", "decoder.1", "picture")  # fmt: skip
EVERYWHERE = BendPlan(tuple(Bend(f"b{i}", "channel_rotate", site) for i, site in enumerate(SITES)))


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, tuple[Any, Path]]:
    """Each layout's diffusers pipeline and its folder, made when first asked for."""

    class Made(dict):
        def __missing__(self, name: str) -> tuple[Any, Path]:
            folder = tmp_path_factory.mktemp(name)
            self[name] = (made(name, folder), folder / "model")
            return self[name]

    return Made()


@pytest.fixture(scope="module")
def players(models) -> dict[str, Generator]:
    class Loaded(dict):
        def __missing__(self, name: str) -> Generator:
            self[name] = Generator.load(str(models[name][1]), device="cpu", dtype="float32", runtime="eager")
            return self[name]

    return Loaded()


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize(("steps", "guidance"), [(1, 1.0), (2, 3.0)])
def test_pictures_equal_those_of_the_family_s_own_pipeline(models, players, name: str, steps: int, guidance) -> None:
    from diffusers import EulerDiscreteScheduler

    pipe, _ = models[name]
    if name == "lcm":
        # Between steps it adds noise of its own.
        steps = 1
    else:
        # The families that were not trained for few steps are played by Euler from the last timestep on.
        pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config, timestep_spacing="trailing")
    theirs = pipe(
        "blue galaxy",
        num_inference_steps=steps,
        guidance_scale=guidance,
        latents=torch.from_numpy(fixed_noise(5, (1, 4, 8, 8))),
        height=32,
        width=32,
        output_type="np",
    ).images[0]
    ours = players[name].render(FrameSpec(prompts=PROMPT, seed=5, steps=steps, guidance=guidance)).pixels
    assert theirs.std() > 0.01
    assert np.abs(ours / 255 - theirs).max() <= 1.01 / 255


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_words_name_the_sites_of_every_layout(players, name: str) -> None:
    player = players[name]
    assert set(SITES) <= {site.address for site in player.sites()}
    plain = player.render(FrameSpec(prompts=PROMPT, seed=2)).pixels
    still = player.render(FrameSpec(prompts=PROMPT, seed=2, plan=EVERYWHERE, values=EVERYWHERE.neutral)).pixels
    assert np.array_equal(still, plain)
    for index, site in enumerate(SITES):
        values = list(EVERYWHERE.neutral)
        values[2 * index] = 1.5
        bent = player.render(FrameSpec(prompts=PROMPT, seed=2, plan=EVERYWHERE, values=tuple(values))).pixels
        assert not np.array_equal(bent, plain), site


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_plays_in_onnx_runtime_as_in_torch(players, tmp_path, name: str) -> None:
    player = players[name]
    onnx = opened(player, tmp_path)
    values = tuple(0.4 if i % 2 == 0 else 0.8 for i in range(len(EVERYWHERE.slots)))
    spec = FrameSpec(prompts=(("blue galaxy", 0.7), ("red fire", 0.3)), seed=3, guidance=2.5, plan=EVERYWHERE,
                     values=values)  # fmt: skip
    assert_alike(onnx.render(spec).pixels, player.render(spec).pixels)
    assert onnx.playing == "onnx"
    assert onnx.sites() == player.sites()


def test_an_lcm_hears_guidance_through_its_embedding(players) -> None:
    weak, strong = (players["lcm"].render(FrameSpec(prompts=PROMPT, guidance=g)).pixels for g in (1.0, 8.0))
    assert difference(weak, strong) > 0.2


def test_xl_blends_the_pooled_vectors_with_the_tokens(players) -> None:
    """Half-way between two prompts is neither, and the ends are the prompts themselves."""
    player = players["xl_turbo"]
    first, second = "blue galaxy", "red fire"
    ends = [player.render(FrameSpec(prompts=((text, 1.0),), seed=1)).pixels for text in (first, second)]
    for share, end in ((0.0, ends[0]), (1.0, ends[1])):
        blend = ((first, 1 - share), (second, share))
        assert np.array_equal(player.render(FrameSpec(prompts=blend, seed=1)).pixels, end)
    middle = player.render(FrameSpec(prompts=((first, 0.5), (second, 0.5)), seed=1)).pixels
    assert 0 < difference(middle, ends[0]) < difference(ends[1], ends[0]) * 1.5
    tokens = player._prompts.encode(first)
    assert tokens.shape == (1, player.text.tokens + 1, 72)
    assert not tokens[0, -1, player.text.pooled :].any()
    assert tokens[0, -1, : player.text.pooled].any()


def test_xl_knows_the_size_of_its_picture(models) -> None:
    player = Generator.load(str(models["xl_turbo"][1]), device="cpu", dtype="float32", size=(48, 32))
    spec = FrameSpec(prompts=PROMPT, seed=5)
    wide = player.render(spec).pixels
    assert wide.shape == (32, 48, 3)
    player._size_ids.kept[(48, 32)] = torch.tensor([[512.0, 512.0, 0, 0, 512.0, 512.0]])
    assert not np.array_equal(player.render(spec).pixels, wide)


def test_a_single_file_with_two_encoders_is_read_as_xl(models, tmp_path, monkeypatch) -> None:
    import diffusers
    from safetensors.torch import save_file

    pipe, _ = models["xl_turbo"]
    opened_as = []

    def reading(kind):
        return lambda path, **options: opened_as.append(kind) or pipe

    for kind in ("StableDiffusionPipeline", "StableDiffusionXLPipeline"):
        monkeypatch.setattr(getattr(diffusers, kind), "from_single_file", reading(kind))
    save_file({"conditioner.embedders.1.model.ln_final.weight": torch.ones(1)}, str(tmp_path / "xl.safetensors"))
    player = Generator.load(str(tmp_path / "xl.safetensors"), device="cpu", dtype="float32")
    assert opened_as == ["StableDiffusionXLPipeline"]
    assert player.render(FrameSpec(prompts=PROMPT)).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize("part", ["tokenizer_2", "text_encoder_2"])
def test_an_xl_folder_without_its_second_half_is_refused(models, tmp_path, part: str) -> None:
    import shutil

    from bentlight.errors import BentlightError

    folder = shutil.copytree(models["xl_turbo"][1], tmp_path / "copy")
    shutil.rmtree(folder / part)
    with pytest.raises(BentlightError, match=r"tokenizer_2|text_time"):
        Generator.load(str(folder), device="cpu")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_captured(models, players, name: str) -> None:
    folder = str(models[name][1])
    parts = load_components(folder, torch.float32)
    graph = GraphGenerator(parts, torch.device("cpu"), torch.float32, capturer=TapeCapturer())
    for guidance in (1.0, 3.0):
        for turn in (0.0, 0.8):
            spec = FrameSpec(
                prompts=PROMPT, seed=3, guidance=guidance, plan=EVERYWHERE, values=(turn, 1.0) * len(SITES)
            )
            assert np.array_equal(graph.render(spec).pixels, players[name].render(spec).pixels)
            assert graph.playing == "graph"
