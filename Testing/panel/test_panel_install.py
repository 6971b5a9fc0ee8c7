# ruff: noqa: TID251 - runs Slicer's Qt layers
"""Installing what is missing: asked, shown, retried, offline, and never Slicer's own packages."""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from panel_driver import BALLS, ROOT, Panel, ThresholdBackend

from densesharp_scene.server_backend import ServerBackend

pytestmark = pytest.mark.panel


class Pip:
    """Stands for pip: notes what it was asked and ends as told."""

    def __init__(self, code: int = 0) -> None:
        self.code = code
        self.calls: list[dict[str, Any]] = []

    def __call__(self, requirements: list[str], **options: Any) -> None:
        constraints = Path(options["constraints"]).read_text(encoding="utf-8")
        self.calls.append({**options, "arguments": requirements, "constraints": constraints})
        for number in range(30):
            options["logCallback"](f"line {number}\n")
        options["completedCallback"](self.code)


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch, slicer: Any, packages: Any) -> None:
    """OpenVINO and torch are not there until pip has run."""
    plain = slicer.packaging.pip_check
    monkeypatch.setattr(
        slicer.packaging, "pip_check", lambda wanted: "openvino" not in wanted and plain(wanted)
    )
    monkeypatch.setattr(packages, "torch_installed", lambda: False)


@pytest.fixture
def asked(slicer: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions the reader was asked; each was answered with OK."""
    questions: list[str] = []

    def confirm(text: str) -> bool:
        questions.append(text)
        return True

    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", confirm)
    return questions


def test_the_panel_says_what_is_missing_and_how_big_it_is(
    without_openvino: None, panel: Panel, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", pip)
    assert not panel.ui.installButton.isHidden()
    assert panel.ui.installLabel.text == "To be installed: openvino."
    panel.ui.installButton.click()
    assert "60 MB" in asked[0]
    assert "190 MB" in asked[0]
    assert pip.calls[0]["arguments"][-1].startswith("openvino>=")
    assert pip.calls[0]["blocking"] is False
    assert panel.ui.statusLabel.text.startswith("Installed.")
    panel.wait()


def test_while_pip_runs_the_panel_shows_that_it_goes_on(
    without_openvino: None, panel: Panel, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    callbacks: dict[str, Any] = {}
    packaging = panel.slicer.packaging
    monkeypatch.setattr(type(panel.slicer.app), "testingEnabled", lambda _self: False)
    monkeypatch.setattr(
        packaging, "pip_install", lambda _wanted, **options: callbacks.update(options)
    )
    panel.ui.installButton.click()
    assert not panel.ui.installButton.enabled
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", None)  # must not be called
    monkeypatch.setattr(qt.QFileDialog, "getExistingDirectory", lambda *_: "wheels", raising=False)
    panel.ui.wheelsButton.click()
    assert "installation is running" in panel.ui.statusLabel.text
    assert panel.ui.doctorText.toPlainText() == ""
    callbacks["logCallback"]("Downloading openvino-2026.4.1.whl (59.1 MB)\n")
    assert panel.ui.statusLabel.text == "Installing: Downloading openvino-2026.4.1.whl (59.1 MB)"
    assert not panel.ui.progressBar.isHidden()
    assert panel.ui.progressBar.maximum == 0  # busy: pip tells no share
    assert panel.ui.cancelButton.isHidden()
    callbacks["completedCallback"](0)
    panel.wait()
    assert panel.ui.progressBar.isHidden()
    assert panel.ui.progressBar.maximum == 100


def test_slicers_own_packages_are_pinned(
    without_openvino: None, panel: Panel, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", pip)
    panel.ui.installButton.click()
    lines = pip.calls[0]["constraints"].splitlines()
    assert f"numpy=={np.__version__}" in lines
    assert {line.partition("==")[0] for line in lines} >= {"numpy", "SimpleITK", "vtk", "pydicom"}
    panel.wait()


def test_a_failed_installation_shows_pips_last_lines_and_can_be_tried_again(
    without_openvino: None, panel: Panel, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip(code=1)
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", pip)
    panel.ui.installButton.click()
    assert "failed" in panel.ui.statusLabel.text
    assert panel.ui.doctorText.toPlainText().splitlines() == [f"line {n}" for n in range(15, 30)]
    assert not panel.ui.advancedSection.collapsed
    assert panel.ui.installButton.enabled
    pip.code = 0
    panel.ui.installButton.click()
    assert panel.ui.statusLabel.text.startswith("Installed.")
    panel.wait()


def test_declined_means_nothing_happens(
    without_openvino: None, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", pip)
    monkeypatch.setattr(panel.slicer.util, "confirmOkCancelDisplay", lambda _text: False)
    panel.ui.installButton.click()
    assert pip.calls == []


def test_without_internet_from_a_folder(
    panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qt

    pip = Pip()
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", pip)
    monkeypatch.setattr(
        qt.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path), raising=False
    )
    panel.ui.wheelsButton.click()
    assert pip.calls[0]["arguments"][:3] == ["--no-index", "--find-links", str(tmp_path)]
    panel.wait()


def test_pip_that_cannot_start_is_said(
    without_openvino: None, panel: Panel, asked: list[str]
) -> None:
    """The stand-in's own pip refuses to install."""
    panel.ui.installButton.click()
    assert "failed" in panel.ui.statusLabel.text
    assert "does not install" in panel.ui.doctorText.toPlainText()


@pytest.mark.parametrize(
    ("script", "ended", "said"),
    [('echo "got $*"\nexit 3', False, "got -m pip install --only-binary :all: openvino>=2026.0 -c"),
     ("printf 'one\\n\\351t\\351\\n'\necho two\nexit 0", True, "")],
    ids=["arguments", "a line in another encoding"],
)  # fmt: skip
def test_slicer_5_10_runs_pip_as_a_process_of_its_own(
    slicer: Any, packages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    script: str, ended: bool, said: str,
) -> None:  # fmt: skip
    python = tmp_path / "PythonSlicer"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(packages, "_slicer_packaging", lambda: None)
    ends: list[bool] = []
    installer = packages.Installer(lambda _line: None, ends.append)
    installer.start(["openvino>=2026.0"])
    until = time.monotonic() + 120
    while installer.running and time.monotonic() < until:
        slicer.app.processEvents()
        time.sleep(0.005)
    assert ends == [ended]
    assert said in installer.last_lines


def test_slicer_5_10_without_its_python(packages: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_slicer_packaging", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    ends: list[bool] = []
    with pytest.raises(RuntimeError, match="PythonSlicer"):
        packages.Installer(lambda _line: None, ends.append).start(["openvino"])
    assert ends == [False]


def test_requirements_are_checked_in_5_10_too(
    packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "_slicer_packaging", lambda: None)
    monkeypatch.setattr(packages, "torch_installed", lambda: False)
    wanted = ["numpy>=1.0", "numpy>=99", "openvino>=9999", "x==1; python_version < '3'", "nosuch"]
    assert packages.missing(wanted) == ["numpy>=99", "openvino>=9999", "nosuch"]
    assert packages.missing(wanted, with_server=True) == ["numpy>=99", "nosuch"]


def test_names_in_requirements(packages: Any) -> None:
    for text in ("openvino", "openvino>=2026.0", "openvino; python_version > '3'", "openvino[x]"):
        assert packages.name_of(text) == "openvino"


def test_a_server_needs_no_openvino_and_says_when_it_is_not_there(
    without_openvino: None, panel: Panel, ct: Any, preferences: Any
) -> None:
    import qt

    panel.ui.serverEdit.text = "http://127.0.0.1:9"
    panel.ui.serverKeyEdit.text = "secret"
    panel.ui.serverEdit.editingFinished.emit()
    assert preferences.read("Server") == "http://127.0.0.1:9"
    assert preferences.read("ServerKey") == "secret"
    stored = qt.QSettings()
    assert "secret" not in [str(stored.value(key)) for key in stored.allKeys()]
    assert panel.ui.installButton.isHidden()
    panel.session.use(ServerBackend("http://127.0.0.1:9", ""))
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert "cannot be reached" in panel.ui.statusLabel.text
    panel.ui.serverEdit.text = ""
    panel.ui.serverKeyEdit.text = ""
    panel.ui.serverEdit.editingFinished.emit()
    assert preferences.read("Server") == ""
    panel.wait()


def test_the_server_backend_answers_like_the_local_one(
    panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def remote(address: str, key: str | None) -> Any:
        asked.append((address, key))
        return ThresholdBackend().open(lambda *_: None)

    monkeypatch.setattr("densesharp.serve.client.RemoteEngine", remote)
    panel.session.use(ServerBackend("http://gpu:8000", "secret"))
    panel.ui.inputSelector.setCurrentNode(ct)
    for ball in BALLS:
        panel.click_in_view(ball)
        panel.wait()
    assert asked == [("http://gpu:8000", "secret")]
    assert panel.ui.nodulesTable.rowCount == 2


def test_the_server_can_be_tested(
    panel: Panel, preferences: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.ui.serverTestButton.click()
    assert panel.ui.statusLabel.text == "Enter the address of a server first."
    panel.ui.serverEdit.text = "http://127.0.0.1:9"
    panel.ui.serverTestButton.click()
    panel.wait()
    assert "cannot be reached" in panel.ui.statusLabel.text

    def remote(_address: str, _key: str | None) -> Any:
        return ThresholdBackend().open(lambda *_: None)

    monkeypatch.setattr("densesharp.serve.client.RemoteEngine", remote)
    panel.ui.serverTestButton.click()
    panel.wait()
    expected = "It works: threshold at a known density, for tests, model threshold."
    assert panel.ui.statusLabel.text == expected
    panel.ui.serverEdit.text = ""
    panel.ui.serverEdit.editingFinished.emit()
    panel.wait()


def test_the_logic_takes_the_server_of_the_settings(slicer: Any, preferences: Any) -> None:
    from slicer_standin.application import load_module

    load_module(ROOT / "DenseSharpSlicer" / "DenseSharpSlicer.py")
    preferences.write("Server", "http://gpu:8000")
    backend = sys.modules["DenseSharpSlicer"].DenseSharpSlicerLogic().backend()
    preferences.write("Server", "")
    assert type(backend).__name__ == "ServerBackend"


def test_what_a_report_needs_is_asked_for(
    panel: Panel, ct: Any, asked: list[str], packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = Pip()
    monkeypatch.setattr(panel.slicer.packaging, "pip_install", pip)
    monkeypatch.setattr(packages, "REPORT", ("matplotlib>=99999",))
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    panel.ui.reportButton.click()
    assert "matplotlib" in asked[0]
    assert pip.calls[0]["arguments"][-1] == "matplotlib>=99999"
    panel.wait()
