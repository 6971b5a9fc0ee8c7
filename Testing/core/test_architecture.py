"""The rules of the architecture: imports run one way, and `import densesharp` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "DenseSharpCore" / "densesharp"
SCENE = ROOT / "DenseSharpScene" / "densesharp_scene"

# From left to right: a module may import from its own row and from rows above it.
ROWS = [
    {"errors", "progress"},
    {"files", "memory", "parallel", "resources"},
    {"image"},
    {"io"},
    {"model"},
    {"nodule"},
    {"report"},
    {"dicom"},
    {"stats"},
    {"simulate", "train", "study", "serve", "explore"},
    {"cli"},
]
HEAVY = ("torch", "vtk", "vtkmodules", "slicer", "highdicom", "pydicom", "lightning", "monai",
         "openvino", "matplotlib", "pandas", "scipy", "plotly")  # fmt: skip
DESKTOP_ONLY = ("slicer.app", "slicer.modules", "slicer.util.load", "slicer.util.save")
NO_SLICER = {"slicer", "qt", "ctk", "DenseSharpSlicerLib", "densesharp_scene", "densesharp_viewer"}


def imported(path: Path) -> set[str]:
    """Full names of everything a file imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def row_of(part: str) -> int | None:
    return next((number for number, row in enumerate(ROWS) if part in row), None)


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


@pytest.mark.parametrize("path", core_files(), ids=lambda p: p.relative_to(CORE).as_posix())
def test_imports_run_from_right_to_left_only(path):
    parts = path.relative_to(CORE).parts
    own = parts[0].removesuffix(".py")
    if own in ("__init__", "__main__"):
        return
    row = row_of(own)
    assert row is not None, f"{own} has no place in the picture: give it a row"
    for name in imported(path):
        if name.startswith("densesharp."):
            part = name.split(".")[1]
            if part == "__version__":
                continue
            target = row_of(part)
            assert target is not None, f"{path.name} imports the unplaced {name}"
            assert target <= row, f"{path.name} ({own}) must not import {name}: it is further right"


@pytest.mark.parametrize("path", core_files(), ids=lambda p: p.relative_to(CORE).as_posix())
def test_the_core_knows_no_slicer_and_no_qt(path):
    allowed = {"densesharp_viewer"} if "cli" in path.relative_to(CORE).parts else set()
    found = {name.split(".")[0] for name in imported(path)} & (NO_SLICER - allowed)
    assert not found


def test_the_scene_library_knows_mrml_and_numpy_only():
    for path in SCENE.rglob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"qt", "ctk", "torch"}, path.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                used = ast.unparse(node)
                assert not used.startswith(DESKTOP_ONLY), f"{path.name} uses {used}"


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, densesharp, densesharp.cli\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_every_command_of_the_list_has_its_module():
    from densesharp.cli import COMMANDS, command_module

    for name, text in COMMANDS.items():
        module = command_module(name)
        assert callable(module.configure)
        assert callable(module.run)
        assert text == module.HELP, f"the help of {name} differs in the list and in its module"


def test_no_file_of_the_core_is_longer_than_400_lines():
    long = {p.name: n for p in core_files() if (n := len(p.read_text().splitlines())) > 400}
    assert not long
