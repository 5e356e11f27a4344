"""What the rows of a batch begin from: pure noise, taught latents with noise put back, own answers, blended words."""

import random

import torch

LATER_STEPS = (99, 99, 99, 99, 99, 99, 594, 408, 755)
"""Where the later steps of two, three and four stand; the last, which all of them have, most often."""


def partly(batch: int) -> int:
    """How many rows of a batch begin from partly noised latents, and how many of the rest have their words blended."""
    return max(1, round(0.125 * batch)) if batch > 4 else 0


def later(batch: int) -> int:
    """How many rows of a batch are a later step of several."""
    return max(1, round(0.375 * batch)) if batch > 4 else 0


def noised(noise, latents, generator, alphas):
    """Network inputs and timesteps: partly noised latents in the first `partly` rows, pure noise in the rest.

    Half of the partly noised rows mix the latents with *other* noise than they were painted from, as starting from a
    given picture does.
    """
    batch = len(noise)
    timestep = torch.full((batch,), 999, device=noise.device)
    sample = noise * (1 - alphas[999]) ** 0.5
    some = partly(batch)
    if some:
        keep = (torch.arange(some) % 2 == 0).to(noise.device)[:, None, None, None]
        other = torch.where(keep, noise[:some], noise[-some:])
        sample[:some], timestep[:some] = part_way(latents[:some], other, generator, alphas)
    return sample.to(memory_format=torch.channels_last), timestep


def part_way(latents, noise, generator, alphas):
    """Latents with noise put back, as much as at a random timestep of each row, and those timesteps."""
    timestep = torch.randint(40, 960, (len(latents),), generator=generator).to(latents.device)
    a = alphas[timestep][:, None, None, None]
    return a.sqrt() * latents + (1 - a).sqrt() * noise, timestep


@torch.no_grad()
def again(model, sample, timestep, ids, noise, alphas, rows: range, rng: random.Random) -> None:
    """Make ``rows`` of pure noise a later step of several: the network's own answer, with the same noise put back.

    The timesteps are those of two, three and four steps. ``sample`` and ``timestep`` are changed in place.
    """
    if not rows:
        return
    at = slice(rows.start, rows.stop)
    clean = model(sample[at], timestep[at], ids[at]).float()
    later = torch.tensor([rng.choice(LATER_STEPS) for _ in rows], device=noise.device)
    a = alphas[later][:, None, None, None]
    sample[at] = a.sqrt() * clean + (1 - a).sqrt() * noise[at]
    timestep[at] = later


def blend_loss(model, sample, timestep, ids, known, rng: random.Random) -> torch.Tensor:
    """How far pictures of blended words are from the blend of the pictures.

    Words are blended token by token as `engine.prompts` does it; the answer asked for is the same share of the way
    between the latents of both captions. Else what tells forms apart grows so sharp that all of a blend's change comes
    in a tenth of its way.

    Parameters
    ----------
    sample, timestep, ids : Tensor
        Rows of pure noise and their captions; each is blended with the caption of the row before it.
    known : Tensor
        The latents of the rows' own captions.

    Returns
    -------
    Tensor (batch,)
    """
    others = ids.roll(1, 0)
    share = torch.tensor([rng.random() for _ in range(len(ids))], device=sample.device)[:, None, None]
    with torch.no_grad():
        far = model(sample, timestep, others).float()
        wanted = torch.lerp(known.float(), far, share[..., None])
    words = slerp(model.text_encoder(ids)[0].float(), model.text_encoder(others)[0].float(), share)
    got = model.from_words(sample, timestep, words).float()
    return (got - wanted).abs().mean(dim=(1, 2, 3))


def slerp(a: torch.Tensor, b: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Spherical interpolation of the last axis' vectors: `engine.sphere.slerp`, with gradients."""
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=-1).clamp(-0.9999, 0.9999)[..., None]
    omega = torch.acos(cosine)
    return (torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b) / torch.sin(omega)
