"""Of the scenes and prompts that wait, the newest is played; what does not stand for another keeps its turn."""

import threading

import pytest

from live.asked import Asked
from live.control.board import ControlEvent


def left(*asked):
    """Return what is taken after `asked`, (address, value) pairs, was added."""
    waiting = Asked()
    for at_s, (address, value) in enumerate(asked):
        waiting.add(ControlEvent(address, value, float(at_s)))
    return [(event.address, event.value) for event in iter(waiting.take, None)]


NEXT, BEFORE, CUE = ("/scene/next", True), ("/scene/previous", True), ("/prompt/next", True)


@pytest.mark.parametrize("newest", [("/scene", "tide"), ("/scene/number", 4)])
def test_a_scene_asked_for_by_name_or_number_replaces_those_that_wait(newest):
    assert left(("/scene", "pulse"), ("/scene/number", 1), NEXT, BEFORE, newest) == [newest]


def test_a_step_is_from_the_scene_asked_for_before_it():
    asked = [("/scene/number", 4), NEXT, NEXT, BEFORE]
    assert left(*asked) == asked


@pytest.mark.parametrize("address", ["/prompt", "/prompt/index"])
def test_a_prompt_replaces_those_of_its_own_address(address):
    assert left((address, 1), (address, 2), (address, 3)) == [(address, 3)]


def test_what_does_not_stand_for_another_keeps_its_turn():
    asked = [("/prompt", "a"), CUE, ("/scene", "tide"), CUE, ("/prompt/index", 1), NEXT]
    assert left(*asked) == asked
    assert left(*asked, ("/prompt", "b")) == [*asked[1:], ("/prompt", "b")]
    assert left(*asked, ("/scene/number", 2)) == [
        ("/prompt", "a"), CUE, CUE, ("/prompt/index", 1), ("/scene/number", 2),
    ]  # fmt: skip


def test_a_flood_is_bounded_and_keeps_its_newest():
    found = left(*[CUE] * 5000, ("/scene", "tide"))
    assert len(found) < 100
    assert found[-1] == ("/scene", "tide")


def test_no_scene_is_dropped_for_a_prompt():
    assert left(*[NEXT] * 64, CUE) == [NEXT] * 64


def test_each_is_taken_once_however_many_are_added_meanwhile():
    waiting, taken = Asked(), []

    def add():
        for number in range(2000):
            waiting.add(ControlEvent("/prompt", number, 0.0))

    adding = threading.Thread(target=add)
    adding.start()
    while adding.is_alive():
        if (event := waiting.take()) is not None:
            taken.append(event.value)
    adding.join()
    taken += [event.value for event in iter(waiting.take, None)]
    assert taken == sorted(set(taken))
    assert taken[-1] == 1999
