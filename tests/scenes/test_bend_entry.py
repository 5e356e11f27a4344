"""What a scene file may say about the part of a site that a bend touches."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenes
from bentlight.errors import BadScene
from engine.bends import Bend

SCENE = """name: part
prompts:
  - text: fire
bends:
  - name: b
    operator: {operator}
    site: {site}
    {line}
"""


def loaded(tmp_path: Path, line: str, operator: str = "add", site: str = "unet.mid") -> scenes.Scene:
    path = tmp_path / "part.yaml"
    path.write_text(SCENE.format(operator=operator, site=site, line=line))
    return scenes.load(path)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("channels: cluster:2/4", {"channels": "cluster:2/4"}),
        ("rows: 0.2-0.6", {"rows": "0.2-0.6"}),
        ("rows: 0.5", {"rows": "0.500"}),
        ("columns: random:0.1", {"columns": "random:0.1"}),
        ("mask: circle:0.3", {"mask": "circle:0.3"}),
        ("sparse: 0.05", {"sparse": 0.05}),
        ("seed: 3", {"seed": 3}),
    ],
)
def test_selections_reach_the_engine(tmp_path, line: str, fields: dict) -> None:
    scene = loaded(tmp_path, line)
    assert scene.plan.bends == (Bend("b", "add", "unet.mid", **fields),)


@pytest.mark.parametrize(
    ("site", "channels", "there"),
    [("latent.end", "4-11", "0-3"), ("latent.0", "2-4", "0-3"), ("picture", "1-3", "0-2")],
)
def test_channels_that_no_model_has_at_a_site_are_refused_at_their_line(tmp_path, site, channels, there) -> None:
    with pytest.raises(BadScene, match=rf"channels {channels} .* the channels {there}") as refusal:
        loaded(tmp_path, f"channels: {channels}", site=site)
    assert refusal.value.line == 8
    assert loaded(tmp_path, "channels: 4-11", site="unet.mid").bends[0].channels == "4-11"
    assert loaded(tmp_path, "channels: cluster:1/2", site=site).bends[0].channels == "cluster:1/2"


def test_a_plane_and_weights_reach_the_engine(tmp_path) -> None:
    assert loaded(tmp_path, "plane: 0-3", "plane_rotate", "latent.0").plan.bends[0].planes == (0, 3, 4)
    deep = "weights.unet.up.2.attention.0.transformer_blocks.0.ff.net.0.proj"
    assert loaded(tmp_path, "seed: 1", "noise", deep).plan.bends[0].site == deep


def test_all_sixteen_numbers_of_a_contraction_can_be_set(tmp_path) -> None:
    line = "set: {" + ", ".join(f"m{i}{j}: 0.5" for i in range(4) for j in range(4)) + "}"
    scene = loaded(tmp_path, line, "contract_groups", "latent.end")
    assert scene.bends[0].resting("m23") == 0.5
    assert scene.bends[0].resting("mix") == 1.0


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("rows: 4-7", "rows"),
        ("columns: left", "columns"),
        ("mask: star", "mask"),
        ("mask: painted", "png file beside"),
        ("sparse: 2", "less than or equal to 1"),
        ("plane: 1-2", "plane is only for plane_rotate"),
        ("channels: cluster:9/9", "channels"),
    ],
)
def test_a_selection_that_is_not_understood_is_refused_at_its_line(tmp_path, line: str, where: str) -> None:
    with pytest.raises(BadScene, match=where) as refused:
        loaded(tmp_path, line)
    assert refused.value.line == 8
