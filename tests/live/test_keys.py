"""The table of keys."""

from __future__ import annotations

import pytest

from live.control.addresses import ADDRESSES, declare_performance
from live.control.board import ControlBoard
from live.control.keys import KEYS, TwicePressed, find_key, play_key


@pytest.fixture
def board() -> ControlBoard:
    board = ControlBoard()
    declare_performance(board)
    return board


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.label)
def test_every_key_plays_an_address_of_the_performance(key, board):
    assert key.address in ADDRESSES
    for name in key.names:
        assert find_key("", name) == (key, name)
        board.take_events()
        play_key(board, key, name)
        assert [event.address for event in board.take_events()] == [key.address]


def test_no_two_keys_share_a_name():
    names = [name for key in KEYS for name in key.names]
    assert len(names) == len(set(names))


def test_digits_choose_scenes_by_number(board):
    play_key(board, *find_key("7", "7"))
    assert board.get("/scene/number") == 7


@pytest.mark.parametrize(
    ("character", "name", "scancode", "label"),
    [("F", "f", 9, "F"), ("?", "/", 56, "?"), ("=", "=", 46, "+"), ("é", "é", 31, "1 – 9"), ("а", "а", 9, "F")],
    ids=["capital", "shifted", "unshifted plus", "French digit row", "Russian letter"],
)
def test_keys_are_found_in_other_layouts(character, name, scancode, label):
    assert find_key(character, name, scancode)[0].label == label


@pytest.mark.parametrize(("character", "scancode", "digit"), [("-", 35, "6"), ("+", 30, "1")], ids=["French", "Czech"])
def test_the_row_of_digits_is_digits_though_it_types_signs(character, scancode, digit):
    assert find_key(character, character, scancode)[1] == digit
    # With shift it is the sign: on a US keyboard a plus lies elsewhere, on others there.
    assert find_key(character, character, scancode, shifted=True)[0].address == "/gain"


@pytest.mark.parametrize(
    ("character", "name", "scancode"),
    [("!", "1", 30), ('"', "2", 31), ("(", "8", 37), ("", "4", 33), ("Ç", "ç", 38)],
    ids=["US", "German", "German 8", "dead key", "Swiss"],
)
def test_with_shift_the_row_of_digits_changes_no_scene_unless_it_types_a_digit(character, name, scancode):
    assert find_key(character, name, scancode, shifted=True) is None
    assert find_key("2", "é", 31, shifted=True)[1] == "2"
    assert find_key("?", "7", 36, shifted=True)[0].address == "/help"


def test_a_letter_without_a_meaning_does_nothing_wherever_it_lies():
    # On a French keyboard q lies where a is on others; it must not do what a does.
    assert find_key("q", "q", 4) is None


def test_escape_leaves_fullscreen_and_never_enters_it(board):
    for _ in range(2):
        play_key(board, *find_key("\x1b", "escape"))
        assert board.get("/fullscreen") is False


def test_quitting_takes_two_presses_within_two_seconds():
    now = [0.0]
    quitting = TwicePressed(clock=lambda: now[0])
    presses = []
    for at in (10.0, 10.02, 13.0, 13.5, 13.9, 20.0, 21.9):
        now[0] = at
        presses.append(quitting.press())
    # 10.02 is the same press reported twice; 13.0 comes too late after 10.0; 13.9 is a first press again.
    assert presses == [False, False, False, True, False, False, True]


def test_a_note_is_due_only_while_a_second_press_would_count():
    now = [0.0]
    quitting = TwicePressed(clock=lambda: now[0])
    assert not quitting.waiting
    quitting.press()
    assert quitting.waiting
    now[0] = 2.5
    assert not quitting.waiting
