"""Every tested version has a wheel for the computers that it is promised for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = {
    "Windows x64": "x86_64-pc-windows-msvc",
    "macOS arm64": "aarch64-apple-darwin",
    "macOS x86_64": "x86_64-apple-darwin",
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_39",
}
PYTHONS = ("3.10", "3.11", "3.12", "3.13")

# What no version is built for; run.py and the commands say so (cli/extras.py, `unavailable`).
# Slicer's views: Windows x64, macOS arm64 and Linux x86_64 only.
VIEWER = {"slicer-core", "slicer-layer-dm"}
TORCH = {"torch"}  # ended for Intel Macs with 2.2.2, which needs NumPy 1
WITHOUT = {
    "macOS x86_64": VIEWER | TORCH,
    "Linux aarch64": VIEWER,
}

NETWORK = re.compile(r"dns error|error sending request|Failed to fetch|timed out|Connect", re.I)


def uv() -> str:
    beside = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    return found or pytest.skip("uv is not installed (extra 'test')")


def without_wheel(platform: str, python: str, pins: list[str]) -> set[str]:
    """The packages among the pins that have no wheel there, asked from the index by uv."""
    lacking: set[str] = set()
    while True:
        command = [uv(), "pip", "compile", "-", "--no-deps", "--only-binary", ":all:", "--quiet",
                   "--native-tls", "--python-platform", platform,
                   "--python-version", python]  # fmt: skip
        asked = subprocess.run(
            command, input="\n".join(pins), capture_output=True, text=True, check=False,
            env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"},
        )  # fmt: skip
        if asked.returncode == 0:
            return lacking
        found = re.search(r"Because ([\w.-]+)(?:\{.*?\})?==\S+ has no", asked.stderr)
        if found is None:
            if NETWORK.search(asked.stderr):
                pytest.skip("the package index cannot be reached")
            pytest.fail(asked.stderr)
        lacking.add(found[1])
        pins = [pin for pin in pins if pin.partition("==")[0] != found[1]]


@pytest.mark.full
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_pin_has_a_wheel(platform, python):
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert without_wheel(PLATFORMS[platform], python, pins) == WITHOUT.get(platform, set())
