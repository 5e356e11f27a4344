"""Sites: the places in a model where activations can be bent, under the same words for every model. Needs no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.measures import Measure, SiteInfo, clusters_of

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["Measure", "Meter", "ModuleSite", "SiteInfo", "fingerprint", "module_sites"]

_SAMPLED = 8
"""Rows and columns of each activation over which channels are compared."""

_CANCELLED = "a group norm reads this: adding to or scaling all channels alike has no effect; choose some channels"
_SHARED = "a norm reads this, and a residual path beside it: what is added to or scales all channels alike acts weakly"


@dataclass(frozen=True, slots=True)
class ModuleSite:
    """A site inside a network: a module and which of its activations is meant.

    Attributes
    ----------
    address, kind, note : str
    module : nn.Module
    skip : int or None
        None: the module's output. Else the site is the `skip`-th of the skip activations that the up block receives.
    """

    address: str
    kind: str
    module: nn.Module
    skip: int | None = None
    note: str = ""

    def attach(self, touch: Callable[[Tensor], Tensor]) -> Any:
        """Pass this activation through `touch` from now on; returns a handle whose ``remove()`` ends it."""
        if self.skip is None:

            def after(module: nn.Module, args: Any, output: Any) -> Any:
                if not isinstance(output, tuple):
                    return touch(output)
                bent, *others = touch(output[0]), *output[1:]
                if others and isinstance(others[0], tuple):
                    # What a down block hands down it hands across as well: one activation, bent for all who read it.
                    others[0] = tuple(bent if skip is output[0] else skip for skip in others[0])
                return (bent, *others)

            return self.module.register_forward_hook(after)

        index = self.skip

        def before(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
            skips = list(kwargs["res_hidden_states_tuple"])
            skips[index] = touch(skips[index])
            return args, {**kwargs, "res_hidden_states_tuple": tuple(skips)}

        return self.module.register_forward_pre_hook(before, with_kwargs=True)


def module_sites(unet: Any, vae: Any) -> dict[str, ModuleSite]:
    """Return every site inside a UNet and a decoder, by address, in the order in which a picture passes them.

    ``unet.skip.<i>`` counts the skip connections from the first (full size) on; bending one alters what the up path
    receives and nothing else. ``decoder.<i>`` is the i-th stage of the decoder, ending before the next enlargement.

    Parameters
    ----------
    unet : diffusers.UNet2DConditionModel
    vae : diffusers.AutoencoderTiny or diffusers.AutoencoderKL
    """
    sites = [ModuleSite("unet.in", "unet", unet.conv_in, note=_SHARED)]
    for index, block in enumerate(unet.down_blocks):
        sites += _block_sites(f"unet.down.{index}", block)
    if unet.mid_block is not None:
        sites += _block_sites("unet.mid", unet.mid_block)
    sites += _skip_sites(unet)
    last = len(unet.up_blocks) - 1
    for index, block in enumerate(unet.up_blocks):
        sites += _block_sites(f"unet.up.{index}", block, _CANCELLED if index == last else _SHARED)
    sites.append(ModuleSite("unet.out", "unet", unet.conv_out))
    sites += _decoder_sites(vae.decoder)
    return {site.address: site for site in sites}


def _block_sites(address: str, block: nn.Module, note: str = _SHARED) -> list[ModuleSite]:
    inner: list[Any] = [getattr(block, name, None) or () for name in ("resnets", "attentions")]
    final = (inner[1] or inner[0])[-1]
    found = [
        ModuleSite(f"{address}.{word}.{index}", "unet", module, note=note if module is final else _SHARED)
        for word, modules in zip(("resnet", "attention"), inner, strict=True)
        for index, module in enumerate(modules)
    ]
    return [*found, ModuleSite(address, "unet", block, note=note)]


def _skip_sites(unet: Any) -> list[ModuleSite]:
    """Up blocks take their skips from the end of the list: the first block the deepest ones."""
    counts = [len(block.resnets) for block in unet.up_blocks]
    sites: list[ModuleSite] = []
    for index in reversed(range(len(counts))):
        block = unet.up_blocks[index]
        for place in range(counts[index]):
            sites.append(ModuleSite(f"unet.skip.{len(sites)}", "unet", block, skip=place, note=_SHARED))
    return sites


def _decoder_sites(decoder: Any) -> list[ModuleSite]:
    if hasattr(decoder, "up_blocks"):
        stages = [decoder.mid_block, *decoder.up_blocks]
        notes = [""] * (len(stages) - 1) + [_CANCELLED]
    else:
        layers = list(decoder.layers)
        ends = [i for i, layer in enumerate(layers) if type(layer).__name__ == "Upsample"] + [len(layers) - 1]
        stages = [layers[end - 1] for end in ends]
        notes = [""] * len(stages)
    return [
        ModuleSite(f"decoder.{index}", "decoder", stage, note=note)
        for index, (stage, note) in enumerate(zip(stages, notes, strict=True))
    ]


def fingerprint(*modules: nn.Module) -> str:
    """Return a short name for the weights of networks.

    It changes when any tensor's name, shape, type or sampled values do. Sixteen values of each tensor are read, so that
    it takes no longer for gigabytes than for megabytes.
    """
    digest = hashlib.sha256()
    for module in modules:
        for name, tensor in module.state_dict().items():
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            # reshape, not flatten of the storage: the memory format must not matter.
            flat = tensor.detach().reshape(-1)
            # Only then widened: not every device has double precision, and numpy has no bfloat16.
            digest.update(flat[:: max(1, flat.numel() // 16)][:16].cpu().double().numpy().tobytes())
    return digest.hexdigest()[:24]


class Meter:
    """Sums up what is seen at one site, over as many activations as pass."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self._variances: list[float] = []
        self._activity: list[np.ndarray] = []

    def __call__(self, x: Tensor) -> Tensor:
        self.shape = tuple(x.shape[1:])
        self._variances.append(float(x.float().var(correction=0)))
        down, across = (-(-side // _SAMPLED) for side in self.shape[1:])
        seen = x.detach()[:, :, ::down, ::across].float().transpose(0, 1).reshape(self.shape[0], -1)
        self._activity.append(seen.cpu().numpy())
        return x

    @property
    def measure(self) -> Measure:
        """Channels, their clusters, and the root of the mean variance: 1 at a site that never moves."""
        variance = sum(self._variances) / len(self._variances)
        return Measure(self.shape[0], variance**0.5 or 1.0, clusters_of(np.concatenate(self._activity, axis=1)))
