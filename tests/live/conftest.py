"""What tests of several files play with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live.bank import SceneBank
from live.capture.control_block import ControlBlock
from live.capture.feature_ring import FeatureRing
from live.capture.sample_ring import SampleRing
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.director import Director
from live.mailbox import Mailbox
from live.render import Renderer
from tests.live.directing import GOOD, Ears, Generator, Reader
from tests.live.hearing import RATE, Bench
from tests.live.rendering import clicks, small_model
from tests.live.stage import Show


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(FeatureRing.create(), SampleRing.create(capacity=20 * RATE), ControlBlock.create())
    yield made
    for ring in (made.features, made.samples, made.control):
        ring.unlink()


@pytest.fixture
def show(monkeypatch) -> Iterator[Show]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    made = Show()
    yield made
    made.stage.close()


@pytest.fixture
def scene_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD.format(name="mine"))
    return path


@pytest.fixture
def directed(scene_file):
    board, ears = ControlBoard(), Ears()
    declare_performance(board)
    renderer = Renderer(Reader(), dict, Mailbox())
    director = Director(board, renderer, ears, SceneBank(str(scene_file)))
    generator = Generator()
    director.open(generator)
    renderer.generator = generator
    yield director, board, renderer, ears, generator
    director.close()


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    import torch

    threads = torch.get_num_threads()
    yield small_model(tmp_path_factory.mktemp("model"))
    torch.set_num_threads(threads)


@pytest.fixture
def song(tmp_path):
    """Two seconds with three clicks, stereo."""
    return clicks(tmp_path / "song.flac")
