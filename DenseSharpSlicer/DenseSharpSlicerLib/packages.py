"""What has to be installed before a click can be answered, and the way to install it.

A computer without a GPU needs OpenVINO and never torch. torch comes through the PyTorch extension
only. numpy, SimpleITK, vtk and pydicom are Slicer's own: pip is told to keep their versions.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import queue
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

KEPT = ("numpy", "SimpleITK", "vtk", "pydicom", "scipy", "torch")
"""Never replaced by an installation of ours."""

REPORT = ("matplotlib>=3.9", "jinja2>=3.1", "reportlab>=4.2")
"""What pictures and report need besides; the versions of pyproject.toml."""

DICOM = ("highdicom>=0.27", "pydicom>=3.0.1")
"""What DICOM objects need besides."""

ALONE = ("openvino==2025.4.1",)
"""Installed without what it asks for: it wants an older numpy than Slicer 5.12 has, and runs with
that one."""

OPENVINO_MB = {"win32": (85, 256), "darwin": (38, 154)}
"""OpenVINO's download and size on disk where it is not as on Linux."""

DOWNLOAD_MB = {
    "openvino": 60, "safetensors": 1, "matplotlib": 25, "reportlab": 3, "highdicom": 12,
    "sqlalchemy": 6,
}  # fmt: skip
"""What pip downloads with all that each needs, for the question before an installation."""

DISK_MB = {
    "openvino": 190, "safetensors": 2, "matplotlib": 100, "reportlab": 12, "highdicom": 60,
    "sqlalchemy": 32,
}  # fmt: skip
"""What it takes in Slicer's Python."""

LOG_LINES = 15
"""How much of pip's output is shown when it fails."""


def requirements(path: Path) -> list[str]:
    """Lines of a requirements file that apply to this computer, without comments."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-")) and _applies(line)]


def _applies(requirement: str) -> bool:
    from packaging.requirements import Requirement

    marker = Requirement(requirement).marker
    return marker is None or marker.evaluate()


def missing(wanted: list[str], with_server: bool = False) -> list[str]:
    """The requirements that are not met; a server needs none of these, torch no OpenVINO."""
    check = _checker()
    spared = {"openvino", "safetensors"} if with_server else set()
    if torch_installed():
        spared.add("openvino")
    return [entry for entry in wanted if name_of(entry) not in spared and not check(entry)]


def name_of(requirement: str) -> str:
    """The package's name in a requirement such as `openvino>=2026.0; marker`."""
    for index, sign in enumerate(requirement):
        if not (sign.isalnum() or sign in "-_."):
            return requirement[:index]
    return requirement


def torch_installed() -> bool:
    """Whether torch is there (looked up, not imported)."""
    return _is_met("torch")


def question(absent: list[str]) -> str:
    """What will be installed and how big it is."""
    names = [name_of(requirement) for requirement in absent]
    download, disk = sizes(names)
    return _(
        "DenseSharp needs {names}.\n\nAbout {download} MB are downloaded from the Python Package "
        "Index and {disk} MB are kept in Slicer's Python. numpy, SimpleITK and vtk stay as they "
        "are. Install now?"
    ).format(names=", ".join(names), download=download, disk=disk)


def sizes(names: list[str], system: str = sys.platform) -> tuple[int, int]:
    """MB that pip downloads for packages, and MB that they take."""
    engine = OPENVINO_MB.get(system, (DOWNLOAD_MB["openvino"], DISK_MB["openvino"]))
    download = {**DOWNLOAD_MB, "openvino": engine[0]}
    disk = {**DISK_MB, "openvino": engine[1]}
    return sum(download.get(name, 1) for name in names), sum(disk.get(name, 2) for name in names)


def why_no_dicom() -> str:
    """Why DICOM objects cannot be written in this Slicer; empty when they can."""
    try:
        version = metadata.version("pydicom")
    except metadata.PackageNotFoundError:  # it is installed with the others
        return ""
    if int(version.partition(".")[0]) >= 3:
        return ""
    return _(
        "DICOM objects need pydicom 3, and this Slicer has {version}, which stays: use Slicer 5.12 "
        "or later."
    ).format(version=version)


class Installer:
    """Runs pip beside the application and tells what it says.

    Args:
        log: given each line of pip's output.
        done: given True when everything was installed.
    """

    def __init__(self, log: Callable[[str], None], done: Callable[[bool], None]) -> None:
        self._log = log
        self._done = done
        self._lines: list[str] = []
        self._constraints: Path | None = None
        self._process: object = None
        self.running = False

    @property
    def last_lines(self) -> str:
        """The end of pip's output."""
        return "\n".join(self._lines[-LOG_LINES:])

    def start(self, wanted: list[str], wheels: Path | None = None) -> None:
        """Install, from the internet or from a folder of wheels only.

        Raises:
            RuntimeError: Slicer's pip cannot be started.
        """
        self._lines = []
        self._constraints = _write_constraints()
        arguments = ["--only-binary", ":all:"]
        if wheels is not None:
            arguments = ["--no-index", "--find-links", str(wheels), *arguments]
        self.running = True
        try:
            self._process = _pip_install(
                arguments, wanted, self._constraints, self._on_line, self._on_end
            )
        except Exception:
            self._on_end(1)
            raise
        if self.running and self._process is None and slicer.app.testingEnabled():
            self._on_end(0)  # Slicer's pip has waited and calls nobody back while it is tested

    def _on_line(self, line: str) -> None:
        self._lines.append(line.rstrip())
        self._log(line.rstrip())

    def _on_end(self, code: int) -> None:
        if not self.running:
            return
        self.running = False
        if self._constraints is not None:
            self._constraints.unlink(missing_ok=True)
        importlib.invalidate_caches()
        self._done(code == 0)


def _checker() -> Callable[[str], bool]:
    """Slicer 5.12's check; for 5.10 the same question to the package metadata."""
    packaging = _slicer_packaging()
    return packaging.pip_check if packaging is not None else _is_met


def _slicer_packaging() -> Any:
    if importlib.util.find_spec("slicer.packaging") is None:
        return None
    return importlib.import_module("slicer.packaging")


def _is_met(requirement: str) -> bool:
    from packaging.requirements import Requirement

    if not _applies(requirement):
        return True
    wanted = Requirement(requirement)
    try:
        return metadata.version(wanted.name) in wanted.specifier
    except metadata.PackageNotFoundError:
        return False


def _write_constraints() -> Path:
    """A constraints file with the versions that must stay; pip fails rather than change them."""
    handle, name = tempfile.mkstemp(suffix=".txt", dir=slicer.app.temporaryPath)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        for package in KEPT:
            try:
                stream.write(f"{package}=={metadata.version(package)}\n")
            except metadata.PackageNotFoundError:  # Slicer 5.10 builds some without metadata
                continue
    return Path(name)


def _pip_install(
    options: list[str],
    wanted: list[str],
    constraints: Path,
    log: Callable[[str], None],
    done: Callable[[int], None],
) -> object:
    """Start pip; what is returned must be kept until it has ended."""
    packaging = _slicer_packaging()
    if packaging is None:
        return _PipProcess([*options, *wanted, "-c", str(constraints)], log, done)
    alone = [entry for entry in wanted if entry.partition(";")[0].strip() in ALONE]
    rest = [entry for entry in wanted if entry not in alone]
    alone = [entry for entry in alone if not packaging.pip_check(entry)]
    packaging.pip_install(
        [*options, *(rest or ["safetensors"])],
        constraints=constraints,
        no_deps_requirements=[*options, *alone] if alone else None,
        blocking=False,
        show_progress=False,
        requester="DenseSharp",
        logCallback=log,
        completedCallback=done,
    )
    return None


class _PipProcess:
    """pip as a process of its own, for Slicer 5.10, which can only wait for it."""

    def __init__(
        self, arguments: list[str], log: Callable[[str], None], done: Callable[[int], None]
    ) -> None:
        python = shutil.which("PythonSlicer")
        if python is None:
            raise RuntimeError("PythonSlicer, Slicer's own Python, was not found.")
        self._log, self._done = log, done
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._process = slicer.util.launchConsoleProcess(
            [python, "-m", "pip", "install", *arguments], useStartupEnvironment=False
        )
        threading.Thread(target=self._read, daemon=True).start()
        self._timer = qt.QTimer()
        self._timer.setInterval(100)
        self._timer.connect("timeout()", self._poll)
        self._timer.start()

    def _read(self) -> None:
        try:
            while True:
                try:
                    line = self._process.stdout.readline()
                except UnicodeDecodeError:  # pip may speak the system's language
                    continue
                if not line:
                    return
                self._lines.put(line)
        finally:
            self._lines.put(None)

    def _poll(self) -> None:
        time.sleep(0.01)  # lets the reading thread run, see YIELD_SECONDS of pace
        while not self._lines.empty():
            line = self._lines.get()
            if line is None:
                self._timer.stop()
                self._done(self._process.wait())
                return
            self._log(line)
