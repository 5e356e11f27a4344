"""Weights as sites: ``weights.<module>`` addresses, and moving a weight tensor so that it comes back bit for bit."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from bentlight.errors import BadInput
from engine.measures import Measure, SiteInfo
from engine.sites import ModuleSite

__all__ = ["WeightSeat", "WeightSite", "find_weight", "growth", "weight_sites"]

_WORD = "weights."
_LEAST, _LARGEST = 1e-6, sys.float_info.max
_MEASURED: MutableMapping[Tensor, Measure] = WeakTensorKeyDictionary()


@dataclass(frozen=True, slots=True)
class WeightSite:
    """A weight tensor that can be bent; it is bent as (1, outputs, inputs, kernel values).

    Attributes
    ----------
    address : str
        ``weights.<site>.<module below the site>``.
    weight : nn.Parameter
    """

    address: str
    weight: nn.Parameter

    @property
    def shape(self) -> tuple[int, int, int]:
        """(outputs, inputs, kernel values); what is missing of them is 1."""
        outputs, *rest = self.weight.shape
        inputs = rest[0] if rest else 1
        return (int(outputs), int(inputs), int(self.weight.numel() // (outputs * inputs)))

    @property
    def measure(self) -> Measure:
        """Outputs, and the standard deviation of the weights as they were loaded."""
        found = _MEASURED.get(self.weight)
        if found is None:
            # A weight is asked for before a bend can move it.
            sd = float(self.weight.detach().float().var(correction=0)) ** 0.5
            found = _MEASURED[self.weight] = Measure(self.shape[0], sd or 1.0)
        return found

    @property
    def info(self) -> SiteInfo:
        """The site as people see it."""
        return SiteInfo(self.address, "weights", self.shape, self.measure.sd, "PyTorch only")


def weight_sites(sites: Mapping[str, ModuleSite]) -> dict[str, WeightSite]:
    """Return every weight tensor at or below the sites of a model, by address, each once."""
    found: dict[str, WeightSite] = {}
    seen: set[int] = set()
    # The finer site names a module that lies below several.
    for site in sorted((s for s in sites.values() if s.skip is None), key=lambda s: -len(s.address)):
        for path, module in site.module.named_modules():
            weight = getattr(module, "weight", None)
            if isinstance(weight, nn.Parameter) and id(weight) not in seen:
                seen.add(id(weight))
                address = _WORD + ".".join(part for part in (site.address, path) if part)
                found[address] = WeightSite(address, weight)
    order = list(sites)
    return dict(sorted(found.items(), key=lambda pair: order.index(_owner(pair[0], order))))


def _owner(address: str, order: Sequence[str]) -> str:
    """The longest site address that a weight's address begins with."""
    rest = address.removeprefix(_WORD)
    return max((s for s in order if rest == s or rest.startswith(s + ".")), key=len)


def find_weight(address: str, sites: Mapping[str, ModuleSite]) -> WeightSite:
    """Return the weight tensor at an address.

    Raises
    ------
    BadInput
        If the model has none there; the message names the nearest that it has.
    """
    known = weight_sites(sites)
    if address in known:
        return known[address]
    near = difflib.get_close_matches(address, known, n=4, cutoff=0.4) or list(known)[:4]
    raise BadInput(f"there is no {address} in this model; there is {', '.join(near) or 'no weight that can be bent'}.")


class WeightSeat:
    """The bends of one weight tensor.

    The tensor is written only when a value has changed, always from the weights as they were loaded, and those come
    back bit for bit at neutral values and on `release`.

    Parameters
    ----------
    site : WeightSite
    """

    def __init__(self, site: WeightSite) -> None:
        self._site, self._bends = site, list[Callable[[Tensor], Tensor]]()
        self._original: Tensor | None = None
        self._written: tuple[float, ...] | None = None
        self.writes = 0

    def append(self, bend: Callable[[Tensor], Tensor]) -> None:
        """Add a bend; they act in the order in which they are added."""
        self._bends.append(bend)

    def write(self, values: tuple[float, ...], neutral: tuple[float, ...]) -> None:
        """Bend the weights by what the bank holds: `values`, of bends that rest at `neutral`."""
        if values == (self._written or neutral):
            return
        if values == neutral:
            self.release()
            return
        weight = self._site.weight
        with torch.no_grad():
            if self._original is None:
                self._original = weight.detach().clone()
            x = self._original.reshape(1, *self._site.shape)
            for bend in self._bends:
                x = bend(x)
            weight.data.copy_(x.reshape(weight.shape))
        self._written = values
        self.writes += 1

    def growths(self) -> list[float]:
        """Return by how much each bend enlarges the weights as they are bent now; see `growth`. 1 at rest."""
        if self._written is None or self._original is None:
            return [1.0] * len(self._bends)
        found, x = [], self._original.reshape(1, *self._site.shape)
        for bend in self._bends:
            before, x = x, bend(x)
            found.append(growth(before, x))
        return found

    def release(self) -> None:
        """Put the weights back as they were loaded."""
        if self._written is not None and self._original is not None:
            with torch.no_grad():
                self._site.weight.data.copy_(self._original)
            self._written = None
            self.writes += 1

    def leave(self) -> None:
        """Put the weights back, and let go of the copy of them until a bend moves them again."""
        self.release()
        self._original = None


def growth(before: Tensor, after: Tensor) -> float:
    """Return how many times larger the largest value has become; infinite where it is not finite any more.

    0 where it was not finite before: nothing that comes after is to blame for that.
    """
    large, larger = float(before.abs().max()), float(after.abs().max())
    if not math.isfinite(large):
        return 0.0
    return min(larger / max(large, _LEAST), _LARGEST) if math.isfinite(larger) else math.inf
