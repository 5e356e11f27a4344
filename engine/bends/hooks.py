"""The eager runtime: bends as forward hooks that read their values from one small tensor, the bend bank."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bentlight.errors import BadInput
from engine.bends.kernels import Setting, bend_activation, choose_channels, settle
from engine.bends.plan import Bend, BendPlan
from engine.sites import Measure, ModuleSite

__all__ = ["BendRuntime", "CompiledPlan", "SeatedBend"]


class SeatedBend:
    """A bend at its site, its parameters views into the bank.

    Parameters
    ----------
    bend : Bend
    parameters : sequence of 0-d Tensor
    sd : float
        The site's standard deviation.
    """

    def __init__(self, bend: Bend, parameters: Sequence[Tensor], sd: float) -> None:
        self._bend, self._parameters, self._sd = bend, tuple(parameters), sd
        self._settings: dict[tuple, Setting] = {}

    def __call__(self, x: Tensor, sd: float | None = None) -> Tensor:
        """Bend an activation (batch, channel, height, width); `sd` overrides the site's own."""
        key = (x.shape[1:], x.dtype)
        setting = self._settings.get(key)
        if setting is None:
            setting = self._settings[key] = settle(self._bend, x.shape, x.dtype, x.device)
        return bend_activation(self._bend.operator, x, self._parameters, setting, self._sd if sd is None else sd)


class CompiledPlan:
    """A plan made ready for one model.

    Attributes
    ----------
    plan : BendPlan
    bank : Tensor
        One float32 value per slot of the plan, on the model's device. All bends read from it.
    seats : dict
        For each bent site its bends, in the order in which they act.
    """

    def __init__(self, plan: BendPlan, measures: Mapping[str, Measure], device: torch.device) -> None:
        self.plan = plan
        self.bank = torch.tensor(plan.neutral, dtype=torch.float32, device=device)
        self.seats: dict[str, list[SeatedBend]] = {}
        parameters = [p for _, p in plan.slots]
        self._rest = np.array(plan.neutral, dtype=np.float32)
        self._low = np.array([-np.inf if p.low is None else p.low for p in parameters], dtype=np.float32)
        self._high = np.array([np.inf if p.high is None else p.high for p in parameters], dtype=np.float32)
        start = 0
        for bend in plan.bends:
            measure = measures.get(bend.site)
            if measure is None:
                raise BadInput(f"the bend {bend.name} names the site {bend.site}; this model has {_list(measures)}.")
            choose_channels(bend.channels, measure.channels, bend.seed)
            views = [self.bank[start + i] for i in range(len(bend.parameters))]
            start += len(views)
            self.seats.setdefault(bend.site, []).append(SeatedBend(bend, views, measure.sd))

    def write(self, values: Sequence[float]) -> None:
        """Set every value at once; one out of range is moved into it, one that is not finite becomes neutral.

        Raises
        ------
        BadInput
            If there is not one value for each slot of the plan.
        """
        if len(values) != len(self._rest):
            raise BadInput(f"the plan has {len(self._rest)} bend values; {len(values)} were given.")
        if not len(values):
            return
        wanted = np.asarray(values, dtype=np.float32)
        wanted = np.where(np.isfinite(wanted), wanted, self._rest).clip(self._low, self._high)
        self.bank.copy_(torch.from_numpy(wanted))

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
        self._kept: OrderedDict[BendPlan, CompiledPlan] = OrderedDict()
        self._lock = threading.Lock()
        self._handles: list = []
        self._active = CompiledPlan(BendPlan(), {}, device)

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
                compiled = self._kept[plan] = CompiledPlan(plan, measures, self._device)
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
        for handle in self._handles:
            handle.remove()
        self._handles = [
            self._sites[site].attach(partial(compiled.touch, site)) for site in compiled.seats if site in self._sites
        ]
        self._active = compiled
        return compiled


def _list(measures: Mapping[str, Measure]) -> str:
    """Sites for a message: the finer ones left out, since there are dozens."""
    return ", ".join(a for a in measures if ".resnet." not in a and ".attention." not in a)
