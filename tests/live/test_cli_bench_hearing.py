"""`bentlight bench hearing` prints what it measured, and keeps what it measured it on."""

import json

import pytest
import soundfile

from live.cli import main

pytest.importorskip("mir_eval")


def test_two_short_clips_are_heard_scored_and_kept(capsys, tmp_path):
    arguments = ["--only", "four_on_the_floor", "--only", "white_noise", "--each", "1", "--seconds", "7"]
    arguments = ["bench", "hearing", *arguments, "--half", "report", "--seed", "4"]
    assert main([*arguments, "--json", "--keep", str(tmp_path / "clips")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["seed"], made["half"]) == (4, "report")
    assert set(made["classes"]["ours"]) == set(made["classes"]["aubio"]) == {"four_on_the_floor", "white_noise"}
    assert made["classes"]["ours"]["four_on_the_floor"]["onset_f"] > 0.5
    assert made["classes"]["ours"]["white_noise"]["onset_f"] is None
    assert 0 < made["cost"]["mean"] <= made["cost"]["p99"]
    totals = {row["what"]: row for row in made["totals"]}
    assert totals["onset F, slow attacks, mean"]["ours"] is None
    assert totals["onset F, percussive and mixed clips, mean"]["met"] in (True, False)

    truth = json.loads((tmp_path / "clips" / "four_on_the_floor_0.json").read_text())
    samples, rate = soundfile.read(tmp_path / "clips" / "four_on_the_floor_0.wav")
    assert (rate, len(samples)) == (truth["rate"], 7 * rate)
    beats = (tmp_path / "clips" / "four_on_the_floor_0.beats.txt").read_text().split()
    assert [float(beat) for beat in beats] == truth["beats_s"]

    assert main(arguments) == 0
    tables = capsys.readouterr().out
    assert "seed 4" in tables
    assert "four_on_the_floor" in tables
    assert "short" in tables or "ok" in tables


def test_a_class_that_is_not_there_is_told_in_a_sentence(capsys):
    assert main(["bench", "hearing", "--only", "polka"]) == 2
    assert "polka" in capsys.readouterr().err
