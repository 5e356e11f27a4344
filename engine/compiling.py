"""`torch.compile` for the blocks of a model, in a way that bends do not disturb."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

__all__ = ["compile_blocks", "uncompiled"]

log = logging.getLogger(__name__)
_TORCH_LOG = logging.getLogger("torch._dynamo.convert_frame")
_told: set[str] = set()

_BLOCKS = frozenset({"ResnetBlock2D", "Transformer2DModel", "AutoencoderTinyBlock", "Attention"})
_SHAPES = 128
"""Most versions of one kind of block: a UNet has some twenty different shapes, and sizes of pictures come on top."""


def compile_blocks(*networks: Any, backend: str | Callable[..., Any] = "inductor") -> int:
    """Compile the residual and attention blocks of networks; each the first time that it is run at a size.

    Every bend at a site is a hook on such a block or on what holds it, so the hooks stay outside of what is compiled:
    another plan compiles nothing anew. Bent weights are read where they lie. Compiled code leaves the capturing of CUDA
    graphs to `engine.runtimes.graph`, which captures the whole picture. A block that cannot be compiled, where there is
    no compiler for instance, is run as it is; why is logged once.

    Parameters
    ----------
    networks : nn.Module
    backend : str or callable
        See `torch.compile`.

    Returns
    -------
    int
        How many blocks there are.
    """
    config: Any = torch._dynamo.config
    config.suppress_errors = True
    _TORCH_LOG.addFilter(_once)
    for limit in ("recompile_limit", "accumulated_recompile_limit"):
        if hasattr(config, limit):
            setattr(config, limit, max(getattr(config, limit), _SHAPES))
    found: list[Any] = []
    for network in networks:
        found += _outermost(network)
    for block in found:
        block.forward = torch.compile(block.forward, dynamic=False, backend=backend)
    return len(found)


def uncompiled() -> AbstractContextManager[Any]:
    """Run compiled blocks as they are inside a block of code, so that nothing is compiled for it."""
    stance = getattr(torch.compiler, "set_stance", None)  # since torch 2.6
    return nullcontext() if stance is None else stance("force_eager")


def _outermost(module: Any) -> list[Any]:
    """Blocks that lie in no other block."""
    if type(module).__name__ in _BLOCKS:
        return [module]
    return [block for child in module.children() for block in _outermost(child)]


def _once(record: logging.LogRecord) -> bool:
    """Say in one line, once, what torch logs at length for each block that it could not compile."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None or record.levelno < logging.WARNING:
        return True
    # What the compiler raised, where torch wraps it.
    error = getattr(error, "inner_exception", error)
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
    if reason not in _told:
        _told.add(reason)
        log.warning("a block is not compiled but run as it is: %s", reason)
    return False
