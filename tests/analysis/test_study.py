"""The study of a whole track finds what was put into it."""

import functools
import io
import json
import sys

import numpy as np
import pytest
import soundfile

from analysis.study import SIGNALS, TrackStudy, load, parts, pulse, study
from analysis.study.parts import Series
from analysis.study.pulse import local_pulse
from analysis.study.sections import laplacian_sections
from bentlight.errors import BadInput
from tests.analysis.sounds import HITS, click, place

pytest.importorskip("librosa")

RATE = 11_025
HIT_TIMES = np.array([0.4, 0.93, 1.31, 2.02, 2.6, 3.07, 3.7])


def chord(seconds: float, pitches: tuple[float, ...], rate: int = RATE) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return np.asarray(sum(0.15 * np.sin(2 * np.pi * f * t) / (i + 1) for i, f in enumerate(pitches)), np.float32)


def a_b_a(rate: int = RATE) -> np.ndarray:
    """Two seconds low, two high, two low again."""
    low, high = chord(2, (220, 277.2, 329.6), rate), chord(2, (698.5, 880, 1046.5), rate)
    return np.concatenate([low, high, low])


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Six seconds of A-B-A with clicks at 120 BPM, in a file."""
    path = tmp_path_factory.mktemp("study") / "song.wav"
    sound = a_b_a() + place(np.arange(0.25, 5.8, 0.5), click, RATE, 6.0)[: 6 * RATE]
    soundfile.write(path, np.stack([sound, sound], axis=1), RATE)
    return path


SHARES: list[tuple[float, str]] = []


@pytest.fixture(scope="module")
def studied(song) -> TrackStudy:
    return study(song, rate_hz=50, kinds=2, progress=lambda share, what: SHARES.append((share, what)))


def test_every_signal_is_there_within_its_range(studied):
    assert list(studied.signals) == list(SIGNALS)
    assert len(studied.times_s) == 300
    for name, (size, span, _) in SIGNALS.items():
        values = studied[name]
        assert values.shape == ((300,) if size == 1 else (300, size)), name
        assert np.isfinite(values).all(), name
        assert values.min() >= 0, name
        if span == "sum 1":
            assert values.sum(axis=1) == pytest.approx(np.ones(300), abs=1e-5), name
        elif " to " in span:
            low, high = (float(end) for end in span.split(" to "))
            assert low - 1e-6 <= values.min() <= values.max() <= high + 1e-6, name


def test_the_pulse_of_a_click_track_has_its_tempo_and_beats(studied):
    assert studied.tempo == pytest.approx(120, rel=0.02)
    inner = studied.beats_s[(studied.beats_s > 0.6) & (studied.beats_s < 5.4)]
    assert len(inner) in (9, 10)
    assert np.abs(inner % 0.5 - 0.25).max() < 0.03


def test_hits_are_found_where_they_are_and_their_envelopes_peak_there(studied):
    times = np.arange(0.25, 5.8, 0.5)
    every = np.sort([*times, 2.0, 4.0])  # the chord changes at once, which is a hit too
    assert len(studied.hits_s) == len(every)
    assert np.abs(studied.hits_s - every).max() < 0.01
    for name in ("hit", "rise", "swing"):
        for time_s in times:
            near = np.flatnonzero(np.abs(studied.times_s - time_s) < 0.2)
            top = studied.times_s[near[np.argmax(studied[name][near])]]
            assert abs(top - time_s) <= 1 / studied.rate_hz + 0.005, name
    assert studied["dip"].max() == 1


def test_the_same_moments_have_the_same_values_at_another_rate(song, studied):
    finer = study(song, rate_hz=100, kinds=2)
    for name in SIGNALS:
        assert finer[name][::2] == pytest.approx(studied[name], abs=1e-6), name


def test_a_study_is_written_and_read_again(studied, tmp_path):
    path = tmp_path / "study.npz"
    with path.open("wb") as file:
        studied.write_npz(file)
    again = load(path)
    assert (again.path, again.tempo, again.rate_hz) == (studied.path, studied.tempo, studied.rate_hz)
    assert list(again.signals) == list(studied.signals)
    assert again["chroma"].tobytes() == studied["chroma"].tobytes()
    assert again.kinds.tolist() == studied.kinds.tolist()
    text = io.StringIO()
    studied.write_json(text)
    data = json.loads(text.getvalue())
    assert data["signals"]["rms"] == pytest.approx(studied["rms"], abs=1e-5)
    assert data["kind_edges_s"] == pytest.approx(studied.kind_edges_s, abs=1e-5)


def test_what_is_no_study_is_refused(tmp_path):
    words, other, cut = tmp_path / "words.npz", tmp_path / "other.npz", tmp_path / "cut.npz"
    words.write_text("no archive")
    np.savez(other, x=np.zeros(3))
    cut.write_bytes(other.read_bytes()[:-40])
    for path in (words, other, cut, tmp_path / "missing.npz"):
        with pytest.raises(BadInput, match="no study of a track"):
            load(path)


def test_progress_goes_from_0_to_1(studied):
    assert [share for share, _ in SHARES] == sorted(share for share, _ in SHARES)
    assert (SHARES[0][0], SHARES[-1]) == (0, (1, "done"))


def test_a_stem_adds_its_own_signals(song, tmp_path):
    drums = tmp_path / "drums.wav"
    soundfile.write(drums, place(np.array([1.0, 3.0]), click, RATE, 5.0), RATE)
    found = study(song, rate_hz=50, stems={"drums": drums})
    assert found["drums.hit"][50:53].max() > 0.8
    assert found["drums.hit"][125] < 0.01
    assert found["drums.rms"].shape == (300,)


@pytest.mark.parametrize("seconds", [1.0, 1.7])
def test_silence_and_short_sounds_have_a_study_too(tmp_path, seconds):
    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(int(seconds * RATE)), RATE)
    found = study(path)
    assert found.tempo == 0
    assert not len(found.hits_s)
    for name in SIGNALS:
        assert np.isfinite(found[name]).all(), name
    assert found["dip"].min() == 1


def test_what_cannot_be_studied_is_refused_in_one_sentence(tmp_path, song):
    text, short = tmp_path / "words.wav", tmp_path / "short.wav"
    text.write_text("no sound")
    soundfile.write(short, np.zeros(1000), RATE)
    for path in (text, short, tmp_path / "missing.wav", tmp_path):
        with pytest.raises(BadInput, match=path.name):
            study(path)
    with pytest.raises(BadInput, match="frames per second"):
        study(song, rate_hz=0)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"kinds": 1}, "kinds of section"),
        ({"kinds": 2.5}, "kinds of section"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"stems": ["drums.wav"]}, "not named"),
        ({"stems": {"drums": "missing.wav"}}, "missing.wav is not a file"),
    ],
)
def test_what_is_asked_of_a_study_is_checked_before_it_begins(song, monkeypatch, wrong, reason):
    monkeypatch.setattr("analysis.study.parts.separate", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(BadInput, match=reason):
        study(song, **wrong)


def test_a_stem_that_is_too_short_is_refused_before_it_begins(song, tmp_path, monkeypatch):
    monkeypatch.setattr("analysis.study.parts.separate", lambda *_, **__: pytest.fail("it began"))
    short = tmp_path / "short.wav"
    soundfile.write(short, np.zeros(1000), RATE)
    with pytest.raises(BadInput, match=r"short\.wav is shorter"):
        study(song, stems={"drums": short})


@pytest.mark.parametrize("shape", [(2000, 2), (2, 2000), (0,), ()])
def test_samples_of_several_channels_or_none_are_refused_at_once(shape):
    sound = np.zeros(shape)
    for part in (
        parts.separate,
        *(
            functools.partial(of, sample_rate=RATE)
            for of in (parts.rms, parts.energy, parts.onset_envelope, parts.onset_sum, parts.chroma, parts.components)
        ),
        functools.partial(laplacian_sections, sample_rate=RATE),
    ):
        with pytest.raises(BadInput, match="of one channel"):
            part(sound)


def test_a_study_that_was_damaged_anywhere_is_read_or_refused(studied, tmp_path):
    whole = io.BytesIO()
    studied.write_npz(whole)
    data, draw, path = bytearray(whole.getvalue()), np.random.default_rng(1), tmp_path / "song.npz"
    refused = []
    for _ in range(60):
        broken = bytearray(data)
        for byte in draw.integers(0, len(data), 8):
            broken[byte] = draw.integers(256)
        path.write_bytes(broken)
        try:
            load(path)
        except BadInput as error:
            refused.append(str(error))
    assert len(refused) > 30
    assert not any("\n" in said for said in refused)


def test_without_librosa_the_study_says_how_to_get_it(song, monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(BadInput, match=r"bentlight\[track\]"):
        study(song)


def test_sections_that_are_alike_have_one_label():
    from analysis.study.sections import laplacian_sections

    found = laplacian_sections(a_b_a(), RATE, count=2, shortest_s=1.0)
    assert found.labels.tolist() == [0, 1, 0]
    assert found.edges_s == pytest.approx([0, 2, 4, 6], abs=0.26)


def test_silence_is_one_section():
    from analysis.study.sections import laplacian_sections

    assert set(laplacian_sections(np.zeros(4 * RATE, np.float32), RATE).labels) == {0}


@pytest.mark.parametrize("bpm", [174.0, 160.0, 132.0])
def test_a_tempo_is_exact_though_beats_lie_on_a_grid(bpm):
    times_s = np.arange(0, 30, 0.005)
    near = np.abs((times_s * bpm / 60 + 0.5) % 1.0 - 0.5) * 60 / bpm
    found = local_pulse(Series(times_s, np.exp(-0.5 * (near / 0.01) ** 2)))
    assert found.tempo == pytest.approx(bpm, rel=0.003)
    assert local_pulse(Series(times_s, np.zeros(len(times_s)))).tempo == 0.0


def test_of_beats_half_of_which_are_far_apart_there_is_a_tempo():
    assert pulse._tempo(np.array([0.0, 0.3, 0.6, 1.2, 1.8])) == pytest.approx(200.0)
    assert pulse._tempo(np.array([0.0, 0.5, 1.0])) == 0.0


def test_short_stretches_join_the_longer_neighbour():
    from analysis.study.sections import laplacian_sections

    assert laplacian_sections(a_b_a(), RATE, count=2, shortest_s=3.0).labels.tolist() == [0]


def test_cuts_fall_where_the_energy_dips():
    from analysis.study.parts import rms
    from analysis.study.sections import energy_sections

    t = np.arange(6 * RATE) / RATE
    loud = 0.3 * np.clip(np.minimum(np.abs(t - 2), np.abs(t - 4)) * 3, 0.05, 1) * np.sin(2 * np.pi * 300 * t)
    found = energy_sections(rms(loud, RATE), 6.0, cutoff_hz=1.0, apart_s=1.0)
    assert found.edges_s == pytest.approx([0, 2, 4, 6], abs=0.1)
    steady = energy_sections(rms(0.3 * np.sin(2 * np.pi * 300 * t), RATE), 6.0, cutoff_hz=1.0, apart_s=1.0)
    assert steady.edges_s.tolist() == [0, 6]


def test_components_tell_two_sounds_apart_and_rows_sum_to_one():
    from analysis.study.parts import components

    found = components(a_b_a(), RATE, count=4)
    assert found.values.shape[1] == 4
    assert found.values.sum(axis=1) == pytest.approx(np.ones(len(found.values)))
    first, middle, last = (found.values[np.abs(found.times_s - t).argmin()] for t in (1, 3, 5))
    assert np.abs(first - last).max() < 0.1
    assert np.abs(first - middle).sum() > 1
    # Low shapes come first.
    assert first @ np.arange(4) < middle @ np.arange(4)
    assert components(a_b_a(), RATE, count=4).values.tobytes() == found.values.tobytes()


@pytest.mark.parametrize("kind", ["cqt", "cens", "stft"])
def test_chroma_names_the_notes_of_a_chord(kind):
    from analysis.study.parts import chroma, strongest_notes

    found = chroma(chord(3, (523.3, 659.3, 784.0)), RATE, kind=kind)
    assert found.values.sum(axis=1) == pytest.approx(np.ones(len(found.values)))
    mean = found.values[20:-20].mean(axis=0)
    assert np.argmax(mean) == 0
    if kind == "stft":  # its bins are too wide to part the weaker notes from the strongest one's neighbours
        return
    assert sorted(np.argsort(-mean)[:3].tolist()) == [0, 4, 7]
    few = strongest_notes(found.values, 3)
    assert few.sum(axis=1) == pytest.approx(np.ones(len(few)))
    assert few[30] == pytest.approx(found.values[30][[0, 4, 7]] / found.values[30][[0, 4, 7]].sum())


def test_hits_and_tones_are_parted():
    from analysis.study.parts import separate

    tone = chord(3, (220, 440))
    hits = place(HIT_TIMES[:5], HITS["click"], RATE, 3.0)[: len(tone)]
    harmonic, percussive = separate(tone + hits, margin=2.0)
    assert len(harmonic) == len(percussive) == len(tone)
    assert np.corrcoef(harmonic, tone)[0, 1] > 0.95
    assert np.corrcoef(percussive, hits)[0, 1] > 0.7


@pytest.mark.parametrize("seconds", [0.3, 6.0])
def test_parts_split_in_blocks_are_those_of_the_whole(monkeypatch, seconds):
    from analysis.study import parts

    sound = (a_b_a() + place(HIT_TIMES, click, RATE, 6.0))[: round(seconds * RATE)]
    whole = parts.separate(sound, margin=3.0)
    monkeypatch.setattr(parts, "_BLOCK", 20)
    for block, found in zip(parts.separate(sound, margin=3.0), whole, strict=True):
        assert len(block) == len(sound)
        assert np.abs(block - found).max() < 1e-6


def test_the_parts_are_those_of_librosa():
    import librosa

    from analysis.study.parts import separate

    sound = a_b_a() + place(HIT_TIMES, click, RATE, 6.0)
    parts = librosa.decompose.hpss(librosa.stft(sound), margin=3.0)
    for part, found in zip(parts, separate(sound, margin=3.0), strict=True):
        assert np.abs(librosa.istft(part, length=len(sound)) - found).max() < 1e-6


def test_a_long_track_is_split_without_holding_all_its_spectra(monkeypatch):
    import tracemalloc

    from analysis.study import parts

    monkeypatch.setattr(parts, "_BLOCK", 64)
    sound = np.tile(a_b_a(), 10)
    tracemalloc.start()
    try:
        parts.separate(sound, margin=3.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # As complex numbers all spectra of it are 10.6 MB, and five times that was held.
    assert peak < 16e6


def test_more_beats_than_can_be_compared_are_taken_by_bars(monkeypatch):
    from analysis.study import sections

    sizes = []
    graph = sections._graph
    monkeypatch.setattr(sections, "_graph", lambda timbre, pitch: sizes.append(pitch.shape[1]) or graph(timbre, pitch))
    monkeypatch.setattr(sections, "_MOST_UNITS", 29)
    # 119 beats and steps: by fours they are 30, still too many, by eights 15.
    beats_s = np.arange(121) * 0.05
    found = sections.laplacian_sections(a_b_a(), RATE, count=2, shortest_s=1.0, beats_s=beats_s)
    assert sizes == [15]
    assert found.labels.tolist() == [0, 1, 0]
    assert found.edges_s == pytest.approx([0, 2, 4, 6], abs=0.41)


@pytest.mark.parametrize("name", HITS)
def test_hits_of_every_kind_are_found_in_time(name):
    from analysis.study.parts import find_hits, onset_envelope, onset_sum

    rate = 22_050
    sound = place(HIT_TIMES, HITS[name], rate, 4.2)
    found = find_hits(onset_envelope(sound, rate)).times_s
    assert len(found) == len(HIT_TIMES)
    assert np.abs(found - HIT_TIMES).max() < 0.01
    summed = find_hits(onset_sum(sound, rate)).times_s
    assert len(summed) == len(HIT_TIMES)
    assert np.abs(summed - HIT_TIMES).max() < 0.02


def test_a_band_hears_only_its_own_hits():
    from analysis.study.parts import onset_envelope

    rate = 22_050
    low, high = place(HIT_TIMES[::2], HITS["kick"], rate, 4.2), place(HIT_TIMES[1::2], HITS["hat"], rate, 4.2, -140)
    for band, times, others in (((20, 150), HIT_TIMES[::2], HIT_TIMES[1::2]), ((4000, None), HIT_TIMES[1::2], None)):
        found = onset_envelope(low + high, rate, low_hz=band[0], high_hz=band[1])
        peaks = [found.values[np.abs(found.times_s - t) < 0.03].max() for t in times]
        assert min(peaks) > 0.5, band
        if others is not None:
            assert max(found.values[np.abs(found.times_s - t) < 0.03].max() for t in others) < 0.3
    with pytest.raises(BadInput, match="no band"):
        onset_envelope(low, rate, low_hz=500, high_hz=200)


def test_energy_is_the_square_of_the_level():
    from analysis.study.parts import energy

    found = energy(0.5 * np.ones(RATE), RATE)
    assert found.values[20:-20] == pytest.approx(np.full(len(found.values) - 40, 0.25))
