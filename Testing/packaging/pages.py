"""What the pages of the documentation show to be typed, and a shell that types it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"sh", "console", "csv", "python", "pycon", "sql", "text"}
SERVES = re.compile(r"(densesharp|run\.py) (demo$|demo +#|view|serve|study read)")
"""Commands that go on until Ctrl+C."""


class Block(NamedTuple):
    """A block of a page: its language, its text without indentation, the heading above it."""

    language: str
    text: str
    heading: str


class Command(NamedTuple):
    """A command as typed, and the lines that the page shows after it."""

    typed: str
    shown: list[str]


def all_pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, those in lists too."""
    heading, fence, lines = "", None, []
    for line in page.read_text(encoding="utf-8").splitlines():
        found = re.match(r"( *)```(\w*)$", line)
        if fence is None and found:
            fence, lines = found, []
        elif fence is not None and found:
            yield Block(fence[2], "\n".join(lines) + "\n", heading)
            fence = None
        elif fence is not None:
            lines.append(line.removeprefix(fence[1]))
        elif line.startswith("## "):
            heading = line[3:]


def commands(block: Block) -> list[Command]:
    """The commands of a block, continued lines joined."""
    if block.language not in ("sh", "console"):
        return []
    found: list[Command] = []
    for line in re.sub(r"\\\n *", "", block.text).splitlines():
        if block.language == "sh" and line.strip():
            found.append(Command(line, []))
        elif line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif line.strip() and found:
            found[-1].shown.append(line.strip())
    return found


def tables(page: Path) -> list[str]:
    """The texts of the page's CSV blocks."""
    return [block.text for block in blocks(page) if block.language == "csv"]


class Shell:
    """A terminal in a folder, with a given environment's programs first on its path."""

    def __init__(self, folder: Path, programs: Path, home: Path) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_"))}
        self.variables: Mapping[str, str] = {
            **kept,
            "PATH": os.pathsep.join([str(programs), kept["PATH"]]),
            "HOME": str(home), "XDG_CONFIG_HOME": str(home), "BROWSER": "true",
            "DENSESHARP_SERVER_KEY": "a-long-secret-of-this-test",
        }  # fmt: skip

    def type(self, command: Command) -> None:
        """Run a command as it is written; a server is stopped with Ctrl+C when it has begun."""
        run = self._serve if SERVES.search(command.typed) else self._wait
        status, said = run(command.typed)
        assert status == 0, f"{command.typed}\nstatus {status}\n{said[-3000:]}"
        assert "Traceback" not in said, f"{command.typed}\n{said[-3000:]}"
        assert said.strip(), f"{command.typed} says nothing"
        for line in command.shown:
            assert re.search(_pattern(line), said), (
                f"{command.typed}\nthe page shows: {line}\nbut it says:\n{said[-3000:]}"
            )

    def _wait(self, typed: str) -> tuple[int, str]:
        result = subprocess.run(
            ["bash", "-c", typed], cwd=self.folder, env=self.variables,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return result.returncode, "silent by nature" if typed.startswith("eval ") else result.stdout

    def _serve(self, typed: str) -> tuple[int, str]:
        log = self.folder.parent / "served.log"
        with log.open("w", encoding="utf-8") as file:
            running = subprocess.Popen(
                ["bash", "-c", f"exec {typed}" if "=" not in typed.split()[0] else typed],
                cwd=self.folder, env=self.variables, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip
        try:
            for _ in range(3000):
                if "http://" in log.read_text(encoding="utf-8") or running.poll() is not None:
                    break
                time.sleep(0.1)
            assert running.poll() is None, f"{typed}\n{log.read_text(encoding='utf-8')[-3000:]}"
            os.killpg(running.pid, signal.SIGINT)
            status = running.wait(60)
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
        return (0 if status == 130 else status), log.read_text(encoding="utf-8")


def _pattern(line: str) -> str:
    """A line of a page as a pattern: any numbers, and anything for `...`."""
    parts = re.split(r"([0-9a-f]*\.\.\.|\d+)", line)
    return "".join(
        r".*" if part.endswith("...") else r"\d+" if part.isdigit() else re.escape(part)
        for part in parts
    ).replace(r"\ ", r"\s+")


def own_programs() -> Path:
    """The folder with this environment's `python` and `densesharp`."""
    return Path(sys.executable).parent
