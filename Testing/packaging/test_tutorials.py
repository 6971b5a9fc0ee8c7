"""Pages that promise it are run as they are written, from an empty folder."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from densesharp.resources import sample_path

ROOT = Path(__file__).resolve().parents[2]


def lines_under(page: str, heading: str) -> list[list[str]]:
    """The words of every `densesharp` line in the blocks below a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    part = re.split(r"(?m)^## ", text.partition(f"## {heading}\n")[2])[0]
    blocks = re.findall(r"(?ms)^```\w*\n(.*?)^```", part)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line]


@pytest.mark.full
def test_the_whole_way_of_training_runs_as_written(tmp_path):
    lines = lines_under("how-to/train-on-your-own-nodules.md", "The whole way on simulated nodules")
    assert [words[1] for words in lines] == [
        "simulate", "simulate", "train", "combine", "evaluate", "explore", "explore",
    ]  # fmt: skip
    for words in lines:
        assert words[0] == "densesharp"
        result = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{shlex.join(words)}\n{result.stderr[-2000:]}"
        said = result.stderr.strip().splitlines()[-1]
        assert said, f"{shlex.join(words)} says nothing at its end"
    assert (tmp_path / "quick.safetensors").exists()
    assert "Dice" in (tmp_path / "evaluation" / "evaluation.md").read_text()
    assert (tmp_path / "curves" / "curves.png").exists()
    assert (tmp_path / "pictures" / "sim0-00000_mesh.html").exists()


def console_lines(page: str) -> list[str]:
    """What is typed in a page's `console` blocks, continued lines joined."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", text)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.mark.full
def test_the_reader_study_is_frozen_from_its_own_tables(tmp_path):
    """Up to the reading; the repeated cases are fewer, as the page's tables are short."""
    text = (ROOT / "docs" / "tutorial" / "reader-study.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?ms)^```csv\n(.*?)^```", text)
    for name, table in zip(("cases", "readers", "truth"), tables, strict=True):
        (tmp_path / f"{name}.csv").write_text(table)
    (tmp_path / "ct").mkdir()
    for name in "abcd":
        shutil.copy(sample_path(), tmp_path / "ct" / f"{name}.nrrd")
    ran = []
    for line in console_lines("tutorial/reader-study.md"):
        words = shlex.split(line.replace("--repeats 10", "--repeats 1"))
        if words[1:3] == ["study", "read"]:
            break
        result = subprocess.run(
            [sys.executable, "-m", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{line}\n{result.stderr[-2000:]}"
        ran.append(" ".join(words[1:3]))
    assert ran == ["cohort cases.csv", "study new"]
    assert (tmp_path / "lung-study" / "design.json").exists()
