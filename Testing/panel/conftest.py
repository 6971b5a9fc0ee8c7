"""The panel in a real Qt on a real MRML scene: fixtures."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from panel_driver import BALLS, ROOT, Panel, ThresholdBackend, add_ct

import slicer_standin


@pytest.fixture(scope="session")
def running_slicer() -> Any:
    """The stand-in of Slicer, once for all tests: Qt allows one application in a process."""
    reason = slicer_standin.missing()
    if reason:
        pytest.skip(reason)
    return slicer_standin.install()


@pytest.fixture
def slicer(running_slicer: Any) -> Iterator[Any]:
    """Slicer with an empty scene; an exception in any slot fails the test."""
    running_slicer.mrmlScene.Clear(0)
    failures: list[BaseException] = []
    plain = sys.excepthook
    sys.excepthook = lambda *details: failures.append(details[1])
    yield running_slicer
    running_slicer.app.processEvents()
    running_slicer.mrmlScene.Clear(0)
    sys.excepthook = plain
    if failures:
        raise failures[0]


@pytest.fixture
def qt(slicer: Any) -> Any:
    return sys.modules["qt"]


@pytest.fixture
def packages(slicer: Any) -> Any:
    from DenseSharpSlicerLib import packages

    return packages


@pytest.fixture
def preferences(slicer: Any) -> Any:
    from DenseSharpSlicerLib import preferences

    return preferences


@pytest.fixture
def module(slicer: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, loaded from its file as Slicer does, with the threshold engine."""
    from slicer_standin.application import load_module

    module = load_module(ROOT / "DenseSharpSlicer" / "DenseSharpSlicer.py")
    logic = sys.modules["DenseSharpSlicer"].DenseSharpSlicerLogic
    monkeypatch.setattr(logic, "backend", lambda _self: ThresholdBackend())
    return module


@pytest.fixture
def panel(slicer: Any, module: Any) -> Iterator[Panel]:
    """The panel, opened, in an empty scene."""
    panel = Panel(slicer, module)
    panel.host.enter()
    panel.ui.augmentationsSpinBox.value = 2  # enough for a spread, and quick
    panel.ui.stabilityCheckBox.checked = False
    panel.wait()
    yield panel
    panel.host.exit()
    panel.widget.cleanup()
    panel.host.deleteLater()


@pytest.fixture
def ct(slicer: Any) -> Any:
    """A CT with two balls of 5 and 7 mm radius, as a volume node."""
    return add_ct(slicer, "CT")


@pytest.fixture
def library() -> Iterator[None]:
    """Reload imports the library anew; the other tests go on with the one they hold."""
    names = {"DenseSharpSlicerLib", "densesharp_scene"}
    held = {key: code for key, code in sys.modules.items() if key.split(".")[0] in names}
    yield
    for key in [key for key in sys.modules if key.split(".")[0] in names]:
        del sys.modules[key]
    sys.modules.update(held)


@pytest.fixture
def marked(panel: Panel, ct: Any) -> Panel:
    """A panel in which the first nodule was marked and answered."""
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.click_in_view(BALLS[0])
    panel.wait()
    return panel
