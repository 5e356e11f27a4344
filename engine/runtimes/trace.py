"""From a model in torch to ONNX graphs: what is exported runs exactly the code that paints eagerly."""

from __future__ import annotations

import hashlib
import importlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from engine.bends.hooks import SeatedBend
from engine.bends.plan import BendPlan
from engine.eager import EagerGenerator
from engine.ingredients import Ingredients
from engine.pictures import to_levels
from engine.runtimes.fold import folded_end
from engine.runtimes.store import Store, Tensors, tensor_place
from engine.runtimes.task import MODEL, Task
from engine.runtimes.tune import tune
from engine.sampling import schedule_of
from engine.text import TextEncoder

__all__ = ["OPSET", "export"]

OPSET = 18
_SMALL = 1024
"""Weights of fewer bytes stay in the graph, where they can be folded."""


def export(model: EagerGenerator, task: Task, store: Store) -> None:
    """Export what a task asks for into a store.

    Raises
    ------
    BadInput
        If the plan does not suit the model, or the ONNX runtime.
    """
    if task.kind == "model":
        _export_model(model, store)
        return
    present = model.size
    model.resize(*task.size)
    try:
        if task.kind == "picture":
            task.plan.require("onnx")
            module: _Traced = _Picture(model, task)
        else:
            module = _Feedback(model)
        _export_graph(module, task, store)
    finally:
        model.resize(*present)


class _Traced(nn.Module):
    """A module with named inputs and outputs, and examples of the inputs."""

    outputs: tuple[str, ...]

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, Tensor] = {}

    def around(self) -> AbstractContextManager[None]:
        """What must hold while the module is traced."""
        return nullcontext()


class _Picture(_Traced):
    """A whole picture: noise, embedding and bend values in, pixels out.

    Besides the pixels (height, width, 3) it returns a sum over the picture and its latent, which is finite only if both
    are, so that the check of a picture costs next to nothing.
    """

    outputs = ("pixels", "check")

    def __init__(self, model: EagerGenerator, task: Task) -> None:
        super().__init__()
        self.unet, self.vae = model.networks
        self._model, self._task = model, task
        self._plan = model.use(task.plan)
        self._seats = self._plan.seats
        self._named: dict[str, Any] = {site: [_Seat(bend) for bend in bends] for site, bends in self._seats.items()}
        self.bends = nn.ModuleList(seat for bends in self._named.values() for seat in bends)
        shape, (tokens, width) = model.latent_shape(), model.embedding_shape
        generator = torch.Generator().manual_seed(0)

        def noise() -> Tensor:
            return torch.randn(shape, generator=generator)

        self.examples = {"start": noise(), "text": torch.zeros(1, tokens, width)}
        if task.plan.slots:
            self.examples["bank"] = torch.tensor(task.plan.neutral, dtype=torch.float32)
        if task.late:
            self.examples["schedule"] = torch.tensor([astuple(step) for step in model.late_steps(task.steps)])
        for index, step in enumerate(model.schedule(task.steps).steps):
            if step.fresh:
                self.examples[f"fresh.{index}"] = noise()
        if model.condition_width is not None:
            self.examples["condition"] = torch.zeros(1, model.condition_width)
        elif task.guided:
            self.examples |= {"empty": torch.zeros(1, tokens, width), "guidance": torch.tensor(3.0)}

    @contextmanager
    def around(self) -> Iterator[None]:
        # A bend at the decoder's last site needs the activation that folding does away with.
        last = [site for site in self._model.site_addresses if site.startswith("decoder.")][-1]
        bent = any(bend.site == last for bend in self._task.plan.bends)
        try:
            self._plan.seats = self._named
            with nullcontext() if bent else folded_end(self.vae.decoder):
                yield
        finally:
            self._plan.seats = self._seats
            _read_from(self._task.plan, self._seats, self._plan.bank)

    def forward(self, *values: Tensor) -> tuple[Tensor, Tensor]:
        given = dict(zip(self.examples, values, strict=True))
        if "bank" in given:
            _read_from(self._task.plan, self._seats, given["bank"])
        ingredients = Ingredients(
            given["start"],
            given["text"],
            lambda index: given[f"fresh.{index}"],
            given.get("empty"),
            given.get("guidance", 1.0),
            given.get("condition"),
            schedule_of(given["schedule"], self._model.schedule(self._task.steps)) if "schedule" in given else None,
        )
        picture, latent = self._model.paint(ingredients, self._plan, self._task.steps)
        pixels = to_levels(picture[0]).to(torch.uint8).permute(1, 2, 0)
        return pixels, picture.sum() + latent.sum()


class _Seat(nn.Module):
    """A bend as a module, so that the graph's nodes say by their names (``…/bends.0/…``) that they are its work."""

    def __init__(self, bend: SeatedBend) -> None:
        super().__init__()
        self.bend = bend

    def forward(self, x: Tensor, sd: float | None = None) -> Tensor:
        return self.bend(x, sd)


def _read_from(plan: BendPlan, seats: Mapping[str, Sequence[SeatedBend]], bank: Tensor) -> None:
    """Let the bends of a plan read their values from another bank."""
    start = 0
    places = {site: iter(row) for site, row in seats.items()}
    for bend in plan.bends:
        count = len(bend.parameters)
        next(places[bend.site])._parameters = tuple(bank[start + i] for i in range(count))
        start += count


class _Feedback(_Traced):
    """Noise, pixels (height, width, 3), a share and two amplitudes in, a starting latent out."""

    outputs = ("start",)

    def __init__(self, model: EagerGenerator) -> None:
        super().__init__()
        _, self.vae = model.networks
        self._model = model
        width, height = model.size
        self.examples = {
            "noise": torch.randn(model.latent_shape()),
            "pixels": torch.randint(0, 256, (height, width, 3), dtype=torch.uint8),
            "share": torch.tensor(0.5),
            "of_picture": torch.tensor(0.5),
            "of_noise": torch.tensor(0.5),
        }

    def forward(self, noise: Tensor, pixels: Tensor, share: Tensor, of_picture: Tensor, of_noise: Tensor) -> Tensor:
        picture = pixels.to(torch.float32).permute(2, 0, 1)[None] / 127.5 - 1
        return self._model.fed_back(noise, picture, share, of_picture, of_noise)


class _Text(_Traced):
    """Token numbers of each tokenizer, and their mask, in; the embedding out."""

    outputs = ("embedding",)

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoder.encoders)
        self._encoder = encoder
        numbers = torch.zeros(1, encoder.tokens, dtype=torch.int64)
        self.examples = {f"ids.{index}": numbers for index in range(len(encoder.encoders))}
        if encoder.masked:
            self.examples["mask"] = torch.ones(1, encoder.tokens, dtype=torch.int64)

    def forward(self, *values: Tensor) -> Tensor:
        count = len(self.encoders)
        return self._encoder.embed(values[:count], values[count] if len(values) > count else None)


def _export_model(model: EagerGenerator, store: Store) -> None:
    _export_graph(_Text(model.text), MODEL, store)
    tokenizers = [_tokenizer(tokenizer, model.text.tokens) for tokenizer in model.text.tokenizers]
    store.write_facts({**model.facts(), "tokenizers": tokenizers})


def _tokenizer(tokenizer: Any, tokens: int) -> str:
    """Return a CLIP tokenizer as the library tokenizers reads it, set to cut and fill every text to `tokens`."""
    if not hasattr(tokenizer, "backend_tokenizer"):
        # Older releases of the library have a slow tokenizer that only the fast one's class can turn into one.
        fast = importlib.import_module("transformers").CLIPTokenizerFast
        with tempfile.TemporaryDirectory() as folder:
            tokenizer.save_pretrained(folder)
            tokenizer = fast.from_pretrained(folder)
    from tokenizers import Tokenizer

    own = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    own.enable_truncation(tokens)
    own.enable_padding(length=tokens, pad_id=tokenizer.pad_token_id, pad_token=tokenizer.pad_token)
    return own.to_str()


def _export_graph(module: _Traced, task: Task, store: Store) -> None:
    module.eval()
    with torch.no_grad(), module.around(), warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        # Branches on shapes are meant to be fixed: a graph is for one size.
        warnings.simplefilter("ignore")
        examples: Sequence[Tensor] = tuple(module.examples.values())
        # Once before the trace: what bends make for a new shape must not be recorded.
        module(*examples)
        path = Path(folder) / "graph.onnx"
        torch.onnx.export(
            module,
            tuple(examples),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(module.examples),
            output_names=list(module.outputs),
        )
        tuned = tune(path) if task.tuned else None
        graph = onnx.load(str(tuned or path))
    tensors = _take_weights(graph)
    store.write(task, graph.SerializeToString(), tensors, tuned=tuned is not None)


def _take_weights(graph: onnx.ModelProto) -> Tensors:
    """Take the weights out of a graph and mark them as external."""
    tensors: Tensors = {}
    for tensor in graph.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        if array.nbytes < _SMALL:
            continue
        content = np.ascontiguousarray(array).tobytes()
        tensors[tensor.name] = (array.dtype.str, tuple(array.shape), content)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        place = tensor_place(hashlib.sha256(content).hexdigest())
        for key, value in (("location", place), ("offset", "0"), ("length", str(len(content)))):
            tensor.external_data.add(key=key, value=value)
    return tensors
