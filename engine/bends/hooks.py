"""The eager runtime: bends as forward hooks that read their values from one small tensor, the bend bank."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.bends.bank import Bank
from engine.bends.kernels import Setting, bend_activation, settle
from engine.bends.plan import Bend, BendPlan, site_kind
from engine.bends.selection import check_bend
from engine.bends.weights import WeightSeat, find_weight
from engine.measures import listed
from engine.sites import Measure, ModuleSite

__all__ = ["BendRuntime", "CompiledPlan", "SeatedBend"]


class SeatedBend:
    """A bend at its site, its parameters views into the bank.

    Parameters
    ----------
    bend : Bend
    parameters : sequence of 0-d Tensor
    measure : Measure
        The site's.
    """

    def __init__(self, bend: Bend, parameters: Sequence[Tensor], measure: Measure) -> None:
        self._bend, self._parameters, self._measure = bend, tuple(parameters), measure
        self._settings: dict[tuple, Setting] = {}

    def __call__(self, x: Tensor, sd: float | None = None) -> Tensor:
        """Bend an activation (batch, channel, height, width); `sd` overrides the site's own."""
        # Plain numbers, also while a graph is traced.
        setting = self.settled(tuple(int(n) for n in x.shape), x.dtype, x.device)
        sd = self._measure.sd if sd is None else sd
        return bend_activation(self._bend.operator, x, self._parameters, setting, sd)

    def settled(self, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Setting:
        """Return what it needs for activations of a shape (batch, channel, height, width), made once for each."""
        key = (shape[1:], dtype)
        setting = self._settings.get(key)
        if setting is None:
            setting = self._settings[key] = settle(self._bend, shape, dtype, device, self._measure.clusters)
        return setting

    def forget(self) -> None:
        """Let go of the masks, noise and matrices of every size that has been bent."""
        self._settings.clear()


class CompiledPlan:
    """A plan made ready for one model.

    Parameters
    ----------
    plan : BendPlan
    measures : mapping of str to Measure
        Channels and standard deviation of every site that activations can be bent at.
    device : torch.device
    modules : mapping of str to ModuleSite or None
        The sites inside the networks, where their weights may be bent too; None where they may not.

    Attributes
    ----------
    plan : BendPlan
    bank : Tensor
        One float32 value per slot of the plan, on the model's device. All bends read from it.
    seats : dict
        For each bent site its bends, in the order in which they act.
    weights : dict
        The same for each bent weight tensor.

    Raises
    ------
    BadInput
        If a bend names a site, channels or groups of channels that the model lacks, or weights where they cannot
        be bent.
    """

    def __init__(
        self,
        plan: BendPlan,
        measures: Mapping[str, Measure],
        device: torch.device,
        modules: Mapping[str, ModuleSite] | None = None,
    ) -> None:
        self.plan = plan
        self.bank = torch.tensor(plan.neutral, dtype=torch.float32, device=device)
        self._staged = torch.empty(len(plan.neutral), dtype=torch.float32, pin_memory=device.type == "cuda")
        self.seats: dict[str, list[SeatedBend]] = {}
        # The same, whatever a witness puts in their place for a moment.
        self._seated: list[tuple[str, SeatedBend]] = []
        self._values = Bank(plan)
        self.weights: dict[str, WeightSeat] = {}
        self._slots: dict[str, list[int]] = {}
        start = 0
        for bend in plan.bends:
            views = [self.bank[start + i] for i in range(len(bend.parameters))]
            slots = range(start, start + len(views))
            start += len(views)
            if site_kind(bend.site) == "weights":
                self._sit_on_weights(bend, views, modules)
                self._slots.setdefault(bend.site, []).extend(slots)
                continue
            measure = measures.get(bend.site)
            if measure is None:
                raise BadInput(f"the bend {bend.name} names the site {bend.site}; this model has {listed(measures)}.")
            check_bend(bend, measure)
            seat = SeatedBend(bend, views, measure)
            self.seats.setdefault(bend.site, []).append(seat)
            self._seated.append((bend.site, seat))

    def _sit_on_weights(self, bend: Bend, views: Sequence[Tensor], modules: Mapping[str, ModuleSite] | None) -> None:
        if modules is None:
            raise BadInput(f"the bend {bend.name} bends weights, which only PyTorch can.")
        site = find_weight(bend.site, modules)
        check_bend(bend, site.measure)
        seat = self.weights.setdefault(bend.site, WeightSeat(site))
        seat.append(SeatedBend(bend, views, site.measure))

    def write(self, values: Sequence[float]) -> None:
        """Set every value at once; one out of range is moved into it, one that is not finite becomes neutral.

        Raises
        ------
        BadInput
            If there is not one value for each slot of the plan.
        """
        wanted = self._values.settled(values)
        if not len(wanted):
            return
        self._staged.copy_(torch.from_numpy(wanted))
        self.bank.copy_(self._staged, non_blocking=True)
        for site, seat in self.weights.items():
            slots = self._slots[site]
            seat.write(tuple(wanted[slots].tolist()), tuple(self._values.rest[slots].tolist()))

    @property
    def moved(self) -> frozenset[str]:
        """Names of the bends whose values, as they were written last, are not all neutral."""
        off = self.bank.cpu().numpy() != self._values.rest
        owners = [bend.name for bend in self.plan.bends for _ in bend.parameters]
        return frozenset(name for name, one in zip(owners, off, strict=True) if one)

    def release(self) -> None:
        """Put bent weights back as they were loaded, for good: what is kept to do so goes too."""
        for seat in self.weights.values():
            seat.leave()

    def forget_sizes(self) -> None:
        """Let go of what the bends of activations keep for each size of picture."""
        for _, seat in self._seated:
            seat.forget()

    def settle(self, shapes: Mapping[str, tuple[int, ...]], types: Mapping[str, torch.dtype]) -> None:
        """Make the masks, noise and matrices of pictures of one size; another thread may be painting.

        Parameters
        ----------
        shapes : mapping of str to tuple of int
            (channel, height, width) of every site.
        types : mapping of str to torch.dtype
            Type of the activations by kind of site, where it is not float32.
        """
        for site, seat in self._seated:
            seat.settled((1, *shapes[site]), types.get(site_kind(site), torch.float32), self.bank.device)

    def touch(self, site: str, x: Tensor, sd: float | None = None) -> Tensor:
        """Pass an activation through the bends at `site`; without any it is returned as it is."""
        for seat in self.seats.get(site, ()):
            x = seat(x, sd)
        return x


class BendRuntime:
    """Puts plans into a model and takes them out.

    Plans are compiled once and kept; changing to a kept plan only moves hooks.

    Parameters
    ----------
    sites : mapping of str to ModuleSite
        The sites inside the networks; the others (text, latent, picture) are touched by the generator itself.
    measures : callable
        Returns channels and standard deviation of every site of the model; called when a plan is first compiled.
    device : torch.device
    limit : int
        Most compiled plans kept.

    Attributes
    ----------
    compilations : int
        How many plans have been compiled so far.
    """

    def __init__(
        self,
        sites: Mapping[str, ModuleSite],
        measures: Callable[[], Mapping[str, Measure]],
        device: torch.device,
        limit: int = 64,
    ) -> None:
        self.compilations = 0
        self._sites, self._measures, self._device, self._limit = sites, measures, device, limit
        self._active = CompiledPlan(BendPlan(), {}, device)
        self._kept: OrderedDict[BendPlan, CompiledPlan] = OrderedDict({self._active.plan: self._active})
        self._lock = threading.Lock()
        self._handles: list = []

    def compile(self, plan: BendPlan) -> CompiledPlan:
        """Return the plan made ready; installs nothing, so another thread may be rendering.

        Raises
        ------
        BadInput
            If a bend names a site or channels that the model lacks.
        """
        measures = self._measures() if plan.bends else {}
        with self._lock:
            compiled = self._kept.get(plan)
            if compiled is None:
                compiled = self._kept[plan] = CompiledPlan(plan, measures, self._device, self._sites)
                self.compilations += 1
                if len(self._kept) > self._limit:
                    self._kept.popitem(last=False)
            else:
                self._kept.move_to_end(plan)
            return compiled

    def use(self, plan: BendPlan) -> CompiledPlan:
        """Make `plan` the one that bends the model from now on, and return it."""
        if plan == self._active.plan:
            return self._active
        compiled = self.compile(plan)
        self._active.release()
        for handle in self._handles:
            handle.remove()
        self._handles = [
            self._sites[site].attach(partial(compiled.touch, site)) for site in compiled.seats if site in self._sites
        ]
        self._active = compiled
        return compiled

    def forget_sizes(self) -> None:
        """Let go of what every plan keeps for each size of picture; nobody may be painting meanwhile."""
        with self._lock:
            for compiled in (self._active, *self._kept.values()):
                compiled.forget_sizes()
