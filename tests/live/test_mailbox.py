"""One slot between two threads."""

from __future__ import annotations

import threading

import pytest

from live.mailbox import Mailbox


def test_newest_wins_and_what_it_replaced_is_counted():
    box: Mailbox[int] = Mailbox()
    for number in range(5):
        box.put(number)
    assert (box.take(), box.take()) == (4, None)
    assert (box.count, box.replaced) == (5, 4)


def test_wait_ends_when_an_item_comes_and_gives_up_when_none_does():
    box: Mailbox[int] = Mailbox()
    assert not box.wait(0.0)
    woken = []
    waiter = threading.Thread(target=lambda: woken.append(box.wait(30.0)))
    waiter.start()
    box.put(1)
    waiter.join(30.0)
    assert woken == [True]


def test_what_a_reader_takes_is_never_older_than_what_it_took_before():
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    def write() -> None:
        for number in range(1, 5001):
            box.put(number)

    writer = threading.Thread(target=write)
    writer.start()
    while not taken or taken[-1] != 5000:
        assert box.wait(30.0)
        taken.append(box.take() or 0)
    writer.join(30.0)
    assert taken == sorted(set(taken))
    assert len(taken) + box.replaced == box.count == 5000


def test_none_cannot_be_put():
    with pytest.raises(ValueError, match="None"):
        Mailbox().put(None)
