"""`bentlight bench hearing` prints what it measured, keeps what it was measured on, and counts what it says."""

import json

import numpy as np
import pytest
import soundfile

from live.bench.hearing.figures import by_class, totals
from live.bench.hearing.listen import Events, Listened, aubio_hears, aubio_hears_quicker
from live.bench.hearing.score import Score, score
from live.bench.hearing.truth import Clip, Truth
from live.cli import main

pytest.importorskip("mir_eval")


def test_two_short_clips_are_heard_scored_and_kept(capsys, tmp_path):
    arguments = ["--only", "four_on_the_floor", "--only", "white_noise", "--each", "1", "--seconds", "10"]
    arguments = ["bench", "hearing", *arguments, "--half", "report", "--seed", "4"]
    assert main([*arguments, "--json", "--keep", str(tmp_path / "clips")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["seed"], made["half"]) == (4, "report")
    assert set(made["classes"]["ours"]) == set(made["classes"]["aubio"]) == {"four_on_the_floor", "white_noise"}
    assert set(made["classes"]["aubio, quicker"]) == {"four_on_the_floor", "white_noise"}
    assert made["classes"]["ours"]["four_on_the_floor"]["onset_f"] > 0.5
    assert 0 <= made["classes"]["ours"]["four_on_the_floor"]["tempo_share"] <= 1
    assert 0 <= made["classes"]["ours"]["four_on_the_floor"]["downbeat_f"] <= 1
    assert made["classes"]["ours"]["white_noise"]["onset_f"] is None
    assert 0 < made["cost"]["mean"] <= made["cost"]["p99"]
    totals = {row["what"]: row for row in made["totals"]}
    assert totals["onset F, slow attacks, mean"]["ours"] is None
    assert totals["onset F, percussive and mixed clips, mean"]["met"] in (True, False)

    truth = json.loads((tmp_path / "clips" / "four_on_the_floor_0.json").read_text())
    samples, rate = soundfile.read(tmp_path / "clips" / "four_on_the_floor_0.wav")
    assert (rate, len(samples)) == (truth["rate"], 10 * rate)
    beats = (tmp_path / "clips" / "four_on_the_floor_0.beats.txt").read_text().split()
    assert [float(beat) for beat in beats] == truth["beats_s"]

    assert main(arguments) == 0
    tables = capsys.readouterr().out
    assert "seed 4" in tables
    for figure in ("aubio, quicker", "kick F, all clips as one", "downbeat F after 5 s", "tempo within 4 %"):
        assert figure in tables
    assert "four_on_the_floor" in tables
    assert "short" in tables or "ok" in tables


def test_a_class_that_is_not_there_is_told_in_a_sentence(capsys):
    assert main(["bench", "hearing", "--only", "polka"]) == 2
    assert "polka" in capsys.readouterr().err


RATE, BEAT_S, SECONDS = 48_000, 0.5, 21.0
NONE = Events(np.zeros(0), np.zeros(0))


def at(times: np.ndarray) -> Events:
    return Events(times, times)


def clip(name: str, kicks_s: np.ndarray, samples: np.ndarray | None = None) -> Clip:
    """A clip of 120 BPM in fours."""
    beats_s = np.arange(0.0, SECONDS - 0.9, BEAT_S)
    truth = Truth(
        beats_s, {"kick": kicks_s}, {}, beats_s, beats_s[::4], np.zeros(1), np.array([120.0]), attack="percussive"
    )
    return Clip(name, 0, RATE, np.zeros(round(SECONDS * RATE), np.float32) if samples is None else samples, truth)


def figures(*scores: Score) -> dict[str, float]:
    return {target.what: value for target, value in totals(scores)}


def test_a_false_kick_counts_in_a_clip_that_has_none():
    kicks_s = np.arange(0.0, 20.0, 1.0)
    listened = Listened(NONE, None, np.zeros(0), np.zeros(0), {"kick": at(kicks_s)})
    scores = score(clip("house", kicks_s), listened), score(clip("bass_only", np.zeros(0)), listened)
    found = figures(*scores)
    assert found["kick F, mean"] == 1
    assert found["kick F, all clips as one"] == pytest.approx(2 * 20 / (40 + 20))
    assert np.isnan(found["hat F, all clips as one"])
    assert by_class(scores)["bass_only"]["streams"]["kick"]["false"] == 20


def test_a_tempo_that_is_not_known_is_not_right():
    tempo_s = np.arange(0.0, SECONDS, 0.01)
    bpm = np.where(tempo_s > 12.5, 121.0, 0.0)
    listened = Listened(NONE, at(np.arange(0.0, 20.0, BEAT_S)), tempo_s, bpm)
    found = figures(score(clip("house", np.zeros(0)), listened))
    # From 5 s to the last beat at 20 s.
    assert found["share of the time after 5 s with tempo within 4 %, mean"] == pytest.approx(0.5, abs=0.01)
    assert found["tempo error, median of the clips, %"] == pytest.approx(100 / 120)


@pytest.mark.parametrize(("first", "f"), [(0, 1.0), (1, 0.0)])
def test_bars_counted_from_another_beat_have_no_downbeat_right(first, f):
    beats_s = np.arange(0.0, 20.1, BEAT_S)
    tempo_s = np.arange(0.0, SECONDS, 0.1)
    bpm = np.full(len(tempo_s), 120.0)
    listened = Listened(NONE, at(beats_s), tempo_s, bpm, downbeats=at(beats_s[first::4]))
    found = figures(score(clip("house", np.zeros(0)), listened))
    assert found["beat F after 5 s, mean"] == 1
    assert found["downbeat F after 5 s, mean"] == f


def test_aubio_with_a_shorter_hop_is_quicker_and_hears_no_beats():
    samples = np.zeros(round(SECONDS * RATE), np.float32)
    rng = np.random.default_rng(3)
    for beat_s in np.arange(0.0, SECONDS - 0.9, BEAT_S):
        start = round(beat_s * RATE)
        samples[start : start + 2400] = rng.standard_normal(2400) * np.exp(-np.arange(2400) / 500) * 0.3
    clicks = clip("clicks", np.zeros(0), samples)
    usual, quicker = score(clicks, aubio_hears(clicks)), score(clicks, aubio_hears_quicker(clicks))
    assert min(usual.onsets.f, quicker.onsets.f) > 0.9
    assert np.median(quicker.onsets.delays_ms) < np.median(usual.onsets.delays_ms) - 2
    assert usual.beats is not None
    assert quicker.beats is None
