"""Why OSC is dropped is told where a musician looks: at a pace at which it can be read, and never without end."""

import pytest

from live.control.refusals import Refusals


@pytest.fixture
def told():
    """What is told, and the clock it is told by, as a list of one."""
    now = [100.0]
    return Refusals(clock=lambda: now[0]), now


def test_a_sentence_is_shown_for_some_seconds(told):
    refusals, now = told
    assert refusals.warnings() == []
    refusals.note("unknown /x", "/x is not known.")
    assert refusals.warnings() == ["/x is not known."]
    now[0] += 5.9
    assert refusals.warnings() == ["/x is not known."]
    now[0] += 0.2
    assert refusals.warnings() == []


def test_a_stream_of_one_thing_is_told_at_its_beginning_and_again_after_a_pause(told):
    refusals, now = told
    shown = 0
    for value in range(600):
        refusals.note("range /x", f"/x is {value}.")
        shown += bool(refusals.warnings())
        now[0] += 0.1
    assert shown == pytest.approx(60, abs=1)
    now[0] += 3.1
    refusals.note("range /x", "/x is 7.")
    assert refusals.warnings() == ["/x is 7."]


def test_another_thing_is_told_beside_a_stream(told):
    refusals, now = told
    for _ in range(100):
        refusals.note("unknown /accxyz", "/accxyz is not known.")
        now[0] += 0.1
    assert refusals.warnings() == []
    refusals.note("unknown /fader", "/fader is not known.")
    refusals.note("unknown /accxyz", "/accxyz is not known.")
    assert refusals.warnings() == ["/fader is not known."]


def test_what_changes_faster_than_it_can_be_read_is_held(told):
    refusals, now = told
    seen = []
    for number in range(640):
        refusals.note(f"unknown /{number}", f"/{number} is not known.")
        seen += [text for text in refusals.warnings() if text not in seen[-1:]]
        now[0] += 1 / 64
    assert seen == [f"/{number} is not known." for number in range(0, 640, 128)], "the newest of each moment"


def test_the_second_of_two_waits_its_turn_but_not_for_ever(told):
    refusals, now = told
    refusals.note("a", "one.")
    assert refusals.warnings() == ["one."]
    refusals.note("b", "two.")
    assert refusals.warnings() == ["one."]
    now[0] += 2.0
    assert refusals.warnings() == ["two."]
    refusals.note("c", "three.")
    now[0] += 60.0
    assert refusals.warnings() == [], "nobody looked in time"


def test_each_thing_is_logged_once_whatever_its_value(told, caplog):
    refusals, now = told
    for value in range(50):
        refusals.note("range /x", f"/x is {value}.")
        now[0] += 10.0
    refusals.note("range /y", "/y is 5.")
    assert [record.getMessage() for record in caplog.records] == ["/x is 0.", "/y is 5."]


def test_a_flood_of_long_and_different_things_is_bounded(told, caplog):
    refusals, _ = told
    for number in range(5000):
        refusals.note(f"unknown /{number}", f"{number} " + "x" * 16000)
    assert len(caplog.records) < 100
    assert len(refusals._last_s) < 100
    assert all(len(text) <= 200 for text in [*refusals.warnings(), *(r.getMessage() for r in caplog.records)])
