"""Every training stage runs, writes what the next one needs, and resumes."""

import pytest

pytest.importorskip("diffusers")

from engine.builtin.train.__main__ import main


def test_stages_run_resume_and_export(tmp_path):
    """Two tiny steps of each stage in an empty folder, then a pipeline from the result."""
    import torch
    from diffusers import StableDiffusionPipeline

    from engine.builtin.train.export import export

    folder = str(tmp_path / "train")
    small = ["--folder", folder, "--steps", "2", "--pictures", "8", "--batch", "4", "--held-out", "1"]
    for stage in ("vae", "unet", "pixels"):
        main(["--stage", stage, *small])
        main(["--stage", stage, *small, "--resume"])
    export(tmp_path / "train", tmp_path / "weights")
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "weights", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pictures = pipeline("galaxy", num_inference_steps=1, guidance_scale=0.0, output_type="pt").images
    assert pictures.shape == (1, 3, 256, 256)
    assert torch.isfinite(pictures).all()
