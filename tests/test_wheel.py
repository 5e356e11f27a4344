"""A wheel holds what playing needs and nothing else, and plays from anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, so that building leaves nothing in the working tree.
    source = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    (made,) = folder.glob("*.whl")
    return made


def test_weights_scenes_and_demo_are_inside_and_tests_and_bench_are_not(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("engine/builtin/weights/unet/") for name in names)
    assert any(name.startswith("engine/builtin/weights/tokenizer/") for name in names)
    assert sum(name.startswith("scenes/library/") for name in names) >= 4
    assert "live/capture/demo.ogg" in names
    assert {name.split("/")[0] for name in names if not name.startswith("bentlight-")} == {
        "analysis", "bentlight", "engine", "live", "scenes",
    }  # fmt: skip


def test_it_plays_from_another_directory(wheel, tmp_path):
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)],
        check=True, timeout=120,
    )  # fmt: skip
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import live, engine; print(live.__file__, engine.__file__)"],
        env=environment, cwd=elsewhere, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.count(str(site)) == 2, "the wheel is what runs, not the working tree"
    subprocess.run(
        [sys.executable, "-m", "live", "play", "--headless", "--input", "demo", "--mute", "--seconds", "2",
         "--osc", "off", "--report", "r.json"],
        env=environment, cwd=elsewhere, check=True, timeout=240,
    )  # fmt: skip
    assert json.loads((elsewhere / "r.json").read_text())["pictures"] > 0
