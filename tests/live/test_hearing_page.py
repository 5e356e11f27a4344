"""The page of what was heard in a file, and the score against true onsets."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from analysis.frame import FEATURE_FRAME
from analysis.track import Track
from bentlight.errors import BadInput
from live.cli.app import run
from live.hearing_page import clock, plot_page, row_length_s
from live.truth import compare, read_times
from tests.analysis.sounds import click, place

A4_PIXELS = (1654, 2338)
RATE = 48_000


def heard(duration_s: float, dtype: np.dtype = FEATURE_FRAME) -> Track:
    """Frames of something, with two beats and four onsets a second."""
    hop_s = 256 / RATE
    frames = np.zeros(int(duration_s / hop_s), dtype)
    frames["time_s"] = (np.arange(len(frames)) + 1) * hop_s
    rng = np.random.default_rng(1)
    for name in dtype.names or ():
        if dtype[name].base.kind == "f" and name != "time_s":
            frames[name] = rng.random(frames[name].shape)
    frames["onset"] = rng.random(len(frames)) < 4 * hop_s
    frames["tempo"][len(frames) // 3 :] = 120
    frames["beat_count"] = 2 * frames["time_s"]
    frames["beat_phase"] = 2 * frames["time_s"] % 1
    return Track("somewhere/a_song.wav", RATE, 2, duration_s, frames)


def size(path: Path) -> tuple[int, int]:
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert data.endswith(b"IEND\xaeB`\x82")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


@pytest.mark.parametrize("duration_s", [0.001, 0.5, 3.3, 72.4, 400])
def test_a_page_is_one_sheet_however_long_the_file(tmp_path, duration_s):
    path = tmp_path / "page.png"
    track = heard(duration_s)
    plot_page(track, path)
    assert size(path) == A4_PIXELS
    plot_page(track, path, compare(track.onset_times_s, np.arange(0, duration_s, 0.3)))
    assert size(path) == A4_PIXELS
    assert list(tmp_path.iterdir()) == [path]


def test_chroma_is_drawn_where_frames_have_it(tmp_path):
    plain = [(n, FEATURE_FRAME[n].base, FEATURE_FRAME[n].shape) for n in FEATURE_FRAME.names if n != "chroma"]
    without, with_ = tmp_path / "without.png", tmp_path / "with.png"
    plot_page(heard(5, np.dtype(plain)), without)
    plot_page(heard(5, np.dtype([*plain, ("chroma", "f4", (12,))])), with_)
    assert size(without) == size(with_) == A4_PIXELS
    assert without.read_bytes() != with_.read_bytes()


def test_bars_are_drawn_where_frames_count_them(tmp_path):
    plain = [(n, FEATURE_FRAME[n].base, FEATURE_FRAME[n].shape) for n in FEATURE_FRAME.names if n != "bar_count"]
    without, with_ = tmp_path / "without.png", tmp_path / "with.png"
    plot_page(heard(5, np.dtype(plain)), without)
    counted = heard(5, np.dtype([*plain, ("bar_count", "u4")]))
    counted.frames["bar_count"] = counted.frames["time_s"] / 2
    plot_page(counted, with_)
    assert size(without) == size(with_) == A4_PIXELS
    assert without.read_bytes() != with_.read_bytes()


def test_marks_of_missed_and_false_onsets_are_on_the_page(tmp_path):
    from matplotlib.image import imread

    track, path = heard(5), tmp_path / "page.png"

    def dots(color: str) -> int:
        wanted = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return int((np.abs(imread(path)[..., :3] - wanted).max(axis=-1) < 0.02).sum())

    plot_page(track, path, compare(track.onset_times_s, track.onset_times_s))
    missed, false = dots("#c4122f"), dots("#d97706")  # of the legend alone
    plot_page(track, path, compare(track.onset_times_s[:2], track.onset_times_s))
    assert dots("#c4122f") > 2 * missed
    plot_page(track, path, compare(track.onset_times_s, track.onset_times_s[:2]))
    assert dots("#d97706") > 2 * false


def test_a_page_that_cannot_be_drawn_leaves_the_old_one(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    path = tmp_path / "page.png"
    path.write_bytes(b"the old page")

    def fails(self, name, **_):
        Path(name).write_bytes(b"half a page")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(BadInput, match="No space left"):
        plot_page(heard(1), path)
    assert path.read_bytes() == b"the old page"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("duration_s", [0.01, 1, 9.9, 10, 19, 20.1, 72, 119, 120.5, 240, 601, 3600, 20_000])
def test_a_file_has_six_rows_at_most_and_they_hold_it_all(duration_s):
    length_s = row_length_s(duration_s)
    rows = np.ceil(duration_s / length_s)
    assert 1 <= rows <= 6
    assert rows == 1 or length_s >= 20


def test_times_are_minutes_and_seconds():
    assert [clock(t) for t in (0, 59.6, 61, 3599)] == ["0:00", "1:00", "1:01", "59:59"]
    assert [clock(t, 0.5) for t in (0.5, 59.96, 61.25)] == ["0:00.5", "1:00.0", "1:01.2"]


def test_each_true_onset_is_found_once():
    result = compare(np.array([1.0, 1.02, 2.06, 3.0, 9.0]), np.array([1.01, 2.0, 2.98, 5.0]))
    assert result.found.tolist() == [1.0, 3.0]
    assert result.false.tolist() == [1.02, 2.06, 9.0]
    assert result.missed.tolist() == [2.0, 5.0]
    assert (result.precision, result.recall) == (2 / 5, 2 / 4)
    assert result.f_score == pytest.approx(4 / 9)
    assert str(result).startswith("F 0.444: 2 found, 2 missed, 3 false")


def test_nothing_heard_of_nothing_is_right_and_of_something_wrong():
    none, some = np.zeros(0), np.array([1.0])
    assert compare(none, none).f_score == 1
    assert compare(none, some).f_score == compare(some, none).f_score == 0


def test_the_score_is_that_of_mir_eval():
    onset = pytest.importorskip("mir_eval.onset")
    rng = np.random.default_rng(4)
    for _ in range(50):
        true, guessed = np.sort(rng.uniform(0, 5, rng.integers(1, 40))), np.sort(rng.uniform(0, 5, rng.integers(1, 40)))
        f, precision, recall = onset.f_measure(true, guessed)
        mine = compare(guessed, true)
        assert (mine.f_score, mine.precision, mine.recall) == pytest.approx((f, precision, recall))


def test_a_list_of_times_is_read_with_what_stands_round_it(tmp_path):
    path = tmp_path / "truth.txt"
    path.write_text("# onsets\n2.5\n\n0.25\tkick\n1.0, snare\n  3\n")
    assert read_times(path).tolist() == [0.25, 1.0, 2.5, 3.0]


@pytest.mark.parametrize(("text", "line"), [("1.0\nsoon\n", 2), ("-1\n", 1), ("1\n2\nnan\n", 3), ("inf", 1)])
def test_a_line_that_is_no_time_is_refused(tmp_path, text, line):
    path = tmp_path / "truth.txt"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"line {line}"):
        read_times(path)


def test_a_list_that_cannot_be_read_is_refused(tmp_path):
    data = tmp_path / "data.txt"
    data.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "missing.txt", tmp_path, data):
        with pytest.raises(BadInput, match=path.name):
            read_times(path)


@pytest.fixture
def clicks(tmp_path):
    path = tmp_path / "clicks.wav"
    soundfile.write(path, place(np.array([0.5, 1.0, 1.5]), click, RATE, 2.0), RATE)
    return path


def test_the_command_draws_the_page_and_says_the_score(clicks, tmp_path, capsys):
    truth, page = tmp_path / "truth.txt", tmp_path / "pages" / "page.png"
    truth.write_text("0.5\n1.0\n1.75\n")
    assert run(["analyze", str(clicks), "--plot", str(page), "--truth", str(truth)]) == 0
    assert size(page) == A4_PIXELS
    out, err = capsys.readouterr()
    assert len(out.split()) == 3
    assert "F 0.667: 2 found, 1 missed, 1 false" in err


def test_a_list_of_true_times_is_never_drawn_over(clicks, tmp_path, capsys):
    truth = tmp_path / "truth.txt"
    truth.write_text("0.5\n")
    assert run(["analyze", str(clicks), "--plot", str(truth), "--truth", str(truth)]) == 2
    assert "is the truth itself" in capsys.readouterr().err
    assert truth.read_text() == "0.5\n"
    (tmp_path / "again.wav").hardlink_to(clicks)
    assert run(["analyze", str(clicks), "--json", str(tmp_path / "again.wav")]) == 2
    assert "is the sound itself" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Live $_2024_$.wav", "A$AP_L$D.wav", "b\udcffad.wav"])
def test_any_file_name_is_drawn_as_it_is(tmp_path, name):
    track = replace(heard(2.0), path=name)
    plot_page(track, tmp_path / "page.png")
    assert size(tmp_path / "page.png") == A4_PIXELS


def test_the_command_writes_a_study(clicks, tmp_path, capsys):
    pytest.importorskip("librosa")
    from analysis.study import load

    assert run(["analyze", str(clicks), "--what", "study", "--out", str(tmp_path / "s.npz"), "--fps", "25"]) == 0
    assert "19 signals, 25 frames per second" in capsys.readouterr().out
    found = load(tmp_path / "s.npz")
    assert len(found.times_s) == 50
    assert found.hits_s == pytest.approx([0.5, 1.0, 1.5], abs=0.01)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--what", "study"], "needs --out"),
        (["--what", "study", "--out", "song.txt"], "ending in .npz or .json"),
        (["--out", "song.npz"], "goes with --what study"),
        (["--truth", "times.txt"], "needs --plot"),
        (["--plot", "page.png", "--truth", "/nowhere/times.txt"], "times.txt cannot be read"),
        (["--plot", "/dev/null/page.png"], "cannot be written"),
        (["--plot", "clicks.wav"], "is the sound itself"),
        (["--json", "../{here}/clicks.wav"], "is the sound itself"),
        (["--what", "study", "--out", "clicks.npz", "--plot", "a.png", "--fire"], "does not go with --plot, --fire"),
        (["--json", "page.png", "--plot", "page.png"], "is what --json is written to"),
        (["--what", "beats", "--fire"], "--fire goes with --what onsets"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_sentence(clicks, options, reason, capsys, monkeypatch):
    monkeypatch.chdir(clicks.parent)
    assert run(["analyze", str(clicks), *(text.format(here=clicks.parent.name) for text in options)]) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert "Traceback" not in err
    assert [path.name for path in clicks.parent.iterdir()] == ["clicks.wav"]
