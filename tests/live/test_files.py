"""A file is written whole or not at all, and what was there is never lost."""

from pathlib import Path

import pytest

from bentlight.errors import BadInput
from live.files import check_writable, free_name, whole_file, write_json


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


def test_a_file_in_place_of_the_folder_is_said_in_one_sentence(tmp_path):
    (tmp_path / "afile").write_text("here")
    for use in (check_writable, lambda path: write_json(path, {})):
        with pytest.raises(BadInput, match="choose another place"):
            use(tmp_path / "afile" / "x.json")
    assert (tmp_path / "afile").read_text() == "here"


def test_looking_whether_a_place_can_be_written_makes_its_folder_and_leaves_no_file(tmp_path):
    path = tmp_path / "a" / "b" / "c.json"
    check_writable(path)
    assert list(path.parent.iterdir()) == []
    path.write_text("kept")
    check_writable(path)
    assert path.read_text() == "kept"
    for folder in (path.parent, Path("/"), Path("."), Path("")):
        with pytest.raises(BadInput, match="is a folder"):
            check_writable(folder)


def test_a_name_that_is_taken_gets_the_first_free_number(tmp_path):
    path = tmp_path / "set.mkv"
    assert free_name(path) == path
    path.touch()
    assert free_name(path).name == "set-2.mkv"
    (tmp_path / "set-2.mkv").touch()
    assert free_name(path).name == "set-3.mkv"
