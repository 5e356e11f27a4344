"""Which of ONNX Runtime's execution providers plays a model. Needs no torch."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from typing import Any

from bentlight.errors import BadInput

__all__ = ["ONNX_ONLY", "graphics_device", "providers_for"]

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
}
ONNX_ONLY = ("tensorrt", "coreml", "dml")
"""Devices that only ONNX Runtime can use."""

_BUILDS = {"cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu", "dml": "onnxruntime-directml"}


def providers_for(device: str) -> list[Any]:
    """Return ONNX Runtime's providers for a device, the CPU behind it for what it cannot run.

    Parameters
    ----------
    device : str
        ``auto`` or ``cpu``; ``cuda``, ``cuda:1``, ``tensorrt``, ``coreml``, ``dml``.

    Raises
    ------
    BadInput
        If this build of ONNX Runtime has no provider for it.
    """
    import onnxruntime

    name, _, number = device.partition(":")
    if name == "auto":
        name = "cpu"
    if name not in _PROVIDERS or (number and not number.isdigit()):
        raise BadInput(f"ONNX Runtime knows no device {device!r}; use {', '.join(_PROVIDERS)}, or the eager runtime.")
    if _PROVIDERS[name] not in onnxruntime.get_available_providers():
        build = f"; install {_BUILDS[name]} in place of onnxruntime" if name in _BUILDS else ""
        raise BadInput(f"this ONNX Runtime cannot use the device {name}{build}, or use the device cpu.")
    if name == "cpu":
        return [_PROVIDERS["cpu"]]
    return [(_PROVIDERS[name], {"device_id": number} if number else {}), _PROVIDERS["cpu"]]


def graphics_device() -> bool:
    """Whether this machine has a graphics device that torch can use, as far as can be told without torch."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return os.path.exists("/proc/driver/nvidia/version") or shutil.which("nvidia-smi") is not None
