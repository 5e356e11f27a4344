"""`Bend` and `BendPlan`: which operator sits at which site. Plain frozen data, no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import index

import numpy as np

from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from engine.bends.catalog import OPERATORS, RUNTIMES, Operator, operator
from engine.bends.catalog.declare import TORCH_ONLY

__all__ = ["Bend", "BendPlan", "Painted", "site_kind", "site_step", "sites_for"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_SITES = (
    ("text", re.compile(r"text")),
    ("latent", re.compile(r"latent\.(end|[0-7])")),
    ("unet", re.compile(r"unet\.(in|out|mid|skip\.\d{1,2}|(down|up)\.\d)(\.(resnet|attention)\.\d)?")),
    ("decoder", re.compile(r"decoder\.\d{1,2}")),
    ("picture", re.compile(r"picture")),
    ("weights", re.compile(r"weights\.(unet|decoder)\.[a-z0-9_]{1,40}(\.[a-z0-9_]{1,40}){0,12}")),
)
_EXAMPLES = {
    "text": "text",
    "latent": "latent.<step>, latent.end",
    "unet": "unet.in, unet.down.<i>, unet.mid, unet.up.<i>, unet.skip.<i>, unet.out",
    "decoder": "decoder.<i>",
    "picture": "picture",
    "weights": "weights.<module>",
}
_SHARE = r"(?:0?\.\d{1,3}|0|1(?:\.0{1,3})?)"
_CHANNELS = re.compile(r"all|even|odd|\d{1,4}-\d{1,4}|random:0?\.\d{1,3}|cluster:[1-8]/[2-8]")
_LINES = re.compile(rf"all|{_SHARE}|{_SHARE}-{_SHARE}|random:{_SHARE}")
_MASK = re.compile(rf"all|left|right|top|bottom|(?:circle|outside)(?::{_SHARE})?|painted")
_PLANE = re.compile(r"(\d{1,4})-(\d{1,4})(?:/(\d{1,4}))?")
_NO_PLANE = ("text", "weights")
_FULLEST = 256


_LIKE = {
    "name": "walk",
    "operator": "zoom",
    "site": "unet.mid",
    "channels": "4-11",
    "rows": "0.2-0.6",
    "columns": "0.5",
    "mask": "left",
    "plane": "1-2",
}


def _plain(holder: object, word: str, what: str) -> None:
    """Put a plain whole number in the place of any other kind of one, so that a plan can be written as JSON."""
    value = getattr(holder, word)
    try:
        object.__setattr__(holder, word, index(value))
    except TypeError:
        raise BadInput(f"{what} is {value!r}; it must be a whole number.") from None


def site_kind(site: str) -> str:
    """Return the kind of a site address: "text", "latent", "unet", "decoder", "picture" or "weights".

    Raises
    ------
    BadInput
        If it is no site address. Whether a given model has the site is known only to its generator.
    """
    for kind, pattern in _SITES:
        if pattern.fullmatch(site):
            return kind
    raise BadInput(f"there is no site {site!r}; `bentlight sites` lists them.")


def site_step(site: str) -> int | None:
    """Return the number of the denoising step that a site comes before; None for those that every picture has."""
    found = re.fullmatch(r"latent\.(\d+)", site)
    return int(found[1]) if found else None


def sites_for(declared: Operator) -> str:
    """Return the sites that suit an operator, for people."""
    return ", ".join(words for kind, words in _EXAMPLES.items() if kind in declared.kinds)


@dataclass(frozen=True, slots=True)
class Painted:
    """A painted mask: how strongly a bend acts at each place, stretched over the whole site.

    Attributes
    ----------
    height, width : int
        1 to 256.
    levels : bytes
        Row by row from the top left; 255 bends, 0 leaves as it is.
    """

    height: int
    width: int
    levels: bytes

    def __post_init__(self) -> None:
        for word in ("height", "width"):
            _plain(self, word, "a side of a painted mask")
        if not (1 <= self.height <= _FULLEST and 1 <= self.width <= _FULLEST):
            raise BadInput(
                f"a painted mask has {self.height} x {self.width} pixels; {_FULLEST} x {_FULLEST} is the most."
            )
        if len(self.levels) != self.height * self.width:
            raise BadInput(f"a painted mask of {self.height} x {self.width} pixels has {len(self.levels)} levels.")

    @classmethod
    def of(cls, levels: np.ndarray) -> Painted:
        """Make a mask of an array (height, width): uint8, or any other numbers from 0 to 1.

        Raises
        ------
        BadInput
            If it has another shape, is too large, or holds numbers outside 0 to 1.
        """
        array = np.asarray(levels)
        if array.ndim != 2:
            raise BadInput(f"a painted mask has {array.ndim} axes; it must have two, (height, width).")
        if not array.size:
            raise BadInput(f"a painted mask of {array.shape[0]} x {array.shape[1]} pixels has none; give at least one.")
        if array.dtype != np.uint8:
            if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
                raise BadInput("a painted mask holds numbers outside 0 to 1.")
            array = np.round(array * 255).astype(np.uint8)
        return cls(array.shape[0], array.shape[1], array.tobytes())


@dataclass(frozen=True, slots=True)
class Bend:
    """An operator at a site, and the part of the site that it may touch.

    The selections multiply: a value is bent where its channel, its row, its column, the mask and the sparse share all
    say so. Rows, columns and masks are shares of the site's height and width, so they mean the same on every model.

    Attributes
    ----------
    name : str
        Its name in the scene and in addresses: lower-case letters, digits, underscores.
    operator : str
        A name in `engine.bends.catalog.OPERATORS`.
    site : str
        A site address such as ``unet.mid``.
    channels : str
        ``all``, ``even``, ``odd``, a range ``4-11`` (ends included), ``random:0.25`` (a share drawn by `seed`), or
        ``cluster:1/4`` (the first of four sets of channels that act alike).
    seed : int
        Fixes the noise, the maps and matrices that operators draw, and every random selection [0 or more].
    rows, columns : str
        ``all``, one place ``0.5``, a range ``0.2-0.6``, or ``random:0.1`` (a share drawn by `seed`). At ``text`` the
        rows are the tokens.
    mask : str
        ``all``; ``left``, ``right``, ``top``, ``bottom``: full at that edge, nothing at the opposite one;
        ``circle:0.3``: inside a circle of that radius in heights about the centre; ``outside:0.3``; ``painted``.
    sparse : float
        Share of the values that are bent, drawn by `seed` [0 to 1].
    plane : str
        Only for ``plane_rotate``: two groups of channels, ``1-2`` of four or ``5-9/16``.
    painted : Painted or None
        The mask named ``painted``.
    """

    name: str
    operator: str
    site: str
    channels: str = "all"
    seed: int = 0
    rows: str = "all"
    columns: str = "all"
    mask: str = "all"
    sparse: float = 1.0
    plane: str = ""
    painted: Painted | None = None

    def __post_init__(self) -> None:
        for word in ("name", "operator", "site", "channels", "rows", "columns", "mask", "plane"):
            if not isinstance(getattr(self, word), str):
                raise BadInput(
                    f"{word} of a bend is {getattr(self, word)!r}; it must be a text, such as {_LIKE[word]!r}."
                )
        if not _NAME.fullmatch(self.name):
            raise BadInput(f"{self.name!r} is no name for a bend; use lower-case letters, digits and underscores.")
        kind = site_kind(self.site)
        declared = operator(self.operator)
        if kind not in declared.kinds:
            raise BadInput(f"{self.operator} does not suit the site {self.site}; it suits {sites_for(declared)}.")
        _plain(self, "seed", f"the seed of the bend {self.name}")
        if self.seed < 0:
            raise BadInput(f"the seed of the bend {self.name} is {self.seed}; it must be 0 or more.")
        if not _CHANNELS.fullmatch(self.channels):
            raise BadInput(
                f"channels {self.channels!r} is not understood; "
                "use all, even, odd, a range such as 4-11, random:0.25, or cluster:1/4."
            )
        numbers = [int(number) for number in re.findall(r"\d+", self.channels)]
        if re.fullmatch(r"\d+-\d+", self.channels) and numbers[0] > numbers[1]:
            raise BadInput(f"channels {self.channels!r} runs backwards; give the lower end first.")
        if self.channels.startswith("cluster:") and numbers[0] > numbers[1]:
            raise BadInput(
                f"channels {self.channels!r} do not fit; the clusters of {numbers[1]} are 1 to {numbers[1]}."
            )
        for word, choice in (("rows", self.rows), ("columns", self.columns)):
            if not _LINES.fullmatch(choice):
                raise BadInput(
                    f"{word} {choice!r} is not understood; "
                    "use all, a place such as 0.5, a range of shares such as 0.2-0.6, or random:0.1."
                )
            first, _, last = choice.partition("-")
            if last and float(first) > float(last):
                raise BadInput(f"{word} {choice!r} runs backwards; give the lower end first.")
        if not _MASK.fullmatch(self.mask):
            raise BadInput(
                f"mask {self.mask!r} is not understood; "
                "use all, left, right, top, bottom, circle:0.3, outside:0.3, or painted."
            )
        if self.mask != "all" and kind in _NO_PLANE:
            raise BadInput(f"mask {self.mask} needs a picture plane, which {self.site} lacks; use channels or rows.")
        if (self.mask == "painted") != (self.painted is not None):
            raise BadInput("mask painted goes with a painted mask, and only with one.")
        object.__setattr__(self, "sparse", float(self.sparse))
        if not 0 <= self.sparse <= 1:
            raise BadInput(f"sparse is {self.sparse:g}; it must be from 0 to 1.")
        if self.plane:
            self._check_plane()

    def _check_plane(self) -> None:
        if self.operator != "plane_rotate":
            raise BadInput(f"plane is only for plane_rotate, not for {self.operator}.")
        if not _PLANE.fullmatch(self.plane):
            raise BadInput(f"plane {self.plane!r} is not understood; use 1-2, or 5-9/16.")
        first, second, groups = self.planes
        if first == second or max(first, second) >= groups:
            raise BadInput(f"plane {self.plane!r} does not fit; it must name two of the groups 0-{groups - 1}.")

    @property
    def planes(self) -> tuple[int, int, int]:
        """The two groups of channels that ``plane_rotate`` turns, and how many groups there are."""
        found = _PLANE.fullmatch(self.plane or "1-2")
        assert found is not None
        return int(found[1]), int(found[2]), int(found[3] or 4)

    @property
    def groups(self) -> int:
        """Into how many groups the operator cuts the channels."""
        return self.planes[2] if self.operator == "plane_rotate" else OPERATORS[self.operator].groups

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The operator's parameters, `mix` last."""
        return operator(self.operator).parameters

    @property
    def runtimes(self) -> frozenset[str]:
        """Runtimes that can play this bend; weights can be moved only in PyTorch."""
        able = OPERATORS[self.operator].runtimes
        return able & TORCH_ONLY if site_kind(self.site) == "weights" else able


@dataclass(frozen=True, slots=True)
class BendPlan:
    """The bends of one scene, in the order in which they act at a shared site."""

    bends: tuple[Bend, ...] = ()

    def __post_init__(self) -> None:
        """Take any iterable of bends.

        Raises
        ------
        BadInput
            If something is no bend, or two have one name: one could not be told from the other.
        """
        if not isinstance(self.bends, Iterable):
            raise BadInput(f"the bends of a plan are a {type(self.bends).__name__}; give a tuple of bends.")
        object.__setattr__(self, "bends", tuple(self.bends))
        seen: set[str] = set()
        for bend in self.bends:
            if not isinstance(bend, Bend):
                raise BadInput(f"a bend of a plan is a {type(bend).__name__}; make it with Bend(name, operator, site).")
            if bend.name in seen:
                raise BadInput(f"two bends of a plan are called {bend.name}; give each its own name.")
            seen.add(bend.name)

    def __str__(self) -> str:
        names = [bend.name for bend in self.bends]
        if not names:
            return "the model without bends"
        return f"the bend{'s' if len(names) > 1 else ''} {', '.join(names)}"

    @property
    def slots(self) -> tuple[tuple[str, Parameter], ...]:
        """Every value of the bend bank in order, as (address, parameter); an address is ``<bend>/<parameter>``."""
        return tuple((f"{b.name}/{p.name}", p) for b in self.bends for p in b.parameters)

    @property
    def neutral(self) -> tuple[float, ...]:
        """Values at which every bend is the identity."""
        return tuple(float(p.default) for _, p in self.slots)

    @property
    def runtimes(self) -> frozenset[str]:
        """Runtimes that can play every bend of the plan."""
        return reduce(frozenset.intersection, (bend.runtimes for bend in self.bends), RUNTIMES)

    def require(self, runtime: str) -> None:
        """Check that a runtime can play the plan.

        Raises
        ------
        BadInput
            If it cannot; the message names the first bend that is in the way.
        """
        for bend in self.bends:
            if runtime not in bend.runtimes:
                able = ", ".join(sorted(bend.runtimes))
                raise BadInput(
                    f"the bend {bend.name} ({bend.operator} at {bend.site}) runs in {able}, not in {runtime}."
                )
