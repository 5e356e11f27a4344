"""Every operator that says it can run in ONNX Runtime does, at values that were not those of the export."""

from __future__ import annotations

import io
import warnings

import numpy as np
import onnxruntime
import pytest
import torch

from engine.bends import OPERATORS, Bend
from engine.bends.kernels import bend_activation, settle
from tests.engine.test_operators import JUMPS, SD, SITES, activation, lively, neutral, settings

ORDER = ("unet", "decoder", "latent", "text", "picture")


class _Bent(torch.nn.Module):
    """One bend at one site, its bank an input, as in an exported model."""

    def __init__(self, bend: Bend, x: torch.Tensor) -> None:
        super().__init__()
        self.operator, self.setting = bend.operator, settle(bend, x.shape, x.dtype, x.device)

    def forward(self, x: torch.Tensor, bank: torch.Tensor) -> torch.Tensor:
        return bend_activation(self.operator, x, [bank[i] for i in range(len(bank))], self.setting, SD)


def exported(module: torch.nn.Module, x: torch.Tensor, bank: torch.Tensor) -> onnxruntime.InferenceSession:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x, bank), file, dynamo=False, opset_version=18, input_names=["x", "bank"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("kind", ["small", "large"])
@pytest.mark.parametrize("name", [n for n, op in OPERATORS.items() if "onnx" in op.runtimes])
def test_the_exported_operator_agrees_with_eager(name: str, kind: str) -> None:
    suited = [k for k in ORDER if k in OPERATORS[name].kinds]
    # The largest site that suits, where sampling goes by another way, and the first.
    site = suited[0] if kind == "small" else suited[-1]
    x = activation(site)[:1]
    bend = Bend("b", name, SITES[site][0], "all", seed=3, rows="0.1-0.9")
    module = _Bent(bend, x)
    session = exported(module, x, torch.tensor(neutral(name)))

    def run(values: list[float]) -> torch.Tensor:
        fed = {"x": x.numpy(), "bank": np.array(values, np.float32)}
        return torch.from_numpy(session.run(None, fed)[0])

    assert (run(neutral(name)) - x).abs().max() <= 1e-5 * SD
    assert (run(lively(name)) - x).abs().mean() > 0.05 * SD
    for values in [lively(name), *settings(name)[:4]]:
        eager = module(x, torch.tensor(values))
        off = (run(values) - eager).abs()
        assert (off > 2e-3 * SD).float().mean() < (0.002 if name in JUMPS else 0.001)
