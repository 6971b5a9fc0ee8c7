"""The Tab key, in the shells themselves where they are installed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from densesharp.cli import main

pytest.importorskip("argcomplete", reason="the extra 'completion' is not installed")

WORDS = {
    "densesharp pred": "predict",
    "densesharp predict --no-s": "--no-stability",
    "densesharp study an": "analyze",
}
"""What is typed before the Tab key, and the word that it makes."""


@pytest.fixture
def variables(tmp_path):
    """A home without start files, and this environment's `densesharp` first on the path."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": programs, "HOME": str(tmp_path), "TERM": "dumb"}


def installed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


@pytest.mark.skipif(os.name != "posix", reason="needs a terminal of Unix")
@pytest.mark.parametrize(("shell", "options"), [("bash", ["--norc", "-i"]), ("zsh", ["-f", "-i"])])
def test_the_tab_key_completes_what_is_typed_into(shell, options, variables):
    """The line as it stands after the Tab key is printed instead of run."""
    pexpect = pytest.importorskip("pexpect")
    terminal = pexpect.spawn(
        installed(shell), options, env=variables, encoding="utf-8", timeout=60, dimensions=(50, 200)
    )
    terminal.sendline("PS1='ready> '")
    terminal.sendline(f'eval "$(densesharp completion {shell})"; echo set""up')
    terminal.expect("setup\r\n")
    for typed, word in WORDS.items():
        terminal.send(typed + "\t")
        terminal.expect(re.escape(word[len(typed.split()[-1]) :]))
        terminal.send("\x01echo 'it is' \x05\r")  # Home, a command before the line, End, Enter
        terminal.expect(rf"it is {typed.rsplit(' ', 1)[0]} {re.escape(word)} *\r\n")
    terminal.sendline("exit")
    terminal.expect(pexpect.EOF)


def test_fish_offers_the_words(variables):
    asked = "; ".join(f'complete -C "{typed}"' for typed in WORDS)
    done = subprocess.run(
        [installed("fish"), "-c", f"densesharp completion fish | source; {asked}"],
        env=variables, capture_output=True, text=True, check=True,
    )  # fmt: skip
    offered = [line.split("\t")[0].strip() for line in done.stdout.splitlines()]
    assert set(WORDS.values()) <= set(offered)
    assert "report" not in offered
    assert done.stderr == ""


@pytest.mark.parametrize(("typed", "found"), WORDS.items())
def test_powershell_gets_the_words_by_the_file_that_it_names(typed, found, variables, tmp_path):
    """As its lines ask: COMP_LINE and COMP_POINT in, a line for each word out."""
    answer = tmp_path / "answer"
    asked = {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SHELL": "powershell",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "0", "ARGCOMPLETE_USE_TEMPFILES": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": typed, "COMP_POINT": str(len(typed)),
    }  # fmt: skip
    subprocess.run([sys.executable, "-m", "densesharp"], env=variables | asked, check=False)
    assert found in [word.strip() for word in answer.read_text().splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_its_lines(shell, capsys):
    assert main(["completion", shell]) == 0
    assert "densesharp" in capsys.readouterr().out
