"""Files are whole or not there at all."""

import os
from pathlib import Path

import pytest

from densesharp.errors import DenseSharpError, OutputError
from densesharp.files import (
    atomic_path,
    check_folder,
    ensure_folder,
    folder_name,
    plain_names,
    plain_target,
    why_no_name,
    write_text,
)


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


ODD = os.fsdecode(b"ct_\xe9.v1.nii.gz")
no_windows = pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")


@no_windows
def test_a_name_of_any_bytes_gets_a_second_one_that_is_text(tmp_path):
    (tmp_path / ODD).write_bytes(b"voxels")
    (tmp_path / "plain.nii").write_bytes(b"more")
    with plain_names([tmp_path / ODD, str(tmp_path / "plain.nii")]) as names:
        assert [Path(name).read_bytes() for name in names] == [b"voxels", b"more"]
        assert names[0].endswith(".nii.gz")
        assert all(name.encode("utf-8") for name in names)
    with plain_names([tmp_path / "plain.nii"]) as names:
        assert names == [str(tmp_path / "plain.nii")]


@no_windows
def test_what_is_written_under_a_name_of_any_bytes_arrives(tmp_path):
    target = tmp_path / ODD
    with plain_target(target) as name:
        assert name.encode("utf-8").endswith(b".nii.gz")
        Path(name).write_bytes(b"mask")
    assert target.read_bytes() == b"mask"
    write_text(target, "a name \udce9 in a text")
    assert target.read_text(encoding="utf-8") == "a name ? in a text"


@no_windows
def test_messages_are_text_whatever_a_name_holds():
    message = str(DenseSharpError("'" + os.fsdecode(b"\xff\x1b[2Jb") + "' is empty"))
    assert message == "'\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}[2Jb' is empty"
    assert str(DenseSharpError("two\nlines")) == "two\nlines"
    assert str(DenseSharpError("5\N{NO-BREAK SPACE}mm")) == "5\N{NO-BREAK SPACE}mm"


def test_a_name_as_long_as_a_disk_allows_is_written(tmp_path):
    target = tmp_path / (f"a.{'b' * 240}.nrrd")
    with atomic_path(target) as path:
        path.write_bytes(b"x")
        assert path.suffix == ".nrrd"
    assert target.read_bytes() == b"x"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("n1", None), ("Knoten 3", None), ("結節", None), ("console", None), ("com", None),
     ("con", "device"), ("NUL", "device"), ("aux.nrrd", "device"), ("Lpt9", "device"),
     ("a.", "blank or a dot"), ("a ", "blank or a dot"), (" a", "blank or a dot"), ("", "empty"),
     ("..", "empty"), ("a/b", "character"), ("a:b", "character"), ("a\tb", "character"),
     ("a\udce9", "character"), ("a" * 101, "longer than 100 bytes"), ("結" * 34, "longer")],
)  # fmt: skip
def test_names_that_we_make_can_stand_on_every_disk(name, reason):
    found = why_no_name(name)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("LIDC-IDRI-0001_2000-01-01_series-3", "LIDC-IDRI-0001_2000-01-01_series-3"),
        ("../../etc/passwd", "etc_passwd"),
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("CON", "CON_"),
        ("lpt1.txt", "lpt1.txt_"),
        ("Müller 7. ", "Müller_7"),
        ("...", "_"),
        ("x" * 300, "x" * 80),
        ("肺" * 40, "肺" * 26),
    ],
)
def test_names_of_folders_are_good_on_every_system(text, name):
    assert folder_name(text) == name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are of Unix")
def test_a_device_or_pipe_is_written_into_and_stays_what_it_is(tmp_path):
    """Else `--json /dev/null`, by someone who may, would make a file of it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "text")
        assert os.read(reading, 100) == b"text"
    finally:
        os.close(reading)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="/dev/full is of Linux")
def test_a_full_device_is_said_and_stays_a_device():
    with pytest.raises(OutputError, match=r"'/dev/full' cannot be written \(No space left"):
        write_text("/dev/full", "text")
    assert Path("/dev/full").is_char_device()


def test_a_link_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    target = tmp_path / "elsewhere" / "result.json"
    target.write_text("old")
    (tmp_path / "link.json").symlink_to(target)
    write_text(tmp_path / "link.json", "new")
    assert target.read_text() == "new"
    assert (tmp_path / "link.json").is_symlink()
