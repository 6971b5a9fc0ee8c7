"""What a command shows while it works, what it says first and last, and what a program gets."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from densesharp.cli import GROUPS, main, terminal
from densesharp.cli.view import check_image
from densesharp.errors import DeviceError, ImageError
from densesharp.resources import sample_path


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when told."""
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


def test_without_a_terminal_long_work_says_plain_lines_with_the_time_left(clock, capsys):
    with terminal.progress_bar() as progress:
        progress(0.0, "Reading")
        clock(2)
        progress(0.1, "too soon to be said")
        clock(28)
        progress(0.25, "Nodule 1 of 4")
        clock(1)
        progress(0.3, "too soon again")
        clock(570)
        progress(0.5, "Nodule 2 of 4")
    assert capsys.readouterr().err.splitlines() == [
        " 25%  Nodule 1 of 4, about 2 min left",
        " 50%  Nodule 2 of 4, about 10 min left",
    ]


def test_on_a_terminal_a_bar_shows_text_share_and_time_left(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with terminal.progress_bar() as progress:
        progress(0.0, "Reading")
        assert "Reading" in screen.getvalue()  # at once, and on a terminal of unknown width
        terminal.time.sleep(0.2)
        progress(0.5, "Nodule 2 of 2")
    said = screen.getvalue()
    assert "Nodule 2 of 2" in said
    assert "50 %" in said
    assert "left" in said


@pytest.mark.parametrize(
    ("passed", "fraction", "words"),
    [(30, 0.5, "about 30 s"), (60, 0.2, "about 4 min"), (3600, 0.25, "about 3.0 h")],
)
def test_the_time_left_is_in_words(passed, fraction, words):
    assert terminal.time_left(passed, fraction) == words


def test_what_was_made_goes_to_the_reader_and_to_a_program(capsys, tmp_path):
    terminal.finish("Made: here\n", {"out": "here"}, None)
    assert capsys.readouterr() == ("", "Made: here\n")
    terminal.finish("Made: here\n", {"out": "here"}, "-", sys.stdout)
    out, said = capsys.readouterr()
    assert json.loads(out) == {"out": "here"}
    assert said == "Made: here\n"
    terminal.finish("", {"out": "here"}, str(tmp_path / "made.json"))
    assert json.loads((tmp_path / "made.json").read_text()) == {"out": "here"}


@pytest.fixture
def taken_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_that_is_taken_is_refused_and_a_free_one_is_not(taken_port):
    with pytest.raises(DeviceError, match=f"Port {taken_port} cannot be used"):
        terminal.check_port("127.0.0.1", taken_port)
    terminal.check_port("127.0.0.1", 0)


@pytest.mark.parametrize("port", [-1, 65536, 80000])
def test_a_port_that_no_computer_has_is_refused(port, capsys):
    assert main(["view", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert f"There is no port {port}" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("line", ["mrmc {}", "predict {} --seed=0,0,0 --out out"])
def test_json_never_replaces_a_file_of_another_kind(line, tmp_path, capsys):
    """Such as the CT itself, by a slip in the command line."""
    path = tmp_path / "ct.nrrd"
    shutil.copy(sample_path(), path)
    assert main([*line.format(path).split(), "--json", str(path)]) == 2
    said = capsys.readouterr().err
    assert "ct.nrrd' is there and no JSON" in said
    assert said.count("\n") == 1
    assert path.read_bytes() == sample_path().read_bytes()


def test_json_replaces_what_it_wrote_before(tmp_path):
    path = tmp_path / "found.json"
    for text in ("", '{"auc": 1}', "[]"):
        path.write_text(text)
        terminal.check_json(str(path))


def test_the_viewer_refuses_a_folder_without_dicom_before_it_starts(tmp_path, capsys):
    assert main(["view", str(tmp_path), "--no-browser"]) == 2
    assert "holds no DICOM image: choose" in capsys.readouterr().err
    for name in ("b.nrrd", "a.nii.gz"):
        (tmp_path / name).touch()
    assert main(["view", str(tmp_path), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert "holds no DICOM image but 'a.nii.gz', 'b.nrrd': give the file itself." in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("line", ["serve", "view", "demo --out {out}"])
def test_a_taken_port_is_the_only_thing_said(line, taken_port, capsys, tmp_path):
    words = line.format(out=tmp_path).split()
    assert main([*words, "--port", str(taken_port)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_key_is_said_before_an_address(capsys, monkeypatch):
    monkeypatch.delenv("DENSESHARP_SERVER_KEY", raising=False)
    assert main(["serve", "--host", "0.0.0.0"]) == 2
    said = capsys.readouterr().err
    assert "needs an API key" in said
    assert "http://" not in said


@pytest.mark.parametrize("name", ["notes.txt", "picture.png", "letter.pdf"])
def test_the_viewer_refuses_a_file_that_is_no_ct_before_it_starts(name, tmp_path, capsys):
    path = tmp_path / name
    path.write_bytes(b"no CT" * 100)
    assert main(["view", str(path), "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{name}' is no CT" in said


def test_the_viewer_takes_cts_folders_scenes_and_dicom_files_without_an_ending(tmp_path):
    check_image(sample_path())
    (tmp_path / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    check_image(tmp_path / "IM0001")
    check_image(tmp_path)
    (tmp_path / "scene.mrb").touch()
    check_image(tmp_path / "scene.mrb")
    with pytest.raises(ImageError, match="does not exist"):
        check_image(tmp_path / "missing.nrrd")


@pytest.mark.parametrize("encoding", ["cp1252", "cp932", "ascii"])
def test_a_console_without_our_signs_shows_something_else(encoding):
    """The report of the paper's study holds signs such as ± and –, which these consoles lack."""
    code = (
        "import sys\n"
        "from densesharp.cli import main\n"
        "import densesharp.cli.doctor as doctor\n"
        "doctor.run = lambda args: sys.stdout.write('12 mm³ ± 3 – −5 Å\\n') and 0\n"
        "sys.exit(main(['doctor']))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert b"12 mm" in result.stdout
    assert b"Traceback" not in result.stderr


def test_an_unknown_word_is_answered_with_the_one_that_was_meant(capsys):
    for words, meant in (
        (["predcit"], "predict"),
        (["study", "analyse"], "analyze"),
        (["predict", "a.nrrd", "--sed", "1,2,3", "--out", "o"], "--seed"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2
        said = capsys.readouterr().err
        assert f"Did you mean {meant}? " in said
        assert said.count("\n") == 1


def test_without_a_command_the_help_is_by_task(capsys):
    with pytest.raises(SystemExit):
        main([])
    said = capsys.readouterr().err
    places = [said.index(f"{title}:\n") for title in GROUPS]
    assert places == sorted(places)


@pytest.mark.full
def test_processes_that_are_started_afresh_make_the_same(tmp_path):
    """Windows and macOS start processes by `spawn`, Linux by `fork` up to Python 3.13."""
    code = (
        "import multiprocessing, sys\n"
        "from densesharp.cli import main\n"
        "if __name__ == '__main__':\n"
        "    multiprocessing.set_start_method(sys.argv[1])\n"
        "    sys.exit(main(['simulate', '--out', sys.argv[1], '--count', '2', '--edge', '40',\n"
        "                   '--workers', '2']))\n"
    )
    (tmp_path / "run.py").write_text(code)
    for method in ("spawn", "fork"):
        subprocess.run([sys.executable, "run.py", method], cwd=tmp_path, check=True)
    first, second = ((tmp_path / name / "truth.csv").read_text() for name in ("spawn", "fork"))
    assert first == second


def test_every_command_that_ends_can_tell_a_program_what_it_made():
    """All but those that serve a page or answer at once in words."""
    from densesharp.cli import COMMANDS, build_parser
    from densesharp.cli.study import SUBCOMMANDS

    silent = {"demo", "view", "serve", "completion", "study read", "study report"}
    lines = [[name] for name in COMMANDS if name not in ("study", "dicom")]
    lines += [["study", name] for name in SUBCOMMANDS]
    lines += [["dicom", name] for name in ("seg", "sr", "rerun")]
    for words in lines:
        parser = build_parser(words)
        for word in words:
            actions = [a for a in parser._actions if a.choices and word in a.choices]
            parser = actions[0].choices[word]
        has = "--json" in parser._option_string_actions
        assert has is (" ".join(words) not in silent), " ".join(words)
