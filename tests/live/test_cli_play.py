"""What `bentlight play` does with what it is given, and with what the machine lacks."""

import threading
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

from bentlight.errors import BadInput
from engine.generator import RUNTIMES
from live.cli import main
from live.cli.play import DEMO_VIDEO, Runtime, Wishes, parse_channels, parse_gain, parse_size, perform, settle
from live.performance import Performance, PlaySettings
from live.record import RecorderStatus
from live.recordings import Recording

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


@pytest.mark.parametrize("text", ["0", "1,2,3", "a", "1,", "65", "²", "1,1", "٣", "1" * 5000, ""])
def test_bad_channels_are_refused(text):
    with pytest.raises(BadInput, match="counted from 1"):
        parse_channels(text)


def test_gains_are_read():
    assert parse_gain("auto") == "auto"
    assert parse_gain("-3.5") == -3.5


@pytest.mark.parametrize("end", [-60.0, 60.0])
def test_a_gain_given_at_the_start_is_one_that_can_be_played(end):
    assert parse_gain(f"{end:g}") == end
    with pytest.raises(BadInput, match="-60 to 60"):
        parse_gain(f"{1.01 * end:g}")
    show = Performance(PlaySettings(headless=True, input="silence", osc=None, gain=end))
    assert show.board.get("/gain") == end


@pytest.mark.parametrize("text", ["loud", "nan", "61", "inf"])
def test_a_bad_gain_is_refused(text):
    with pytest.raises(BadInput, match="decibels"):
        parse_gain(text)


class FakePerformance:
    """Notes what it was asked for; `done` is how its recordings went."""

    asked: PlaySettings
    done = ()

    def __init__(self, settings):
        type(self).asked = settings
        self.director = SimpleNamespace(recordings=SimpleNamespace(done=self.done))

    def run(self):
        return {"pictures": 3, "seconds": 1.0, "onsets_shown": 0}


@pytest.fixture
def performance(monkeypatch):
    monkeypatch.setattr("live.performance.Performance", FakePerformance)
    monkeypatch.setattr(FakePerformance, "done", ())
    return FakePerformance


def test_a_sound_server_that_hangs_lets_the_show_begin(performance, monkeypatch):
    freed = threading.Event()
    monkeypatch.setattr("live.capture.devices.inputs", lambda *, refresh=False: freed.wait(60) and [])
    monkeypatch.setattr("live.capture.devices._LIST_S", 0.05)
    monkeypatch.setattr("live.machine.display_problem", lambda: None)
    perform(Wishes())
    assert performance.asked == PlaySettings(), "the ears say what is wrong with the default input"
    freed.set()


def test_every_option_reaches_the_performance_under_its_own_name(performance):
    perform(Wishes(headless=True, input="silence"))
    assert performance.asked == PlaySettings(headless=True, input="silence")
    assert {field.name for field in fields(Wishes)} == {field.name for field in fields(PlaySettings)}
    perform(
        Wishes(
            headless=True,
            input="1",
            channels="3",
            gain="-3",
            size="64x128",
            osc="[::1]:9001",
            display=2,
            gate=-40.0,
            metre=7,
            onsets="hfc",
        )
    )
    assert performance.asked == PlaySettings(
        headless=True,
        input="1",
        channels=(3,),
        gain=-3.0,
        size=(64, 128),
        osc=("::1", 9001),
        display=2,
        gate=-40.0,
        metre=7,
        onsets="hfc",
    )
    perform(Wishes(headless=True, input="silence", osc="off"))
    assert performance.asked.osc is None


def test_an_input_that_is_not_there_is_said_on_stderr(performance, monkeypatch, capsys):
    def run(show):
        show.on_no_sound("There is no sound input Line.")
        return {"pictures": 3, "seconds": 1.0, "onsets_shown": 0}

    monkeypatch.setattr(performance, "run", run)
    perform(Wishes(headless=True, input="Line"))
    assert "There is no sound input Line." in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("text", ["²", "host:", "host:²", "host:70000", "host:" + "9" * 5000, "٣"])
def test_a_bad_osc_address_is_refused(text, performance, capsys):
    assert main(["play", "--headless", "--input", "silence", "--osc", text]) == 2
    assert "HOST:PORT" in capsys.readouterr().err


def test_a_recording_that_failed_is_said_instead_of_recorded(performance, monkeypatch, capsys):
    full = "b.mkv can no longer be written (No space left on device)"
    done = [Recording(Path("a.mkv"), RecorderStatus()), Recording(Path("b.mkv"), RecorderStatus(error=full))]
    monkeypatch.setattr(FakePerformance, "done", done)
    assert main(["play", "--headless", "--input", "silence", "--record", "a.mkv"]) == 2
    said = capsys.readouterr().err
    assert "Recorded a.mkv." in said
    assert "Recorded b.mkv" not in said
    assert f"bentlight: {full}" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["play", "--steps", "9"],
        ["play", "--no-such-option"],
        ["play", "--headless", "--input", "silence", "--size", "10x10"],
        ["play", "--headless", "--input", "silence", "--gate", "3"],
        ["play", "--headless", "--input", "silence", "--metre", "1"],
        ["play", "--headless", "--input", "silence", "--onsets", "loudest"],
        ["play", "--headless", "--input", "silence", "--record", "takes/here"],
        ["play", "--headless", "--input", "silence", "--scene", "no such scene"],
        ["play", "--headless", "--input", "file:/no/such/file.wav"],
        ["play", "--headless", "--input", f"file:{__file__}"],
        ["play", "--headless", "--input", "silence", "--channels", "²"],
        ["play", "--headless", "--input", "silence", "--report", f"{__file__}/x.json"],
        ["play", "--headless", "--input", "silence", "--record", f"{__file__}/x.MKV"],
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


@pytest.mark.parametrize(
    ("arguments", "help"),
    [
        (["nonsense"], "bentlight --help"),
        (["play", "--no-such-option"], "bentlight play --help"),
        (["scenes", "check"], "bentlight scenes check --help"),
        (["bench", "hearing", "--each", "0"], "bentlight bench hearing --help"),
    ],
)
def test_bad_use_points_to_the_help_that_lists_what_there_is(arguments, help, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err.strip().endswith(f". `{help}` shows what there is.")


def test_a_group_of_commands_alone_shows_its_help_and_no_empty_error(capsys):
    assert main(["bench"]) == 2
    said = capsys.readouterr()
    assert "hearing" in said.out + said.err
    assert "bentlight:" not in said.err


def test_every_runtime_of_the_engine_can_be_asked_for():
    assert {runtime.value for runtime in Runtime} == set(RUNTIMES)


def test_a_runtime_a_stream_and_compiling_reach_the_model(monkeypatch):
    asked = {}
    monkeypatch.setattr("engine.generator.Generator.load", lambda model, **options: asked.update(options))
    settings = PlaySettings(headless=True, input="silence", osc=None, runtime="graph", stream=True, compiled=True)
    performance = Performance(settings)
    performance._ended.set()
    performance._load()
    assert (asked["runtime"], asked["stream"], asked["compiled"]) == ("graph", True, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--runtime", "graph"), "NVIDIA"),
        (("--runtime", "onnx", "--stream"), "cannot stream"),
        (("--runtime", "onnx", "--compile"), "cannot compile"),
    ],
)
def test_what_a_runtime_cannot_do_ends_the_show_in_a_sentence(monkeypatch, capsys, arguments, words):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    options = ("--headless", "--input", "silence", "--osc", "off", "--seconds", "1")
    assert main(["play", *options, *arguments]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("bentlight: ")
    assert words in said
