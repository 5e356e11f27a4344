"""Offline rendering: deterministic, in step with its sound, and never half a file in place of a good one."""

from __future__ import annotations

import errno
import itertools
import os

import av
import numpy as np
import pytest
import soundfile

from analysis import LiveAnalyzer
from bentlight.errors import BadInput, BadScene
from engine.errors import NotFinite
from engine.paces import Paces
from engine.spec import Picture
from live.cli import main
from live.offline import render, specs
from live.sound_file import DamagedSound
from live.video import VideoWriter
from scenes import Patch, loads
from tests.links import link
from tests.pictures import decode, lag_s

RATE = 44_100

SCENE = loads("""\
name: test
seed: 4
prompts: [{text: red fire}]
motion: {noise_turns_per_minute: 2}
bends:
  - {name: hue, operator: channel_rotate, site: latent.end}
routes:
  - {name: kick, source: onset, to: hue/angle, mode: hit, out: [0, 1.5]}
""")


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    import torch

    from engine.generator import Generator
    from tests.engine.conftest import make_pipeline

    folder = tmp_path_factory.mktemp("model")
    make_pipeline(folder).save_pretrained(str(folder / "tiny"))
    threads = torch.get_num_threads()
    yield Generator.load(str(folder / "tiny"), size=(64, 64), threads=1)
    torch.set_num_threads(threads)


@pytest.fixture
def song(tmp_path):
    """Two seconds with three clicks, stereo."""
    rng = np.random.default_rng(2)
    samples = 0.001 * rng.standard_normal((2 * RATE, 2)).astype(np.float32)
    for click_s in (0.5, 1.0, 1.6):
        start = round(click_s * RATE)
        samples[start : start + 900] += 0.7 * rng.uniform(-1, 1, (900, 2)) * np.exp(-np.arange(900) / 250)[:, None]
    path = tmp_path / "song.flac"
    soundfile.write(path, samples, RATE)
    return path


def test_twice_the_same_and_another_seed_another_video(song, tmp_path, generator):
    files = [
        render(song, tmp_path / f"{name}.mkv", scene=SCENE, fps=10, seed=seed, generator=generator)
        for name, seed in (("a", None), ("b", None), ("c", 5))
    ]
    _, first, sound, rate = decode(files[0])
    _, again, _, _ = decode(files[1])
    _, other, _, _ = decode(files[2])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == 20
    heard, _ = soundfile.read(song)
    assert rate == RATE
    lag, correlation = lag_s(np.pad(sound, (0, 10)), heard.mean(axis=1).astype(np.float32), rate)
    assert lag == pytest.approx(0, abs=1 / RATE)
    assert correlation > 0.999


def test_blends_are_even_from_the_first_picture_on_and_the_same_in_the_next_run(song, tmp_path, generator, monkeypatch):
    two = "name: two\nprompts: [{text: fire}, {text: a gold mandala}]\n"
    scene = loads(two + "motion: {prompts: {kind: loop, loops_per_minute: 20}}\n")
    mixes, told = [], []
    painted = generator.render
    monkeypatch.setattr(generator, "_paces", Paces(lambda: tmp_path / "paces.json"))

    def watched(spec, previous=None):
        mixes.append(spec.prompts)
        return painted(spec, previous)

    def made(name):
        mixes.clear()
        monkeypatch.setattr(generator, "render", painted)
        with monkeypatch.context() as patched:
            patched.setattr(generator, "render", watched)
            render(song, tmp_path / name, scene=scene, fps=10, generator=generator, tell=told.append)
        return mixes[-20:], len(mixes)

    first, count = made("a.mkv")
    again, fewer = made("b.mkv")
    assert first == again
    assert count == fewer + 51
    assert [line for line in told if "blend" in line] == told[:1]
    patch = Patch(scene, start_s=0)
    straight = [spec.prompts for step in specs(song, patch, fps=10) for _, spec in step.pictures][-20:]
    pace = generator.pace("a gold mandala", "fire", patch.resting)
    for even, plain in zip(first, straight, strict=True):
        assert dict(even).get("fire", 0) == pytest.approx(pace(dict(plain).get("fire", 0)))
    assert first != straight


def test_a_hit_is_in_the_first_picture_that_could_know_of_it(song):
    found = [pair for step in specs(song, Patch(SCENE, start_s=0.0), fps=50) for pair in step.pictures]
    angles = np.array([spec.values[0] for _, spec in found])
    assert [index for index, _ in found] == list(range(100))
    for click_s in (0.5, 1.0, 1.6):
        before, after = round(click_s * 50), round((click_s + 0.06) * 50)
        assert angles[after] > angles[before] + 0.8


def test_every_hop_reaches_the_patch_once(song):
    class Listening(Patch):
        heard: list[int] = []  # noqa: RUF012

        def advance(self, frames, control, time_s):
            self.heard.extend(frames["index"].tolist())
            assert not len(frames) or frames["time_s"][-1] <= time_s
            return super().advance(frames, control, time_s)

    list(specs(song, Listening(SCENE), fps=7))
    assert Listening.heard == list(range(len(Listening.heard)))
    assert len(Listening.heard) > 300


def angles(source, **heard):
    """Where the hits take the bend, picture by picture."""
    made = specs(source, Patch(SCENE, start_s=0.0), fps=20, **heard)
    return np.array([spec.values[0] for step in made for _, spec in step.pictures])


@pytest.mark.parametrize("asked", [{}, {"gain_db": -20.0}, {"gate_db": -20.0}, {"onset_method": "hfc"}])
def test_a_song_is_heard_with_automatic_gain_or_with_what_is_asked_for(song, asked):
    parts = []
    list(specs(song, Patch(SCENE, start_s=0.0), frames_changed=lambda heard: parts.append(heard) or heard, **asked))
    sound, rate = soundfile.read(song, dtype="float32")
    straight = LiveAnalyzer(rate, **{"gain_db": "auto", **asked}).process(sound)
    assert np.concatenate(parts).tobytes() == straight.tobytes()
    assert straight.tobytes() != LiveAnalyzer(rate).process(sound).tobytes()


def test_only_the_channels_asked_for_are_heard_or_the_first_two(song, tmp_path):
    sound, _ = soundfile.read(song)
    path = tmp_path / "three.wav"
    soundfile.write(path, np.stack([0 * sound[:, 0], 0 * sound[:, 0], sound[:, 0]], axis=1), RATE)
    assert angles(path, channels=(3,)).max() > 0.8
    assert not angles(path).any()
    for absent in ((7,), (3, 7)):
        assert not angles(path, channels=absent).any(), "where one is not there, as if none were asked for"


def test_what_was_played_can_be_rendered_with_the_same_options(song, tmp_path, monkeypatch):
    asked = {}

    def loaded(model, **options):
        asked.update(options, model=model)
        raise BadInput("no model today.")

    monkeypatch.setattr("engine.generator.Generator.load", loaded)
    options = ["--model", "a/b", "--lora", "c/d", "--tiny-autoencoder", "e/f", "--size", "64x64"]
    assert main(["render", str(song), "--out", str(tmp_path / "a.mkv"), *options]) == 2
    assert {key: asked[key] for key in ("model", "lora", "tiny_autoencoder", "size")} == {
        "model": "a/b",
        "lora": "c/d",
        "tiny_autoencoder": "e/f",
        "size": (64, 64),
    }
    asked.clear()
    monkeypatch.setattr("live.offline.render", lambda source, out, **given: asked.update(given))
    options = ["--channels", "3", "--gain", "-3", "--gate", "-40", "--onsets", "hfc", "--metre", "7"]
    assert main(["render", str(song), "--out", str(tmp_path / "a.mkv"), *options]) == 0
    heard = {"channels": (3,), "gain_db": -3.0, "gate_db": -40.0, "onset_method": "hfc", "metre": 7}
    assert {key: asked[key] for key in heard} == heard
    assert main(["render", str(song), "--out", str(tmp_path / "a.mkv")]) == 0
    assert (asked["channels"], asked["gain_db"]) == (None, "auto")


@pytest.mark.parametrize("wrong", [{"gate_db": 3.0}, {"onset_method": "loudest"}])
def test_what_cannot_be_heard_with_is_said_before_a_model_is_loaded(song, tmp_path, monkeypatch, wrong):
    monkeypatch.setattr("engine.generator.Generator.load", lambda *_, **__: pytest.fail("a model was loaded"))
    with pytest.raises(BadInput):
        render(song, tmp_path / "a.mkv", scene=SCENE, **wrong)


@pytest.mark.parametrize("seconds", [0.5, 1.03, 60])
def test_only_so_much_of_the_file_is_taken(song, tmp_path, generator, seconds):
    out = tmp_path / "a.mkv"
    told = []
    render(
        song,
        out,
        scene=SCENE,
        fps=10,
        seconds=seconds,
        generator=generator,
        progress=lambda *numbers: told.append(numbers),
    )
    length = min(seconds, 2.0)
    times, pictures, sound, rate = decode(out)
    assert len(pictures) == int(np.ceil(length * 10))
    assert np.allclose(np.diff(times), 0.1)
    assert len(sound) == round(length * rate)
    assert told == [(i + 1, len(pictures)) for i in range(len(pictures))]


def test_what_was_made_before_it_is_stopped_is_kept_and_named(song, tmp_path, generator):
    folder, told = tmp_path / "out", []
    folder.mkdir()
    out = folder / "a.mkv"
    out.write_bytes(b"the older file")

    def stop(done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(song, out, scene=SCENE, fps=10, generator=generator, progress=stop, tell=told.append)
    assert out.read_bytes() == b"the older file"
    assert sorted(path.name for path in folder.iterdir()) == ["a.mkv", "a.part.mkv"]
    assert len(decode(folder / "a.part.mkv")[1]) == 7
    assert told == [f"What was made up to there is in {folder / 'a.part.mkv'}."]


def test_what_cannot_get_a_name_of_its_own_stays_where_it_was_made(song, tmp_path, generator, monkeypatch):
    def stop(done, total):
        if done == 3:
            monkeypatch.setattr("live.offline.free_name", refused)
            raise KeyboardInterrupt

    def refused(path):
        raise PermissionError(errno.EPERM, "no")

    told = []
    with pytest.raises(KeyboardInterrupt):
        render(song, tmp_path / "a.mkv", scene=SCENE, fps=10, generator=generator, progress=stop, tell=told.append)
    (left,) = (path for path in tmp_path.iterdir() if path.name != "song.flac")
    assert told == [f"What was made up to there is in {left}."]
    assert len(decode(left)[1]) == 3


def test_stopped_before_the_first_picture_it_leaves_nothing(song, tmp_path, generator, monkeypatch):
    def stop(spec, previous=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(generator, "render", stop)
    with pytest.raises(KeyboardInterrupt):
        render(song, tmp_path / "a.mkv", scene=SCENE, generator=generator)
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_loaded(song, tmp_path, monkeypatch):
    monkeypatch.setattr("live.offline._generator", lambda *_: pytest.fail("the model was loaded"))
    (tmp_path / "folder.mkv").mkdir()
    (tmp_path / "file").write_text("")
    for out, reason in ((tmp_path / "folder.mkv", "is a folder"), (tmp_path / "file" / "a.mkv", "cannot be written")):
        with pytest.raises(BadInput, match=reason):
            render(song, out, scene=SCENE)


def test_a_sound_of_a_rate_that_is_not_heard_is_refused_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("live.offline._generator", lambda *_: pytest.fail("the model was loaded"))
    soundfile.write(tmp_path / "low.wav", np.zeros(4_000, np.float32), 4_000)
    with pytest.raises(BadInput, match="4000 Hz cannot be heard"):
        render(tmp_path / "low.wav", tmp_path / "a.mkv", scene=SCENE)


def test_a_link_goes_on_pointing_to_the_file_that_is_made(song, tmp_path, generator):
    (tmp_path / "large disk").mkdir()
    out = tmp_path / "a.mkv"
    link(out, tmp_path / "large disk" / "b.mkv")
    render(song, out, scene=SCENE, fps=4, seconds=0.5, generator=generator)
    assert out.is_symlink()
    assert len(decode(tmp_path / "large disk" / "b.mkv")[1]) == 2


def test_more_seconds_than_there_are_is_all_of_them(song):
    steps = list(specs(song, Patch(SCENE, start_s=0.0), fps=10, seconds=float("inf")))
    assert steps[-1].total == 20


def test_a_picture_that_cannot_be_made_leaves_the_one_before(song, tmp_path, generator, monkeypatch):
    plain, count, told = generator.render, itertools.count(), []

    def sometimes(spec, previous=None):
        if next(count) in (0, 4, 5):
            raise NotFinite("wild")
        return plain(spec, previous)

    monkeypatch.setattr(generator, "render", sometimes)
    render(song, tmp_path / "a.mkv", scene=SCENE, fps=5, generator=generator, tell=told.append)
    with av.open(str(tmp_path / "a.mkv")) as container:
        shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    assert shown[0].max() < 10, "black, for there is none before"
    assert np.abs(shown[4] - shown[3]).mean() < 1
    assert np.abs(shown[5] - shown[3]).mean() < 1
    assert np.abs(shown[6] - shown[3]).mean() > 1
    assert len([text for text in told if "wild" in text]) == 1


def test_a_full_disk_names_the_file_that_was_asked_for(song, tmp_path, generator, monkeypatch):
    def full(self, pixels, index):
        self._fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    monkeypatch.setattr("live.video.VideoWriter.write_picture", full)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(BadInput, match=r"a\.mkv cannot be written \(.*pace") as caught:
        render(song, folder / "a.mkv", scene=SCENE, generator=generator)
    assert "part" not in str(caught.value)
    assert list(folder.iterdir()) == []


def test_what_was_made_before_the_disk_was_full_is_kept(song, tmp_path, generator, monkeypatch):
    write = VideoWriter.write_picture

    def filling(self, pixels, index):
        if index == 6:
            self._fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        write(self, pixels, index)

    monkeypatch.setattr("live.video.VideoWriter.write_picture", filling)
    with pytest.raises(BadInput, match=r"a\.mkv cannot be written .* What was made up to there is in .*a\.part\.mkv"):
        render(song, tmp_path / "a.mkv", scene=SCENE, fps=10, generator=generator)
    assert len(decode(tmp_path / "a.part.mkv")[1]) >= 5


@pytest.mark.parametrize("part", [{"feedback": 0.3}, {"strength": 0.6}])
def test_feedback_and_strength_get_the_picture_before(song, tmp_path, generator, monkeypatch, part):
    seen = []
    plain = generator.render

    def watch(spec, previous=None):
        seen.append(previous)
        return plain(spec, previous)

    monkeypatch.setattr(generator, "render", watch)
    scene = SCENE.model_copy(update=part)
    render(song, tmp_path / "a.mkv", scene=scene, fps=3, generator=generator)
    assert seen[0] is None
    assert all(isinstance(previous, Picture) for previous in seen[1:])


def test_what_cannot_be_used_is_said_in_one_sentence(song, tmp_path):
    nothing, empty, words = tmp_path / "none.wav", tmp_path / "empty.wav", tmp_path / "words.wav"
    soundfile.write(empty, np.zeros((0, 1), np.float32), RATE)
    words.write_text("not a sound")
    bad = tmp_path / "bad.yaml"
    bad.write_text("name: [")
    cases = [
        (nothing, tmp_path / "a.mkv", SCENE, BadInput, "is not a file"),
        (empty, tmp_path / "a.mkv", SCENE, BadInput, "no sound"),
        (words, tmp_path / "a.mkv", SCENE, BadInput, "cannot be read as sound"),
        (song, tmp_path / "a.avi", SCENE, BadInput, "is no name for a video"),
        (song, tmp_path / "a.mkv", "no such scene", BadInput, "there is no scene"),
        (song, tmp_path / "a.mkv", bad, BadScene, "not valid YAML"),
    ]
    for source, out, scene, kind, reason in cases:
        with pytest.raises(kind, match=reason):
            render(source, out, scene=scene)
        assert not out.exists()


class Failing:
    """A sound file that cannot be read to its end: from second `good_s` on it raises, or gives nothing."""

    def __init__(self, monkeypatch, good_s, *, raises):
        read = soundfile.SoundFile.read

        def limited(file, frames=-1, **options):
            left = round(good_s * RATE) - file.tell()
            if frames > left and raises:
                raise soundfile.LibsndfileError(0, "")
            return read(file, min(frames, max(0, left)), **options)

        monkeypatch.setattr(soundfile.SoundFile, "read", limited)


def test_a_damaged_sound_is_rendered_up_to_the_damage_and_its_second_is_named(song, tmp_path, generator, monkeypatch):
    Failing(monkeypatch, 1.0, raises=True)
    out = tmp_path / "a.mkv"
    out.write_bytes(b"the older file")
    with pytest.raises(BadInput, match=r"song\.flac is damaged from second 1\.0 on.*a\.part\.mkv"):
        render(song, out, scene=SCENE, fps=10, generator=generator)
    assert out.read_bytes() == b"the older file"
    _, pictures, sound, rate = decode(tmp_path / "a.part.mkv")
    assert len(pictures) == 10
    assert len(sound) == rate
    assert {path.name for path in tmp_path.iterdir()} == {"song.flac", "a.mkv", "a.part.mkv"}


def test_a_sound_damaged_from_its_beginning_leaves_nothing(song, tmp_path, generator, monkeypatch):
    Failing(monkeypatch, 0.0, raises=True)
    with pytest.raises(BadInput, match=r"damaged from second 0\.0 on"):
        render(song, tmp_path / "a.mkv", scene=SCENE, generator=generator)
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]


def test_a_file_that_was_cut_off_is_damaged_where_it_ends(song, tmp_path):
    cut = tmp_path / "cut.flac"
    cut.write_bytes(song.read_bytes()[: song.stat().st_size // 2])
    made = []
    with pytest.raises(DamagedSound) as caught:
        made.extend(specs(cut, Patch(SCENE, start_s=0.0), fps=20))
    assert 0 < caught.value.good_s < 2


def test_a_sound_shorter_than_it_says_has_every_picture_up_to_its_end(song, monkeypatch):
    Failing(monkeypatch, 1.1, raises=False)
    steps = list(specs(song, Patch(SCENE, start_s=0.0), fps=50))
    assert [index for step in steps for index, _ in step.pictures] == list(range(55))
    assert sum(len(step.sound) for step in steps) == round(1.1 * RATE)
    assert steps[-1].total == 55


def test_bends_whose_sites_the_model_lacks_rest_as_they_do_live(song, tmp_path, generator):
    lacking = SCENE.model_copy(update={"bends": (SCENE.bends[0].model_copy(update={"site": "unet.nowhere"}),)})
    told = []
    out = render(song, tmp_path / "a.mkv", scene=lacking, fps=4, seconds=1, generator=generator, tell=told.append)
    assert len(decode(out)[1]) == 4
    assert len(told) == 1
    assert "hue" in told[0]


def test_an_mp4_holds_pictures_and_sound(song, tmp_path, generator):
    out = render(song, tmp_path / "a.mp4", scene=SCENE, fps=4, seconds=1, generator=generator)
    with av.open(str(out)) as container:
        assert {stream.type for stream in container.streams} == {"video", "audio"}
