"""`bench.scenes`: a row of pictures for each scene."""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image

from bench import scenes


def test_the_sheet_has_a_row_for_each_scene_and_they_look_different(tmp_path, monkeypatch, capsys):
    out = tmp_path / "sheet.png"
    asked = ["--scene", "ink", "--scene", "pulse", "--every", "0.5", "--seconds", "1.5", "--side", "64"]
    monkeypatch.setattr(sys, "argv", ["bench.scenes", *asked, "--out", str(out)])
    scenes.main()
    assert str(out) in capsys.readouterr().out
    sheet = np.asarray(Image.open(out).convert("RGB")).astype(int)
    # Names on the left, then three pictures in each of two rows.
    ink, pulse = sheet[:64, -3 * 68 : -8], sheet[68 : 68 + 64, -3 * 68 : -8]
    assert np.abs(ink - ink.mean(axis=2, keepdims=True)).mean() < 3 < np.abs(pulse - ink).mean()
