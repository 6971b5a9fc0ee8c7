"""The documentation keeps its word: links lead somewhere, commands exist, examples run."""

import contextlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, all_pages, blocks, commands, name_of

from densesharp import __version__
from densesharp.cli import build_parser, join_negative_values
from densesharp.cli.extras import EXTRAS, NEEDS

PAGES = all_pages()
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
NOT_OURS = ("COMMAND", "test", "install", "check", "docs", "--help", "--version")
PREFIXES = ("densesharp ", "python run.py ", "python -m densesharp ")


def command_lines(page: Path) -> list[list[str]]:
    """The arguments of our commands in a page's blocks and between its words."""
    typed = [command.typed for block in blocks(page) for command in commands(block)]
    typed += re.findall(r"(?<!`)`((?:densesharp|python run\.py) [^`]+)`", page.read_text("utf-8"))
    found = []
    for line in typed:
        words = re.sub(r"\s#.*$|\[[^]]*\]| \.\.\.$", "", line.strip().replace("\n", " "))
        words = re.sub(r"\$\w+", "0", words)  # a loop's variable
        for start in (one for one in PREFIXES if words.startswith(one)):
            found.append(shlex.split(re.split(r" [|>&] ?", words)[0])[start.count(" ") :])
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_to_one(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith(("#", "mailto:")):
            path = (page.parent / target.split("#")[0]).resolve()
            assert path.exists(), f"{name_of(page)} links to {target}, which is not there"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_line_that_is_shown_is_understood(page, capsys):
    for words in command_lines(page):
        if words[0] in ("COMMAND", "test", "install", "check", "docs") or words in (
            ["--help"],
            ["--version"],
        ):
            continue
        with contextlib.suppress(SystemExit):
            build_parser(words).parse_args(join_negative_values(words))
        said = capsys.readouterr().err
        # Between words a command may be named without what it works on.
        said = re.sub(r"densesharp: .*(are required: |expected one argument).*\n", "", said)
        assert said == "", f"{name_of(page)}: densesharp {' '.join(words)}\n{said}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_python_example_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, name_of(page), "exec"), scope)


def test_the_pages_are_listed_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        if page.name != "README.md":
            assert page.relative_to(ROOT / "docs").as_posix() in index, (
                f"{name_of(page)} is not listed"
            )


def test_every_picture_in_the_docs_is_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.name in text, f"{picture.name} is shown nowhere"


def test_the_page_on_installing_lists_every_extra_as_the_program_does():
    text = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (\d+) MB \|$", text, re.MULTILINE)
    assert [(name, what, int(size)) for name, what, _, size in rows] == [
        (name, extra.what, extra.megabytes) for name, extra in EXTRAS.items()
    ]
    for name, _, used_by, _ in rows:
        for command in (one for one, needs in NEEDS.items() if name in needs):
            assert f"`{command}`" in used_by, f"{command} is not in the row of {name}"


def test_no_page_promises_an_index_that_the_package_is_not_on():
    for page in [*PAGES, *ROOT.rglob("docs/**/*.ipynb")]:
        assert not re.search(r"pip install [^\n]*\bdensesharp\[", page.read_text(encoding="utf-8"))


def test_the_site_is_built_without_a_dead_link(tmp_path):
    pytest.importorskip("mkdocs", reason="the extra 'docs' is not installed")
    pytest.importorskip("material", reason="the extra 'docs' is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-2000:]
    assert (tmp_path / "index.html").exists()
    assert (tmp_path / "search" / "search_index.json").exists()
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "fonts.googleapis" not in text  # nothing is fetched when the site is read


def test_every_page_is_in_the_sites_navigation():
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        short = page.relative_to(ROOT / "docs").as_posix()
        assert short in listed or short.startswith("reference/slicer-panel/"), (
            f"{short}: not in nav"
        )


def test_the_version_is_the_same_everywhere():
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"version: {__version__}" in cited
    assert f'version = "{__version__}"' in project


def test_the_forge_runs_the_readmes_two_commands_on_three_systems():
    flow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    for text in ("python run.py demo", "python run.py test", "ubuntu-", "windows-", "macos-",
                 '"3.10", "3.11", "3.12", "3.13"'):  # fmt: skip
        assert text in flow
