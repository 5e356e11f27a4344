"""The latest-wins store of everything that can be played."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest

from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from live.control.addresses import ADDRESSES, declare_performance
from live.control.board import ControlBoard

AMOUNT = Parameter("amount", 0.0, -4.0, 4.0)


def performance_board() -> ControlBoard:
    board = ControlBoard(clock=lambda: 7.0)
    declare_performance(board)
    return board


@pytest.mark.parametrize("address", list(ADDRESSES))
def test_every_address_rests_at_an_admissible_default_and_says_what_it_does(address):
    parameter = ADDRESSES[address]
    board = performance_board()
    if parameter.kind == "trigger":
        assert address not in board.values()
        board.trigger(address)
        done = [(e.address, e.value) for e in board.take_events()]
        assert done == [(address.removesuffix("/toggle"), True)]
    else:
        assert board.values()[address] == parameter.parse(parameter.default)
    assert parameter.description


@pytest.mark.parametrize("address", [a for a, p in ADDRESSES.items() if p.low is not None])
def test_every_number_takes_its_ends_and_nothing_beyond(address):
    parameter, board = ADDRESSES[address], performance_board()
    for end in (parameter.low, parameter.high):
        assert board.set(address, end) == end
    for bad in (parameter.high + 1, parameter.low - 1, math.nan, math.inf, "3", None, True):
        with pytest.raises(BadInput, match=address):
            board.set(address, bad)
    assert board.get(address) == parameter.high


def test_an_unknown_address_is_refused_by_name():
    with pytest.raises(BadInput, match="/nothing"):
        performance_board().set("/nothing", 1)


def test_a_snapshot_does_not_change_afterwards():
    board = performance_board()
    before = board.values()
    board.set("/intensity", 2.0)
    assert (before["/intensity"], board.values()["/intensity"]) == (1.0, 2.0)


def test_events_come_once_in_the_order_in_which_they_were_done():
    board = performance_board()
    board.set("/scene", "one")
    board.trigger("/tap")
    board.set("/gain", 3.0)
    board.set("/scene", "two")
    board.trigger("/tap")
    events = board.take_events()
    assert [(e.address, e.value) for e in events] == [
        ("/tap", True), ("/gain", 3.0), ("/scene", "two"), ("/tap", True),
    ]  # fmt: skip
    assert {e.time_s for e in events} == {7.0}
    assert board.take_events() == []


def test_a_flood_is_bounded_and_does_not_push_out_another_address():
    board = performance_board()
    board.set("/scene", "kept")
    for i in range(5000):
        board.trigger("/tap")
        board.set("/intensity", (i % 3) / 2)
    events = board.take_events()
    assert len(events) < 50
    assert ("/scene", "kept") in [(e.address, e.value) for e in events]


def test_a_scene_change_swaps_its_addresses_and_nothing_else():
    board = performance_board()
    board.adopt({"/bend/warp/amount": AMOUNT})
    board.set("/bend/warp/amount", 2.0)
    board.set("/intensity", 0.5)
    board.adopt({"/bend/warp/amount": AMOUNT, "/bend/blur/sigma": AMOUNT})
    assert board.values()["/bend/warp/amount"] == 0.0
    assert [e.address for e in board.take_events()] == ["/intensity"]
    board.adopt({})
    assert set(board.parameters()) == set(ADDRESSES)
    assert board.values()["/intensity"] == 0.5


def test_editing_a_scene_keeps_what_was_played_where_its_declaration_stays():
    board = performance_board()
    board.adopt({"/bend/a/amount": AMOUNT, "/bend/b/amount": AMOUNT})
    board.set("/bend/a/amount", 2.0)
    board.set("/bend/b/amount", 2.0)
    narrower = Parameter("amount", 0.5, 0.0, 1.0)
    told_otherwise = replace(AMOUNT, description="moved by something else now")
    board.adopt({"/bend/a/amount": told_otherwise, "/bend/b/amount": narrower}, keep=True)
    assert (board.get("/bend/a/amount"), board.get("/bend/b/amount")) == (2.0, 0.5)


def test_a_scene_cannot_take_an_address_of_the_performance():
    board = performance_board()
    board.set("/intensity", 0.5)
    board.adopt({"/intensity": AMOUNT, "/steps": AMOUNT})
    assert board.parameter("/intensity") == ADDRESSES["/intensity"]
    assert board.get("/intensity") == 0.5
    board.adopt({})
    assert set(board.parameters()) == set(ADDRESSES)


def test_a_bad_swap_changes_nothing():
    board = performance_board()
    board.adopt({"/bend/a/amount": AMOUNT})
    for bad in ({"/bend/a b": AMOUNT}, {"/bend/": AMOUNT}, {"bend": AMOUNT}):
        with pytest.raises(BadInput):
            board.adopt(bad)
    assert "/bend/a/amount" in board.values()


def test_an_address_cannot_be_declared_twice():
    with pytest.raises(BadInput, match="twice"):
        declare_performance(performance_board())


def test_nudges_stop_at_the_ends_and_come_back_exactly():
    board = performance_board()
    for _ in range(30):
        board.nudge("/intensity", 0.1)
    assert board.get("/intensity") == 2.0
    for _ in range(10):
        board.nudge("/intensity", -0.1)
    assert board.get("/intensity") == 1.0


@pytest.mark.parametrize(("method", "address"), [("toggle", "/gain"), ("trigger", "/hud"), ("get", "/tap")])
def test_what_does_not_suit_the_kind_of_an_address_is_refused(method, address):
    with pytest.raises(BadInput, match=address):
        getattr(performance_board(), method)(address)


def test_threads_that_set_while_scenes_change_see_no_half_board():
    board = performance_board()
    scenes = [{f"/bend/{n}{i}/amount": AMOUNT for i in range(20)} for n in "ab"]
    board.adopt(scenes[0])
    done = threading.Event()
    faults: list[object] = []

    def play() -> None:
        while not done.is_set():
            for address in ("/bend/a3/amount", "/bend/b3/amount"):
                try:
                    board.set(address, 1.0)
                except BadInput:
                    pass
                except Exception as error:
                    faults.append(error)

    def look() -> None:
        while not done.is_set():
            names = {a[6] for a in board.values() if a.startswith("/bend/")}
            if len(names) != 1:
                faults.append(names)

    threads = [threading.Thread(target=f) for f in (play, play, look)]
    for thread in threads:
        thread.start()
    for i in range(300):
        board.adopt(scenes[i % 2])
    done.set()
    for thread in threads:
        thread.join(30.0)
    assert faults == []
