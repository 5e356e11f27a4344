"""What is said of sound files that cannot be used."""

import numpy as np
import pytest
import soundfile

from analysis.files import sound_info
from analysis.study import study
from analysis.track import analyze
from bentlight.errors import BadInput
from live.sound_file import measure

READERS = (sound_info, measure, analyze, study)


@pytest.mark.parametrize("read", READERS)
def test_samples_without_a_header_are_refused_in_a_sentence(read, tmp_path):
    path = tmp_path / "set.raw"
    path.write_bytes(bytes(400_000))
    with pytest.raises(BadInput, match=r"set\.raw cannot be read as sound.*without a header.*use wav"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_does_not_know_its_length_is_refused_with_what_to_do(read, tmp_path):
    path = tmp_path / "piped.flac"
    soundfile.write(path, np.zeros(200_000), 44_100)
    data = bytearray(path.read_bytes())
    # The length is the last 36 bits before the checksum of the first block, which begins at byte 8.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"piped\.flac does not say how long it is.*ffmpeg -i piped\.flac"):
        read(path)


def test_what_a_usable_file_says_is_returned(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros((100, 2)), 8000)
    info = sound_info(tmp_path / "a.wav")
    assert (info.frames, info.channels, info.samplerate) == (100, 2, 8000)
    soundfile.write(tmp_path / "b.wav", np.zeros((0, 2)), 8000)
    with pytest.raises(BadInput, match="no sound"):
        sound_info(tmp_path / "b.wav")
