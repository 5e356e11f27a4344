"""The painter: a smooth, deterministic function of the noise, distinct for every form."""

import itertools

import pytest
import torch

from engine.builtin.painter import paint
from engine.builtin.painter.forms import PAINT
from engine.builtin.vocabulary import FORMS


def noise(seed: int, count: int = 1) -> torch.Tensor:
    return torch.randn(count, 4, 32, 32, generator=torch.Generator().manual_seed(seed))


def test_every_form_has_a_painter():
    assert set(PAINT) == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_pictures_are_finite_bounded_contrasty_and_repeatable(form):
    first = paint(noise(1), [form], (64, 64))
    assert first.shape == (1, 3, 64, 64)
    assert torch.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() <= 1
    assert first.std() > 0.08
    assert torch.equal(first, paint(noise(1), [form], (64, 64)))


@pytest.mark.parametrize("form", FORMS)
def test_a_little_more_noise_changes_the_picture_a_little(form):
    start, end = noise(1), noise(2)
    near = 0.9998 * start + 0.02 * end
    a, b, far = (paint(z, [form], (96, 96)) for z in (start, near, end))
    assert 0 < (a - b).abs().mean() < 0.25 * (a - far).abs().mean()


def test_forms_differ_from_one_another():
    pictures = {form: paint(noise(3), [f"blue and gold {form}"], (64, 64)) for form in FORMS}
    for a, b in itertools.combinations(pictures, 2):
        assert (pictures[a] - pictures[b]).abs().mean() > 0.04, (a, b)


def test_a_mixed_batch_equals_its_parts():
    captions = ["red nebula", "ocean", "pastel pink flower"]
    together = paint(noise(4, 3), captions, (64, 64))
    for k, caption in enumerate(captions):
        assert torch.allclose(together[k : k + 1], paint(noise(4, 3)[k : k + 1], [caption], (64, 64)), atol=1e-5)


def test_composition_does_not_depend_on_the_picture_size():
    small, large = paint(noise(5), ["mountains"], (64, 64)), paint(noise(5), ["mountains"], (256, 256))
    assert (torch.nn.functional.avg_pool2d(large, 4) - small).abs().mean() < 0.03


def test_a_ridge_stands_dark_before_what_is_behind_it():
    light = paint(noise(6, 4), ["grey and white mountains"] * 4, (128, 128)).mean(1)
    # From some row to one a thirtieth of the picture below it: nearly every column crosses a ridge under the sun.
    drops = (light[:, 48:-4] - light[:, 52:]).amax(1)
    assert (drops > 0.2).float().mean() > 0.95


@pytest.mark.parametrize(
    "caption", ["", "   ", "qwertz 12 !?", "a photograph of an astronaut riding a horse", "ÄÖ 日本"]
)
def test_any_caption_paints_something(caption):
    assert paint(noise(6), [caption], (64, 64)).std() > 0.08


def test_wide_pictures_and_larger_noise_are_painted():
    z = torch.randn(1, 4, 32, 64, generator=torch.Generator().manual_seed(7))
    assert paint(z, ["galaxy"]).shape == (1, 3, 256, 512)


def test_captions_and_noises_must_match_in_number():
    with pytest.raises(ValueError, match="2 captions for 1 noises"):
        paint(noise(8), ["galaxy", "ocean"])
