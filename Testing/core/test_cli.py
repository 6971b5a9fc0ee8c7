"""The command line: help, exit status, seeds as people type them."""

import subprocess
import sys

import numpy as np
import pytest

from densesharp import __version__, stopping
from densesharp.cli import COMMANDS, join_negative_values, main
from densesharp.cli.predict import parse_seed
from densesharp.errors import DenseSharpError, SeedError
from densesharp.image.grid import Grid


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(name in text for name in COMMANDS)
    assert "not for diagnosis" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert name in capsys.readouterr().out


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"densesharp {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["predict"]])
def test_a_wrong_command_line_exits_with_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--tta", "abc"], "'abc' is not a whole number from 1 to 48"),
     (["--tta", "0"], "'0' is not"), (["--solid-threshold", "nan"], "'nan' is no density"),
     (["--solid-threshold", "-5000"], "no density from -1000 to 400 HU"),
     (["--model", ""], "an argument is empty"), (["--nonsense"], "--nonsense")],
)  # fmt: skip
def test_a_wrong_argument_is_named_in_one_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["predict", "ct.nrrd", "--seed", "1,2,3", "--out", "out", *arguments])
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith("densesharp: ")
    assert words in text
    assert text.count("\n") == 1
    if "HU" in words:
        with pytest.raises(SystemExit):
            main(["cohort", "cases.csv", "--out", "out", *arguments])
        assert words in capsys.readouterr().err


def test_a_users_error_is_one_sentence_and_status_2(tmp_path, capsys):
    code = main(["predict", str(tmp_path / "none.nrrd"), "--seed", "1,2,3", "--out", str(tmp_path)])
    assert code == 2
    text = capsys.readouterr().err
    assert text.startswith("densesharp: ")
    assert "none.nrrd" in text
    assert "Traceback" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_begins_with_a_minus_is_understood():
    given = ["predict", "a", "--seed", "-1,2,-3", "--seed", "4,5,6", "--seed", "-.5,0,0", "--seed",
             "--out"]  # fmt: skip
    assert join_negative_values(given) == [
        "predict", "a", "--seed=-1,2,-3", "--seed", "4,5,6", "--seed=-.5,0,0", "--seed", "--out",
    ]  # fmt: skip


def test_a_seed_is_read_in_the_named_space():
    grid = Grid((10, 10, 10), np.array([1.0, 2, 3]), np.full(3, 2.0), np.eye(3))
    np.testing.assert_array_equal(parse_seed("1,2,3", "ras", grid).lps, [-1, -2, 3])
    np.testing.assert_array_equal(parse_seed("1, 2, 3", "lps", grid).lps, [1, 2, 3])
    np.testing.assert_array_equal(parse_seed("1,2,3", "ijk", grid).lps, [3, 6, 9])


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2,3,4", "a,b,c", "1;2;3", "nan,1,2", "inf,0,0", "1_0,0,0"]
)
def test_a_seed_that_is_no_point_is_refused(text):
    grid = Grid((10, 10, 10), np.zeros(3), np.ones(3), np.eye(3))
    with pytest.raises(SeedError, match="numbers"):
        parse_seed(text, "ras", grid)


def test_a_file_that_may_not_be_read_is_one_sentence_wherever_it_is_opened(monkeypatch, capsys):
    def refuse(name):
        raise PermissionError(13, "Permission denied", "answers.csv")

    monkeypatch.setattr("densesharp.cli.command_module", refuse)
    assert main(["doctor"]) == 2
    said = capsys.readouterr().err
    assert said == "densesharp: 'answers.csv' cannot be used (Permission denied): check the path.\n"


def test_a_stop_while_a_command_is_loaded_is_one_sentence(monkeypatch, capsys):
    def stop(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("densesharp.cli.command_module", stop)
    assert main(["predict", "ct.nrrd", "--seed", "1,2,3", "--out", "o"]) == 130
    assert capsys.readouterr().err == stopping.SENTENCE


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m densesharp --help | head -c 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert result.stderr == ""


def test_all_errors_of_ours_share_one_base():
    from densesharp import errors

    classes = [
        c for c in vars(errors).values() if isinstance(c, type) and c.__module__ == errors.__name__
    ]
    ours = [c for c in classes if c is not errors.Cancelled]
    assert len(ours) > 5
    assert all(issubclass(c, DenseSharpError) for c in ours)


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "http://host/ct.nrrd", "--seed=1,2,3", "--out", "o"],
        ["view", "https://host/ct.nrrd", "--no-browser"],
        ["report", "https://host/run"],
        ["simulate", "--lung", "http://host/ct.nrrd", "--out", "o"],
    ],
    ids=lambda command: command[0],
)
def test_an_address_where_a_file_is_meant_says_what_to_do(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    said = capsys.readouterr().err
    address = next(word for word in command if "://" in word)
    assert f"'{address}' is an address, not a file on this computer: download it first" in said
    assert "view --worklist ADDRESS" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "--port", "abc"], "argument --port: 'abc' is no whole number. "),
        (["train", "s", "--out", "o", "--steps", "1e3"], "argument --steps: '1e3' is no whole "),
        (["train", "s", "--out", "o", "--beta", "x"], "argument --beta: 'x' is no number. "),
        (["train", "s", "--out", "o", "--learning-rate", "0"], "'0' is no number above 0 and up "),
        (["train", "s", "--out", "o", "--learning-rate", "nan"], "'nan' is no number above 0 and"),
        (["help"], "invalid choice: 'help'. Did you mean --help? "),
        (["version"], "invalid choice: 'version'. Did you mean --version? "),
    ],
)
def test_a_wrong_option_is_said_in_plain_words(words, said, capsys):
    with pytest.raises(SystemExit):
        main(words)
    assert said in capsys.readouterr().err
