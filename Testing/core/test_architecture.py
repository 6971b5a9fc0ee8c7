"""The rules of the architecture: imports run one way, and `import densesharp` stays light."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from densesharp.cli.pages import PAGES

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "DenseSharpCore" / "densesharp"
SCENE = ROOT / "DenseSharpScene" / "densesharp_scene"
VIEWER = ROOT / "DenseSharpViewer" / "densesharp_viewer"
PANEL = ROOT / "DenseSharpSlicer" / "DenseSharpSlicerLib"

# From left to right: a module may import from its own row and from rows above it.
ROWS = [
    {"errors", "progress", "version", "words"},
    {"csv_files", "files", "memory", "parallel", "resources", "stopping"},
    {"image"},
    {"io"},
    {"model"},
    {"nodule"},
    {"report"},
    {"dicom"},
    {"stats"},
    {"simulate", "train", "study", "serve", "explore", "worklist"},
    {"cli"},
]
HEAVY = ("numpy", "SimpleITK", "tqdm", "torch", "vtk", "vtkmodules", "slicer", "highdicom",
         "pydicom", "lightning", "monai",
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


def siblings_imported(path: Path) -> set[str]:
    """Names of the modules of its own folder that a file imports, for typing only too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            names |= {node.module} if node.module else {alias.name for alias in node.names}
    return {name for name in names if (path.parent / f"{name}.py").exists()}


def row_of(part: str) -> int | None:
    return next((number for number, row in enumerate(ROWS) if part in row), None)


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The folder or module right below the package that a file belongs to."""
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imports_against_the_order(path: Path) -> list[str]:
    """What is wrong with a file's imports of the core, one sentence each."""
    name, own = path.relative_to(CORE).as_posix(), part_of(path)
    row = row_of(own)
    if row is None:
        return [f"{name}: {own} has no place in the picture: give it a row"]
    found = []
    for target in sorted(imported(path)):
        part = target.removeprefix("densesharp.").partition(".")[0]
        if not target.startswith("densesharp."):
            continue
        place = row_of(part)
        if place is None:
            found.append(f"{name} imports {target}, which has no place in the picture")
        elif place > row:
            found.append(f"{name} ({own}) must not import {target}: it is further right")
    return found


def test_imports_run_from_right_to_left_only():
    inside = [path for path in core_files() if part_of(path) not in ("__init__", "__main__")]
    found = [sentence for path in inside for sentence in imports_against_the_order(path)]
    assert not found, "\n".join(found)


def test_an_import_against_the_order_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "CORE", tmp_path)
    (tmp_path / "image").mkdir()
    for name, line in (("ok", "errors.InputError"), ("wrong", "nodule.x"), ("new", "unknown.x")):
        package, _, member = f"densesharp.{line}".rpartition(".")
        (tmp_path / "image" / f"{name}.py").write_text(f"from {package} import {member}\n")
    (tmp_path / "other.py").touch()
    found = [sentence for path in core_files() for sentence in imports_against_the_order(path)]
    assert found == [
        "image/new.py imports densesharp.unknown.x, which has no place in the picture",
        "image/wrong.py (image) must not import densesharp.nodule.x: it is further right",
        "other.py: other has no place in the picture: give it a row",
    ]


def test_the_core_knows_no_slicer_and_no_qt():
    found = []
    for path in core_files():
        known = {name.split(".")[0] for name in imported(path)} & NO_SLICER
        found += [f"{path.relative_to(CORE).as_posix()} imports {name}" for name in sorted(known)]
    assert not found, "\n".join(found)


def test_every_page_of_the_command_line_is_there():
    for address in PAGES.values():
        module, _, name = address.partition(":")
        path = VIEWER / f"{module.removeprefix('densesharp_viewer.')}.py"
        defined = {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body
                   if isinstance(node, ast.FunctionDef)}  # fmt: skip
        assert name in defined, address


def test_the_scene_library_knows_mrml_and_numpy_only():
    for path in SCENE.rglob("*.py"):
        roots = {name.split(".")[0] for name in imported(path)}
        assert not roots & {"qt", "ctk", "torch"}, path.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                used = ast.unparse(node)
                assert not used.startswith(DESKTOP_ONLY), f"{path.name} uses {used}"


@pytest.mark.parametrize("folder", [SCENE, VIEWER, PANEL], ids=lambda folder: folder.name)
def test_no_circle_of_files(folder):
    """Each file can be read after those that it builds on."""
    files = {path.stem: siblings_imported(path) for path in folder.glob("*.py")}
    assert any(files.values())
    graphlib.TopologicalSorter(files).prepare()  # names the files of a circle


def test_no_circle_of_files_in_the_core():
    """Not for typing only either; the list of commands and its commands know each other."""
    modules = {
        ".".join(("densesharp", *path.relative_to(CORE).with_suffix("").parts)): path
        for path in core_files()
        if part_of(path) not in ("__init__", "__main__", "cli")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    files = {
        name: {
            max((m for m in modules if f"{target}.".startswith(f"{m}.")), key=len, default="")
            for target in imported(path)
        } - {"", name}
        for name, path in modules.items()
    }  # fmt: skip
    assert len(files) > 200
    graphlib.TopologicalSorter(files).prepare()  # names the files of a circle
    assert [name for name, path in modules.items() if "densesharp" in imported(path)] == []


def test_the_whole_session_is_known_to_no_part_of_it():
    """Its parts take the state: whoever takes the session can reach everything."""
    known_to = {path.name for path in SCENE.glob("*.py") if "session" in siblings_imported(path)}
    assert known_to == set()


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

    for name in COMMANDS:
        module = command_module(name)
        assert callable(module.configure)
        assert callable(module.run)


def test_no_file_of_the_core_is_longer_than_400_lines():
    long = {p.name: n for p in core_files() if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_a_file_name_occurs_once_in_a_distribution():
    """Search by name finds the file; a command's module is named after its command."""
    for folder in ("DenseSharpCore", "DenseSharpScene", "DenseSharpViewer", "DenseSharpSlicer"):
        places: dict[str, list[str]] = {}
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT / folder)
            if path.name not in ("__init__.py", "__main__.py") and "cli" not in inside.parts:
                places.setdefault(path.name, []).append(inside.as_posix())
        assert [several for several in places.values() if len(several) > 1] == []


def untyped_records(path: Path) -> list[str]:
    """Functions and attributes that other modules see and that are dicts of anything."""
    found, tree = [], ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in (*tree.body, *(each for one in classes for each in one.body)):
        if isinstance(node, ast.FunctionDef):
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            name, kinds = node.name, [one.annotation for one in arguments] + [node.returns]
        elif isinstance(node, ast.AnnAssign):
            name, kinds = ast.unparse(node.target), [node.annotation]
        else:
            continue
        words = " ".join(ast.unparse(kind) for kind in kinds if kind)
        if not name.startswith("_") and re.search(r"(dict|Mapping)\[str, (Any|object)\]", words):
            found.append(f"{path.relative_to(CORE).as_posix()}:{node.lineno} {name}")
    return found


def test_records_of_studies_statistics_and_training_stay_typed_up_to_the_file():
    parts = ("stats", "study", "simulate", "train")
    files = [path for path in core_files() if part_of(path) in parts]
    found = [each for path in files for each in untyped_records(path)]
    # Lightning and PyTorch give and want what they store as a dict.
    of_libraries = ("save_checkpoint", "state_dict", "load_state_dict")
    assert [each for each in found if not each.endswith(of_libraries)] == []


def test_a_class_has_a_name_of_its_own_in_the_core():
    """One word, one thing: who reads `Case` need not ask which."""
    places: dict[str, list[str]] = {}
    for path in core_files():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path.relative_to(CORE).as_posix())
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_the_page_shows_each_part_in_its_row():
    """The table of the architecture page, whose rows 3 to 7 and 8, 9 are one part each."""
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (\d[^|]*) \| (`[^|]*) \|$", page, re.MULTILINE)
    shown: list[set[str]] = []
    for numbers, parts in table:
        names = re.findall(r"`(\w+)`", parts)
        shown += [{name} for name in names] if len(numbers) > 2 else [set(names)]
    assert shown == ROWS
    asked = re.findall(r"`(\w+/[\w/]+)`", page.split("## What may import what")[0])
    places = [(CORE / name, CORE / f"{name}.py", ROOT / name) for name in asked]
    assert all(any(path.exists() for path in each) for each in places)
    assert len(places) > 5
