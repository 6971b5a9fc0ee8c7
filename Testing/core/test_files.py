"""Files are whole or not there at all."""

import os

import pytest

from densesharp.errors import OutputError
from densesharp.files import atomic_path, check_folder, ensure_folder, write_text


def test_a_file_appears_only_when_it_is_complete(tmp_path):
    target = tmp_path / "result.json"
    with atomic_path(target) as path:
        path.write_text("new")
        assert not target.exists()
        assert path.parent == tmp_path
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("old")

    def fail():
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_double_endings_are_kept_for_programs_that_look_at_them(tmp_path):
    with atomic_path(tmp_path / "ct.nii.gz") as path:
        assert path.name.endswith(".nii.gz")
        path.write_bytes(b"x")


def test_text_is_utf8_with_line_feeds_and_usual_permissions(tmp_path):
    write_text(tmp_path / "a.txt", "10 mm³\n")
    assert (tmp_path / "a.txt").read_bytes() == b"10 mm\xc2\xb3\n"
    (tmp_path / "b.txt").touch()
    if os.name == "posix":
        assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_folder_that_cannot_be_made_is_said_with_its_name(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"taken.*choose another folder"):
        ensure_folder(tmp_path / "taken" / "below")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        atomic_path(tmp_path / "missing" / "x.txt"),
    ):
        pass


def test_a_new_folder_is_made_with_its_parents(tmp_path):
    assert ensure_folder(tmp_path / "a" / "b").is_dir()


def test_a_folder_is_checked_before_it_is_needed_and_not_made(tmp_path):
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"below.*choose another folder"):
        check_folder(tmp_path / "taken" / "below")
