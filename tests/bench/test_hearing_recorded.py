"""Recorded instruments for the clips: a SoundFont's and Hydrogen's kits, here small ones made on the spot."""

import sys
from types import ModuleType

import numpy as np
import pytest
import soundfile

from bentlight.errors import BadInput
from live.bench.hearing.clips import clip
from live.bench.hearing.draw import Draw
from live.bench.hearing.drums import kick
from live.bench.hearing.kits import KitBand
from live.bench.hearing.sampled import Band, begun
from live.bench.hearing.song import Song
from live.bench.hearing.tones import bass, strings

RATE = 48_000
PLAYED = ("tune", "report")


class FakeSynth:
    """Plays a sine after 10 ms of nothing: at once, or for strings over 0.2 s, twice that an octave above 440 Hz; at
    half velocity half as loud."""

    def __init__(self, samplerate):
        self.rate, self.note, self.at = samplerate, None, 0

    def sfload(self, path):
        if path.endswith("broken.sf2"):
            raise RuntimeError("no font")
        return 7

    def sfpreset_name(self, font, bank, number):
        return f"{bank}:{number}" if bank == 0 or number < 4 else None

    def sounds_off(self):
        self.note = None

    def program_select(self, channel, font, bank, preset, is_drum):
        self.bank, self.program = bank, preset

    def noteon(self, channel, key, velocity):
        self.note, self.at, self.held = (key, velocity / 127), 0, True

    def noteoff(self, channel, key):
        self.held = False

    def generate(self, count):
        t = (self.at + np.arange(count)) / self.rate - 0.01
        self.at += count
        key, velocity = self.note
        swell_s = 0.2 * 2 ** ((key - 69) / 12) if self.bank == 0 and 40 <= self.program < 52 else 0.001
        swell = np.clip(t / swell_s, 0, 1)
        sound = velocity * swell * np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * t) * (t > 0)
        sound *= np.exp(-40 * t) if not self.held or self.bank else 1.0
        return np.repeat(sound.astype(np.float32), 2).tobytes()


@pytest.fixture
def font(tmp_path, monkeypatch):
    module = ModuleType("tinysoundfont")
    module.Synth = FakeSynth
    monkeypatch.setitem(sys.modules, "tinysoundfont", module)
    path = tmp_path / "small.sf2"
    path.write_bytes(b"RIFF")
    return path


def drawn(band, half="tune", name="x"):
    return Draw(1, half, name, 0, RATE, 6.0, band)


def test_a_band_plays_in_place_of_the_synthesiser_from_where_its_notes_begin(font):
    band = Band(font)
    sound = bass(drawn(band), RATE).play(110.0, 0.5, 0.9)
    assert np.abs(sound[:100]).max() > 0.01 * np.abs(sound).max()
    assert 0.48 * RATE < len(sound) < 0.8 * RATE
    hit = kick(drawn(band), RATE)
    assert 0.8 < np.abs(hit(1.0)).max() <= 1.2
    assert np.abs(hit(0.4)).max() < 0.5 * np.abs(hit(1.0)).max()


def test_how_slowly_a_recorded_note_comes_in_is_measured_on_it(font):
    band = Band(font)
    quick, slow = bass(drawn(band), RATE), strings(drawn(band), RATE)
    assert quick.attack_of(quick.play(110.0, 0.5, 0.9)) < 0.02
    # A straight ramp of 0.2 s passes -12 dB after 50 ms; a raised cosine three times as long does as well.
    assert slow.attack_of(slow.play(440.0, 1.0, 0.9)) == pytest.approx(0.15, abs=0.03)


def test_notes_that_are_struck_together_are_one_onset_where_their_sum_comes_in(font):
    def onsets_s(play):
        song = Song(drawn(Band(font)), 6.0, lead_s=0.5)
        song.tempo(60.0)
        play(song, strings(song.draw, RATE))
        return song.clip("x", 0, "slow", beats=False).truth.onsets_s - 1.5

    alone = onsets_s(lambda song, tone: [song.note(tone, 1, 3, semitones, 0.9) for semitones in (12, 24)])
    assert alone == pytest.approx([0.05, 0.1], abs=0.02)
    (together,) = onsets_s(lambda song, tone: song.chord(tone, 1, 3, (12, 24), 0.9))
    assert alone[0] - 0.005 < together < alone[1]


def test_the_halves_of_the_clips_have_no_recorded_instrument_in_common(font):
    band = Band(font)
    played = {"tune": set(), "report": set()}
    for half, programs in played.items():
        for name in "abcdefgh":
            bass(drawn(band, half, name), RATE)
            programs.add(band._synth(RATE)[0].program)
    assert played["tune"]
    assert not played["tune"] & played["report"]


def test_kits_that_share_a_recording_have_it_once_and_halves_no_drum_in_common(font):
    band = Band(font)
    # The small font plays one sound a key, whatever the kit.
    assert band._distinct("snare") == [(0, 38), (0, 40)]
    assert len(band._distinct("tom")) == 6
    halves = {half: {band._half(band._distinct("tom"), drawn(band, half, name))[0] for name in "ab"} for half in PLAYED}
    assert not halves["tune"] & halves["report"]


def test_a_recorded_drum_is_tuned_by_up_to_four_semitones(font):
    band = Band(font)
    highs = []
    for name in "abcdefghijkl":
        sound = kick(drawn(band, name=name), RATE)(1.0)[:2400]
        highs.append(int(np.abs(np.fft.rfft(sound, 48_000)).argmax()))
    lowest, highest = 440 * 2 ** ((35 - 69) / 12) * 0.8, 440 * 2 ** ((36 - 69) / 12) * 1.25
    assert len(set(highs)) > 6
    assert all(0.85 * lowest < hertz < 1.15 * highest for hertz in highs)


def test_a_clip_of_recorded_instruments_is_the_same_each_time_and_knows_its_onsets(font):
    first, again = (clip("rock_band", seed=3, half="report", rate=RATE, seconds=6.0, band=Band(font)) for _ in "ab")
    assert np.array_equal(first.samples, again.samples)
    assert len(first.truth.onsets_s) > 10
    other = clip("rock_band", seed=3, half="report", rate=RATE, seconds=6.0)
    assert not np.array_equal(first.samples[:RATE], other.samples[:RATE])


def kit(folder, name, instruments):
    home = folder / name
    home.mkdir(parents=True)
    parts = []
    for number, (drum, hertz) in enumerate(instruments.items()):
        t = np.arange(4410) / 44_100
        soundfile.write(home / f"{number}.wav", 0.5 * np.sin(2 * np.pi * hertz * t) * np.exp(-30 * t), 44_100)
        parts.append(
            f"<instrument><name>{drum}</name><layer><filename>../../{name}/{number}.wav</filename><min>0</min>"
            "<max>1</max><gain>1</gain></layer></instrument>"
        )
    text = "".join(parts)
    (home / "drumkit.xml").write_text(
        f'<drumkit_info xmlns="http://www.hydrogen-music.org/drumkit"><instrumentList>{text}</instrumentList></drumkit_info>'
    )


def test_recorded_kits_are_read_by_the_names_of_their_drums(font, tmp_path):
    kit(tmp_path / "kits", "a", {"Kick 1": 60, "Side Stick": 900, "Snare": 200, "Hat Open": 8000, "Tambourine": 300})
    kit(tmp_path / "kits", "b", {"BD": 50, "hihat closed": 7000})
    band = KitBand(font, tmp_path / "kits")
    assert [sorted(one) for one in band._recorded] == [["kick", "open", "snare"], ["hat", "kick"]]
    low = band.drum("kick", drawn(band), RATE)(1.0)
    assert 0.75 * 60 < np.argmax(np.abs(np.fft.rfft(low, RATE))) < 1.3 * 60
    assert 0.7 < np.abs(low).max() < 1.0


def test_what_cannot_be_used_is_said_in_a_sentence(font, tmp_path, monkeypatch):
    with pytest.raises(BadInput, match="no SoundFont"):
        Band(tmp_path / "none.sf2")
    broken = tmp_path / "broken.sf2"
    broken.write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be read"):
        Band(broken)
    with pytest.raises(BadInput, match="no two Hydrogen"):
        KitBand(font, tmp_path)
    kit(tmp_path / "kits", "a", {"Kick": 60})
    (tmp_path / "kits" / "a" / "drumkit.xml").write_text("<drumkit_info>")
    with pytest.raises(BadInput, match="no drum kit that can be read"):
        KitBand(font, tmp_path / "kits")
    monkeypatch.setitem(sys.modules, "tinysoundfont", None)
    with pytest.raises(BadInput, match="pip install"):
        Band(font)


def test_a_sound_is_cut_to_where_it_is_heard():
    sound = np.concatenate([np.zeros(100), np.ones(50), np.zeros(30)])
    assert begun(sound).tolist() == [1.0] * 50
    assert begun(np.zeros(9)).tolist() == [0.0, 0.0]
