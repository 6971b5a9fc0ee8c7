"""What belongs to the user and this computer, kept in Slicer's settings; never in the scene."""

from __future__ import annotations

import platform

import qt
import slicer

PREFIX = "DenseSharp"
SECRETS = ("ServerKey",)
DEVICES = ("auto", "cpu", "cuda", "mps")


def devices() -> tuple[str, ...]:
    """The devices that this computer may have: torch computes on Apple's chips alone, natively."""
    apple = (platform.system(), platform.machine()) == ("Darwin", "arm64")
    return tuple(name for name in DEVICES if name != "mps" or apple)


_for_now: dict[str, str] = {}


def read(name: str, default: str = "") -> str:
    """A stored text, or the default."""
    if name in SECRETS:
        return _for_now.get(name, default)
    return str(slicer.util.settingsValue(f"{PREFIX}/{name}", default))


def write(name: str, value: str) -> None:
    """Keep a text; a secret only until Slicer ends, because its settings are plain text."""
    if name in SECRETS:
        _for_now[name] = value
        return
    qt.QSettings().setValue(f"{PREFIX}/{name}", value)


def device() -> str:
    """Where the model shall run; what is stored wrongly counts as automatic."""
    stored = read("Device", "auto")
    return stored if stored in devices() else "auto"
