"""Video files: what goes in comes out, and stays there whatever happens to the writer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from bentlight.errors import BadInput
from live.video import VideoWriter, plays
from tests.live.sounds import decode_sound
from tests.pictures import decode, lag_s

RATE = 48_000


def noise(seconds: float, channels: int = 2, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((int(RATE * seconds), channels)) * 0.1).astype(np.float32)


def plain(index: int, width: int = 96, height: int = 64) -> np.ndarray:
    return np.full((height, width, 3), (index * 4 % 256, 128, 255 - index * 4 % 256), np.uint8)


def write(path: Path, sound: np.ndarray, fps: int = 30, size: tuple[int, int] = (96, 64), live: bool = True) -> None:
    frames = int(len(sound) / RATE * fps)
    step = RATE // fps
    with VideoWriter(path, *size, fps, RATE, sound.shape[1], live=live) as writer:
        for index in range(frames):
            writer.write_picture(plain(index, *size), index)
            writer.write_sound(sound[index * step : (index + 1) * step], index * step)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_pictures_and_sound_come_out_as_they_went_in(tmp_path, suffix, live):
    sound = noise(2)
    write(tmp_path / f"a{suffix}", sound, live=live)
    times, pictures, heard, rate = decode(tmp_path / f"a{suffix}")
    assert rate == RATE
    np.testing.assert_allclose(times, np.arange(60) / 30, atol=0.001)
    expected = np.stack([plain(i) for i in range(60)]).astype(int)
    assert np.abs(pictures.astype(int) - expected).max() <= 4
    lag, likeness = lag_s(heard, sound.mean(axis=1)[:RATE], RATE)
    assert lag == 0
    # White noise is the hardest there is for AAC; FLAC keeps it.
    assert likeness > (0.999 if suffix == ".mkv" else 0.5)


def test_sound_in_mkv_is_kept_to_sixteen_bits(tmp_path):
    sound = noise(1)
    write(tmp_path / "a.mkv", sound)
    assert np.abs(decode_sound(tmp_path / "a.mkv") - sound).max() < 1 / 32767


@pytest.mark.parametrize("bits", [16, 24])
def test_every_number_of_so_many_bits_comes_out_as_it_went_in(tmp_path, bits):
    full = 1 << (bits - 1)
    whole = np.random.default_rng(2).integers(-full, full, (RATE // 2, 2))
    whole[0], whole[1] = -full, full - 1
    with VideoWriter(tmp_path / "a.mkv", 96, 64, 30, RATE, bits=bits) as writer:
        writer.write_picture(plain(0), 0)
        writer.write_sound((whole / full).astype(np.float32), 0)
    assert np.array_equal(decode_sound(tmp_path / "a.mkv").astype(float) * full, whole)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_what_is_on_the_disk_while_a_film_is_made_plays(tmp_path, suffix):
    """As after a kill: nothing of the writer's own memory is there."""
    path, left = tmp_path / f"a{suffix}", tmp_path / f"left{suffix}"
    with VideoWriter(path, 96, 64, 10, RATE, live=False) as writer:
        for index in range(200):
            writer.write_picture(plain(index), index)
            writer.write_sound(np.zeros((RATE // 10, 2), np.float32), index * RATE // 10)
        shutil.copy(path, left)
    assert plays(left)
    with av.open(str(left)) as container:
        assert sum(1 for _ in frames_until_fault(container)) >= 120
    assert len(decode(path)[1]) == 200


def test_what_has_no_picture_does_not_play(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"nothing of the kind")
    assert not plays(tmp_path / "a.mp4")
    assert not plays(tmp_path / "b.mp4")


@pytest.mark.parametrize("fps", [0, -1, 1e-4, 1e5, float("nan"), float("inf")])
def test_a_rate_of_pictures_that_no_film_has_is_refused_by_name(tmp_path, fps):
    with pytest.raises(BadInput, match=r"a\.mkv cannot have .* pictures per second; give 0\.1 to 1000\.$"):
        VideoWriter(tmp_path / "a.mkv", 96, 64, fps)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_any_number_of_channels_has_its_place(tmp_path, channels):
    sound = noise(1, channels)
    write(tmp_path / "a.mkv", sound)
    np.testing.assert_allclose(decode_sound(tmp_path / "a.mkv"), sound, atol=1e-4)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(("width", "height"), [(97, 65), (96, 65), (33, 32)])
def test_an_odd_size_is_made_even_by_repeating_the_edge(tmp_path, width, height, suffix):
    picture = plain(20, width, height)
    picture[:, -1] = picture[-1] = (255, 255, 255)
    with VideoWriter(tmp_path / f"a{suffix}", width, height, 30) as writer:
        writer.write_picture(picture, 0)
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert shown.shape[:2] == (height + height % 2, width + width % 2)
    assert shown[-1].mean() > 200
    assert shown[:, -1].mean() > 200


def test_a_picture_of_another_size_is_scaled(tmp_path):
    with VideoWriter(tmp_path / "a.mkv", 96, 64, 30) as writer:
        writer.write_picture(plain(30, 48, 32), 0)
    with av.open(str(tmp_path / "a.mkv")) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert shown.shape == (64, 96, 3)
    assert np.abs(shown.astype(int) - plain(30)).max() <= 4


def test_left_out_frames_leave_the_others_at_their_times(tmp_path):
    with VideoWriter(tmp_path / "a.mkv", 96, 64, 25) as writer:
        for index in (0, 1, 10, 11):
            writer.write_picture(plain(index), index)
    with av.open(str(tmp_path / "a.mkv")) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, [0, 0.04, 0.4, 0.44], atol=0.001)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_same_again_gives_the_same_file_and_something_else_another(tmp_path, suffix):
    for name in "ab":
        write(tmp_path / f"{name}{suffix}", noise(1), live=False)
    write(tmp_path / f"c{suffix}", noise(1, seed=2), live=False)
    a, b, c = ((tmp_path / f"{name}{suffix}").read_bytes() for name in "abc")
    assert a == b != c


def test_sound_that_is_no_sound_is_made_harmless(tmp_path):
    sound = np.full((RATE // 10, 2), np.nan, np.float32)
    sound[100:200] = np.inf
    sound[200:300] = -7.0
    with VideoWriter(tmp_path / "a.mkv", 96, 64, 30, RATE) as writer:
        writer.write_picture(plain(0), 0)
        writer.write_sound(sound, 0)
    heard = decode_sound(tmp_path / "a.mkv")[:, 0]
    assert (heard[:100].max(), heard[150] > 0.99, heard[250] < -0.99) == (0, True, True)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_group_of_pictures_is_at_most_half_a_second(tmp_path, suffix):
    write(tmp_path / f"a{suffix}", noise(3))
    with av.open(str(tmp_path / f"a{suffix}")) as container:
        keys = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.is_keyframe and p.pts is not None]
    assert max(np.diff(keys)) <= 0.5


@pytest.mark.parametrize(
    "path", ["file/below/a.mkv", "a.avi", "a", "folder.mkv"], ids=["below a file", "avi", "no suffix", "a folder"]
)
def test_a_place_that_cannot_be_written_is_said_in_one_sentence(tmp_path, path):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "folder.mkv").mkdir()
    with pytest.raises(BadInput, match=r"^[^\n]+\.$"):
        VideoWriter(tmp_path / path, 96, 64, 30)


@pytest.mark.parametrize(("rate", "channels"), [(192_000, 2), (50_000, 1), (48_000, 8)])
def test_sound_that_an_mp4_cannot_hold_is_told_where_to_go(tmp_path, rate, channels):
    with pytest.raises(BadInput, match=r"^[^\n]+as an \.mp4; let it end in \.mkv\.$"):
        VideoWriter(tmp_path / "a.mp4", 96, 64, 30, rate, channels)
    assert not list(tmp_path.iterdir())
    with VideoWriter(tmp_path / "a.mkv", 96, 64, 30, rate, channels) as writer:
        writer.write_sound(np.zeros((rate, channels), np.float32), 0)
        writer.write_picture(plain(0), 0)
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert (container.streams.audio[0].rate, container.streams.audio[0].channels) == (rate, channels)


def test_a_finished_file_takes_no_more(tmp_path):
    writer = VideoWriter(tmp_path / "a.mkv", 96, 64, 30)
    writer.write_picture(plain(0), 0)
    writer.close()
    writer.close()
    with pytest.raises(BadInput, match="finished"):
        writer.write_picture(plain(1), 1)


_FULL_DISK = """
import resource, sys, numpy as np
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
from bentlight.errors import BadInput
from live.video import VideoWriter, plays
rng = np.random.default_rng(0)
writer = VideoWriter(sys.argv[1], 96, 64, 30, 48000)
try:
    for index in range(3000):
        writer.write_picture(rng.integers(0, 255, (64, 96, 3), dtype=np.uint8), index)
        writer.write_sound(np.zeros((1600, 2), np.float32), index * 1600)
    print("never full")
except BadInput as error:
    print(error)
writer.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_full_disk_is_one_sentence_and_what_is_written_stays_playable(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    told = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert told.stdout.count("\n") == 1
    assert "can no longer be written" in told.stdout
    with av.open(str(path)) as container:
        shown = sum(1 for _ in frames_until_fault(container))
    assert shown >= 10


def frames_until_fault(container):
    """Yield pictures up to the place where the file was cut off."""
    try:
        yield from container.decode(video=0)
    except av.FFmpegError:
        return
