"""The generator: deterministic pictures of the right size, guided, fed back, prepared from another thread."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine import Bend, BendPlan, FrameSpec
from engine.errors import OutOfMemory
from engine.generator import Generator
from engine.guidance import guidance_embedding
from engine.measuring import Survey
from engine.noise import fixed_noise
from engine.pictures import to_pixels
from tests.engine.conftest import make_pipeline

PROMPT = (("blue galaxy", 1.0),)


def difference(a, b) -> float:
    return float(np.abs(a.pixels.astype(float) - b.pixels.astype(float)).mean())


def test_the_same_spec_gives_the_same_picture(generator, tiny_folder) -> None:
    plan = BendPlan((Bend("grain", "noise", "unet.up.0", "random:0.5", seed=4),))
    spec = FrameSpec(prompts=PROMPT, seed=9, angle=0.7, steps=2, plan=plan, values=(0.8, 1.0), time_s=1.5)
    first = generator.render(spec)
    generator.render(FrameSpec(prompts=(("fire", 1.0),), seed=1))
    again = generator.render(spec)
    assert np.array_equal(first.pixels, again.pixels)
    assert np.array_equal(
        first.pixels, Generator.load(str(tiny_folder), device="cpu", dtype="float32").render(spec).pixels
    )
    assert (again.time_s, again.spec) == (1.5, spec)


def test_another_seed_prompt_or_angle_gives_another_picture(generator) -> None:
    base = generator.render(FrameSpec(prompts=PROMPT, seed=1))
    others = [
        FrameSpec(prompts=PROMPT, seed=2),
        FrameSpec(prompts=(("red fire", 1.0),), seed=1),
        FrameSpec(prompts=PROMPT, seed=1, angle=1.0),
        FrameSpec(prompts=PROMPT, seed=1, seed_to=2, seed_blend=0.5),
    ]
    for spec in others:
        assert difference(generator.render(spec), base) > 0.2


def test_the_noise_walk_closes(generator) -> None:
    start = generator.render(FrameSpec(prompts=PROMPT, angle=0.0))
    assert np.array_equal(generator.render(FrameSpec(prompts=PROMPT, angle=2 * math.pi)).pixels, start.pixels)


@pytest.mark.parametrize("name", ["generator", "kl_generator"])
def test_pixels_are_one_contiguous_read_only_array(name: str, request) -> None:
    pixels = request.getfixturevalue(name).render(FrameSpec(prompts=PROMPT)).pixels
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert not pixels.flags.writeable


@pytest.mark.parametrize(("steps", "guidance"), [(1, 0.0), (2, 0.0), (2, 3.0)])
@pytest.mark.parametrize("autoencoder", ["tiny", "kl"])
def test_pictures_equal_those_of_the_diffusers_pipeline(tmp_path, autoencoder, steps, guidance) -> None:
    pipe = make_pipeline(tmp_path, autoencoder, prediction="v_prediction")
    pipe.save_pretrained(tmp_path / "model")
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        "blue galaxy",
        num_inference_steps=steps,
        guidance_scale=guidance,
        latents=torch.from_numpy(fixed_noise(5, (1, 4, 8, 8))),
        height=32,
        width=32,
        output_type="np",
    ).images[0]
    generator = Generator.load(str(tmp_path / "model"), device="cpu", dtype="float32")
    ours = generator.render(FrameSpec(prompts=PROMPT, seed=5, steps=steps, guidance=guidance))
    assert theirs.std() > 0.01
    assert np.abs(ours.pixels / 255 - theirs).max() <= 1.01 / 255


def test_lcm_pictures_cohere_since_the_step_noise_is_fixed(kl_generator) -> None:
    pictures = [kl_generator.render(FrameSpec(prompts=PROMPT, steps=4, angle=a)) for a in (0.0, 0.01, 2.0)]
    assert difference(pictures[0], pictures[1]) < 0.2 * difference(pictures[0], pictures[2])


def test_size_is_width_then_height_and_sites_follow_it(tiny_folder) -> None:
    generator = Generator.load(str(tiny_folder), device="cpu", dtype="float32", size=(64, 40))
    assert generator.size == (64, 40)
    plan = BendPlan((Bend("turn", "rotate", "unet.mid"), Bend("grain", "noise", "unet.mid")))
    values = (0.5, 1.0, 0.5, 1.0)
    assert generator.render(FrameSpec(plan=plan, values=values)).pixels.shape == (40, 64, 3)
    shapes = {site.address: site.shape for site in generator.sites()}
    assert shapes["latent.0"] == (4, 10, 16)
    assert shapes["picture"] == (3, 40, 64)
    generator.resize(32, 32)
    assert generator.render(FrameSpec(plan=plan, values=values)).pixels.shape == (32, 32, 3)
    assert {site.address: site.shape for site in generator.sites()}["latent.0"] == (4, 8, 8)


def test_the_unit_of_a_site_does_not_depend_on_the_size(tiny_folder) -> None:
    small = Generator.load(str(tiny_folder), device="cpu", dtype="float32")
    wide = Generator.load(str(tiny_folder), device="cpu", dtype="float32", size=(64, 40))
    assert [s.sd for s in small.sites()] == [s.sd for s in wide.sites()]


@pytest.mark.parametrize("size", [(33, 32), (32, 36), (8, 32), (0, 32), (-32, 32), (8192, 32)])
def test_sizes_that_do_not_fit_are_refused(generator, size: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="multiple of 8"):
        generator.resize(*size)
    assert generator.size == (32, 32)


def test_measures_are_taken_once_and_kept(tiny_folder, monkeypatch) -> None:
    first = Generator.load(str(tiny_folder), device="cpu", dtype="float32")
    measured = first._known_measures()
    monkeypatch.setattr(Survey, "_watch", lambda *a: pytest.fail("measured again"))
    assert Generator.load(str(tiny_folder), device="cpu", dtype="float32")._known_measures() == measured


def test_measures_belong_to_the_types_and_the_text_encoders_that_they_were_taken_with(tiny_folder, generator) -> None:
    first = generator._key()
    other = Generator.load(str(tiny_folder), device="cpu", dtype="float32", runtime="eager")
    assert other._key() == first
    other._decode_in_bfloat16()
    assert (second := other._key()) != first
    with torch.no_grad():
        next(other.text.encoders[0].parameters()).add_(1)
    assert other._key() not in (first, second)
    assert other._survey.key == other._key()


def test_measures_of_another_version_are_taken_anew(tiny_folder, monkeypatch) -> None:
    load = {"device": "cpu", "dtype": "float32", "runtime": "eager"}
    Generator.load(str(tiny_folder), **load)._known_measures()
    monkeypatch.setattr("engine.measuring._MEASURES_VERSION", -1)
    watched = []
    watch = Survey._watch
    monkeypatch.setattr(Survey, "_watch", lambda *a: watched.append(1) or watch(*a))
    Generator.load(str(tiny_folder), **load)._known_measures()
    assert watched


def test_the_measured_deviation_is_that_of_the_activation(generator) -> None:
    seen = []
    handle = generator._unet.mid_block.register_forward_hook(lambda m, a, out: seen.append(out.std().item()))
    try:
        for seed in range(6):
            generator.render(FrameSpec(prompts=PROMPT, seed=seed))
    finally:
        handle.remove()
    sd = next(s.sd for s in generator.sites() if s.address == "unet.mid")
    assert sd == pytest.approx(np.mean(seen), rel=0.25)


def test_prepared_prompts_are_not_encoded_in_the_picture_loop(generator) -> None:
    generator.prepare(prompts=["slow smoke", "fast fire"])
    count = generator._prompts.encodings
    for weight in (0.1, 0.5, 0.9):
        generator.render(FrameSpec(prompts=(("slow smoke", weight), ("fast fire", 1 - weight))))
    assert generator._prompts.encodings == count


def test_preparing_while_rendering_harms_neither(generator) -> None:
    spec = FrameSpec(prompts=PROMPT, seed=3)
    expected = generator.render(spec).pixels
    failures: list[BaseException] = []

    def prepare() -> None:
        try:
            for number in range(12):
                plan = BendPlan((Bend(f"b{number}", "blur", "unet.mid"),))
                generator.prepare(prompts=[f"text {number}"], plans=[plan])
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=prepare)
    thread.start()
    pictures = [generator.render(spec).pixels for _ in range(6)]
    thread.join(60)
    assert not thread.is_alive()
    assert not failures
    assert all(np.array_equal(p, expected) for p in pictures)


def test_lack_of_memory_is_said_and_a_smaller_size_goes_on(tiny_folder, monkeypatch) -> None:
    generator = Generator.load(str(tiny_folder), device="cpu", dtype="float32", size=(64, 64))
    decode = generator._vae.decode

    def short_of_memory(latent, **options):
        if latent.shape[-1] > 8:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return decode(latent, **options)

    monkeypatch.setattr(generator._vae, "decode", short_of_memory)
    plan = BendPlan((Bend("turn", "rotate", "unet.up.0"),))
    with pytest.raises(OutOfMemory, match="64 x 64"):
        generator.render(FrameSpec(plan=plan, values=(1.0, 1.0)))
    generator.resize(32, 32)
    assert generator.render(FrameSpec(plan=plan, values=(1.0, 1.0))).pixels.shape == (32, 32, 3)


@pytest.mark.parametrize(
    "spec",
    [
        FrameSpec(steps=0),
        FrameSpec(steps=9),
        FrameSpec(seed=-1),
        FrameSpec(prompts=()),
        FrameSpec(guidance=float("nan")),
        FrameSpec(angle=float("inf")),
    ],
)
def test_a_spec_that_cannot_be_played_is_refused(generator, spec: FrameSpec) -> None:
    with pytest.raises(BadInput):
        generator.render(spec)


def test_pixels_of_what_is_not_finite_are_defined() -> None:
    picture = torch.tensor([float("nan"), float("inf"), -float("inf"), 0.0, 1.0, -1.0])
    assert to_pixels(picture.repeat(3, 1).reshape(1, 3, 1, 6))[0, :, 0].tolist() == [128, 255, 0, 128, 255, 0]


def test_bfloat16_pictures_are_close_to_single_precision(generator, tiny_folder) -> None:
    half = Generator.load(str(tiny_folder), device="cpu", dtype="bfloat16")
    spec = FrameSpec(prompts=PROMPT, seed=3)
    assert difference(half.render(spec), generator.render(spec)) < 3


def test_decoding_in_bfloat16_changes_little_and_bends_all_the_same(generator, tiny_folder) -> None:
    half = Generator.load(str(tiny_folder), device="cpu", dtype="float32")
    half._decode_in_bfloat16()
    spec = FrameSpec(prompts=PROMPT, seed=3)
    assert difference(half.render(spec), generator.render(spec)) < 1
    plan = BendPlan((Bend("turn", "rotate", "decoder.1"), Bend("grain", "noise", "decoder.2", "even")))
    still = FrameSpec(prompts=PROMPT, seed=3, plan=plan, values=plan.neutral)
    assert np.array_equal(half.render(still).pixels, half.render(spec).pixels)
    moved = FrameSpec(prompts=PROMPT, seed=3, plan=plan, values=(0.4, 1.0, 0.5, 1.0))
    assert difference(half.render(moved), generator.render(moved)) < 1


def test_guidance_embedding_equals_diffusers() -> None:
    from diffusers import LatentConsistencyModelPipeline

    for width in (32, 33):
        theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding(None, torch.tensor([7.5]), width)
        torch.testing.assert_close(torch.from_numpy(guidance_embedding(8.5, width)), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("device", ["nonsense", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(tiny_folder, device: str) -> None:
    with pytest.raises(BadInput, match="device"):
        Generator.load(str(tiny_folder), device=device)


def test_a_dtype_that_is_none_is_refused(tiny_folder) -> None:
    with pytest.raises(BadInput, match="dtype"):
        Generator.load(str(tiny_folder), device="cpu", dtype="int8")
