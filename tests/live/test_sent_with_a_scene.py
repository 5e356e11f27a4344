"""What is sent together with a scene, or before there is a model, is played by the scene that it is meant for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME
from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from live.bank import SceneBank
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.control.osc import OscReceiver
from live.director import Director
from live.mailbox import Mailbox
from live.render import Renderer
from scenes.load import load
from tests.live.directing import GOOD, Ears, Generator, Reader
from tests.live.test_osc import bundle, message

AMOUNT = Parameter("amount", 0.0, -4.0, 4.0)
OTHER = {"/bend/blur/sigma": AMOUNT}


@pytest.fixture
def board() -> ControlBoard:
    made = ControlBoard()
    declare_performance(made)
    made.adopt({"/bend/warp/amount": AMOUNT})
    made.scenes_come = True
    return made


def chosen(board: ControlBoard, name: str = "other") -> int:
    """Ask for a scene and return the order of the event."""
    board.set("/scene", name)
    return board.take_events()[-1].order


def test_what_is_set_after_a_scene_was_asked_for_waits_for_it_and_the_newest_wins(board):
    order = chosen(board)
    board.set("/bend/blur/sigma", 1.0)
    board.set("/bend/warp/amount", 2.0)
    board.set("/bend/blur/sigma", 3.0)
    board.set("/intensity", 0.5)
    assert (board.get("/bend/warp/amount"), board.get("/intensity")) == (0.0, 0.5)
    board.adopt({**OTHER, "/bend/warp/amount": AMOUNT})
    board.settle(order)
    assert (board.get("/bend/blur/sigma"), board.get("/bend/warp/amount")) == (3.0, 2.0)
    board.set("/bend/blur/sigma", 4.0)
    assert board.get("/bend/blur/sigma") == 4.0
    with pytest.raises(BadInput, match="/nothing"):
        board.set("/nothing", 1)


def test_what_waits_is_for_the_scene_that_it_was_sent_with(board):
    first = chosen(board)
    board.set("/bend/blur/sigma", 1.0)
    second = chosen(board)
    board.set("/bend/warp/amount", 2.0)
    board.adopt(OTHER)
    board.settle(first)
    assert board.changing
    assert board.get("/bend/blur/sigma") == 1.0
    board.adopt({"/bend/warp/amount": AMOUNT})
    board.settle(second)
    assert board.get("/bend/warp/amount") == 2.0
    assert not board.changing


def test_what_was_sent_with_a_scene_that_another_took_the_place_of_goes_with_it(board):
    chosen(board)
    board.set("/bend/warp/amount", 1.0)
    second = chosen(board)
    board.settle(second)
    assert board.get("/bend/warp/amount") == 0.0
    assert not board.changing


def test_a_second_wish_that_fails_leaves_the_first_scene_what_was_sent_with_it(directed, osc):
    director, board, renderer, _, generator = directed
    with_sites_of(generator, "tide")
    osc.handle(bundle(message("/scene", "tide"), message("/feedback", 0.25)))
    events = board.take_events()
    osc.handle(message("/scene/number", 99))
    for event in events:
        director._act(event)
    director.step()
    assert renderer.patch.scene.name == "tide"
    assert board.get("/feedback") == 0.25
    assert not board.changing


def test_what_waits_is_bounded(board):
    order = chosen(board)
    refused = 0
    for i in range(5000):
        try:
            board.set(f"/unknown/{i}", 1.0)
        except BadInput:
            refused += 1
    assert refused > 4000
    told = []
    board.on_late_refusal = lambda *refusal: told.append(refusal)
    board.settle(order)
    assert len(told) + refused == 5000


def with_sites_of(generator: Generator, name: str) -> Generator:
    """Let a generator have what a scene of the library bends."""
    known = [SimpleNamespace(address=bend.site) for bend in load(name).bends]
    generator.sites = lambda: known
    return generator


@pytest.fixture
def osc(directed):
    receiver = OscReceiver("127.0.0.1", 0, directed[1])
    yield receiver
    receiver.stop()


def test_a_preset_in_one_bundle_with_its_scene_is_played(directed, osc):
    director, board, renderer, _, generator = directed
    with_sites_of(generator, "tide")
    osc.handle(bundle(message("/scene", "tide"), message("/route/moon/amount", 0.5), message("/feedback", 0.25)))
    director.step()
    assert renderer.patch.scene.name == "tide"
    assert (board.get("/route/moon/amount"), board.get("/feedback")) == (0.5, 0.25)
    assert (osc.stats().accepted, osc.stats().dropped) == (3, {})


def test_what_does_not_fit_the_scene_that_came_is_counted_and_told(directed, osc):
    director = directed[0]
    osc.handle(bundle(message("/scene", "tide"), message("/bend/nothing/x", 0.5), message("/feedback", 3.0)))
    assert osc.stats().dropped == {}
    director.step()
    assert osc.stats().dropped == {"unknown address": 1, "out of range": 1}
    assert (osc.stats().accepted, osc.stats().received) == (1, 3)
    assert "/feedback" in osc.refusals.warnings()[0]
    osc.handle(message("/bend/nothing/x", 0.5))
    assert osc.stats().dropped["unknown address"] == 2


def test_what_was_sent_with_a_scene_that_there_is_not_is_played_by_the_one_that_goes_on(directed, osc):
    director, board, _, _, _ = directed
    osc.handle(bundle(message("/scene", "no such scene"), message("/feedback", 0.25), message("/bend/nothing/x", 0.5)))
    director.step()
    assert board.get("/feedback") == 0.25
    assert osc.stats().dropped == {"unknown address": 1}


def test_an_edit_meanwhile_does_not_take_what_waits(directed, scene_file):
    director, board, _, _, _ = directed
    board.set("/scene", "tide")
    board.set("/feedback", 0.25)
    director._play(director.bank.scene("mine"), edited=True)
    assert board.get("/feedback") == 0.0
    director.step()
    assert board.get("/feedback") == 0.25


# While the model is loading ------------------------------------------------------------------------------


@pytest.fixture
def loading(scene_file):
    board = ControlBoard()
    declare_performance(board)
    renderer = Renderer(Reader(), dict, Mailbox())
    director = Director(board, renderer, Ears(), SceneBank(str(scene_file)), steps=2)
    yield director, board, renderer
    director.close()


def loaded(director: Director, renderer: Renderer) -> None:
    generator = with_sites_of(Generator(), str(director.bank._paths[director.bank.current]))
    director.open(generator)
    renderer.generator = generator
    director.step()


def drawn(director: Director, renderer: Renderer) -> dict[str, float]:
    none = np.zeros(0, FEATURE_FRAME)
    renderer.patch.advance(none, director.controls(), 0.0)
    return dict(renderer.patch.advance(none, director.controls(), 60.0).prompts)


def test_a_controllers_first_dump_is_played_by_the_first_scene(loading):
    director, board, renderer = loading
    board.set("/bend/zoom/factor", 1.5)
    board.set("/steps", 3)
    director.step()
    with pytest.raises(BadInput, match="from"):
        board.set("/bend/zoom/factor", 99.0)
    loaded(director, renderer)
    assert (board.get("/bend/zoom/factor"), board.get("/steps")) == (1.5, 3)


def test_values_text_and_cue_sent_with_a_scene_while_the_model_loads_are_played_when_it_is_there(loading):
    director, board, renderer = loading
    board.set("/prompt", "a text for the scene before")
    board.set("/scene", "tide")
    board.set("/feedback", 0.25)
    board.set("/route/moon/amount", 0.5)
    director.step()
    assert director.controls()["/prompt"] == ""
    board.set("/prompt", "a golden wave")
    director.step()
    loaded(director, renderer)
    assert renderer.patch.scene.name == "tide"
    assert (board.get("/feedback"), board.get("/route/moon/amount")) == (0.25, 0.5)
    assert drawn(director, renderer) == {"a golden wave": 1.0}


def test_a_cue_that_comes_while_the_model_loads_counts(loading):
    director, board, renderer = loading
    board.set("/scene", "mine")
    board.set("/prompt/index", 1)
    director.step()
    loaded(director, renderer)
    assert drawn(director, renderer) == {"two": 1.0}


def test_a_scene_chosen_between_the_first_one_and_the_model_keeps_what_was_sent_with_it(loading):
    director, board, renderer = loading
    generator = Generator()
    director.open(generator)
    board.set("/scene", "tide")
    board.set("/feedback", 0.25)
    board.set("/prompt", "a golden wave")
    director.step()
    renderer.generator = generator
    director.step()
    assert renderer.patch.scene.name == "tide"
    assert board.get("/feedback") == 0.25
    assert drawn(director, renderer) == {"a golden wave": 1.0}


class Refusing(Generator):
    """Refuses every plan with a bend called bad."""

    def prepare(self, prompts=(), plans=(), **how):
        if any(bend.name == "bad" for plan in plans for bend in plan.bends):
            raise BadInput("these channels do not fit.")
        super().prepare(prompts, plans, **how)


def choose_bad(director: Director, board: ControlBoard, folder: Path) -> None:
    """Ask for a scene with a bend called bad."""
    path = folder / "other.yaml"
    path.write_text(GOOD.format(name="other").replace("name: zoom", "name: bad").replace("zoom/factor", "bad/factor"))
    director.bank._paths["other"] = path
    board.set("/scene", "other")
    director.step()


def test_a_scene_chosen_while_the_model_loads_that_it_refuses_leaves_the_first(loading, tmp_path):
    director, board, renderer = loading
    choose_bad(director, board, tmp_path)
    generator = Refusing()
    director.open(generator)
    renderer.generator = generator
    director.step()
    assert (renderer.patch.scene.name, director.bank.current) == ("mine", "mine")
    assert any("do not fit" in text for text in director.warnings())
    assert board.set("/bend/zoom/factor", 1.5) == 1.5


def test_a_scene_that_is_refused_when_the_model_is_there_leaves_bank_and_addresses_with_what_plays(loading, tmp_path):
    director, board, renderer = loading
    generator = Refusing()
    director.open(generator)
    choose_bad(director, board, tmp_path)
    renderer.generator = generator
    director.step()
    assert (renderer.patch.scene.name, director.bank.current) == ("mine", "mine")
    assert board.set("/bend/zoom/factor", 1.5) == 1.5


def test_a_prompt_by_its_index_takes_the_place_of_a_typed_text(directed):
    director, board, renderer, _, _ = directed
    board.set("/prompt", "a golden wave")
    director.step()
    assert drawn(director, renderer) == {"a golden wave": 1.0}
    board.set("/prompt/index", 1)
    director.step()
    renderer.patch.advance(np.zeros(0, FEATURE_FRAME), director.controls(), 61.0)
    assert dict(renderer.patch.advance(np.zeros(0, FEATURE_FRAME), director.controls(), 99.0).prompts) == {"two": 1.0}
