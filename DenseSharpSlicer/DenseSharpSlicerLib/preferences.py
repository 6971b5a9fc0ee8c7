"""What belongs to the user and this computer, kept in Slicer's settings; never in the scene."""

from __future__ import annotations

import platform

import qt
import slicer

PREFIX = "DenseSharp"
DEVICES = ("auto", "cpu", "cuda", "mps")


def devices() -> tuple[str, ...]:
    """The devices that this computer may have: torch computes on Apple's chips alone, natively."""
    apple = (platform.system(), platform.machine()) == ("Darwin", "arm64")
    return tuple(name for name in DEVICES if name != "mps" or apple)


def read(name: str, default: str = "") -> str:
    """A stored text, or the default."""
    return str(slicer.util.settingsValue(f"{PREFIX}/{name}", default))


def write(name: str, value: str) -> None:
    """Keep a text."""
    qt.QSettings().setValue(f"{PREFIX}/{name}", value)


def device() -> str:
    """Where the model shall run; what is stored wrongly counts as automatic."""
    stored = read("Device", "auto")
    return stored if stored in devices() else "auto"
