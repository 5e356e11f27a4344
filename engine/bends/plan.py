"""`Bend` and `BendPlan`: which operator sits at which site. Plain frozen data, no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from engine.bends.catalog import operator

__all__ = ["Bend", "BendPlan", "site_kind"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SITES = (
    ("text", re.compile(r"text")),
    ("latent", re.compile(r"latent\.(end|[0-7])")),
    ("unet", re.compile(r"unet\.(in|out|mid|skip\.\d{1,2}|(down|up)\.\d)(\.(resnet|attention)\.\d)?")),
    ("decoder", re.compile(r"decoder\.\d{1,2}")),
    ("picture", re.compile(r"picture")),
)
_CHANNELS = re.compile(r"all|even|odd|\d{1,4}-\d{1,4}|random:0?\.\d{1,3}")


def site_kind(site: str) -> str:
    """Return the kind of a site address: "text", "latent", "unet", "decoder" or "picture".

    Raises
    ------
    BadInput
        If it is no site address. Whether a given model has the site is known only to its generator.
    """
    for kind, pattern in _SITES:
        if pattern.fullmatch(site):
            return kind
    raise BadInput(f"there is no site {site!r}; `bentlight sites` lists them.")


@dataclass(frozen=True, slots=True)
class Bend:
    """An operator at a site.

    Attributes
    ----------
    name : str
        Its name in the scene and in addresses: lower-case letters, digits, underscores.
    operator : str
        A name in `engine.bends.catalog.OPERATORS`.
    site : str
        A site address such as ``unet.mid``.
    channels : str
        ``all``, ``even``, ``odd``, a range ``4-11`` (ends included), or ``random:0.25`` (a share drawn by `seed`).
    seed : int
        Fixes the noise and the random channels.
    """

    name: str
    operator: str
    site: str
    channels: str = "all"
    seed: int = 0

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BadInput(f"{self.name!r} is no name for a bend; use lower-case letters, digits and underscores.")
        kind = site_kind(self.site)
        kinds = operator(self.operator).kinds
        if kind not in kinds:
            raise BadInput(f"{self.operator} does not suit the site {self.site}; it suits {', '.join(sorted(kinds))}.")
        if not _CHANNELS.fullmatch(self.channels):
            raise BadInput(
                f"channels {self.channels!r} is not understood; "
                "use all, even, odd, a range such as 4-11, or random:0.25."
            )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The operator's parameters, `mix` last."""
        return operator(self.operator).parameters


@dataclass(frozen=True, slots=True)
class BendPlan:
    """The bends of one scene, in the order in which they act at a shared site."""

    bends: tuple[Bend, ...] = ()

    @property
    def slots(self) -> tuple[tuple[str, Parameter], ...]:
        """Every value of the bend bank in order, as (address, parameter); an address is ``<bend>/<parameter>``."""
        return tuple((f"{b.name}/{p.name}", p) for b in self.bends for p in b.parameters)

    @property
    def neutral(self) -> tuple[float, ...]:
        """Values at which every bend is the identity."""
        return tuple(float(p.default) for _, p in self.slots)
