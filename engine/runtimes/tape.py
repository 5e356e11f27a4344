"""`TapeCapturer`: capture as a CUDA graph does it, on any device, so that the rest of the runtime can be tried there.

A tape holds the tensor operations of one run. Playing it runs those and nothing else: no Python of the model, no hook,
no number that was read while it was recorded is looked at again. And it refuses what a CUDA graph could not hold.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

__all__ = ["NotCapturable", "TapeCapturer"]

_READ = frozenset({"aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::item"})
"""Operations that bring a value to the host."""
_MADE = frozenset({"aten::lift_fresh", "aten::lift_fresh_copy", "aten::lift"})
"""Operations by which a tensor made of Python numbers enters."""


class NotCapturable(RuntimeError):
    """Work that a CUDA graph could not hold."""


@dataclass(frozen=True, slots=True)
class _Slot:
    number: int


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation; tensors made on the tape stand in its arguments as slots."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    results: tuple[int | None, ...]
    over: tuple[int, ...]
    """Slots that nothing after this call reads."""


class _Tape(TorchDispatchMode):
    """Records, inside a ``with`` block, every operation.

    Parameters
    ----------
    known : dict or None
        Tensors from outside that may be read, by id; None takes any, and `outside` then holds those that were.
    """

    def __init__(self, known: dict[int, Tensor] | None = None) -> None:
        super().__init__()
        self.outside: dict[int, Tensor] = {}
        self._known = known
        self._slots: dict[int, _Slot] = {}
        self._kept: list[Tensor] = []
        self._calls: list[tuple[Any, Any, Any, tuple[int | None, ...]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self._check(func, args)
        noted = tree_map_only(Tensor, self._noted, (args, kwargs))
        found = func(*args, **kwargs)
        results = tuple(self._slot(x) if isinstance(x, Tensor) else None for x in tree_flatten(found)[0])
        self._calls.append((func, *noted, results))
        return found

    def _check(self, func: Any, args: tuple[Any, ...]) -> None:
        name = func._schema.name
        if name in _READ or torch.Tag.data_dependent_output in func.tags or torch.Tag.dynamic_output_shape in func.tags:
            raise NotCapturable(f"{name} makes the host wait for a value")
        if name in _MADE:
            raise NotCapturable("a tensor is made on the host")
        # Attention is tagged for its dropout, which is off, as that of a layer is.
        off = "scaled_dot_product" in name or (name == "aten::dropout" and not args[2])
        if torch.Tag.nondeterministic_seeded in func.tags and not off:
            raise NotCapturable(f"{name} draws random numbers")

    def _noted(self, x: Tensor) -> Any:
        if id(x) in self._slots:
            return self._slots[id(x)]
        if self._known is not None and id(x) not in self._known:
            raise NotCapturable("a tensor is made on the host")
        self.outside[id(x)] = x
        return x

    def _slot(self, x: Tensor) -> int | None:
        """Number of a tensor that was made; None for one from outside that was written to."""
        if id(x) in self.outside:
            return None
        if id(x) not in self._slots:
            self._slots[id(x)] = _Slot(len(self._slots))
            # While it lives no other tensor has its id.
            self._kept.append(x)
        return self._slots[id(x)].number

    def finished(self) -> Callable[[], None]:
        """Return what plays the tape."""
        last: dict[int, int] = {}
        for place, (_, args, kwargs, results) in enumerate(self._calls):
            read = [leaf.number for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, _Slot)]
            last |= dict.fromkeys((*read, *(r for r in results if r is not None)), place)
        over: dict[int, list[int]] = {}
        for number, place in last.items():
            over.setdefault(place, []).append(number)
        calls = [
            _Call(func, args, kwargs, results, tuple(over.get(place, ())))
            for place, (func, args, kwargs, results) in enumerate(self._calls)
        ]
        self._kept.clear()
        self._slots.clear()

        def play() -> None:
            made: dict[int, Tensor] = {}

            def filled(slot: _Slot) -> Tensor:
                return made[slot.number]

            for call in calls:
                args, kwargs = tree_map_only(_Slot, filled, (call.args, call.kwargs))
                found = tree_flatten(call.function(*args, **kwargs))[0]
                made.update((r, x) for r, x in zip(call.results, found, strict=True) if r is not None)
                for number in call.over:
                    del made[number]

        return play


class TapeCapturer:
    """Captures on tape.

    Attributes
    ----------
    captures, plays : int
        How often it has captured, and played what it captured.
    """

    pinned = False

    def __init__(self) -> None:
        self.captures = self.plays = 0

    def scope(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        # What is made once is made here.
        work()
        with _Tape() as first:
            work()
        with _Tape(first.outside) as second:
            work()
        play = second.finished()
        self.captures += 1

        def counted() -> None:
            self.plays += 1
            play()

        return counted

    def wait(self) -> None:
        pass
