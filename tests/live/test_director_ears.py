"""What a hand asks of the ears reaches them: taps, gain, gate, clock, inputs."""


def test_a_tap_counts_when_it_was_done_however_late_it_is_looked_at(directed, monkeypatch):
    director, board, _, ears, _ = directed
    times = iter((1.0, 1.5, 2.0))
    monkeypatch.setattr(board, "_clock", lambda: next(times))
    for _ in range(3):
        board.trigger("/tap")
    director.step()
    assert ears.done == [("tap", 1.0), ("tap", 1.5), ("tap", 2.0)]


def test_where_there_is_no_other_input_that_is_said(directed):
    director, board, _, ears, _ = directed
    for ears.following, said in (("line in", "input: line in"), ("", "no other sound input")):
        board.trigger("/input/next")
        director.step()
        assert any(said in warning for warning in director.warnings())


def test_the_ears_are_told(directed):
    director, board, _, ears, _ = directed
    board.set("/gain", 6.0)
    board.set("/gain/auto", True)
    board.trigger("/tap")
    board.trigger("/nudge")
    board.trigger("/downbeat")
    board.set("/metre", 3)
    board.set("/tempo", 128.0)
    board.trigger("/input/next")
    board.trigger("/input/demo")
    director.step()
    assert ("gain", 6.0) in ears.done
    assert ("gain", "auto") in ears.done
    assert board.get("/gain/auto") is True
    assert {"nudge", "downbeat", ("metre", 3), ("tempo", 128.0), "next", ("source", "demo")} <= set(ears.done)


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
