"""Weights are written whole, or mixed with those that are there."""

import json
import shutil

import pytest

pytest.importorskip("diffusers")

from engine.builtin.train.__main__ import main


@pytest.mark.parametrize("share", ["0", "1.5", "half", "nan"])
def test_a_share_that_is_none_is_refused(capsys, share):
    with pytest.raises(SystemExit):
        main(["--stage", "export", "--share", share])
    assert "up to 1" in capsys.readouterr().err


def test_weights_are_mixed_with_those_that_are_there_or_refused_where_the_shapes_differ(tmp_path):
    import torch
    from diffusers import UNet2DConditionModel
    from safetensors.torch import load_file, save_file

    from engine.builtin import WEIGHTS
    from engine.builtin.train.common import Run
    from engine.builtin.train.export import export, unpack

    shutil.copytree(WEIGHTS, tmp_path / "weights")
    unpack(WEIGHTS, Run(tmp_path / "train", resume=True))
    for name in ("network", "vae"):
        path = tmp_path / "train" / f"{name}.safetensors"
        save_file({key: value + 1.0 for key, value in load_file(path).items()}, path)
    export(tmp_path / "train", tmp_path / "weights", 0.25)
    for name in ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"):
        shipped, mixed = (load_file(folder / f"{name}.safetensors") for folder in (WEIGHTS, tmp_path / "weights"))
        assert set(shipped) == set(mixed)
        for key, value in shipped.items():
            torch.testing.assert_close(mixed[key].float(), value.float() + 0.25, rtol=2e-3, atol=2e-3)
    path = tmp_path / "weights" / "unet" / "config.json"
    path.write_text(path.read_text().replace("128", "160"))
    (path.parent / "diffusion_pytorch_model.safetensors").unlink()
    UNet2DConditionModel.from_config(json.loads(path.read_text())).save_pretrained(path.parent)
    with pytest.raises(ValueError, match="export without --share"):
        export(tmp_path / "train", tmp_path / "weights", 0.25)
