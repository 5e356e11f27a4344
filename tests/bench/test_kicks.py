"""How the network that tells kicks is taught."""

from dataclasses import replace

import numpy as np

from analysis.kicks import FEATURES, LOOKS, WEIGHTS
from analysis.perceptron import Perceptron
from bench import kicks
from live.bench.hearing.clips import clip


def test_what_rises_in_a_clip_is_labelled_with_what_it_is():
    music = clip("breakbeat", 0, seconds=8.0, rate=48_000)
    found = kicks.examples(music)
    assert found.described.shape == (len(found.true), len(LOOKS), FEATURES)
    assert found.true.sum() + found.unheard == len(music.truth.streams_s["kick"])
    assert found.unheard <= 2
    assert not kicks.examples(clip("bass_only", 0, seconds=8.0, rate=48_000)).true.any()


def test_what_is_taught_is_what_is_then_told():
    music = (clip(name, index, seconds=8.0) for name in ("breakbeat", "bass_only") for index in range(2))
    taught = kicks.joined(map(kicks.examples, music))
    weights = kicks.teach(taught, replace(kicks.LESSON, steps=300, networks=1))
    assert 10 < taught.true.sum() < len(taught.true) - 10
    assert (kicks.told(weights, taught.described) == taught.true).mean() > 0.95


def test_the_ears_answer_as_the_teacher_does():
    described = np.random.default_rng(0).normal(-10, 8, (20, len(LOOKS), FEATURES)).astype(np.float32)
    network = Perceptron(WEIGHTS)
    with np.load(WEIGHTS) as kept:
        told = kicks.told(dict(kept), described)
    odds = np.array([[network(look)[0] for look in one] for one in described])
    assert (told == (odds > [kicks.SURE, kicks.LIKELY]).any(axis=1)).all()


def test_a_report_teaches_nothing_and_says_how_the_network_does(monkeypatch, capsys):
    asked = []

    def heard_of(half, each, soundfont, kits):
        asked.append((half, each, soundfont, kits))
        return kicks.examples(clip("breakbeat", 0, half=half, seconds=8.0))

    class Here:
        """A pool that does the work at once."""

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def submit(self, work, *given):
            result = work(*given)
            return type("Done", (), {"result": lambda self: result})()

    monkeypatch.setattr(kicks, "heard_of", heard_of)
    monkeypatch.setattr(kicks, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(kicks, "teach", None)
    monkeypatch.setattr("sys.argv", ["kicks", "--report", "--each", "2"])
    before = WEIGHTS.read_bytes()
    kicks.main()
    assert asked == [("report", 2, None, None)]
    assert WEIGHTS.read_bytes() == before
    assert "synthesised              kick F " in capsys.readouterr().out
