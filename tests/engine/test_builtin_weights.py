"""The shipped weights: a standard diffusers folder whose one-step pictures move with noise and words."""

import pytest
import torch

from engine.builtin import WEIGHTS


@pytest.fixture(scope="module")
def pipeline():
    from diffusers import StableDiffusionPipeline

    loaded = StableDiffusionPipeline.from_pretrained(
        WEIGHTS, torch_dtype=torch.float32, local_files_only=True, safety_checker=None, requires_safety_checker=False
    )
    loaded.set_progress_bar_config(disable=True)
    return loaded


def noise(seed: int) -> torch.Tensor:
    return torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(seed))


def picture(pipeline, caption: str, latents: torch.Tensor, steps: int = 1) -> torch.Tensor:
    out = pipeline(
        caption, num_inference_steps=steps, guidance_scale=0.0, latents=latents, output_type="pt", height=256, width=256
    )
    return out.images[0]


def test_folder_is_small_and_holds_no_pickles():
    files = [f for f in WEIGHTS.rglob("*") if f.is_file()]
    assert sum(f.stat().st_size for f in files) < 14e6
    assert {f.suffix for f in files} <= {".json", ".safetensors", ".txt", ".md", ""}


def test_one_step_gives_a_picture_with_contrast(pipeline):
    got = picture(pipeline, "neon cyan and orange flower", noise(1))
    assert got.shape == (3, 256, 256)
    assert got.std() > 0.12


def test_nearby_noises_give_nearby_pictures(pipeline):
    a, b = noise(1), noise(2)
    here, near, far = (picture(pipeline, "magenta and blue nebula", z) for z in (a, 0.9998 * a + 0.02 * b, b))
    assert 0 < (here - near).abs().mean() < 0.1
    assert (here - near).abs().mean() < 0.4 * (here - far).abs().mean()


def test_words_choose_form_colour_and_mood(pipeline):
    z = noise(3)
    base = picture(pipeline, "red and gold ocean", z)
    for other in ("red and gold galaxy", "blue and cyan ocean", "dark red and gold ocean"):
        assert (base - picture(pipeline, other, z)).abs().mean() > 0.04, other
    red, blue = picture(pipeline, "red and red lava lamp", z), picture(pipeline, "blue and blue lava lamp", z)
    assert red[0].mean() > blue[0].mean() + 0.1
    assert blue[2].mean() > red[2].mean() + 0.1


@pytest.mark.parametrize(
    ("said", "also"),
    [
        ("neon grid", "grid, neon"),
        ("neon grid", "8k, synthwave, electric"),
        ("red and gold ocean", "sea, crimson, golden"),
        ("blue and cyan rings", "blue and cyan tunnel"),
    ],
)
def test_other_words_for_the_same_give_nearly_the_same_picture(pipeline, said, also):
    for seed in (3, 4):
        z = noise(seed)
        here, there, elsewhere = (picture(pipeline, words, z) for words in (said, also, "purple and pink nebula"))
        assert (here - there).abs().mean() < 0.5 * (here - elsewhere).abs().mean(), (seed, also)


@pytest.mark.parametrize("caption", ["", "a photograph of an astronaut riding a horse", "日本 !?"])
def test_unknown_words_still_give_a_picture(pipeline, caption):
    """A dull one where the words are many: see docs/builtin.md."""
    assert picture(pipeline, caption, noise(4)).std() > 0.06


def test_the_middle_block_has_a_say(pipeline):
    """Noise in place of the middle block's output changes the picture."""
    z, changes = noise(5), []
    for caption in ("flower", "eclipse", "galaxy", "ocean"):
        plain = picture(pipeline, caption, z)
        generator = torch.Generator().manual_seed(0)
        hook = pipeline.unet.mid_block.register_forward_hook(
            lambda m, i, out, g=generator: torch.randn(out.shape, generator=g) * out.std() + out.mean()
        )
        changes.append((picture(pipeline, caption, z) - plain).abs().mean().item() * 255)
        hook.remove()
    assert sum(changes) / len(changes) >= 8


def test_two_steps_give_the_picture_of_one(pipeline):
    for caption in ("ocean", "flower"):
        one, two = (picture(pipeline, caption, noise(6), steps=steps) for steps in (1, 2))
        assert two.std() > 0.08
        assert (one - two).abs().mean() < 0.5 * (one - picture(pipeline, caption, noise(7))).abs().mean(), caption


def test_tokenizer_keeps_known_words_whole(pipeline):
    assert pipeline.tokenizer.tokenize("neon cyan galaxy") == ["neon</w>", "cyan</w>", "galaxy</w>"]
    assert pipeline.tokenizer.model_max_length == pipeline.text_encoder.config.max_position_embeddings
