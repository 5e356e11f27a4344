"""What a hand asks of the ears reaches them: taps, gain, gate, clock, inputs."""

import threading

import pytest

from bentlight.errors import BadInput
from tests.waiting import wait_until


@pytest.mark.parametrize("done", ["tap", "downbeat"])
def test_a_beat_by_hand_counts_when_it_was_done_however_late_it_is_looked_at(directed, monkeypatch, done):
    director, board, _, ears, _ = directed
    times = iter((1.0, 1.5, 2.0))
    monkeypatch.setattr(board, "_clock", lambda: next(times))
    for _ in range(3):
        board.trigger(f"/{done}")
    director.step()
    assert ears.done == [(done, 1.0), (done, 1.5), (done, 2.0)]


@pytest.fixture
def hung(directed):
    """Ears whose first look at the inputs hangs, which may be let go; and that this has begun."""
    ears, begun, go_on = directed[3], threading.Event(), threading.Event()
    plain = ears.next_input

    def next_input(steps):
        begun.set()
        go_on.wait(60)  # whoever had to wait for this finds it done
        return plain(steps)

    ears.next_input = next_input
    yield begun, go_on
    go_on.set()


def test_a_sound_server_that_hangs_holds_up_nothing_else(directed, hung):
    director, board, _, ears, _ = directed
    begun, _ = hung
    board.trigger("/input/next")
    director.step_now()
    assert begun.wait(60)
    board.trigger("/nudge")
    board.trigger("/quit")
    director.step_now()
    assert ears.done == ["nudge"]
    assert director.quit.is_set()


def test_presses_during_a_look_are_gone_by_the_next_look_at_once(directed, hung):
    director, board, _, ears, _ = directed
    begun, go_on = hung
    board.trigger("/input/next")
    director.step_now()
    assert begun.wait(60)
    for _ in range(3):
        board.trigger("/input/next")
        director.step_now()
    go_on.set()
    wait_until(lambda: len(ears.done) == 2, 30, "both looks")
    assert ears.done == [("next", 1), ("next", 3)]


def test_the_demo_has_the_last_word_over_presses_before_it(directed, hung):
    director, board, _, ears, _ = directed
    begun, go_on = hung
    for address in ("/input/next", "/input/next", "/input/demo"):
        board.trigger(address)
        director.step_now()
        assert begun.wait(60)
    assert ears.done == [("source", "demo")]
    go_on.set()
    wait_until(lambda: not director._inputs._looking, 30, "the look to end")
    assert ears.done == [("source", "demo"), ("next", 1)], "the ears know themselves that it came too late"


@pytest.mark.parametrize(("error", "said"), [(BadInput("no input."), "no input."), (OSError("odd"), "OSError: odd")])
def test_a_look_that_fails_is_told_and_the_next_press_looks_again(directed, monkeypatch, error, said):
    director, board, _, ears, _ = directed

    def fail(steps):
        raise error

    plain, ears.next_input = ears.next_input, fail
    board.trigger("/input/next")
    director.step()
    wait_until(lambda: any(said in warning for warning in director.warnings()), 30, "it to be told")
    ears.next_input = plain
    board.trigger("/input/next")
    director.step()
    wait_until(lambda: ("next", 1) in ears.done, 30, "another look")


@pytest.mark.parametrize(("name", "said"), [("line in", "input: line in"), ("", "there is no other sound input")])
def test_the_input_that_is_taken_is_told_or_that_there_is_no_other(directed, name, said):
    director, board, _, ears, _ = directed
    ears.following = name
    board.trigger("/input/next")
    director.step()
    wait_until(lambda: said in director.warnings(), 30, f"{said!r} to be said")


def test_the_ears_are_told(directed):
    director, board, _, ears, _ = directed
    board.set("/gain", 6.0)
    board.set("/gain/auto", True)
    board.trigger("/tap")
    board.trigger("/nudge")
    board.set("/metre", 3)
    board.set("/tempo", 128.0)
    board.trigger("/input/demo")
    director.step()
    assert ("gain", 6.0) in ears.done
    assert ("gain", "auto") in ears.done
    assert board.get("/gain/auto") is True
    assert {"nudge", ("metre", 3), ("tempo", 128.0), ("source", "demo")} <= set(ears.done)


def test_a_hand_on_the_automatic_gain_goes_on_from_where_it_is(directed):
    director, board, _, ears, _ = directed
    board.set("/gain/auto", True)
    director._next_watch_s = 0.0
    director.step()
    assert board.get("/gain") == 18.0
    assert ears.done[-1] == ("gain", "auto")
    board.nudge("/gain", -1.0)
    director.step()
    assert ears.done[-1] == ("gain", 17.0)
    assert board.get("/gain/auto") is False


def test_an_outside_clock_and_the_gate_reach_the_ears(directed, monkeypatch):
    director, board, _, ears, _ = directed
    monkeypatch.setattr(board, "_clock", lambda: 7.5)
    for address, value, told in (
        ("/clock", 126.5, ("clock", 126.5, 0.0, 7.5)),
        ("/clock", 3.0, ("clock", 0.0, 0.0, 7.5)),
        ("/tempo", 3.0, ("tempo", 0.0)),
        ("/gate", -45.0, ("gate", -45.0)),
    ):
        board.set(address, value)
        director.step()
        assert ears.done[-1] == told
