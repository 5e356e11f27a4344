"""A LoRA is added to exactly the weights it names, whichever of four namings its file has."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from bentlight.errors import BadInput
from engine import FrameSpec
from engine.generator import Generator
from engine.lora import merge_lora
from tests.engine.conftest import make_pipeline
from tests.engine.original_layout import unet_name

RANK = 3
SCALE = 0.5
CHANGED = {
    "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k",
    "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0",
    "unet.mid_block.attentions.0.proj_in",
    "unet.down_blocks.0.resnets.0.conv1",
    "unet.down_blocks.0.downsamplers.0.conv",
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.ff.net.2",
    "unet.up_blocks.0.attentions.1.proj_out",
    "unet.up_blocks.0.upsamplers.0.conv",
    "unet.up_blocks.1.resnets.1.conv_shortcut",
    "unet.mid_block.resnets.1.time_emb_proj",
    "unet.time_embedding.linear_2",
    "text_encoder.encoder.layers.1.self_attn.q_proj",
}
SPEC = FrameSpec(prompts=(("blue galaxy", 1.0),), seed=2)


@pytest.fixture
def parts(tmp_path) -> dict[str, nn.Module]:
    pipe = make_pipeline(tmp_path / "pipe")
    return {"unet": pipe.unet, "text_encoder": pipe.text_encoder}


def module_of(parts: dict[str, nn.Module], name: str) -> nn.Module:
    part, _, path = name.partition(".")
    known = dict(parts[part].named_modules())
    return known.get(path) or known["text_model." + path]


def halves(parts: dict[str, nn.Module]) -> dict[str, tuple[Tensor, Tensor]]:
    """Down and up of every change."""
    torch.manual_seed(3)
    found = {}
    for name in sorted(CHANGED):
        shape = module_of(parts, name).weight.shape
        flat = len(shape) == 2
        found[name] = (
            torch.randn(RANK, *shape[1:]) / 4,
            torch.randn(shape[0], RANK) / 4 if flat else torch.randn(shape[0], RANK, 1, 1) / 4,
        )
    return found


def write(path: Path, parts: dict[str, nn.Module], naming: str) -> Path:
    tensors: dict[str, Tensor] = {}
    metadata = None
    for name, (down, up) in halves(parts).items():
        part, _, module = name.partition(".")
        if part == "text_encoder":
            module = "text_model." + module
        if naming in ("kohya", "kohya xl"):
            if naming == "kohya xl" and part == "unet":
                per_level = parts["unet"].config.layers_per_block + 1
                module = unet_name(module + ".weight", per_level).removesuffix(".weight")
            stem = {"unet": "lora_unet_", "text_encoder": "lora_te_"}[part] + module.replace(".", "_")
            tensors |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
            tensors[f"{stem}.alpha"] = torch.tensor(SCALE * RANK)
        elif naming == "peft":
            tensors |= {f"{part}.{module}.lora_A.weight": down, f"{part}.{module}.lora_B.weight": up}
            alphas = {f"{p}.lora_alpha": SCALE * RANK for p in parts}
            metadata = {"lora_adapter_metadata": json.dumps(alphas)}
        else:
            # Older diffusers: attention's processor in the name, and no alpha.
            if part == "unet" and ".attn" in module:
                stem, _, last = module.partition(".to_")
                module = f"{stem}.processor.to_{last.removesuffix('.0')}_lora"
            else:
                module += ".lora"
            tensors |= {f"{part}.{module}.down.weight": down, f"{part}.{module}.up.weight": SCALE * up}
    save_file({k: v.contiguous() for k, v in tensors.items()}, str(path), metadata)
    return path


@pytest.mark.parametrize("naming", ["kohya", "kohya xl", "peft", "diffusers"])
def test_what_it_names_changes_by_the_published_formula_and_nothing_else(parts, tmp_path, naming: str) -> None:
    before = {f"{p}.{n}": v.clone() for p, m in parts.items() for n, v in m.state_dict().items()}
    assert merge_lora(write(tmp_path / "lora.safetensors", parts, naming), parts) == len(CHANGED)
    expected = dict(before)
    for name, (down, up) in halves(parts).items():
        key = next(k for k in before if k in (f"{name}.weight", name.replace(".", ".text_model.", 1) + ".weight"))
        change = torch.einsum("or,r...->o...", up.flatten(1), down)
        expected[key] = before[key] + SCALE * change.reshape(before[key].shape)
    for part, network in parts.items():
        for name, value in network.state_dict().items():
            torch.testing.assert_close(value, expected[f"{part}.{name}"], msg=f"{part}.{name}")


def test_a_model_with_a_lora_is_sampled_as_an_lcm_and_paints_otherwise(tiny_folder, parts, tmp_path) -> None:
    lora = write(tmp_path / "lcm.safetensors", parts, "kohya")
    with_lora = Generator.load(str(tiny_folder), device="cpu", dtype="float32", lora=str(lora))
    assert type(with_lora._sampler._scheduler).__name__ == "LCMScheduler"
    without = Generator.load(str(tiny_folder), device="cpu", dtype="float32")
    weights = [dict(g._unet.named_parameters())["conv_out.weight"] for g in (with_lora, without)]
    assert torch.equal(*weights)
    assert not np.array_equal(with_lora.render(SPEC).pixels, without.render(SPEC).pixels)


def test_one_for_another_model_changes_nothing_and_says_so(parts, tmp_path) -> None:
    before = {k: v.clone() for k, v in parts["unet"].state_dict().items()}
    path = tmp_path / "foreign.safetensors"
    fitting = write(path, parts, "peft")
    tensors = load_file(str(fitting)) | {"unet.zz.to_q.lora_A.weight": torch.ones(1, 4)}
    save_file(tensors | {"unet.zz.to_q.lora_B.weight": torch.ones(4, 1)}, str(path))
    with pytest.raises(BadInput, match="another model"):
        merge_lora(path, parts)
    assert all(torch.equal(v, before[k]) for k, v in parts["unet"].state_dict().items())


@pytest.mark.parametrize(
    ("tensors", "metadata", "said"),
    [
        ({"lora_unet_x.hada_w1_a": torch.ones(2)}, None, "hada_w1_a"),
        ({"unet.x.lora_A.weight": torch.ones(1, 2)}, None, "not complete"),
        ({"unet.x.lora_A.weight": torch.ones(1, 2)}, {"unet.use_dora": True}, "use_dora"),
        ({"unet.x.lora_A.weight": torch.ones(1, 2)}, {"unet.alpha_pattern": {"x": 8}}, "alpha_pattern"),
        ({"base_model.model.conv_in.lora_A.weight": torch.ones(1, 2)}, None, "as peft saves it.*save_lora_weights"),
        ({"unet.conv_in.lora_A.weight": torch.ones(4), "unet.conv_in.lora_B.weight": torch.ones(4)}, None, "another"),
        ({}, None, "no LoRA"),
    ],
)
def test_what_is_no_plain_lora_is_refused(parts, tmp_path, tensors, metadata, said: str) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(tensors, str(path), metadata and {"lora_adapter_metadata": json.dumps(metadata)})
    with pytest.raises(BadInput, match=said):
        merge_lora(path, parts)


@pytest.mark.parametrize("harm", ["down", "up", "alpha", "rank"])
def test_a_broken_half_changes_nothing(parts, tmp_path, harm: str) -> None:
    before = {k: v.clone() for k, v in parts["unet"].state_dict().items()}
    path = write(tmp_path / "lora.safetensors", parts, "kohya")
    tensors = load_file(str(path))
    name = next(n for n in sorted(tensors, reverse=True) if harm in n or (harm == "rank" and "lora_up" in n))
    if harm == "rank":
        tensors[name] = torch.cat((tensors[name], tensors[name]), dim=1)
    else:
        tensors[name].view(-1)[-1] = float("nan")
    save_file(tensors, str(path))
    with pytest.raises(BadInput, match="another model" if harm == "rank" else "not finite"):
        merge_lora(path, parts)
    assert all(torch.equal(v, before[k]) for k, v in parts["unet"].state_dict().items())


def test_changes_are_written_out_one_at_a_time(parts, tmp_path) -> None:
    """All of an XL model's at once would take ten gigabytes."""
    path = write(tmp_path / "lora.safetensors", parts, "kohya")
    made: list[weakref.ref] = []
    most = 0

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal most
            found = func(*args, **(kwargs or {}))
            if func in (torch.ops.aten.mm.default, torch.ops.aten.mul.Tensor):
                made.append(weakref.ref(found))
                most = max(most, sum(ref() is not None for ref in made))
            return found

    with Products():
        merge_lora(path, parts)
    assert len(made) >= 2 * len(CHANGED)
    # The product, the product scaled, and the last one.
    assert most <= 3
