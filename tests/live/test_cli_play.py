"""What `bentlight play` does with what it is given, and with what the machine lacks."""

from pathlib import Path

import pytest

from bentlight.errors import BadInput
from live.cli import main
from live.cli.play import DEMO_VIDEO, Wishes, parse_channels, parse_gain, parse_osc, parse_size, settle

NO_SCREEN, NO_SOUND = "There is no display.", "There is no sound input."


def test_with_screen_and_sound_nothing_is_changed():
    assert settle(Wishes(), None, None) == Wishes()


def test_without_sound_the_demo_plays_in_the_window(capsys):
    wishes = settle(Wishes(), None, NO_SOUND)
    assert (wishes.input, wishes.headless, wishes.record) == ("demo", False, None)
    assert NO_SOUND in capsys.readouterr().err


def test_without_a_screen_the_demo_goes_into_a_video_long_enough_to_judge(capsys):
    wishes = settle(Wishes(), NO_SCREEN, NO_SOUND)
    assert (wishes.input, wishes.headless, wishes.record) == ("demo", True, DEMO_VIDEO)
    assert wishes.seconds >= 20
    assert str(DEMO_VIDEO) in capsys.readouterr().err


def test_without_a_screen_what_was_asked_for_is_kept():
    asked = Wishes(input="file:a.wav", seconds=5, record=Path("a.mkv"))
    wishes = settle(asked, NO_SCREEN, None)
    assert (wishes.input, wishes.seconds, wishes.record) == ("file:a.wav", 5, Path("a.mkv"))


def test_headless_asks_for_no_video():
    assert settle(Wishes(headless=True, input="demo"), NO_SCREEN, None).record is None


def test_sizes_are_read():
    assert parse_size("384x256") == (384, 256)
    assert parse_size(None) is None


@pytest.mark.parametrize("text", ["256", "x256", "255x256", "0x0", "-8x8", "4096x4096", "256x256x3", "a×b", ""])
def test_a_bad_size_is_refused(text):
    with pytest.raises(BadInput, match="multiples of 8"):
        parse_size(text)


def test_channels_are_read():
    assert parse_channels("3, 4") == (3, 4)


@pytest.mark.parametrize("text", ["0", "1,2,3", "a", "1,", "65"])
def test_bad_channels_are_refused(text):
    with pytest.raises(BadInput, match="counted from 1"):
        parse_channels(text)


def test_gains_are_read():
    assert parse_gain("auto") == "auto"
    assert parse_gain("-3.5") == -3.5


@pytest.mark.parametrize("text", ["loud", "nan", "61", "inf"])
def test_a_bad_gain_is_refused(text):
    with pytest.raises(BadInput, match="decibels"):
        parse_gain(text)


def test_an_osc_address_is_read():
    assert parse_osc("0.0.0.0:9001") == ("0.0.0.0", 9001)
    assert parse_osc("[::1]:9001") == ("::1", 9001)
    assert parse_osc("off") is None


@pytest.mark.parametrize("text", ["9000", "host:", "host:0", "host:70000", ":9000"])
def test_a_bad_osc_address_is_refused(text):
    with pytest.raises(BadInput, match="HOST:PORT"):
        parse_osc(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["play", "--steps", "9"],
        ["play", "--no-such-option"],
        ["play", "--headless", "--input", "silence", "--size", "10x10"],
        ["play", "--headless", "--input", "silence", "--record", "takes/here"],
        ["play", "--headless", "--input", "silence", "--scene", "no such scene"],
        ["play", "--headless", "--input", "file:/no/such/file.wav"],
        ["scenes", "check", "/no/such/scene.yaml"],
        ["analyze", "/no/such/file.wav"],
        ["render", "/no/such/file.wav", "--out", "a.mkv"],
        ["models", "show", "unheard-of"],
    ],
)
def test_bad_use_gives_status_2_and_one_sentence_on_stderr(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("bentlight: ")
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir()), "nothing may be left behind"
