"""Make one file that installs DenseSharp in 3D Slicer, without the Extensions Manager.

    python make_slicer_package.py            writes dist/DenseSharp-VERSION-for-Slicer.zip
    python make_slicer_package.py FOLDER     writes it there

It needs Python alone. What goes in is what the extension's CMake lists name, nothing else.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PARTS = ("DenseSharpCore", "DenseSharpScene", "DenseSharpSlicer")
TOP = "DenseSharp"
DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in the archive, so that the same sources make the same bytes."""

READ_ME = """DenseSharp for 3D Slicer {version}. Research use, not for diagnosis.

1. Unpack this archive where it may stay.
2. In 3D Slicer: Edit, Application Settings, Modules, Additional module paths, Add: choose this
   folder (the one with DenseSharpSlicer.py). OK, and restart Slicer.
3. Open the module DenseSharp (category Segmentation) and press Sample CT.

To remove it, take the folder out of that list and delete it.
"""


def listed(part: str) -> list[str]:
    """The files that a part's CMakeLists.txt names."""
    text = (ROOT / part / "CMakeLists.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"set\(MODULE_PYTHON_(?:SCRIPTS|RESOURCES)\n(.*?)\n?\s*\)", text, re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def version() -> str:
    """The project's version."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        message = "pyproject.toml names no version"
        raise SystemExit(message)
    return found.group(1)


def make(folder: Path) -> Path:
    """Write the archive into a folder; returns where it lies."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"DenseSharp-{version()}-for-Slicer.zip"
    files = {f"{TOP}/{name}": ROOT / part / name for part in PARTS for name in listed(part)}
    files[f"{TOP}/LICENSE"] = ROOT / "LICENSE"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, f"{TOP}/README.txt", READ_ME.format(version=version()).encode())
        for name, source in sorted(files.items()):
            _add(archive, name, source.read_bytes())
    return target


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


if __name__ == "__main__":
    made = make(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist")
    sys.stdout.write(f"{made} ({made.stat().st_size / 1e6:.1f} MB)\n")
