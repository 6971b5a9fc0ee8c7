"""The walk through a running Slicer, on the stand-in with the threshold engine."""

import runpy
from typing import Any

import pytest
from panel_driver import ROOT, Panel

pytestmark = pytest.mark.panel

SCRIPT = ROOT / "Testing" / "in_slicer" / "walk_in_slicer.py"


def test_the_walk_passes_every_step(panel: Panel, capsys: pytest.CaptureFixture[str]) -> None:
    script = runpy.run_path(str(SCRIPT))
    assert script["walk"](panel.widget), capsys.readouterr().out
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[1] for line in lines if line.startswith("PASS")]
    assert names == [
        "load", "click", "result", "correct", "undo", "add_by_click", "accept", "save_and_open",
        "report",
    ]  # fmt: skip


def test_the_measuring_script_measures(panel: Panel) -> None:
    """Its figures are those of desktop Slicer; here only that they are taken."""
    script = runpy.run_path(str(ROOT / "Testing" / "in_slicer" / "measure_in_slicer.py"))
    script["measure"].__globals__["SCROLL_SECONDS"] = 0.3
    figures = script["measure"](panel.widget, clicks=1)
    assert figures["first_outline_ms"] > figures["passes"] * figures["pass_ms"] > 0
    middle, late, latest = figures["held_up_ms_p50_p99_max"]
    assert 0 <= middle <= late <= latest
    assert panel.session.idle
    assert panel.session.nodules == ()


def test_the_walk_fails_where_a_step_does(
    panel: Panel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(SCRIPT))
    steps: Any = script["Walk"]
    monkeypatch.setattr(steps, "click", lambda self: self.need(False, "nothing there"))
    assert not script["walk"](panel.widget)
    assert "FAIL" in capsys.readouterr().out
