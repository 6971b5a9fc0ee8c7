"""The walk through a running Slicer, on the stand-in with the threshold engine."""

from __future__ import annotations

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
        "load", "click", "result", "correct", "undo", "accept", "save_and_open", "report",
    ]  # fmt: skip


def test_the_walk_fails_where_a_step_does(
    panel: Panel, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = runpy.run_path(str(SCRIPT))
    steps: Any = script["Walk"]
    monkeypatch.setattr(steps, "click", lambda self: self.need(False, "nothing there"))
    assert not script["walk"](panel.widget)
    assert "FAIL" in capsys.readouterr().out
