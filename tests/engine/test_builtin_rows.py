"""What the rows of a training batch begin from."""

import json
import random

import pytest

pytest.importorskip("diffusers")

import torch

from engine.builtin import WEIGHTS
from engine.builtin.train.models import build_scheduler
from engine.builtin.train.rows import LATER_STEPS, again, blend_loss, later, noised, partly, slerp

ALPHAS = build_scheduler().alphas_cumprod


def batch(rows=16):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(rows, 4, 8, 8, generator=generator)
    latents = torch.randn(rows, 4, 8, 8, generator=generator)
    return generator, noise, latents, torch.arange(rows)[:, None]


class Echo:
    """A model whose latents are its words, everywhere the same."""

    def text_encoder(self, ids):
        return (torch.nn.functional.one_hot(ids % 4, 4).float(),)

    def from_words(self, sample, timestep, words):
        return words.mean(1)[:, :, None, None].expand(-1, -1, *sample.shape[2:])

    def __call__(self, sample, timestep, ids):
        return self.from_words(sample, timestep, self.text_encoder(ids)[0])


@pytest.mark.parametrize("steps", [2, 3, 4])
def test_later_steps_are_taught_where_the_shipped_scheduler_puts_them(steps):
    scheduler = build_scheduler()
    scheduler.set_timesteps(steps)
    first, *rest = (round(float(timestep)) for timestep in scheduler.timesteps)
    assert first == 999
    assert set(rest) <= set(LATER_STEPS)
    shipped = json.loads((WEIGHTS / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    assert {key: scheduler.config[key] for key in shipped if not key.startswith("_")} == {
        key: value for key, value in shipped.items() if not key.startswith("_")
    }


def test_slerp_is_the_engines():
    from engine.sphere import slerp as played

    a, b = torch.randn(2, 3, 5, 8).unbind(0)
    for t in (0.0, 0.3, 1.0):
        got = slerp(a, b, torch.full((3, 1, 1), t)).numpy()
        assert abs(got - played(a.numpy(), b.numpy(), t, axis=-1)).max() < 1e-4


def test_first_rows_are_partly_noised_and_the_rest_pure_noise():
    generator, noise, latents, _ = batch()
    sample, timestep = noised(noise, latents, generator, ALPHAS)
    some = partly(16)
    assert some == 2
    assert (timestep[some:] == 999).all()
    assert (timestep[:some] < 960).all()
    assert torch.allclose(sample[some:], noise[some:] * (1 - ALPHAS[999]) ** 0.5)
    a = ALPHAS[timestep[0]]
    assert torch.allclose(sample[0], a.sqrt() * latents[0] + (1 - a).sqrt() * noise[0])
    assert not torch.allclose(sample[1], ALPHAS[timestep[1]].sqrt() * latents[1], atol=0.1)


@pytest.mark.parametrize("batch", [1, 4, 6, 16, 32])
def test_most_rows_begin_from_pure_noise_and_none_is_two_things_at_once(batch):
    assert partly(batch) + later(batch) <= batch / 2
    assert (later(batch) > 0) == (batch > 4)


def test_later_steps_hold_the_networks_own_answer_with_the_same_noise():
    generator, noise, latents, ids = batch()
    sample, timestep = noised(noise, latents, generator, ALPHAS)
    before, steps = sample.clone(), timestep.clone()
    again(Echo(), sample, timestep, ids, noise, ALPHAS, range(2, 4), random.Random(0))
    rest = [0, 1, *range(4, 16)]
    assert torch.equal(sample[rest], before[rest])
    assert torch.equal(timestep[rest], steps[rest])
    for row in (2, 3):
        a = ALPHAS[timestep[row]]
        assert int(timestep[row]) in LATER_STEPS
        answer = Echo()(before[row : row + 1], None, ids[row : row + 1])[0]
        assert torch.allclose(sample[row], a.sqrt() * answer + (1 - a).sqrt() * noise[row], atol=1e-5)
    again(Echo(), sample, timestep, ids, noise, ALPHAS, range(0), random.Random(0))


def test_blends_cost_nothing_where_pictures_change_as_evenly_as_the_share():
    _, noise, _, ids = batch(4)
    sample, timestep, model = noise, torch.full((4,), 999), Echo()

    class Even(Echo):
        def from_words(self, sample, timestep, words):
            # Halfway between unit vectors at a right angle both parts are the sine of their share of the arc.
            return super().from_words(sample, timestep, torch.asin(words.clamp(0, 1)) / (torch.pi / 2))

    even = blend_loss(Even(), sample, timestep, ids, model(sample, timestep, ids), random.Random(1))
    sharp = blend_loss(model, sample, timestep, ids, model(sample, timestep, ids), random.Random(1))
    assert even.shape == (4,)
    assert even.max() < 1e-3
    assert sharp.mean() > 0.02
    far = blend_loss(Even(), sample, timestep, ids, model(sample, timestep, ids) + 1, random.Random(1))
    assert far.mean() > 0.1


def test_what_a_skip_may_tell_is_only_what_the_level_below_could_not():
    from engine.builtin.train.network import coarse_part

    flat = torch.ones(1, 3, 16, 16)
    checks = ((torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1).expand(1, 3, 16, 16)
    assert torch.allclose(coarse_part(flat)[..., 2:-2, 2:-2], flat[..., 2:-2, 2:-2])
    assert coarse_part(checks)[..., 2:-2, 2:-2].abs().max() < 1e-5
    assert coarse_part(torch.ones(1, 3, 9, 16)).shape == (1, 3, 9, 16)
