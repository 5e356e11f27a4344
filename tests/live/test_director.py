"""What is asked for on the board is done; a bad scene never stops the running one; names never become paths."""

import threading
from pathlib import Path

import numpy as np
import pytest

from analysis.frame import FEATURE_FRAME
from bentlight.errors import BadInput, BadScene
from live.bank import SceneBank
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.director import FROZEN, Director
from live.mailbox import Mailbox
from live.render import Renderer
from scenes.load import load
from scenes.patch import Patch
from tests.live.directing import GOOD, STRAIGHT, Ears, Generator, Reader
from tests.waiting import wait_until


def test_the_given_file_is_the_first_scene_and_the_built_in_ones_follow(scene_file):
    bank = SceneBank(str(scene_file))
    assert bank.names[0] == bank.current == "mine"
    assert len(bank.names) >= 5


def test_a_name_from_outside_is_never_used_as_a_path(scene_file, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(GOOD.format(name="other"))
    bank = SceneBank(str(scene_file))
    with pytest.raises(BadInput, match="no scene"):
        bank.choose(str(other))
    assert bank.current == "mine"


def test_opening_plays_the_first_scene_and_prepares_all_of_them(directed):
    director, _, renderer, _, generator = directed
    assert renderer.patch.scene.name == "mine"
    assert {"one", "two"} <= generator.prepared
    wait_until(lambda: len(generator.plans) > len(director.bank.names), 30, "every scene to be prepared")


def test_feedback_and_strength_of_the_scene_that_plays_are_ready_for_a_hand_last_of_all(directed):
    director, _, renderer, _, generator = directed
    wait_until(lambda: len(generator.plans) > len(director.bank.names) + 1, 30, "the hands to be prepared for")
    assert not generator.ways[0]["late"]
    assert generator.plans[-1] == renderer.patch.plan
    assert generator.ways[-1]["feedback"]
    assert generator.ways[-1]["late"]
    assert not generator.ways[-1]["wait"]


def test_a_scene_that_cannot_be_prepared_costs_the_others_nothing(scene_file, caplog):
    class Choosy(Generator):
        def prepare(self, prompts=(), plans=(), **how):
            super().prepare(prompts, plans, **how)
            if len(self.plans) == 2:
                raise RuntimeError("no graph")

    board = ControlBoard()
    declare_performance(board)
    generator = Choosy()
    director = Director(board, Renderer(Reader(), dict, Mailbox()), Ears(), SceneBank(str(scene_file)))
    director.open(generator)
    count = len(director.bank.names)
    try:
        wait_until(lambda: len(generator.plans) >= count + 2, 30, "every scene to be prepared")
    finally:
        director.close()
    assert director._preparing.restarts == 0
    assert "could not be prepared" in caplog.text


def test_scene_controls_change_the_patch_and_the_bends_that_can_be_played(directed):
    director, board, renderer, _, _ = directed
    assert "/bend/zoom/factor" in board.values()
    board.trigger("/scene/next")
    director.step()
    assert director.bank.current == director.bank.names[1]
    assert renderer.patch.scene.name != "mine"
    assert all(f"/bend/{slot}" in board.values() for slot, _ in renderer.patch.plan.slots)
    board.set("/scene/number", 1)
    director.step()
    assert renderer.patch.scene.name == "mine"
    board.set("/scene", "no such scene")
    director.step()
    assert renderer.patch.scene.name == "mine"
    assert any("no such scene" in warning for warning in director.warnings())


def test_known_paces_are_told_to_a_scene_before_it_plays_and_new_ones_saved(directed, monkeypatch):
    director, board, renderer, _, generator = directed
    assert renderer.patch._even._known == {("one", "two"): STRAIGHT}
    wanted = []
    monkeypatch.setattr(renderer.pacer, "want", lambda *asked: wanted.append((*asked, renderer.patch)))
    before = renderer.patch
    board.trigger("/scene/next")
    director.step()
    assert wanted == [(generator, renderer.patch, before)]
    saved = generator.saved
    director.close()
    assert generator.saved == saved + 1


def test_a_text_is_prepared_before_the_render_thread_sees_it(directed):
    director, board, _, _, generator = directed
    board.set("/prompt", "a golden wave")
    assert director.controls()["/prompt"] == ""
    director.step()
    assert director.controls()["/prompt"] == "a golden wave"
    assert "a golden wave" in generator.prepared


def test_a_text_that_the_built_in_model_knows_no_word_of_is_told(directed):
    director, board, _, _, generator = directed
    board.set("/prompt", "a cat")
    director.step()
    assert director.warnings() == []  # another model may know it
    generator.model = "builtin"
    for text, told in (("a golden cat", 0), ("", 0), ("a cat", 1)):
        board.set("/prompt", text)
        director.step()
        assert len(director.warnings()) == told
    assert "'a cat'" in director.warnings()[0]
    assert "bentlight models show builtin" in director.warnings()[0]


def test_the_next_prompt_goes_on_through_the_cues(directed):
    director, board, _, _, _ = directed
    board.trigger("/prompt/next")
    board.trigger("/prompt/next")
    director.step()
    assert director.controls()["/prompt/next"] == 2


def test_a_prompt_is_chosen_each_time_it_is_asked_for_and_never_by_the_scene_before(directed):
    director, board, renderer, _, _ = directed
    none, time_s = np.zeros(0, FEATURE_FRAME), 0.0

    def prompt(wait_s=20.0):
        nonlocal time_s
        director.step()
        renderer.patch.advance(none, director.controls(), time_s)
        time_s += wait_s
        return dict(renderer.patch.advance(none, director.controls(), time_s).prompts)

    assert prompt() == {"one": 1}
    board.set("/prompt/index", 1)
    assert prompt() == {"two": 1}
    board.trigger("/prompt/next")
    assert prompt() == {"one": 1}
    board.set("/prompt/index", 1)
    assert prompt() == {"two": 1}, "the same index, asked for again"
    board.set("/scene", "mine")
    assert prompt() == {"one": 1}, "a scene begins with its own"
    board.set("/scene", "mine")
    board.set("/prompt/index", 1)
    assert prompt() == {"two": 1}, "asked for with the scene"


def test_a_scene_chosen_while_the_first_is_being_prepared_plays_as_soon_as_it_can(scene_file):
    board = ControlBoard()
    declare_performance(board)
    renderer = Renderer(Reader(), dict, Mailbox())
    director = Director(board, renderer, Ears(), SceneBank(str(scene_file)))
    generator = Generator()
    board.set("/prompt", "a text of my own")
    director.step()
    director.open(generator)
    assert director.controls()["/prompt"] == "a text of my own"
    board.set("/scene/number", 3)
    director.step()
    first = renderer.patch
    renderer.generator = generator
    director.step()
    assert renderer.patch is not first
    assert renderer.patch.prompts == Patch(load(director.bank.names[2])).prompts
    standing = renderer.patch
    director.step()
    assert renderer.patch is standing, "once"
    director.close()


def test_a_scene_that_cannot_be_played_is_not_named(directed, monkeypatch):
    director, board, renderer, _, generator = directed
    director._preparing.stop()
    playing = renderer.patch
    monkeypatch.setattr(generator, "prepare", lambda *_, **__: 1 / 0)
    board.set("/scene/number", 3)
    director.step()
    assert renderer.patch is playing
    assert director.bank.current == "mine"


def test_an_edited_scene_is_read_again_and_a_bad_edit_is_refused_while_the_show_goes_on(directed, scene_file):
    director, _, renderer, _, _ = directed
    before = renderer.patch
    director._next_watch_s = 0
    director.step()
    assert renderer.patch is before, "nothing changed"
    rewrite(scene_file, GOOD.format(name="mine").replace("one", "three"))
    director._next_watch_s = 0
    director.step()
    assert renderer.patch is not before
    assert "three" in renderer.patch.prompts
    good = renderer.patch
    rewrite(scene_file, GOOD.format(name="mine").replace("zoom, operator: zoom", "zoom, operator: zoooom"))
    director._next_watch_s = 0
    director.step()
    assert renderer.patch is good
    assert any("mine.yaml:" in warning for warning in director.warnings())
    rewrite(scene_file, GOOD.format(name="mine"))
    director._next_watch_s = 0
    director.step()
    assert renderer.patch is not good
    assert not any("mine.yaml:" in warning for warning in director.warnings())


def test_a_scene_that_was_broken_while_it_played_can_be_left_and_come_back_to(directed, scene_file):
    director, board, renderer, _, _ = directed

    def look() -> None:
        director._next_watch_s = 0
        director.step()

    def choose(name: str) -> None:
        board.set("/scene", name)
        look()

    rewrite(scene_file, GOOD.format(name="mine").replace("zoom, operator: zoom", "zoom, operator: zoooom"))
    look()
    choose("tide")
    assert not any("mine.yaml:" in warning for warning in director.warnings())
    choose("mine")
    assert (director.bank.current, renderer.patch.scene.name) == ("mine", "mine")
    assert any("mine.yaml:" in warning for warning in director.warnings())
    playing = renderer.patch
    look()
    assert renderer.patch is playing
    assert any("mine.yaml:" in warning for warning in director.warnings()), "as long as it is broken"
    rewrite(scene_file, GOOD.format(name="mine").replace("one", "three"))
    look()
    assert "three" in renderer.patch.prompts
    assert not any("mine.yaml:" in warning for warning in director.warnings())
    choose("tide")
    scene_file.unlink()
    choose("mine")
    assert "three" in renderer.patch.prompts, "a file that is gone"


def test_a_fault_of_ours_in_reading_a_scene_again_is_told_too(directed, scene_file, monkeypatch):
    director, _, renderer, _, _ = directed
    playing = renderer.patch
    monkeypatch.setattr(director.bank, "reload", lambda: 1 / 0)
    director._next_watch_s = 0
    director.step()
    assert renderer.patch is playing
    assert any("a fault of ours" in warning for warning in director.warnings())


def test_a_bad_scene_file_is_refused_at_the_start_with_its_line(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\nprompts: 5\n")
    with pytest.raises(BadScene, match=r"bad\.yaml:2"):
        SceneBank(str(path))


def test_what_one_handler_dies_of_does_not_lose_the_events_after_it(directed, monkeypatch):
    director, board, _, ears, _ = directed
    monkeypatch.setattr(ears, "tap", lambda at_s: 1 / 0)
    board.trigger("/tap")
    board.set("/scene/number", 3)
    director.step()
    assert director.bank.current == director.bank.names[2]
    assert any("/tap" in warning and "ZeroDivisionError" in warning for warning in director.warnings())


def test_the_wish_to_quit_is_known_before_anything_slow_is_done(directed, monkeypatch):
    director, board, _, ears, _ = directed
    known = []
    monkeypatch.setattr(ears, "tap", lambda at_s: known.append(director.quit.is_set()))
    board.trigger("/tap")
    board.trigger("/quit")
    director.step()
    assert known == [True]


@pytest.mark.parametrize("switch", ["/blackout", "/freeze"])
def test_a_button_without_a_state_turns_a_switch_over(directed, switch):
    _, board, _, _, _ = directed
    for pressed in (True, False, True):
        board.trigger(f"{switch}/toggle")
        assert board.get(switch) is pressed, "at once: what is set after it has the last word"


def test_a_button_without_a_state_begins_and_ends_a_recording(directed, monkeypatch):
    director, board, _, _, _ = directed
    done = []
    monkeypatch.setattr(director.recordings, "begin", lambda: done.append("begin"))
    monkeypatch.setattr(director.recordings, "end", lambda: done.append("end"))
    for _ in range(2):
        board.trigger("/record/toggle")
        director.step()
    assert done == ["begin", "end"]


def test_scenes_are_not_prepared_for_a_show_that_has_ended(scene_file):
    board = ControlBoard()
    declare_performance(board)
    director = Director(board, Renderer(Reader(), dict, Mailbox()), Ears(), SceneBank(str(scene_file)))
    director.close()
    generator = Generator()
    director.open(generator)
    director._preparing.stop()
    assert len(generator.plans) == 1, "only the first scene"


def test_quitting_is_passed_on(directed):
    director, board, _, _, _ = directed
    board.trigger("/quit")
    director.step()
    assert director.quit.is_set()


def test_its_threads_end_when_told(directed):
    director = directed[0]
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in (director.run, director.run_scenes)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


def test_what_waits_for_a_scene_holds_up_nothing_else(directed):
    director, board, _, ears, generator = directed
    begun, go_on = threading.Event(), threading.Event()
    plain = generator.prepare

    def prepare(**asked):
        begun.set()
        assert go_on.wait(60)
        plain(**asked)

    generator.prepare = prepare
    board.set("/scene", "tide")
    board.trigger("/nudge")
    director.step_now()
    scenes = threading.Thread(target=director.step_scenes)
    scenes.start()
    try:
        assert begun.wait(60)
        board.trigger("/tap")
        director.step_now()
        assert [done if isinstance(done, str) else done[0] for done in ears.done] == ["nudge", "tap"]
    finally:
        go_on.set()
        scenes.join(60)
    assert director.bank.current == "tide"


def test_of_scenes_and_prompts_asked_for_while_one_loads_only_the_newest_is_played(directed, monkeypatch):
    director, board, _, _, generator = directed
    director._preparing.stop()
    played, texts = [], []
    monkeypatch.setattr(director, "_begin", lambda scene, order: played.append(scene.name))
    monkeypatch.setattr(generator, "prepare", lambda **asked: texts.extend(asked["prompts"]))
    for number in (2, 3, 4, 5):
        board.set("/scene/number", number)
        board.set("/prompt", "a golden wave"[: 3 * number])
        board.trigger("/scene/next")
        director.step_now()
    board.set("/scene/number", 3)
    director.step_now()
    director.step_scenes()
    assert played == [load(director.bank.names[2]).name]
    assert texts == ["a golden wave"]


def test_a_frozen_picture_is_said_to_be(directed):
    director, board, *_ = directed
    assert FROZEN not in director.warnings()
    board.set("/freeze", True)
    assert FROZEN in director.warnings()


def rewrite(path: Path, text: str) -> None:
    """Write a file so that its time differs from before, however coarse the file system's clock."""
    import os

    stamp = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(stamp + 1_000_000_000, stamp + 1_000_000_000))
