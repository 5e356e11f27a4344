"""Section ``speed``: pictures per second on the CPU, as played and through ONNX Runtime; and other sizes."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bench.builtin.drawing import contact_sheet
from bench.builtin.export import Drawer, export_onnx
from bench.builtin.readings import Reading, Section
from bench.builtin.setting import Setting
from engine.generator import Generator
from engine.noise import fixed_noise
from engine.spec import FrameSpec

__all__ = ["best_rate", "measure"]

ABOUT = "256 x 256, one step, unbent, the best of several windows"
SIZES = ((384, 256), (256, 384), (512, 288))
CAPTIONS = ("neon cyan and orange flower", "deep sea galaxy", "fire")
CORES = 2


def measure(setting: Setting) -> Section:
    """Time the generator and the exported networks on two cores; draw other sizes."""
    cores, before = min(CORES, os.cpu_count() or 1), torch.get_num_threads()
    section = Section("speed", f"{ABOUT}; {cores} threads")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    section.remarks.append(f"load of the machine before: {load:.1f} (1-minute average); other work lowers the figures")
    try:
        generator = Generator.load(str(setting.model.folder), device="cpu", threads=cores)
        _torch_speed(setting, section, generator)
        _onnx_speed(setting, section, cores)
        _sizes(setting, section, generator)
    finally:
        torch.set_num_threads(before)
    return section


def best_rate(
    draw: Callable[[int], object], windows: int, window_s: float, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Most calls of ``draw(index)`` per second in any of ``windows`` windows of at least ``window_s`` seconds."""
    best, index = 0.0, 0
    for _ in range(windows):
        started, first = clock(), index
        while (spent := clock() - started) < window_s:
            draw(index)
            index += 1
        best = max(best, (index - first) / spent)
    return best


def _windows(setting: Setting) -> str:
    return f"best of {setting.counts.windows} windows of {setting.counts.window_s:g} s"


def _torch_speed(setting: Setting, section: Section, generator: Generator) -> None:
    def draw(index: int) -> object:
        return generator.render(FrameSpec(prompts=((CAPTIONS[0], 1.0),), angle=0.02 * index, seed=1))

    for index in range(5):
        draw(index)
    rate = best_rate(draw, setting.counts.windows, setting.counts.window_s)
    note = f"{_windows(setting)}; the generator as played"
    section.readings.append(Reading("PyTorch", rate, 20.0, unit="pictures/s", note=note, digits=1))


def _onnx_speed(setting: Setting, section: Section, cores: int) -> None:
    import onnxruntime

    drawer = Drawer(setting.model.folder)
    text = drawer.text(CAPTIONS[0])
    with tempfile.TemporaryDirectory() as folder:
        path = export_onnx(drawer, Path(folder) / "picture.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cores
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        def draw(noise: Tensor) -> np.ndarray:
            feeds = {"noise": noise.numpy(), "text": text.numpy(), "timestep": np.array([drawer.timestep], np.float32)}
            return session.run(None, feeds)[0]

        noises = [torch.from_numpy(fixed_noise(seed, (1, 4, 32, 32))) for seed in range(8)]
        with torch.inference_mode():
            time_in = torch.tensor([drawer.timestep])
            gaps = [float(np.abs(draw(z) - drawer(z, text, time_in).numpy()).max()) for z in noises]
        rate = best_rate(lambda index: draw(noises[index % 8]), setting.counts.windows, setting.counts.window_s)
    note = f"{_windows(setting)}; UNet and decoder in one graph, float32"
    section.readings += [
        Reading("ONNX Runtime", rate, 40.0, unit="pictures/s", note=note, digits=1),
        Reading("ONNX against PyTorch, largest difference", 255 * max(gaps), at_most=2.0, unit="of 255", digits=4),
    ]


def _sizes(setting: Setting, section: Section, generator: Generator) -> None:
    names, rows, present = [], [], generator.size
    for width, height in SIZES:
        generator.resize(width, height)
        specs = [FrameSpec(prompts=((caption, 1.0),), seed=3) for caption in CAPTIONS]
        pictures = np.stack([generator.render(spec).pixels for spec in specs])
        rows.append(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
        names.append(f"{width} x {height}")
    generator.resize(*present)
    section.files.append(contact_sheet(rows, setting.out / "sizes.png", names, side=192))
