"""What belongs to the user and this computer, kept in Slicer's settings; never in the scene."""

from __future__ import annotations

import qt
import slicer

PREFIX = "DenseSharp"
DEVICES = ("auto", "cpu", "cuda", "mps")


def read(name: str, default: str = "") -> str:
    """A stored text, or the default."""
    return str(slicer.util.settingsValue(f"{PREFIX}/{name}", default))


def write(name: str, value: str) -> None:
    """Keep a text."""
    qt.QSettings().setValue(f"{PREFIX}/{name}", value)


def device() -> str:
    """Where the model shall run; what is stored wrongly counts as automatic."""
    stored = read("Device", "auto")
    return stored if stored in DEVICES else "auto"
