"""Measuring a model's sites: a few unbent pictures are painted, and what passes at each site is watched."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.bends.hooks import CompiledPlan
from engine.bends.plan import BendPlan
from engine.devices import enough_memory
from engine.errors import OutOfMemory
from engine.measures import Measure, SiteInfo, load_measures, measures_path, save_measures
from engine.sampling import MOST_STEPS, Sampler
from engine.sites import Meter, ModuleSite
from engine.spec import FrameSpec

__all__ = ["Survey", "in_float32"]

_MEASURING = (("", 1), ("a photograph", 2), ("blue and orange", 3), ("", 4))
"""Prompts and seeds over which the sites of a model are measured."""
_MEASURES_VERSION = 3
"""Goes up whenever sites are measured otherwise, so that what was kept before is measured anew."""

Size = tuple[int, int]


class Survey:
    """What is known of a model's sites: kept from an earlier run, or measured once per model.

    Not for several threads at once: whoever paints pictures with the model holds its lock.

    Parameters
    ----------
    modules : mapping of str to ModuleSite
        The sites inside the networks.
    sampler : Sampler
    paint : callable
        ``paint(spec, size, plan)`` paints a picture of a size (width, height) with `plan` in use.
    native : tuple of int
        (width, height) that the model was trained for. Sites are measured at it, so that a value means the same at
        every other size.
    exactly : callable
        Gives a context in which `paint` paints in float32: which channels act alike is a matter of roundings, and is
        to be the same in every type.
    key : callable
        Gives the `fingerprint` of the model; asked before any bend is in use, once the model is as it will be played.
    folder : Path or None
        The model's own, which may hold measures that were shipped with it.
    device : torch.device
    """

    def __init__(
        self,
        modules: Mapping[str, ModuleSite],
        sampler: Sampler,
        paint: Callable[[FrameSpec, Size, CompiledPlan], object],
        native: Size,
        exactly: Callable[[], AbstractContextManager[None]],
        key: Callable[[], str],
        folder: Path | None,
        device: torch.device,
    ) -> None:
        self._modules, self._sampler, self._paint, self._native = modules, sampler, paint, native
        self._exactly, self._ask_key, self._folder, self._device = exactly, key, folder, device
        self._measures: dict[str, Measure] | None = None
        self._meters: dict[Size, dict[str, Meter]] = {}

    @functools.cached_property
    def key(self) -> str:
        """Name of the model."""
        return self._ask_key()

    def measures(self, size: Size) -> dict[str, Measure]:
        """Return what is known of every site, in the order in which a picture passes them.

        Parameters
        ----------
        size : tuple of int
            (width, height) to measure at, for now, where there is not enough memory for the native size.

        Raises
        ------
        OutOfMemory
            If there is not enough for that size either.
        """
        if self._measures is None:
            key = f"{_MEASURES_VERSION}-{self.key}"
            shipped = None if self._folder is None else load_measures(self._folder / "sites.json", key)
            found = shipped or load_measures(measures_path(key), key)
            if found is None or not set(found) >= set(self._modules):
                meters = self._seen_at(self._native, self._exactly) or self._seen_at(self._native, nullcontext)
                found = self._ordered(meters or self._watch(_MEASURING, size))
                if meters is not None:
                    save_measures(measures_path(key), key, found)
            self._measures = found
        return self._measures

    def infos(self, size: Size) -> tuple[SiteInfo, ...]:
        """Return every site as it is for pictures of a size (width, height)."""
        measures = self.measures(size)
        if size not in self._meters:
            self._meters[size] = self._watch(_MEASURING[:1], size)
        meters = self._meters[size]
        latent = meters["latent.end"].shape
        return tuple(
            SiteInfo(
                address,
                address.split(".", maxsplit=1)[0],
                meters[address].shape if address in meters else latent,
                measure.sd,
                self._modules[address].note if address in self._modules else "",
            )
            for address, measure in measures.items()
        )

    def _seen_at(self, size: Size, within: Callable[[], AbstractContextManager[None]]) -> dict[str, Meter] | None:
        """Return what passes at every site; None if there is not enough memory, all of which is free again by then."""
        with suppress(OutOfMemory), within():
            return self._watch(_MEASURING, size)
        return None

    def _watch(self, prompts: Iterable[tuple[str, int]], size: Size) -> dict[str, Meter]:
        """Paint unbent pictures and return what passed at every site."""
        meters: dict[str, Meter] = {}
        watching = _Watching(meters, self._device)
        handles = []
        try:
            for address, site in self._modules.items():
                meters[address] = Meter()
                handles.append(site.attach(meters[address]))
            for text, seed in prompts:
                self._paint(FrameSpec(prompts=((text, 1.0),), seed=seed), size, watching)
        finally:
            for handle in handles:
                handle.remove()
        return meters

    def _ordered(self, meters: dict[str, Meter]) -> dict[str, Measure]:
        """Sites in the order in which a picture passes them; latents between steps scale with the scheduler's noise."""
        measured = {address: meter.measure for address, meter in meters.items()}
        steps = self._sampler.schedule(MOST_STEPS).steps
        between = {f"latent.{i}": Measure(measured["latent.end"].channels, s.spread) for i, s in enumerate(steps)}
        inside = {a: measured[a] for a in self._modules}
        unet = {a: m for a, m in inside.items() if a.startswith("unet")}
        decoder = {a: m for a, m in inside.items() if a.startswith("decoder")}
        return {
            "text": measured["text"],
            **between,
            **unet,
            "latent.end": measured["latent.end"],
            **decoder,
            "picture": measured["picture"],
        }


class _Watching(CompiledPlan):
    """A plan without bends that shows meters what passes at the generator's own sites."""

    def __init__(self, meters: dict[str, Meter], device: torch.device) -> None:
        super().__init__(BendPlan(), {}, device)
        self._meters = meters

    def touch(self, site: str, x: Tensor, sd: float | None = None) -> Tensor:
        return self._meters.setdefault(site, Meter())(x)


@contextmanager
def in_float32(networks: Iterable[nn.Module], exact: Mapping[nn.Parameter, Tensor]) -> Iterator[None]:
    """Hold the weights of networks in float32 inside the block; afterwards they lie where they lay, bit for bit.

    Parameters
    ----------
    networks : iterable of nn.Module
    exact : mapping of nn.Parameter to Tensor
        Weights as they were before they were rounded, of those for which they are known.

    Raises
    ------
    OutOfMemory
        If the device has not enough memory for that.
    """
    # A graph that was captured reads the weights at their addresses.
    own = {weight: weight.data for network in networks for weight in network.parameters()}
    try:
        with enough_memory("the model in float32"):
            for weight, data in own.items():
                weight.data = exact.get(weight, data).float()
        # Of what TensorFloat-32 leaves of a product, half precision leaves as much.
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False):
            yield
    finally:
        for weight, data in own.items():
            weight.data = data
