"""What stops a rendering, or pictures of it: something is said, and nothing good is lost."""

from __future__ import annotations

import errno
import itertools
import os

import av
import numpy as np
import pytest
import soundfile

from bentlight.errors import BadInput
from engine.errors import NotFinite
from live.offline import render, specs
from live.sound_file import DamagedSound
from live.video import VideoWriter
from scenes import Patch
from tests.live.rendering import RATE, SCENE
from tests.pictures import decode


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


def test_stopped_before_the_first_picture_it_leaves_nothing(song, tmp_path, generator, monkeypatch):
    def stop(spec, previous=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(generator, "render", stop)
    with pytest.raises(KeyboardInterrupt):
        render(song, tmp_path / "a.mkv", scene=SCENE, generator=generator)
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]


def test_what_was_not_finished_is_told_at_the_next_start_and_stays(song, tmp_path, generator):
    for name in ("a.part.mkv", "a.part-2.mkv", "b.part.mkv", "a.part.mp4"):
        (tmp_path / name).write_bytes(b"worth something")
    told = []
    render(song, tmp_path / "a.mkv", scene=SCENE, fps=4, seconds=0.5, generator=generator, tell=told.append)
    (line,) = told
    assert ("a.part.mkv" in line, "a.part-2.mkv" in line, "b.part" in line, "mp4" in line) == (True, True, False, False)
    assert (tmp_path / "a.part.mkv").read_bytes() == b"worth something"
    assert len(decode(tmp_path / "a.mkv")[1]) == 2
    assert not (tmp_path / "a.part-3.mkv").exists()


def test_while_it_is_made_its_name_is_plain(song, tmp_path, generator):
    names = []

    def look(done, total):
        names.append(sorted(path.name for path in tmp_path.iterdir()))

    render(song, tmp_path / "a.mkv", scene=SCENE, fps=4, seconds=0.5, generator=generator, progress=look)
    assert names == [["a.part.mkv", "song.flac"]] * 2


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
    assert told[-1] == "3 of 10 pictures could not be made; each shows the one before it."


@pytest.mark.parametrize("error", [NotFinite("wild"), NotFinite()], ids=["a bend", "unknown"])
def test_a_film_of_no_pictures_takes_no_place(song, tmp_path, generator, monkeypatch, error):
    monkeypatch.setattr(generator, "render", raising(error))
    out = tmp_path / "a.mkv"
    out.write_bytes(b"the older file")
    with pytest.raises(BadInput, match=r"Not one of 10 pictures could be made"):
        render(song, out, scene=SCENE, fps=5, generator=generator)
    assert out.read_bytes() == b"the older file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "song.flac"]


def test_a_model_that_makes_nothing_by_itself_ends_it_at_once(song, tmp_path, generator, monkeypatch):
    monkeypatch.setattr(generator, "render", raising(NotFinite(unbent=True)))
    done = []
    with pytest.raises(BadInput, match=r"makes no pictures .*float32"):
        render(song, tmp_path / "a.mkv", scene=SCENE, generator=generator, progress=lambda *n: done.append(n))
    assert not done
    assert [path.name for path in tmp_path.iterdir()] == ["song.flac"]


def test_ten_seconds_without_a_picture_end_it_and_what_was_made_stays(tmp_path, generator, monkeypatch):
    sound = tmp_path / "long.wav"
    soundfile.write(sound, np.zeros(14 * RATE, np.float32), RATE)
    plain, count = generator.render, itertools.count()
    monkeypatch.setattr(
        generator,
        "render",
        lambda spec, previous=None: plain(spec, previous) if next(count) < 4 else raising(NotFinite("wild"))(spec),
    )
    with pytest.raises(BadInput, match=r"20 pictures in a row could not be made \(the bend wild .*a\.part\.mkv"):
        render(sound, tmp_path / "a.mkv", scene=SCENE, fps=2, generator=generator)
    assert len(decode(tmp_path / "a.part.mkv")[1]) == 4 + 19


def raising(error):
    def render(spec, previous=None):
        raise error

    return render


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
