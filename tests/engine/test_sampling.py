"""Few-step sampling gives what diffusers' own scheduler loop gives."""

from __future__ import annotations

import diffusers
import pytest
import torch
from diffusers.schedulers import scheduling_lcm

from bentlight.errors import BadInput
from engine.sampling import Sampler, denoise

NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SHAPE = (1, 4, 8, 8)


def network(x: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
    """Some function of the latent and the time that is neither constant nor linear."""
    return torch.tanh(x.roll(1, 2)) * (0.3 + timestep / 2000) + 0.2 * x


def fresh(index: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(100 + index))


def ours(scheduler, steps: int, start: torch.Tensor) -> torch.Tensor:
    schedule = Sampler(scheduler, torch.device("cpu")).schedule(steps)
    return denoise(start, schedule, network, fresh, lambda site, x, sd: x)


def theirs(scheduler, steps: int, start: torch.Tensor) -> torch.Tensor:
    scheduler.set_timesteps(steps)
    x = start * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        out = network(scheduler.scale_model_input(x, timestep), timestep)
        x = scheduler.step(out, timestep, x, return_dict=False)[0]
    return x


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_euler_equals_diffusers(steps: int, prediction: str) -> None:
    def make():
        return diffusers.EulerDiscreteScheduler(timestep_spacing="trailing", prediction_type=prediction, **NOISE)

    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(make(), steps, start), theirs(make(), steps, start), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_lcm_equals_diffusers_with_the_same_noises(steps: int, prediction: str, monkeypatch) -> None:
    def make():
        return diffusers.LCMScheduler(prediction_type=prediction, **NOISE)

    drawn = iter(range(steps))
    monkeypatch.setattr(scheduling_lcm, "randn_tensor", lambda *a, **k: fresh(next(drawn)))
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours(make(), steps, start), theirs(make(), steps, start), rtol=1e-5, atol=2e-5)


def test_a_schedule_is_computed_once() -> None:
    sampler = Sampler(diffusers.LCMScheduler(**NOISE), torch.device("cpu"))
    assert sampler.schedule(4) is sampler.schedule(4)


def test_bends_are_offered_the_latent_before_each_step_and_after_the_last() -> None:
    sampler = Sampler(diffusers.EulerDiscreteScheduler(timestep_spacing="trailing", **NOISE), torch.device("cpu"))
    seen = []

    def touch(site: str, x: torch.Tensor, sd: float | None) -> torch.Tensor:
        seen.append((site, x.std().item(), sd))
        return x

    start = torch.randn((1, 4, 64, 64), generator=torch.Generator().manual_seed(1))
    denoise(start, sampler.schedule(2), lambda x, t: torch.zeros_like(x), fresh, touch)
    assert [site for site, _, _ in seen] == ["latent.0", "latent.1", "latent.end"]
    assert seen[0][1] == pytest.approx(seen[0][2], rel=0.05)


@pytest.mark.parametrize("steps", [0, 9, -1])
def test_steps_out_of_range_are_refused(steps: int) -> None:
    with pytest.raises(BadInput, match="from 1 to 8"):
        Sampler(diffusers.LCMScheduler(**NOISE), torch.device("cpu")).schedule(steps)


def test_a_scheduler_that_cannot_be_tabulated_is_refused() -> None:
    with pytest.raises(BadInput, match="PNDMScheduler"):
        Sampler(diffusers.PNDMScheduler(**NOISE), torch.device("cpu"))
    with pytest.raises(BadInput, match="clip"):
        Sampler(diffusers.LCMScheduler(clip_sample=True, **NOISE), torch.device("cpu"))
    with pytest.raises(BadInput, match=r"original_inference_steps is 4, .* set it to 8"):
        Sampler(diffusers.LCMScheduler(original_inference_steps=4, **NOISE), torch.device("cpu"))
    with pytest.raises(BadInput, match="rescale_betas_zero_snr"):
        Sampler(diffusers.LCMScheduler(rescale_betas_zero_snr=True, **NOISE), torch.device("cpu"))
