"""Offline rendering: deterministic, in step with its sound, and never half a file in place of a good one."""

from __future__ import annotations

import av
import numpy as np
import pytest
import soundfile

from analysis import LiveAnalyzer
from bentlight.errors import BadInput, BadScene
from engine.paces import Paces
from engine.spec import Picture
from live.cli import main
from live.offline import render, specs
from scenes import Patch, loads
from tests.links import link
from tests.live.rendering import RATE, SCENE
from tests.live.sounds import decode_sound
from tests.pictures import decode, lag_s


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


@pytest.mark.parametrize("absent", [(7, 8), (1, 3), (0,), (-1,), (1.5,)])
def test_channels_that_a_file_lacks_are_refused_before_a_model_is_loaded(song, tmp_path, monkeypatch, absent):
    monkeypatch.setattr("live.offline._generator", lambda *_: pytest.fail("the model was loaded"))
    with pytest.raises(BadInput, match="has only the channels 1 to 2"):
        render(song, tmp_path / "a.mkv", scene=SCENE, channels=absent)
    with pytest.raises(BadInput, match="has only the channels 1 to 2"):
        next(specs(song, Patch(SCENE, start_s=0.0), channels=absent))


NO_NUMBERS = [{"seconds": 0}, {"seconds": -1}, {"seconds": float("nan")}]
NO_NUMBERS += [{"fps": fps} for fps in (0, -5, 1e-4, 1e6, float("nan"), float("inf"))]


@pytest.mark.parametrize("wrong", NO_NUMBERS)
def test_what_makes_no_film_is_refused_before_a_model_is_loaded(song, tmp_path, monkeypatch, wrong):
    monkeypatch.setattr("live.offline._generator", lambda *_: pytest.fail("the model was loaded"))
    out = tmp_path / "a.mkv"
    out.write_bytes(b"the older file")
    with pytest.raises(BadInput, match=r"a\.mkv cannot have|make no film"):
        render(song, out, scene=SCENE, **wrong)
    assert out.read_bytes() == b"the older file"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_least_of_a_file_is_a_picture(song, tmp_path, generator):
    out = render(song, tmp_path / "a.mkv", scene=SCENE, seconds=1e-9, generator=generator)
    assert len(decode(out)[1]) == 1


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_16", 16), ("PCM_24", 24), ("FLOAT", 24)])
def test_the_sound_of_a_file_comes_out_as_it_went_in(tmp_path, generator, subtype, bits):
    whole = np.random.default_rng(3).integers(-(1 << bits - 1), 1 << bits - 1, (RATE // 4, 2))
    path = tmp_path / "song.wav"
    soundfile.write(path, whole / (1 << bits - 1), RATE, subtype=subtype)
    out = render(path, tmp_path / "a.mkv", scene=SCENE, fps=4, generator=generator)
    assert np.array_equal(decode_sound(out).astype(float) * (1 << bits - 1), whole)


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
