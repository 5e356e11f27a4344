"""A clip is heard alike at every sample rate, and the demo track's truth is that of its score."""

import numpy as np
import pytest

from live.bench.hearing.clips import clip
from live.bench.hearing.demo import demo_clip
from live.bench.hearing.listen import ours
from live.bench.hearing.truth import Clip
from live.capture.demo_song import SECTIONS

SECONDS = 7.0


@pytest.fixture(scope="module")
def base():
    made = clip("breakbeat", seed=9, half="report", rate=48_000, seconds=SECONDS)
    return made, ours(made).onsets.at_s


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_the_same_onsets_are_heard_at_another_rate(base, rate):
    soxr = pytest.importorskip("soxr")
    made, onsets = base
    samples = soxr.resample(made.samples, made.rate, rate).astype(np.float32)
    others = ours(Clip(made.name, 0, rate, samples, made.truth)).onsets.at_s
    assert len(onsets) > 10
    agreed = sum(np.abs(others - onset).min() < 0.01 for onset in onsets)
    assert agreed >= 0.95 * len(onsets)
    assert len(others) <= 1.05 * len(onsets)


def test_the_demo_tracks_truth_is_its_score():
    made = demo_clip()
    truth = made.truth
    jump = sum(4 * s.bars * s.beat_s for s in SECTIONS[:4])
    assert truth.change_s == pytest.approx(jump)
    assert len(truth.beats_s) == sum(4 * s.bars for s in SECTIONS)
    kicks = truth.streams_s["kick"]
    assert len(kicks) == sum(4 * s.bars for s in SECTIONS if "kick" in s.players)
    # Every kick of the score is a rise of the low end in the file.
    spectrum = np.fft.rfft(made.samples)
    spectrum[np.fft.rfftfreq(len(made.samples), 1 / made.rate) > 120] = 0
    power = np.fft.irfft(spectrum, len(made.samples)) ** 2
    for kick in kicks:
        at = round(kick * made.rate)
        assert power[at : at + made.rate // 20].mean() > power[max(0, at - made.rate // 50) : at - 200].mean()
