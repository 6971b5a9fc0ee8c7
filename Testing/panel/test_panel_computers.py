"""Installing on every computer and in every Slicer: engine, size, pip's ways, PyTorch, pydicom."""

import sys
from typing import Any

import pytest
from panel_driver import ROOT, Panel
from test_panel_install import Pip

pytestmark = pytest.mark.panel


def markers(system: str, machine: str) -> dict[str, str]:
    """How the packages' markers see a computer."""
    return {"sys_platform": system, "platform_machine": machine}


@pytest.mark.parametrize(
    ("system", "machine", "engine"),
    [
        ("linux", "x86_64", "openvino>=2026.0"),
        ("win32", "AMD64", "openvino>=2026.0"),
        ("darwin", "arm64", "openvino>=2026.0"),
        ("darwin", "x86_64", "openvino==2025.4.1"),  # Slicer for macOS, also on Apple's chips
    ],
)
def test_every_computer_has_one_engine_that_fits(system: str, machine: str, engine: str) -> None:
    from packaging.requirements import Requirement

    path = ROOT / "DenseSharpSlicer" / "Resources" / "requirements.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if not line.startswith("#")]
    here = [w for w in wanted if w.marker is None or w.marker.evaluate(markers(system, machine))]
    assert [f"{w.name}{w.specifier}" for w in here if w.name == "openvino"] == [engine]


def test_the_engine_for_macos_is_installed_without_what_it_asks_for(
    slicer: Any, packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It wants numpy below 2.4, which Slicer 5.12 has and keeps; it runs with that one."""
    pip, ends = Pip(), []
    monkeypatch.setattr(slicer.packaging, "pip_install", pip)
    entry = 'openvino==2025.4.1; platform_machine != "none"'
    packages.Installer(lambda _line: None, ends.append).start([entry, "safetensors>=0.5"])
    assert pip.calls[0]["no_deps_requirements"] == ["--only-binary", ":all:", entry]
    assert pip.calls[0]["arguments"] == ["--only-binary", ":all:", "safetensors>=0.5"]
    packages.Installer(lambda _line: None, ends.append).start(["openvino>=2026.0"])
    assert pip.calls[1]["no_deps_requirements"] is None
    assert ends == [True, True]


def test_sizes_are_those_of_the_computer(packages: Any) -> None:
    assert packages.sizes(["openvino"], "linux") == (60, 190)
    assert packages.sizes(["openvino"], "win32") == (85, 256)
    assert packages.sizes(["openvino", "safetensors"], "darwin") == (39, 156)


def test_apples_gpu_is_offered_only_where_torch_could_use_it(
    preferences: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for machine, offered in (("arm64", True), ("x86_64", False)):
        monkeypatch.setattr(preferences.platform, "system", lambda: "Darwin")
        monkeypatch.setattr(preferences.platform, "machine", lambda machine=machine: machine)
        assert ("mps" in preferences.devices()) is offered


def test_pip_that_waits_while_slicer_is_tested_has_ended(
    slicer: Any, packages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer's own pip calls nobody back in testing mode."""
    monkeypatch.setattr(slicer.packaging, "pip_install", lambda *_, **__: None)
    ends: list[bool] = []
    installer = packages.Installer(lambda _line: None, ends.append)
    installer.start(["safetensors"])
    assert ends == [True]
    assert not installer.running


def test_an_old_pydicom_is_said_before_anything_is_installed(
    slicer: Any, packages: Any, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer 5.10 has pydicom 2.4.4, which stays; DICOM objects need 3."""
    from DenseSharpSlicerLib.export_section import ExportSection

    assert packages.why_no_dicom() == ""

    def absent(name: str) -> str:
        raise packages.metadata.PackageNotFoundError(name)

    with monkeypatch.context() as without:
        without.setattr(packages.metadata, "version", absent)
        assert packages.why_no_dicom() == ""
    monkeypatch.setattr(packages.metadata, "version", lambda _name: "2.4.4")
    section = ExportSection(panel.ui, panel.session, lambda _absent: None)
    section.refresh()
    assert not panel.ui.dicomButton.enabled
    assert "pydicom 3" in panel.ui.dicomButton.toolTip
    assert "2.4.4" in panel.ui.dicomButton.toolTip


def test_pytorch_comes_through_its_own_extension(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import ModuleType

    monkeypatch.setitem(sys.modules, "PyTorchUtils", None)
    panel.ui.torchButton.click()
    assert "Extensions Manager" in panel.ui.statusLabel.text
    utils: Any = ModuleType("PyTorchUtils")
    asked: list[bool] = []

    class Logic:
        def installTorch(self, askConfirmation: bool = False) -> str:
            asked.append(askConfirmation)
            return "torch"

    utils.PyTorchUtilsLogic = Logic
    monkeypatch.setitem(sys.modules, "PyTorchUtils", utils)
    panel.ui.torchButton.click()
    assert asked == [True]
    assert "Extensions Manager" not in panel.ui.statusLabel.text
    panel.wait()
