"""The adversary: a small discriminator that tells taught latents from learnt ones, so that texture is asked for.

Regression alone answers what it cannot tell with a blur. The discriminator sees the latents together with the noise
they came from, where each cell lies, and what the caption asks for; the network is rewarded for what it takes for the
painter's. As every example has its painted answer, being alike in the discriminator's features is asked for as well
(feature matching, Salimans et al. 2016); the hinge loss is that of Lim & Ye 2017, spectral norm that of Miyato et al.
2018.
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from engine.builtin.train.common import Run, autocast, share_gradients
from engine.builtin.vocabulary import COLOURS, DENSITY_WORDS, FORMS, MOODS, PLACE_WORDS, SCALE_WORDS, understand

KEYS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("form", tuple(FORMS)),
    ("first", tuple(COLOURS)),
    ("second", tuple(COLOURS)),
    ("mood", MOODS),
    ("density", ("", *DENSITY_WORDS)),
    ("scale", ("", *SCALE_WORDS)),
    ("place", ("", *PLACE_WORDS)),
)
"""What a label tells of a caption, and the values it may have."""

LABELS = sum(len(keys) for _, keys in KEYS)
"""Rows of the table that labels point into."""


def label(captions: list[str]) -> torch.Tensor:
    """What captions ask for, as rows of one shared table of embeddings: ``(batch, 7)``."""
    rows = []
    for meaning in map(understand, captions):
        row, offset = [], 0
        for name, keys in KEYS:
            row.append(offset + keys.index(getattr(meaning, name)))
            offset += len(keys)
        rows.append(row)
    return torch.tensor(rows)


class LatentDiscriminator(nn.Module):
    """Patch discriminator on latents ``(batch, 4, h, w)``, at a half and a quarter of their size."""

    def __init__(self, width: int = 64):
        super().__init__()

        def conv(a: int, b: int, stride: int = 1) -> nn.Module:
            return spectral_norm(nn.Conv2d(a, b, 3, stride, 1))

        # Latents, their noise, x, y and the distance from the centre.
        self.layers = nn.ModuleList(
            [conv(11, width), conv(width, 2 * width, 2), conv(2 * width, 2 * width), conv(2 * width, 3 * width, 2)]
        )
        self.verdicts = nn.ModuleDict({"2": conv(2 * width, 1), "3": conv(3 * width, 1)})
        self.early = nn.Embedding(LABELS, width)
        self.late = nn.Embedding(LABELS, 3 * width)
        for table in (self.early, self.late):
            nn.init.normal_(table.weight, 0, 0.05)

    def forward(self, latents: torch.Tensor, noise: torch.Tensor, labels: torch.Tensor):
        """Patch logits ``(batch, patches)`` and the features on the way; labels from `label`."""
        height, width = latents.shape[2:]
        y, x = torch.meshgrid(
            torch.linspace(-1, 1, height, device=latents.device),
            torch.linspace(-1, 1, width, device=latents.device),
            indexing="ij",
        )
        where = torch.stack([x, y, (x * x + y * y).sqrt()]).expand(len(latents), -1, -1, -1)
        h, features, logits = torch.cat([latents, noise, where], 1), [], []
        for k, layer in enumerate(self.layers):
            h = layer(h)
            if k == 0:
                h = h + self.early(labels).sum(1)[:, :, None, None]
            h = F.leaky_relu(h, 0.2)
            features.append(h)
            if str(k) in self.verdicts:
                logits.append(self.verdicts[str(k)](h).flatten(1))
        wanted = self.late(labels).sum(1)[:, :, None, None]
        logits.append((h * wanted).mean(1).flatten(1))
        return torch.cat(logits, 1), features


def verdict_loss(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """Hinge loss of the discriminator."""
    return F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean()


def likeness_loss(got: list[torch.Tensor], want: list[torch.Tensor]) -> torch.Tensor:
    """Mean distance in the discriminator's features; the wanted ones are not trained through."""
    return sum((F.l1_loss(a.float(), b.detach().float()) for a, b in zip(got, want, strict=True)), torch.zeros(()))


class Adversary:
    """The discriminator with its optimiser, and what it asks of the network.

    Parameters
    ----------
    run
        The stage's run; its folder keeps the discriminator in ``adversary-raw.pt``.
    """

    def __init__(self, run: Run):
        self.run, self.net = run, LatentDiscriminator().to(run.device).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=5e-4, betas=(0.0, 0.98), weight_decay=0.0)
        self.path = run.folder / "adversary-raw.pt"
        if run.resume and self.path.exists():
            kept = torch.load(self.path, weights_only=True, map_location=run.device)
            self.net.load_state_dict(kept["net"])
            self.optimiser.load_state_dict(kept["optimiser"])

    def learn(self, want: torch.Tensor, got: torch.Tensor, noise: torch.Tensor, labels: torch.Tensor) -> float:
        """One step at telling wanted latents from got ones; returns the hinge loss, 2 where it can tell nothing."""
        with autocast(self.run.device):
            real, _ = self.net(want, noise, labels)
            fake, _ = self.net(got.detach(), noise, labels)
        loss = verdict_loss(real, fake)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(self.run, self.net)
        self.optimiser.step()
        return loss.item()

    def gradient(
        self,
        regression: torch.Tensor,
        want: torch.Tensor,
        got: torch.Tensor,
        noise: torch.Tensor,
        labels: torch.Tensor,
        rows: slice,
    ) -> torch.Tensor:
        """What to pass to ``got.backward``: regression's slope, and the adversary's in a fixed proportion to it.

        Weights of adversarial losses depend on everything; the ratio of their slopes at the output does not. The
        adversary looks at ``rows`` only: those that began as the very noise they were painted from.
        """
        (slope,) = torch.autograd.grad(regression, got, retain_graph=True)
        want, noise, labels = want[rows], noise[rows], labels[rows]
        free = got[rows].detach().requires_grad_(True)
        self.net.requires_grad_(False)
        with autocast(self.run.device):
            fake, features = self.net(free, noise, labels)
            with torch.no_grad():
                _, wanted = self.net(want, noise, labels)
        (fooling,) = torch.autograd.grad(-fake.float().mean(), free, retain_graph=True)
        (likeness,) = torch.autograd.grad(likeness_loss(features, wanted), free)
        self.net.requires_grad_(True)
        size = slope[rows].norm()
        for part in (fooling, likeness):
            slope[rows] += 0.5 * self.run.adversarial * part * (size / part.norm().clamp_min(1e-12))
        return slope

    def keep(self) -> None:
        """Write the discriminator beside the network's checkpoint."""
        temporary = self.path.with_suffix(".tmp")
        torch.save({"net": self.net.state_dict(), "optimiser": self.optimiser.state_dict()}, temporary)
        temporary.replace(self.path)
