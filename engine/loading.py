"""Loading a few-step Stable Diffusion from wherever it is. Safetensors only: no pickle, no remote code."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator
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
from safetensors import safe_open
from safetensors.torch import load_file

from bentlight.errors import BadInput, ModelMissing
from engine import hub
from engine.builtin import WEIGHTS
from engine.files import existing
from engine.lora import merge_lora
from engine.text import TextEncoder

__all__ = ["Components", "load_components"]

for _library in (diffusers, transformers):
    _library.utils.logging.set_verbosity_error()
    _library.utils.logging.disable_progress_bar()

_PIPELINES = {
    name: getattr(diffusers, name)
    for name in (
        "StableDiffusionPipeline",
        "StableDiffusionImg2ImgPipeline",
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "LatentConsistencyModelPipeline",
        "LatentConsistencyModelImg2ImgPipeline",
    )
}
_UNSAFE = (".ckpt", ".pt", ".pth", ".bin", ".pkl")
_LIBRARIES = ("diffusers", "transformers", "stable_diffusion")
"""Where a model_index.json may say that parts are from; the last is a module of diffusers."""


@dataclass(slots=True)
class Components:
    """The parts of a loaded model, on the CPU.

    Attributes
    ----------
    text : TextEncoder
    zero_empty : bool
        Whether a picture is guided away from zeros, not from the embedding of the empty prompt.
    """

    name: str
    unet: Any
    vae: Any
    text: TextEncoder
    scheduler: Any
    folder: Path | None = None
    zero_empty: bool = False


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
    place = existing(model)
    if model == "builtin":
        if not (WEIGHTS / "unet").is_dir():
            raise ModelMissing(f"the built-in model is not in {WEIGHTS}; reinstall, or train it anew.")
        parts = _from_folder(WEIGHTS, model, dtype)
    elif place is not None and place.is_dir():
        parts = _from_folder(place, model, dtype)
    elif Path(model).suffix.lower() in _UNSAFE:
        raise BadInput(
            f"{model} is a {Path(model).suffix} file, which can run code when opened; get the model as .safetensors."
        )
    elif place is not None and place.is_file():
        parts = _from_single_file(place, model, dtype)
    elif Path(model).suffix.lower() == ".safetensors" or not hub.is_hub_id(model):
        raise ModelMissing(
            f"there is no model {model!r}; give builtin, a folder, a .safetensors file or a hub id (owner/name)."
        )
    else:
        parts = _from_folder(hub.local_copy(model) or hub.fetch(model), model, dtype)
    if tiny_autoencoder is not None:
        parts.vae = _tiny_autoencoder(tiny_autoencoder, dtype)
    given, taken = parts.unet.config.out_channels, parts.vae.config.latent_channels
    if given != taken:
        raise BadInput(
            f"{tiny_autoencoder or model} decodes latents of {taken} channels, the UNet of {model} gives {given}; "
            "use an autoencoder that was made for this model."
        )
    if lora is not None:
        _fuse_lora(parts, lora)
    parts.scheduler = _few_step(parts.scheduler, lora is not None)
    for part in (parts.unet, parts.vae, *parts.text.encoders):
        part.eval().requires_grad_(False)
    return parts


def _from_folder(folder: Path, name: str, dtype: torch.dtype) -> Components:
    index = _pipeline(folder)
    pipeline = str(index.get("_class_name", "StableDiffusionPipeline"))
    if pipeline not in _PIPELINES:
        raise BadInput(
            f"{name} is a {pipeline}; only Stable Diffusion 1.x, 2.x, XL, turbo and latent-consistency models can be "
            "played."
        )
    two = (folder / "text_encoder_2").is_dir()
    encoders = ("text_encoder", "text_encoder_2") if two else ("text_encoder",)
    tokenizers = ("tokenizer", "tokenizer_2") if two else ("tokenizer",)
    for part in ("scheduler", *encoders, *tokenizers, "unet", "vae"):
        if not (folder / part).is_dir():
            raise ModelMissing(f"{name} has no folder {part}; a model folder has the layout of stabilityai/sd-turbo.")
        _check_files(folder / part, name)
    with _reading(name):
        unet = _network(diffusers.UNet2DConditionModel, folder / "unet", name, dtype)
        parts = Components(
            name=name,
            unet=unet,
            vae=_network(_autoencoder_class(folder / "vae"), folder / "vae", name, dtype),
            text=TextEncoder(
                [
                    transformers.CLIPTokenizer.from_pretrained(str(folder / t), local_files_only=True)
                    for t in tokenizers
                ],
                [_text_encoder(folder / encoder, name, dtype) for encoder in encoders],
            ),
            scheduler=_scheduler(folder / "scheduler"),
            folder=folder,
            zero_empty=two and bool(index.get("force_zeros_for_empty_prompt", True)),
        )
    return _checked(parts)


def _pipeline(folder: Path) -> dict[str, Any]:
    """What model_index.json says of a model; nothing where there is none."""
    try:
        content = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _checked(parts: Components) -> Components:
    """Refuse a UNet that takes what the sampler does not give."""
    config = parts.unet.config
    wanted = config.addition_embed_type
    if wanted not in (None, "text", "text_time") or (wanted == "text_time") != bool(parts.text.pooled):
        raise BadInput(f"{parts.name} has a UNet with the added embedding {wanted!r}, which its text encoders lack.")
    if config.in_channels != config.out_channels or config.class_embed_type is not None:
        raise BadInput(f"{parts.name} paints from another picture or from classes, not from text alone.")
    return parts


def _check_files(part: Path, name: str) -> None:
    """Refuse a part that the libraries would make up something for: without a vocabulary every prompt is the same."""
    lacking = hub.lacking(part)
    if lacking is not None:
        raise ModelMissing(f"{name} is not complete: there is no {lacking} in {part}; fetch or copy it again.")


def _check_weights(network: Any, place: Path, missing: Iterable[str] = ()) -> None:
    """Refuse a network if tensors were not read: the libraries leave them random, or without any values."""
    lacking = sorted({*missing, *(name for name, weight in network.named_parameters() if weight.is_meta)})
    if lacking:
        raise BadInput(
            f"the weights in {place} are not all those of a {type(network).__name__}: {len(lacking)} are missing, "
            f"{lacking[0]} for one; fetch or copy them again."
        )


def _network(kind: Any, folder: Path, name: str, dtype: torch.dtype) -> Any:
    network = kind.from_pretrained(
        str(folder),
        torch_dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        low_cpu_mem_usage=True,
        variant=_variant(folder, name),
    )
    _check_weights(network, folder)
    return network


def _text_encoder(folder: Path, name: str, dtype: torch.dtype) -> Any:
    # The second one of two gives a pooled vector too.
    kind: Any = transformers.CLIPTextModelWithProjection if folder.name.endswith("_2") else transformers.CLIPTextModel
    variant = _variant(folder, name)
    encoder, told = kind.from_pretrained(
        str(folder), use_safetensors=True, local_files_only=True, variant=variant, output_loading_info=True
    )
    missing = set(told["missing_keys"])
    if missing:
        # What transformers writes from 5.6 on lacks the word that it puts before every name, and reads, until then.
        for file in folder.glob("*.safetensors"):
            if hub.is_half(file.name) == (variant is not None):
                tensors = {f"text_model.{key}": tensor for key, tensor in load_file(file).items()}
                missing &= set(encoder.load_state_dict(tensors, strict=False).missing_keys)
    _check_weights(encoder, folder, missing)
    return encoder.to(dtype)


def _variant(folder: Path, name: str) -> str | None:
    """Return None for plain weights, "fp16" where only those are; files that could run code do not count."""
    names = [p.name for p in folder.glob("*.safetensors")]
    if not names:
        raise ModelMissing(f"{name} has no .safetensors weights in {folder}; other formats are not loaded.")
    if any(not hub.is_half(n) and ".non_ema" not in n for n in names):
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
    if config is not None:
        _check_configuration(beside, name)
        for part in ("tokenizer", "tokenizer_2"):
            if (beside / part).is_dir():
                _check_files(beside / part, name)
    with _reading(name, hint=f"; put its configuration (a model folder without weights) at {beside}"):
        two = _has_two_encoders(path)
        kind: Any = diffusers.StableDiffusionXLPipeline if two else diffusers.StableDiffusionPipeline
        options = {} if two else {"safety_checker": None}
        pipe = kind.from_single_file(
            str(path), config=config, torch_dtype=dtype, local_files_only=config is not None, **options
        )
        text = TextEncoder(
            [pipe.tokenizer, pipe.tokenizer_2] if two else [pipe.tokenizer],
            [pipe.text_encoder, pipe.text_encoder_2] if two else [pipe.text_encoder],
        )
    empty = two and bool(pipe.config.get("force_zeros_for_empty_prompt", True))
    return _checked(Components(name, pipe.unet, pipe.vae, text, pipe.scheduler, zero_empty=empty))


def _check_configuration(folder: Path, name: str) -> None:
    """Refuse a configuration through which the libraries would run code: any package that it names is imported."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in (*_UNSAFE, ".py"):
            raise BadInput(f"{name} is not loaded: {path} beside it can run code when opened; take it away.")
    for part, value in _pipeline(folder).items():
        library = value[0] if isinstance(value, list) and value else None
        if library is not None and library not in _LIBRARIES:
            raise BadInput(
                f"{name} is not loaded: {folder / 'model_index.json'} names {str(library)[:60]!r} for its {part}; only "
                f"{', '.join(_LIBRARIES)} are used."
            )


def _has_two_encoders(path: Path) -> bool:
    """Whether a file in the original layout is of an XL model."""
    with safe_open(str(path), framework="pt") as file:
        return any(key.startswith("conditioner.embedders.1.") for key in file.keys())  # noqa: SIM118 - no mapping


def _tiny_autoencoder(source: str, dtype: torch.dtype) -> Any:
    folder = existing(source)
    if folder is None or not folder.is_dir():
        if not hub.is_hub_id(source):
            raise ModelMissing(
                f"there is no tiny autoencoder {source!r}; give a folder or a hub id (madebyollin/taesd)."
            )
        folder = hub.local_copy(source) or hub.fetch(source)
    if not (folder / "config.json").is_file():
        raise ModelMissing(f"{source} has no config.json; a tiny autoencoder is a folder like madebyollin/taesd.")
    with _reading(source, kind="tiny autoencoder"):
        if _autoencoder_class(folder) is not diffusers.AutoencoderTiny:
            raise BadInput(f"{source} is no AutoencoderTiny.")
        return _network(diffusers.AutoencoderTiny, folder, source, dtype)


def _fuse_lora(parts: Components, lora: str) -> None:
    path = existing(lora)
    if Path(lora).suffix.lower() in _UNSAFE:
        raise BadInput(f"{lora} can run code when opened; get the LoRA as .safetensors.")
    if path is None:
        if not hub.is_hub_id(lora):
            raise ModelMissing(f"there is no LoRA {lora!r}; give a .safetensors file, a folder or a hub id.")
        path = hub.local_copy(lora) or hub.fetch(lora)
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise BadInput(f"{lora} has {len(files)} .safetensors files; give the path of the one to use.")
        path = files[0]
    networks = dict(zip(("text_encoder", "text_encoder_2"), parts.text.encoders, strict=False))
    with _reading(lora, kind="LoRA"):
        merge_lora(path, {"unet": parts.unet, **networks})


@contextmanager
def _reading(name: str, hint: str = "", kind: str = "Stable Diffusion model") -> Iterator[None]:
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
        raise BadInput(f"{name} cannot be read as a {kind}: {_first_line(error)}{hint}.") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")
