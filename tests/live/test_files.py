"""A file is written whole or not at all, and what was there is never lost."""

import pytest

from bentlight.errors import BadInput
from live.files import whole_file, write_json


def test_a_failure_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("good")

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_said_in_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="choose another place"):
        write_json(tmp_path / "no such folder" / "a.json", {})


def test_json_ends_with_a_line_end(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": 1\n}\n'
