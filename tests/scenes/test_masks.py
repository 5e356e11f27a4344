"""A painted picture beside a scene says where a bend acts; nothing else on the disk can be reached through its name."""

from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scenes
from bentlight.errors import BadScene
from engine.bends.selection import selection
from live.bank import SceneBank
from tests.links import link

SCENE = """name: masked
prompts:
  - text: fire
bends:
  - name: b
    operator: add
    site: unet.mid
    mask: {mask}
"""
HALF = np.zeros((40, 60), np.uint8)
HALF[:, 30:] = 255


def png(levels: np.ndarray, mode: str | None = None) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(levels)
    (picture.convert(mode) if mode else picture).save(file, "PNG")
    return file.getvalue()


def scene_in(folder: Path, mask: str = "half.png") -> Path:
    path = folder / "masked.yaml"
    path.write_text(SCENE.format(mask=mask))
    return path


def strength(scene: scenes.Scene, height: int, width: int) -> np.ndarray:
    """How strongly the scene's bend acts over a site's plane."""
    found = selection(scene.plan.bends[0], range(3), (1, 3, height, width))
    assert found is not None
    return np.broadcast_to(found, (1, 3, height, width))[0, 0]


@pytest.mark.parametrize("place", ["", "masks"])
def test_white_bends_and_black_does_not_at_every_size(tmp_path, place: str) -> None:
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "half.png").write_bytes(png(HALF))
    scene = scenes.load(scene_in(tmp_path))
    for height, width in ((4, 4), (32, 64), (256, 256)):
        level = strength(scene, height, width)
        assert level.shape == (height, width)
        assert level[:, : width // 4].max() == 0
        assert level[:, -width // 4 :].min() == pytest.approx(1, abs=1e-5)


def test_every_kind_of_png_that_people_save_is_read_as_grey(tmp_path) -> None:
    grey = np.full((6, 8), 128, np.uint8)
    see_through = np.dstack((np.full((6, 8, 3), 255, np.uint8), grey))
    kinds = {
        "grey": png(grey),
        "rgb": png(grey, "RGB"),
        "palette": png(grey, "P"),
        "deep": png(np.full((6, 8), 128 * 257, np.uint16)),
        "clear": png(see_through),
    }
    for name, data in kinds.items():
        (tmp_path / f"{name}.png").write_bytes(data)
        level = strength(scenes.load(scene_in(tmp_path, f"{name}.png")), 4, 4)
        assert level == pytest.approx(128 / 255, abs=0.005), name


def test_a_large_picture_is_kept_small_and_its_proportions_kept(tmp_path) -> None:
    (tmp_path / "half.png").write_bytes(png(np.zeros((500, 1000), np.uint8)))
    painted = scenes.load(scene_in(tmp_path)).plan.bends[0].painted
    assert (painted.height, painted.width) == (128, 256)


@pytest.mark.parametrize(
    "name",
    ["../half.png", "/etc/half.png", "sub/half.png", "..png", ".half.png", "half.png/../x.png", "half..png",
     "~half.png", "half.PNG", "C:half.png", "https://x/half.png"],
)  # fmt: skip
def test_nothing_but_a_plain_name_is_looked_up(tmp_path, name: str) -> None:
    folder = tmp_path / "scenes"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder, folder / "sub"):
        (place / "half.png").write_bytes(png(HALF))
    with pytest.raises(BadScene, match="mask") as refused:
        scenes.load(scene_in(folder, f'"{name}"'))
    assert refused.value.line == 8


def test_a_scene_without_a_file_has_no_pictures(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half.png").write_bytes(png(HALF))
    with pytest.raises(BadScene, match="needs a scene file"):
        scenes.loads(SCENE.format(mask="half.png"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "put it beside the scene file"),
        (b"", "no PNG picture"),
        (b"GIF89a" + bytes(40), "no PNG picture"),
        (png(HALF)[:-30], "no PNG picture"),
        (png(np.zeros((1, 2049), np.uint8)), "2048 x 2048"),
        (bytes((4 << 20) + 1), "4 MB"),
    ],
    ids=["missing", "empty", "gif", "cut", "wide", "heavy"],
)
def test_what_is_no_such_picture_is_refused_at_its_line(tmp_path, data: bytes | None, said: str) -> None:
    if data is not None:
        (tmp_path / "half.png").write_bytes(data)
    with pytest.raises(BadScene, match=said) as refused:
        scenes.load(scene_in(tmp_path))
    assert refused.value.line == 8


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path) -> None:
    """Its header is in order and says what is too large; what would be unpacked is not there."""
    bomb = bytearray(png(np.zeros((8, 8), np.uint8)))
    bomb[16:24] = (2049).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (tmp_path / "half.png").write_bytes(bomb)
    with pytest.raises(BadScene, match="2049 x 2049 pixels; 2048 x 2048 is the most"):
        scenes.load(scene_in(tmp_path))


@pytest.mark.parametrize("name", ["half.png", "masks/half.png", "masks"])
def test_a_link_leads_nowhere_else(tmp_path, name: str) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "half.png").write_bytes(png(HALF))
    folder = tmp_path / "scenes"
    (folder / name).parent.mkdir(parents=True)
    link(folder / name, tmp_path / "far" / ("" if name == "masks" else "half.png"))
    with pytest.raises(BadScene, match="link to somewhere else") as refused:
        scenes.load(scene_in(folder))
    assert refused.value.line == 8


def test_bends_that_share_a_mask_share_its_picture(tmp_path) -> None:
    (tmp_path / "half.png").write_bytes(png(HALF))
    path = scene_in(tmp_path)
    entry = SCENE[SCENE.index("  - name: b") :].format(mask="half.png")
    path.write_text(path.read_text() + entry.replace("name: b", "name: c"))
    first, second = scenes.load(path).plan.bends
    assert first.painted is second.painted


def test_a_mask_has_no_place_where_there_is_no_plane(tmp_path) -> None:
    (tmp_path / "half.png").write_bytes(png(HALF))
    path = scene_in(tmp_path)
    path.write_text(path.read_text().replace("unet.mid", "text"))
    with pytest.raises(BadScene, match="picture plane"):
        scenes.load(path)


def test_a_mask_that_is_painted_anew_is_another_plan_and_is_read_like_the_scene(tmp_path) -> None:
    picture = tmp_path / "half.png"
    picture.write_bytes(png(HALF))
    bank = SceneBank(str(scene_in(tmp_path)))
    first = bank.choose("masked")
    assert bank.reload() is None
    picture.write_bytes(png(255 - HALF))
    os.utime(picture, ns=(1, 1))
    second = bank.reload()
    assert second is not None
    assert first.plan != second.plan
    assert bank.reload() is None
    picture.write_bytes(b"half written")
    os.utime(picture, ns=(2, 2))
    with pytest.raises(BadScene, match="no PNG picture"):
        bank.reload()
    assert bank.reload() is None
    picture.write_bytes(png(HALF))
    os.utime(picture, ns=(3, 3))
    third = bank.reload()
    assert third is not None
    assert third.plan == first.plan
    picture.unlink()
    assert bank.reload() is None, "it may be back in a moment"
    with pytest.raises(BadScene, match="is not there"):
        bank.reload()
    assert bank.reload() is None, "once for each change"


def test_a_scene_goes_on_being_read_when_its_mask_was_given_another_name(tmp_path) -> None:
    (tmp_path / "half.png").write_bytes(png(HALF))
    path = scene_in(tmp_path)
    bank = SceneBank(str(path))
    first = bank.choose("masked")
    (tmp_path / "half.png").rename(tmp_path / "moon.png")
    path.write_text(path.read_text().replace("half.png", "moon.png"))
    os.utime(path, ns=(1, 1))
    again = bank.reload()
    assert again is not None
    assert again.plan == first.plan
    path.write_text("name: [")
    os.utime(path, ns=(2, 2))
    with pytest.raises(BadScene, match="not valid YAML"):
        bank.reload()


def test_the_masks_of_a_linked_scene_lie_beside_the_link_each_time_it_is_read(tmp_path) -> None:
    (tmp_path / "set").mkdir()
    path = scene_in(tmp_path / "set")
    linked = tmp_path / "linked.yaml"
    link(linked, path)
    (tmp_path / "half.png").write_bytes(png(HALF))
    assert SceneBank(str(linked)).choose("linked").masks == ("half.png",)
