"""How the network that finds notes without a hard attack is taught."""

from dataclasses import replace

import numpy as np

from analysis.perceptron import Perceptron
from analysis.swells import AGES, EVERY, FEATURES
from analysis.timing import detector_hop
from bench import swells
from bench.teaching import write
from live.bench.hearing.clips import clip
from live.bench.hearing.draw import Draw


def test_each_step_is_labelled_with_how_long_ago_the_last_onset_was():
    music = clip("slow_strings", 0, seconds=8.0, rate=48_000)
    found = swells.examples(swells.Sound(music.samples, music.rate, music.truth.onsets_s))
    step_s = EVERY * 2 * detector_hop(48_000) / 48_000
    assert found.described.shape == (len(found.ago), FEATURES)
    assert 0 < found.ago.max() <= AGES
    for at_s in music.truth.onsets_s[:-1]:
        first = int(np.ceil(at_s / step_s)) - 1
        assert found.ago[first : first + 3].tolist() == [1, 2, 3]
    long_after = int((music.truth.onsets_s[0] + 0.5) / step_s)
    if np.diff(music.truth.onsets_s)[0] > 0.6:
        assert found.ago[long_after] == 0


def test_what_is_taught_is_what_is_then_said(tmp_path):
    sounds = [clip("pads_alone", index, seconds=10.0) for index in range(3)]
    taught = swells.joined(
        swells.examples(swells.Sound(music.samples, music.rate, music.truth.onsets_s, slow=True)) for music in sounds
    )
    write(swells.teach(taught, replace(swells.LESSON, steps=400)), tmp_path / "swells.npz")
    network = Perceptron(tmp_path / "swells.npz")
    said = np.array([network(one).argmax() for one in taught.described])
    soon = taught.ago > 0
    assert 0.1 < soon.mean() < 0.5
    assert ((said > 0) == soon).mean() > 0.85


def test_plain_sounds_are_loud_enough_finite_and_of_every_kind():
    made = [swells.plain(Draw(1, "tune", "plain", index)) for index in range(24)]
    assert all(np.isfinite(sound.samples).all() for sound in made)
    assert all(0.01 < np.abs(sound.samples).max() < 1.2 for sound in made)
    assert {len(sound.onsets_s) > 0 for sound in made} == {True, False}
    assert all((np.diff(sound.onsets_s) > 0.14).all() for sound in made)


def test_a_report_teaches_nothing_and_says_how_the_network_does(monkeypatch, capsys):
    monkeypatch.setattr(swells, "gathered", lambda half, each, band: [clip("pads_alone", 0, seed=3, half=half)])
    monkeypatch.setattr(swells, "teach", None)
    monkeypatch.setattr("sys.argv", ["swells", "--report"])
    before = swells.WEIGHTS.read_bytes()
    swells.main()
    assert swells.WEIGHTS.read_bytes() == before
    assert "synthesised              onset F: slow 0." in capsys.readouterr().out
