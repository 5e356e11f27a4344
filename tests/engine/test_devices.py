"""Devices: which there are, and their lack of memory told for what it is, whichever library says it."""

from __future__ import annotations

import pytest
import torch

from bentlight.errors import BadInput
from engine.devices import enough_memory, find_device
from engine.errors import OutOfMemory
from engine.generator import Generator


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "the device"),
        (RuntimeError("CUDA error: out of memory"), "the device"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "the device"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "the device"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB, max allowed: 5.10 GB)"), "the device"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "this machine"),
    ],
)
def test_every_lack_of_memory_is_told(error: Exception, whose: str) -> None:
    said = f"^{whose} has not enough memory for a picture; choose a smaller size"
    with pytest.raises(OutOfMemory, match=said), enough_memory("a picture"):
        raise error


def test_what_is_no_lack_of_memory_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), enough_memory("a picture"):
        raise RuntimeError("shapes do not match")


def test_a_model_that_does_not_fit_is_not_told_to_paint_smaller_pictures(tiny_folder, monkeypatch) -> None:
    def full(*args) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("engine.eager.load_components", full)
    with pytest.raises(OutOfMemory, match="smaller model"):
        Generator.load(str(tiny_folder), device="cpu", runtime="eager")


@pytest.mark.parametrize("name", ["meta", "cuda:99", "abacus", ""])
def test_a_device_that_paints_nothing_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="is not on this machine"):
        find_device(name)
