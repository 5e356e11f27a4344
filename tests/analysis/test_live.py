"""What every frame of `LiveAnalyzer` keeps, whatever is fed to it."""

from __future__ import annotations

import numpy as np
import pytest
import soxr

from analysis import FEATURES, FIELDS, LiveAnalyzer
from analysis.timing import hop_size
from bentlight.errors import BadInput
from tests.analysis.sounds import beat, noise

RATE = 48_000


def hostile() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    count = RATE
    full = np.sign(rng.standard_normal(count)).astype(np.float32)
    nans = full.copy()
    nans[::7] = np.nan
    infinite = full.copy()
    infinite[::5], infinite[1::5] = np.inf, -np.inf
    return {
        "silence": np.zeros(count, np.float32),
        "full scale": full,
        "constant": np.ones(count, np.float32),
        "NaN": nans,
        "only NaN": np.full(count, np.nan, np.float32),
        "infinite": infinite,
        "overs": (1e30 * rng.standard_normal(count)).astype(np.float32),
        "denormal": np.full(count, 1e-42, np.float32),
        "double": 1e300 * rng.standard_normal(count),
        "music": beat(RATE, 1.0, 120),
    }


@pytest.mark.parametrize("gain", [0.0, 60.0, -60.0, "auto"])
@pytest.mark.parametrize("name", list(hostile()))
def test_every_field_is_finite_and_within_its_range(name: str, gain: float | str) -> None:
    frames = LiveAnalyzer(RATE, gain_db=gain).process(hostile()[name])
    assert len(frames) == RATE // 256
    for field in FIELDS:
        values = frames[field.name].astype(float)
        assert np.isfinite(values).all(), field.name
        assert values.min() >= field.low, field.name
        assert values.max() <= field.high, field.name


@pytest.mark.parametrize("gain", [0.0, 40.0, "auto"])
def test_everything_rests_in_silence(gain: float | str) -> None:
    frames = LiveAnalyzer(RATE, gain_db=gain).process(np.zeros(6 * RATE, np.float32))
    for field in FEATURES:
        assert (frames[field.name][-1] == field.rest).all(), field.name
    assert frames["onset_count"][-1] == frames["beat_count"][-1] == 0


def test_features_rest_again_after_sound_stops() -> None:
    sound = np.concatenate([beat(RATE, 6, 120), np.zeros(7 * RATE, np.float32)])
    frames = LiveAnalyzer(RATE).process(sound)
    assert frames["tempo"][5 * RATE // 256] > 0
    for field in FEATURES:
        assert np.allclose(frames[field.name][-1], field.rest, atol=1e-3), field.name


def test_silent_says_five_seconds_of_exact_zeros_and_ends_with_the_first_sample() -> None:
    sound = np.zeros(6 * RATE, np.float32)
    sound[-1] = 1e-4
    silent = LiveAnalyzer(RATE).process(sound)["silent"]
    begins = int(np.argmax(silent > 0))
    assert begins * 256 / RATE == pytest.approx(5.0, abs=0.01)
    assert silent[begins:-1].all()
    assert silent[-1] == 0


@pytest.mark.parametrize("gain", [6.0, "auto"])
def test_the_cut_into_blocks_changes_nothing(gain: float | str) -> None:
    sound = np.stack([beat(RATE, 1.5, 128), beat(RATE, 1.5, 128, seed=2)], axis=1)
    whole = LiveAnalyzer(RATE, gain_db=gain).process(sound)
    assert whole["chroma"].any()
    assert whole["side"].any()
    rng = np.random.default_rng(1)
    for sizes in ([64], [256], [1000], list(rng.integers(1, 3000, 50))):
        analyzer, parts, start = LiveAnalyzer(RATE, gain_db=gain), [], 0
        while start < len(sound):
            size = sizes[len(parts) % len(sizes)]
            parts.append(analyzer.process(sound[start : start + size]))
            start += size
        cut = np.concatenate(parts)
        for field in FIELDS:
            assert cut[field.name].tobytes() == whole[field.name].tobytes(), field.name


def test_channels_are_averaged_and_memory_layout_does_not_matter() -> None:
    sound = beat(RATE, 1.0, 120)
    mono = LiveAnalyzer(RATE).process(sound)
    stereo = np.stack([sound, sound], axis=1)
    assert LiveAnalyzer(RATE).process(stereo).tobytes() == mono.tobytes()
    assert LiveAnalyzer(RATE).process(np.asfortranarray(stereo)).tobytes() == mono.tobytes()
    assert LiveAnalyzer(RATE).process(stereo[:, 0]).tobytes() == mono.tobytes()
    one_side = LiveAnalyzer(RATE).process(np.stack([sound, 0 * sound], axis=1))
    assert one_side["peak"].max() == pytest.approx(mono["peak"].max() / 2, rel=1e-5)
    pcm = LiveAnalyzer(RATE).process(np.round(sound * 32767).astype(np.int16))
    assert pcm["rms"] == pytest.approx(mono["rms"], abs=1e-4)


def test_samples_of_every_kind_of_number_are_heard_alike() -> None:
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(4800) / 48_000)
    kinds = [
        wave.astype(np.float32),
        wave,
        (wave * 32_767).astype(np.int16),
        np.rint(wave * 128 + 128).astype(np.uint8),
    ]
    peaks = [LiveAnalyzer(48_000).process(samples)["peak"][-1] for samples in kinds]
    assert peaks == pytest.approx([0.5] * 4, abs=0.01)


@pytest.mark.parametrize("rate", [8_000, 16_000, 32_000, 48_000, 96_000])
@pytest.mark.parametrize("pitch_hz", [49.0, 55.0, 61.7])
def test_low_notes_have_their_pitch_at_every_rate(rate: int, pitch_hz: float) -> None:
    t = np.arange(rate) / rate
    note = 0.2 * sum(np.sin(2 * np.pi * pitch_hz * n * t) / n for n in range(1, 7))
    frames = LiveAnalyzer(rate).process(note.astype(np.float32))
    assert np.median(frames["pitch"][-40:]) == pytest.approx(pitch_hz, rel=0.01)


def test_levels_have_their_declared_meaning() -> None:
    t = np.arange(RATE) / RATE
    frame = LiveAnalyzer(RATE).process(0.1 * np.sin(2 * np.pi * 1000 * t))[-1]
    assert frame["rms"] == pytest.approx(0.1 / np.sqrt(2), rel=0.02)
    assert frame["peak"] == pytest.approx(0.1, rel=0.01)
    expected = 1 - 23.01 / 60
    assert frame["loudness"] == pytest.approx(expected, abs=0.005)
    assert frame["mid"] == pytest.approx(expected, abs=0.005)
    assert frame["bands"][4] == pytest.approx(expected, abs=0.005)
    assert frame["bands"].argmax() == 4
    assert frame["low"] == frame["high"] == 0
    assert frame["centroid"] == pytest.approx(1000, rel=0.03)
    assert frame["brightness"] == pytest.approx(np.log(10) / np.log(80), abs=0.02)


def test_sample_rates_hear_the_same_onsets_and_levels() -> None:
    source = 0.5 * beat(44_100, 5.0, 124)
    heard = {}
    for rate in (44_100, 48_000, 96_000):
        sound = source if rate == 44_100 else soxr.resample(source, 44_100, rate, "VHQ")
        heard[rate] = LiveAnalyzer(rate).process(sound)
    reference = heard[48_000]
    times = reference["time_s"][reference["onset"] > 0]
    assert len(times) > 15
    for rate in (44_100, 96_000):
        frames = heard[rate]
        hop_s = hop_size(rate) / rate
        assert hop_s == pytest.approx(256 / 48_000, rel=0.01)
        found = frames["time_s"][frames["onset"] > 0]
        assert len(found) == len(times)
        assert np.abs(found - times).max() <= hop_s + 1e-6
        assert frames["tempo"][-1] == pytest.approx(reference["tempo"][-1], rel=0.01)
        columns = [(name, frames[name], reference[name]) for name in ("loudness", "low", "mid", "high")]
        columns += [(name, frames[name], reference[name]) for name in ("harmonic", "low_smooth", "mid_smooth")]
        columns += [
            (f"smooth band {i}", frames["bands_smooth"][:, i], reference["bands_smooth"][:, i]) for i in range(8)
        ]
        columns += [(f"band {i}", frames["bands"][:, i], reference["bands"][:, i]) for i in range(8)]
        for name, one, grid in columns:
            # On the other grid of hops, in dB, where there is anything to compare.
            other = np.interp(frames["time_s"], reference["time_s"], grid)
            apart_db = 60 * np.abs(one - other)[(one > 0.1) & (other > 0.1)]
            assert len(apart_db) > 50, name
            assert apart_db.mean() < 0.5, name
            assert abs(60 * (one.mean() - grid.mean())) < 0.2, name


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_steady_sound_has_the_same_levels_at_every_rate_within_half_a_decibel(rate: int) -> None:
    def steady(at: int) -> np.ndarray:
        t = np.arange(at) / at
        return sum(0.08 * np.sin(2 * np.pi * f * t + f) for f in (62, 130, 270, 550, 1150, 2500, 5200, 11_000))

    one = LiveAnalyzer(rate).process(steady(rate))[20:]
    other = LiveAnalyzer(48_000).process(steady(48_000))[20:]
    for name in ("loudness", "low", "mid", "high", "bands"):
        apart_db = 60 * np.abs(one[name].mean(0) - other[name].mean(0))
        assert np.max(apart_db) < 0.5, name


AGREE = {
    "level_db": 0.3,
    "loudness_relative": 0.03,
    "side": 0.01,
    "width": 0.02,
    "balance": 0.02,
    "percussive": 0.03,
    "harmonic": 0.01,
    "spread": 80.0,
    "skewness": 0.1,
    "kurtosis": 1.0,
    "rolloff": 200.0,
    "flatness": 0.03,
    "chroma": 0.06,
    "tuning": 2.0,
    "key": 0.0,
    "key_strength": 0.05,
    "pitch_confidence": 0.1,
}


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_sample_rates_agree_on_every_feature_of_music(rate: int) -> None:
    source = 0.5 * np.stack([beat(44_100, 5.0, 124, pad=0.4), beat(44_100, 5.0, 124, pad=0.4, seed=3)], axis=1)

    def means(at: int) -> dict[str, np.ndarray]:
        frames = LiveAnalyzer(at).process(source if at == 44_100 else soxr.resample(source, 44_100, at, "VHQ"))
        late = frames[frames["time_s"] > 1.5]
        return {name: late[name].mean(axis=0) for name in AGREE}

    one, other = means(rate), means(48_000)
    for name, most in AGREE.items():
        assert np.abs(one[name] - other[name]).max() <= most, name


def test_counts_and_time_run_on_from_where_they_are_told() -> None:
    sound = beat(RATE, 2.0, 120)
    fresh = LiveAnalyzer(RATE).process(sound)
    later = LiveAnalyzer(RATE, start_index=70, start_s=5.5, onset_count=9, beat_count=4).process(sound)
    assert later["index"][0] == 70
    assert (np.diff(later["index"].astype(int)) == 1).all()
    assert later["time_s"] == pytest.approx(fresh["time_s"] + 5.5)
    assert (later["onset_count"] == fresh["onset_count"] + 9).all()
    assert (later["beat_count"] == fresh["beat_count"] + 4).all()
    assert (np.cumsum(fresh["onset"]) == fresh["onset_count"]).all()


def test_lost_samples_move_stream_time_on() -> None:
    analyzer = LiveAnalyzer(RATE)
    before = analyzer.process(np.zeros(2560, np.float32))["time_s"][-1]
    analyzer.skip(RATE)
    assert analyzer.process(np.zeros(256, np.float32))["time_s"][0] == pytest.approx(before + 1.0 + 256 / RATE)


def test_auto_gain_brings_quiet_and_loud_to_the_same_level_and_does_not_pump() -> None:
    levels = []
    for scale in (0.1, 0.6):
        analyzer = LiveAnalyzer(RATE, gain_db="auto")
        gains = []
        sound = scale * beat(RATE, 13.0, 120)
        for start in range(0, len(sound), 2400):
            frames = analyzer.process(sound[start : start + 2400])
            gains.append(analyzer.gain_db)
        late = np.array(gains[-80:])
        assert np.ptp(late) < 1.0, "the gain moves with the beat"
        levels.append(20 * np.log10(scale) + late.mean())
        assert len(frames)
    assert levels[0] == pytest.approx(levels[1], abs=3.5)


def test_auto_gain_freezes_in_silence() -> None:
    analyzer = LiveAnalyzer(RATE, gain_db="auto")
    analyzer.process(0.05 * beat(RATE, 4.0, 120))
    analyzer.process(noise(RATE, 1.5, -75))
    before = analyzer.gain_db
    analyzer.process(noise(RATE, 4.0, -75))
    assert analyzer.gain_db == before
    assert before > 3.0


def test_gain_by_hand_takes_effect_within_half_a_second_without_a_false_hit() -> None:
    analyzer = LiveAnalyzer(RATE)
    t = np.arange(2 * RATE) / RATE
    tone = 0.02 * np.sin(2 * np.pi * 440 * t)
    analyzer.process(tone[:RATE])
    analyzer.set_gain(20.0)
    frames = analyzer.process(tone[RATE:])
    assert frames["rms"][RATE // 512] == pytest.approx(0.2 / np.sqrt(2), rel=0.05)
    assert not frames["onset"].any()


@pytest.mark.parametrize("call", [lambda: LiveAnalyzer(100), lambda: LiveAnalyzer(RATE, gain_db=np.nan)])
def test_what_cannot_be_heard_is_refused(call: object) -> None:
    with pytest.raises(BadInput):
        call()  # type: ignore[operator]
    with pytest.raises(BadInput):
        LiveAnalyzer(RATE).process(np.zeros((2, 2, 2)))


def test_a_block_that_lies_across_is_refused():
    with pytest.raises(BadInput, match="looks transposed"):
        LiveAnalyzer(RATE).process(np.zeros((2, 4096), np.float32))
    LiveAnalyzer(RATE).process(np.zeros((4096, 2), np.float32))
