"""Loading a few-step Stable Diffusion from wherever it is. Safetensors only: no pickle, no remote code."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Set before the libraries are imported, which is when they read it.
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")

import diffusers
import torch
import transformers

from bentlight.errors import BadInput, ModelMissing
from engine import hub
from engine.builtin import WEIGHTS

__all__ = ["Components", "load_components"]

for _library in (diffusers, transformers):
    _library.utils.logging.set_verbosity_error()
    _library.utils.logging.disable_progress_bar()

_UNSAFE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")


@dataclass(slots=True)
class Components:
    """The parts of a loaded model, on the CPU or wherever they were asked for."""

    name: str
    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    folder: Path | None = None


def load_components(
    model: str, dtype: torch.dtype, lora: str | None = None, tiny_autoencoder: str | None = None
) -> Components:
    """Load a model.

    Parameters
    ----------
    model : str
        ``builtin``, a folder in the diffusers layout, a hub id ``owner/name``, or a single ``.safetensors`` file.
    dtype : torch.dtype
        Type of the weights.
    lora : str or None
        File, folder or hub id of a latent-consistency LoRA; the model is then sampled as an LCM.
    tiny_autoencoder : str or None
        Folder or hub id of an ``AutoencoderTiny`` to decode with, many times faster than the full autoencoder.

    Raises
    ------
    ModelMissing
        If the model, or a part of it, is not on this machine and cannot be fetched.
    BadInput
        If it is there but cannot be used.
    """
    if model == "builtin":
        if not (WEIGHTS / "unet").is_dir():
            raise ModelMissing(f"the built-in model is not in {WEIGHTS}; reinstall, or train it anew.")
        parts = _from_folder(WEIGHTS, model, dtype)
    elif model and Path(model).expanduser().is_dir():
        parts = _from_folder(Path(model).expanduser(), model, dtype)
    elif Path(model).suffix.lower() in _UNSAFE:
        raise BadInput(
            f"{model} is a {Path(model).suffix} file, which can run code when opened; get the model as .safetensors."
        )
    elif Path(model).expanduser().is_file():
        parts = _from_single_file(Path(model).expanduser(), model, dtype)
    elif Path(model).suffix.lower() == ".safetensors" or not hub.is_hub_id(model):
        raise ModelMissing(
            f"there is no model {model!r}; give builtin, a folder, a .safetensors file or a hub id (owner/name)."
        )
    else:
        parts = _from_folder(hub.local_copy(model) or hub.fetch(model), model, dtype)
    if tiny_autoencoder is not None:
        parts.vae = _tiny_autoencoder(tiny_autoencoder, dtype)
    if lora is not None:
        _fuse_lora(parts, lora)
    parts.scheduler = _few_step(parts.scheduler, lora is not None)
    for part in (parts.unet, parts.vae, parts.text_encoder):
        part.eval().requires_grad_(False)
    return parts


def _from_folder(folder: Path, name: str, dtype: torch.dtype) -> Components:
    index = folder / "model_index.json"
    if index.is_file():
        pipeline = json.loads(index.read_text(encoding="utf-8")).get("_class_name", "")
        if "XL" in pipeline or not pipeline.startswith(("StableDiffusion", "LatentConsistency")):
            raise BadInput(f"{name} is a {pipeline}; only Stable Diffusion 1.x, 2.x and turbo models can be played.")
    for part in ("scheduler", "text_encoder", "tokenizer", "unet", "vae"):
        if not (folder / part).is_dir():
            raise ModelMissing(f"{name} has no folder {part}; a model folder has the layout of stabilityai/sd-turbo.")
    with _reading(name):
        return Components(
            name=name,
            unet=_network(diffusers.UNet2DConditionModel, folder / "unet", name, dtype),
            vae=_network(_autoencoder_class(folder / "vae"), folder / "vae", name, dtype),
            text_encoder=_text_encoder(folder / "text_encoder", name, dtype),
            tokenizer=transformers.CLIPTokenizer.from_pretrained(str(folder / "tokenizer"), local_files_only=True),
            scheduler=_scheduler(folder / "scheduler"),
            folder=folder,
        )


def _network(kind: Any, folder: Path, name: str, dtype: torch.dtype) -> Any:
    return kind.from_pretrained(
        str(folder),
        torch_dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        low_cpu_mem_usage=True,
        variant=_variant(folder, name),
    )


def _text_encoder(folder: Path, name: str, dtype: torch.dtype) -> Any:
    encoder: Any = transformers.CLIPTextModel.from_pretrained(
        str(folder), use_safetensors=True, local_files_only=True, variant=_variant(folder, name)
    )
    return encoder.to(dtype)


def _variant(folder: Path, name: str) -> str | None:
    """Return None for plain weights, "fp16" where only those are; files that could run code do not count."""
    names = [p.name for p in folder.glob("*.safetensors")]
    if not names:
        raise ModelMissing(f"{name} has no .safetensors weights in {folder}; other formats are not loaded.")
    if any(".fp16" not in n and ".non_ema" not in n for n in names):
        return None
    return "fp16"


def _autoencoder_class(folder: Path) -> Any:
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("_class_name", "AutoencoderKL")
    if kind not in ("AutoencoderKL", "AutoencoderTiny"):
        raise BadInput(f"the autoencoder in {folder} is a {kind}; it must be AutoencoderKL or AutoencoderTiny.")
    return getattr(diffusers, kind)


def _scheduler(folder: Path) -> Any:
    """Return the model's own scheduler if it is one of the two that can be played, else Euler with its noise levels."""
    config = json.loads((folder / "scheduler_config.json").read_text(encoding="utf-8"))
    if config.get("_class_name") == "LCMScheduler":
        return diffusers.LCMScheduler.from_config(config)
    return diffusers.EulerDiscreteScheduler.from_config(config)


def _few_step(scheduler: Any, lcm: bool) -> Any:
    """Give the scheduler the spacing that few-step models are trained with: the first step at the last timestep."""
    if lcm or isinstance(scheduler, diffusers.LCMScheduler):
        return diffusers.LCMScheduler.from_config(scheduler.config)
    return diffusers.EulerDiscreteScheduler.from_config(scheduler.config, timestep_spacing="trailing")


def _from_single_file(path: Path, name: str, dtype: torch.dtype) -> Components:
    if path.suffix.lower() != ".safetensors":
        raise BadInput(f"{name} is no .safetensors file; only those, model folders and hub ids are loaded.")
    beside = path.with_suffix("")
    config = str(beside) if (beside / "model_index.json").is_file() else None
    with _reading(name, hint=f"; put its configuration (a model folder without weights) at {beside}"):
        pipe = diffusers.StableDiffusionPipeline.from_single_file(
            str(path), config=config, torch_dtype=dtype, safety_checker=None, local_files_only=config is not None
        )
    return Components(name, pipe.unet, pipe.vae, pipe.text_encoder, pipe.tokenizer, pipe.scheduler)


def _tiny_autoencoder(source: str, dtype: torch.dtype) -> Any:
    folder = Path(source).expanduser()
    if not folder.is_dir():
        if not hub.is_hub_id(source):
            raise ModelMissing(
                f"there is no tiny autoencoder {source!r}; give a folder or a hub id (madebyollin/taesd)."
            )
        folder = hub.local_copy(source) or hub.fetch(source)
    if not (folder / "config.json").is_file():
        raise ModelMissing(f"{source} has no config.json; a tiny autoencoder is a folder like madebyollin/taesd.")
    if _autoencoder_class(folder) is not diffusers.AutoencoderTiny:
        raise BadInput(f"{source} is no AutoencoderTiny.")
    with _reading(source):
        return _network(diffusers.AutoencoderTiny, folder, source, dtype)


def _fuse_lora(parts: Components, lora: str) -> None:
    try:
        import peft  # noqa: F401
    except ImportError:
        raise BadInput("a LoRA needs the package peft; install it with `pip install peft`.") from None
    path = Path(lora).expanduser()
    if path.suffix.lower() in _UNSAFE:
        raise BadInput(f"{lora} can run code when opened; get the LoRA as .safetensors.")
    if not path.exists():
        if not hub.is_hub_id(lora):
            raise ModelMissing(f"there is no LoRA {lora!r}; give a .safetensors file, a folder or a hub id.")
        path = hub.local_copy(lora) or hub.fetch(lora)
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise BadInput(f"{lora} has {len(files)} .safetensors files; give the path of the one to use.")
        path = files[0]
    pipe: Any = diffusers.StableDiffusionPipeline(
        vae=parts.vae,
        text_encoder=parts.text_encoder,
        tokenizer=parts.tokenizer,
        unet=parts.unet,
        scheduler=parts.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    with _reading(lora):
        pipe.load_lora_weights(str(path.parent), weight_name=path.name, use_safetensors=True, local_files_only=True)
        pipe.fuse_lora()
        pipe.unload_lora_weights()


@contextmanager
def _reading(name: str, hint: str = "") -> Iterator[None]:
    """Turn what the libraries raise over missing or broken files into one sentence."""
    try:
        with warnings.catch_warnings():
            # Old configuration files of models we did not make are nothing a player can act on.
            warnings.simplefilter("ignore", FutureWarning)
            yield
    except (BadInput, ModelMissing):
        raise
    except OSError as error:
        raise ModelMissing(f"{name} is not complete on this machine: {_first_line(error)}{hint}.") from error
    except Exception as error:
        # A broken or foreign file ends in whatever the library happened to be doing with it.
        raise BadInput(f"{name} cannot be read as a Stable Diffusion model: {_first_line(error)}{hint}.") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")
