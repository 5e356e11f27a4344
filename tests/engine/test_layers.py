"""The published layers are where their noise is: by diffusers' own schedule, and as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from bentlight.errors import BadInput
from engine.layers import LAYERS, layer_amplitudes, layer_table, layer_timestep, site_of_layer, trailing_timesteps
from engine.sampling import MOST_STEPS, Sampler

PAGE = Path(__file__).parents[2] / "docs" / "engine.md"
NOISE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def test_layers_have_the_noise_of_the_published_sampler() -> None:
    """Stable Diffusion 1.4, DDIM, 50 steps."""
    theirs = diffusers.DDIMScheduler(steps_offset=1, set_alpha_to_one=False, clip_sample=False, **NOISE)
    theirs.set_timesteps(LAYERS)
    for layer, timestep in enumerate(theirs.timesteps.tolist()):
        assert layer_timestep(layer) == timestep
        alpha = float(theirs.alphas_cumprod[timestep])
        assert layer_amplitudes(layer) == pytest.approx((alpha**0.5, (1 - alpha) ** 0.5), abs=1e-5)
    assert layer_amplitudes(LAYERS) == (1.0, 0.0)


@pytest.mark.parametrize("steps", range(1, MOST_STEPS + 1))
def test_times_are_those_that_the_sampler_has(steps: int) -> None:
    scheduler = diffusers.EulerDiscreteScheduler(timestep_spacing="trailing", **NOISE)
    schedule = Sampler(scheduler, torch.device("cpu")).schedule(steps)
    assert [step.timestep for step in schedule.steps] == list(trailing_timesteps(steps))


@pytest.mark.parametrize("steps", range(1, MOST_STEPS + 1))
def test_later_layers_are_at_later_sites_from_the_first_to_the_end(steps: int) -> None:
    order = [*(f"latent.{i}" for i in range(steps)), "latent.end"]
    sites = [order.index(site_of_layer(layer, steps)) for layer in range(LAYERS + 1)]
    assert sites == sorted(sites)
    assert set(sites) == set(range(steps + 1))


def test_the_table_on_the_page_is_what_the_function_gives() -> None:
    shown = re.search(r"<!-- layers:.*?-->\n(.*?)\n<!-- end -->", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert shown is not None
    assert shown[1] == layer_table()


@pytest.mark.parametrize(
    "wrong",
    [
        (1.5, 1),
        (None, 1),
        (10, 0),
        (10, 9),
        (10, 1.5),
        (10, 2, (999,)),
        (10, 1, (1000,)),
        (10, 1, (-1,)),
        (10, 1, (float("nan"),)),
    ],
)
def test_what_is_no_layer_no_number_of_steps_or_no_time_is_refused(wrong) -> None:
    with pytest.raises(BadInput, match=r"^[^\n]+\.$"):
        site_of_layer(*wrong)
    assert site_of_layer(np.int64(30), np.int64(3)) == site_of_layer(30, 3)


@pytest.mark.parametrize("layer", [-1, 51])
def test_a_layer_that_was_not_there_is_refused(layer: int) -> None:
    with pytest.raises(BadInput, match="0 to 50"):
        site_of_layer(layer, 1)
