"""The plot of costs is written whole, and small enough for the docs."""

from __future__ import annotations

from bench.cost import draw


def test_the_plot_is_a_small_png_and_leaves_nothing_beside_it(tmp_path) -> None:
    rows = [
        {"runtime": runtime, "side": side, "steps": steps, "median_ms": factor * side * steps / 10, "p95_ms": 0.0}
        for runtime, factor in (("onnx", 1), ("eager", 2))
        for side, steps in ((128, 1), (256, 1), (512, 1), (256, 2))
    ]
    path = tmp_path / "pictures" / "cost.png"
    draw(rows, 256, "a machine", path)
    content = path.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert 5_000 < len(content) < 80_000
    assert [p.name for p in path.parent.iterdir()] == ["cost.png"]
