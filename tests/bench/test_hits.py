"""How the network that tells snares from hats is taught."""

import numpy as np

from analysis.hits import FEATURES, WEIGHTS, Judge
from bench import hits, teaching
from live.bench.hearing.draw import Draw


def drums_apart(index):
    return teaching.apart(Draw(1, "tune", "apart", index, 48_000, 8.0)).clip("apart", index, "percussive", beats=False)


def test_what_begins_in_a_clip_is_labelled_with_what_it_is():
    music = drums_apart(0)
    found = hits.examples(music)
    assert found.described.shape == (len(found.true), FEATURES)
    for column, name in enumerate(hits.DRUMS):
        assert found.true[:, column].sum() + found.unheard[column] == len(music.truth.streams_s[name])
    assert found.unheard.sum() <= 2
    assert not found.true.all(axis=1).any()


def test_what_is_taught_is_what_is_then_heard():
    taught = hits.joined(hits.examples(drums_apart(index)) for index in range(4))
    weights = hits.teach(taught)
    said = hits.answers(weights, taught.described) > 0
    assert (said == taught.true).mean() > 0.9


def test_the_ears_answer_as_the_teacher_does():
    described = np.random.default_rng(0).normal(-10, 8, (20, FEATURES))
    judge = Judge()
    with np.load(WEIGHTS) as weights:
        assert np.allclose([judge(one) for one in described], hits.answers(weights, described), atol=1e-3)


def test_a_tilted_clip_keeps_its_truth_and_full_scale():
    music = drums_apart(1)
    tilted = teaching.tilted(music, Draw(2, "tune", "tilt", 0))
    assert tilted.truth is music.truth
    assert np.isfinite(tilted.samples).all()
    assert 0.2 < np.abs(tilted.samples).max() < 1.0


def test_a_report_teaches_nothing_and_says_how_the_network_does(monkeypatch, capsys):
    asked = []

    def gathered(half, each, band):
        asked.append((half, each, band))
        return [drums_apart(0)]

    monkeypatch.setattr(hits, "beginnings", gathered)
    monkeypatch.setattr(hits, "teach", None)
    monkeypatch.setattr("sys.argv", ["hits", "--report", "--each", "2"])
    before = hits.WEIGHTS.read_bytes()
    hits.main()
    assert asked == [("report", 2, None)]
    assert hits.WEIGHTS.read_bytes() == before
    assert "synthesised              snare F 0." in capsys.readouterr().out
