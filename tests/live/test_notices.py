"""Sentences for the performer: the newest first, and none for long."""

import pytest

from live.notices import SHOWN_S, Notices


@pytest.fixture
def now(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("live.notices.now_s", lambda: now[0])
    return now


def test_the_newest_is_said_first_and_what_was_said_again_is_the_newest(now):
    notices = Notices()
    for text in ("a", "b", "c", "a"):
        notices.tell(text)
        now[0] += 0.1
    assert notices.shown() == ["a", "c", "b"]


def test_they_are_gone_after_some_seconds_and_do_not_pile_up_where_nobody_asks(now):
    notices = Notices()
    for number in range(50):
        notices.tell(f"notice {number}")
        now[0] += 1.0
    assert notices.shown() == [f"notice {number}" for number in (49, 48, 47, 46, 45)]
    assert len(notices._until_s) <= SHOWN_S
    now[0] += SHOWN_S
    assert notices.shown() == []
