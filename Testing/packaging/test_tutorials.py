"""Every command of every page is typed as it stands there, from an empty folder.

With `--full` in a fresh copy of the project whose environment `run.py` has made; else the quick
pages only, with the environment that runs the tests.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import page_files as files
import pytest
from pages import LANGUAGES, ROOT, Shell, all_pages, blocks, commands, name_of, own_programs


def nothing(folder: Path) -> None:
    """A page that needs no files."""


class Page(NamedTuple):
    """How a page is run.

    Attributes:
        prepare: puts what the reader has into the folder.
        before: what is done, by hand in life, before commands with this beginning.
        made: what the folder holds at the end.
        quick: so quick that it runs every time.
    """

    prepare: Callable[[Path], None] = nothing
    before: dict[str, Callable[[Path], None]] = {}  # noqa: RUF012
    made: tuple[str, ...] = ()
    quick: bool = False


WHOLE_WAY = "The whole way on simulated nodules"
PAGES = {
    "README.md": Page(files.readme),
    "CONTRIBUTING.md": Page(),
    "docs/tutorial/viewer.md": Page(files.viewer),
    "docs/tutorial/reader-study.md": Page(
        files.reader_study,
        {"densesharp study verify": files.read_the_study},
        ("lung-study/design.json", "heads.json", "results-of-readers/report.html"),
    ),
    "docs/tutorial/the-papers-own-study.md": Page(quick=True),
    "docs/how-to/analyse-a-study.md": Page(files.analysis),
    "docs/how-to/cohort.md": Page(files.cohort),
    "docs/how-to/dicom.md": Page(files.dicom),
    "docs/how-to/import-keras-weights.md": Page(files.keras_weights),
    "docs/how-to/install.md": Page(),
    "docs/how-to/measure-agreement.md": Page(files.agreement, quick=True),
    "docs/how-to/public-data-sets.md": Page(files.public_sets),
    "docs/how-to/release.md": Page(),
    "docs/how-to/report-and-follow-up.md": Page(files.report),
    "docs/how-to/server.md": Page(),
    "docs/how-to/train-on-your-own-nodules.md": Page(
        files.training,
        {"densesharp dataset scenes": files.scenes, "densesharp combine": files.grown_sets},
    ),
    "docs/how-to/train-on-your-own-nodules.md#" + WHOLE_WAY: Page(
        made=(
            "quick.safetensors",
            "evaluation/evaluation.md",
            "curves/curves.png",
            "pictures/sim0-00000_mesh.html",
        )
    ),
    "docs/reference/command-line.md": Page(files.readme),
}

HOURS = "makes the bundled model and judges it: days of work"
NOT_RUN = {
    r"run\.py test|-m pytest": "is these tests",
    r"^uv pip compile": "would change the tested versions",
    r"^Slicer ": "needs 3D Slicer",
    r"^python Testing/panel/": "draws the pictures of the pages",
    r"^python Testing/benchmarks/bench.py": "needs the original Keras code",
    r"^python Testing/benchmarks/(evaluation_pages|lidc_sets).py": "needs LIDC-IDRI's files",
    r"pip download": "downloads everything that the fresh environment has downloaded already",
    r"^PIP_NO_INDEX=1": "needs what `pip download` would bring",
    r"scene\.mrb$": "opens what was saved by hand in the page; Testing/viewer does both",
    r"--dask tcp://scheduler": "needs a Dask scheduler; Testing/serve starts one",
    r"postgresql://": "needs a database server; test_conduct_postgresql starts one",
    r"study merge lung-study room1": "needs two workstations; test_conduct_commands merges",
    r"lung-export": "is run on the tutorial's study",
    r"train my-set --out (run\d|watched|edge)": "1,200 steps and more; the whole way runs four",
    r"simulate --out my-set --count 200": "needs minutes; Testing/simulate makes fewer of them",
}
"""The beginnings, or other parts, of commands that are not run here, and why."""

PAGES_NOT_RUN = {"docs/reference/evaluation.md": HOURS, "docs/reference/training.md": HOURS}


def typed_on(page: str):
    """The commands of a page, or of one heading of it, that are run."""
    path, _, heading = page.partition("#")
    found = [
        command
        for block in blocks(ROOT / path)
        if heading in ("", block.heading) and (heading or f"{path}#{block.heading}" not in PAGES)
        for command in commands(block)
    ]
    return [one for one in found if not any(re.search(why, one.typed) for why in NOT_RUN)]


@pytest.mark.parametrize("page", all_pages(), ids=name_of)
def test_every_block_says_what_it_is_and_every_command_is_run_or_says_why_not(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"say the language: {block.text}"
        if name_of(page) not in {**PAGES, **PAGES_NOT_RUN}:
            for command in commands(block):
                assert any(re.search(why, command.typed) for why in NOT_RUN), (
                    f"'{command.typed}' is not run: add the page to PAGES, or a reason to NOT_RUN"
                )


def test_no_reason_outlives_its_command():
    typed = [c.typed for page in all_pages() for block in blocks(page) for c in commands(block)]
    for why in NOT_RUN:
        assert any(re.search(why, each) for each in typed), f"no command is like '{why}'"


def fresh_copy(folder: Path) -> Path:
    """The project as git has it, set up with all extras by its own `run.py`."""
    copy = folder / "DenseSharp"
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    made = subprocess.run(
        [sys.executable, "run.py", "install", "all"],
        cwd=copy, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode == 2 and "No matching distribution" in made.stderr + made.stdout:
        pytest.skip("the package index cannot be reached")
    assert made.returncode == 0, made.stderr[-3000:]
    return copy


@pytest.fixture(scope="session")
def project(full, tmp_path_factory) -> Path:
    """The folder of the project as a stranger has it; with `--full` a fresh one."""
    return fresh_copy(tmp_path_factory.mktemp("stranger")) if full else ROOT


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(name, marks=() if page.quick else pytest.mark.full, id=name.replace(" ", "-"))
        for name, page in PAGES.items()
    ],
)
def test_every_command_of_the_page_runs_as_it_is_written(page, project, full, tmp_path):
    if shutil.which("bash") is None:
        pytest.skip("the pages are typed into bash")
    prepare, before, made, _ = PAGES[page]
    typed = typed_on(page)
    in_project = any("run.py" in command.typed or " ." in command.typed for command in typed)
    folder = project if in_project else tmp_path / "empty folder"
    folder.mkdir(exist_ok=True)
    home = tmp_path / "home"
    home.mkdir()
    prepare(folder)
    programs = project / ".venv" / own_programs().name if full else own_programs()
    shell = Shell(folder, programs, home)
    for command in typed:
        for beginning in [b for b in before if command.typed.startswith(b)]:
            before[beginning](folder)
        shell.type(command)
    assert [name for name in made if not (folder / name).exists()] == []
