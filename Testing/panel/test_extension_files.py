"""The extension as Slicer builds, installs and lists it; and imports in each of the three ways."""

import ast
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import cmake_lists
import pytest
from panel_driver import ROOT

CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
MODULE_FOLDER = "lib/Slicer-5.12/qt-scripted-modules"


def metadata(name: str) -> str:
    """A value from the top CMakeLists.txt, read as the Extensions Index's checker reads it."""
    match = re.search(rf'set\(EXTENSION_{name}\s+"([^"]*)"', CMAKE)
    return match.group(1) if match else ""


def s4ext() -> dict[str, str]:
    """Keyword -> value of the description file."""
    lines = (ROOT / "DenseSharpSlicer.s4ext").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(" ") for line in lines if line and line[0] != "#")
    return {keyword: value for keyword, _, value in pairs}


@pytest.mark.parametrize("folder", sorted(cmake_lists.FOLDERS))
@pytest.mark.parametrize("variable", [cmake_lists.SCRIPTS, cmake_lists.RESOURCES])
def test_cmake_lists_equal_the_folders(folder: str, variable: str) -> None:
    found = cmake_lists.differences(folder, variable)
    assert found == [], "run: python Testing/panel/cmake_lists.py --write"


def test_the_extension_ships_what_it_imports_and_no_more() -> None:
    """A reviewer reads every file: no training, simulator, server or statistics of studies."""
    shipped = cmake_lists.listed("DenseSharpCore", cmake_lists.SCRIPTS)
    assert len(shipped) < 150
    folders = {name.split("/")[1] for name in shipped}
    assert not folders & {"train", "simulate", "explore", "worklist"}
    assert not {name for name in shipped if name.startswith("densesharp/study/report")}
    assert "densesharp/serve/server.py" not in shipped
    assert {"densesharp/nodule/pipeline.py", "densesharp/serve/client.py",
            "densesharp/study/conduct/reading_session.py"} <= set(shipped)  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS",
     "CATEGORY", "KEYWORDS"],
)  # fmt: skip
def test_what_the_extensions_manager_shows_stands_in_cmake_and_s4ext(name: str) -> None:
    assert metadata(name)
    assert s4ext()[name.lower()] == metadata(name)


def test_the_extension_s_name_says_what_it_is_for_and_its_repository_bears_it() -> None:
    """What the Extensions Index asks of a name: Slicer and the extension's name."""
    name = re.search(r"project\((\w+)\)", CMAKE).group(1)
    assert name == "DenseSharpLungNodule"
    assert metadata("HOMEPAGE").rpartition("/")[2] == f"Slicer{name}"
    assert (ROOT / f"{name}.json").is_file()


def test_index_entry_fits_its_schema_and_cmake() -> None:
    entry = json.loads((ROOT / "DenseSharpLungNodule.json").read_text(encoding="utf-8"))
    allowed = {"$schema", "category", "scm_url", "scm_revision", "scm_type", "build_dependencies",
               "build_subdirectory", "enabled", "tier", "dicom_support_rule"}  # fmt: skip
    assert set(entry) <= allowed
    assert {"$schema", "category", "scm_url"} <= set(entry)
    assert entry["category"] == metadata("CATEGORY")
    assert metadata("DEPENDS") == "NA"
    assert "build_dependencies" not in entry
    assert entry["tier"] == 1
    assert entry["scm_url"] == s4ext()["scmurl"] == f"{metadata('HOMEPAGE')}.git"
    assert b"\r" not in (ROOT / "DenseSharpLungNodule.json").read_bytes()


def test_pictures_that_the_addresses_name_exist() -> None:
    base = "https://raw.githubusercontent.com/DenseSharp/SlicerDenseSharpLungNodule/main/"
    for address in (metadata("ICONURL"), *metadata("SCREENSHOTURLS").split()):
        assert address.startswith(base)
        assert (ROOT / address.removeprefix(base)).is_file(), address


def test_the_module_finder_sees_the_modules_and_nothing_else() -> None:
    """Slicer takes every `.py` directly in the folder for a module with a class of its name."""
    assert not (ROOT / "DenseSharpSlicer" / "__init__.py").exists()
    for path in (ROOT / "DenseSharpSlicer").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        bases = [getattr(base, "id", "") for base in classes[path.stem].bases]
        assert bases == ["ScriptedLoadableModule"], path.name


def test_module_files_import_nothing_heavy() -> None:
    """Slicer imports every module file at start: only light imports there."""
    light = {"qt", "ctk", "vtk", "slicer", "numpy", "SimpleITK", "DenseSharpSlicerLib"}
    for path in (ROOT / "DenseSharpSlicer").glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names}
            assert tops <= light | set(sys.stdlib_module_names), (path.name, tops)


def build_tree(target: Path) -> Path:
    """Copy what the CMake lists name, as Slicer's build does."""
    folder = target / MODULE_FOLDER
    for source in cmake_lists.FOLDERS:
        for variable in (cmake_lists.SCRIPTS, cmake_lists.RESOURCES):
            for name in cmake_lists.listed(source, variable):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / source / name, folder / name)
    return folder


def install_tree(target: Path) -> Path:
    """The installed extension: the same files under its own folder."""
    built = build_tree(target / "build")
    folder = target / "Extensions-32000" / "DenseSharpSlicer" / MODULE_FOLDER
    shutil.copytree(built, folder)
    shutil.rmtree(target / "build")
    return folder


def source_folder(target: Path) -> Path:
    """A copy of the sources, whose module folder is an additional module path."""
    for name in ("DenseSharpCore", "DenseSharpScene", "DenseSharpSlicer"):
        shutil.copytree(
            ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    return target / "DenseSharpSlicer"


def one_file(target: Path) -> Path:
    """The archive that installs without the Extensions Manager, made and unpacked."""
    command = [sys.executable, str(ROOT / "make_slicer_package.py"), str(target / "dist")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (archive,) = (target / "dist").glob("*-for-Slicer.zip")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(target / "unpacked")
    return target / "unpacked" / "DenseSharp"


def test_the_one_file_holds_the_extension_and_nothing_else(tmp_path: Path) -> None:
    folder = one_file(tmp_path)
    found = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    wanted = {
        name
        for source in cmake_lists.FOLDERS
        for variable in (cmake_lists.SCRIPTS, cmake_lists.RESOURCES)
        for name in cmake_lists.listed(source, variable)
    }
    assert found == wanted | {"LICENSE", "README.txt"}
    assert {p.name for p in folder.glob("*.py")} == {
        "DenseSharpSlicer.py", "DenseSharpReaderStudy.py",
    }  # fmt: skip


@pytest.mark.panel
@pytest.mark.parametrize("place", [build_tree, install_tree, source_folder, one_file])
def test_the_module_imports_from(
    place: Callable[[Path], Path], tmp_path: Path, running_slicer: object
) -> None:
    """A fresh Python without development install and extra packages; self tests pass there."""
    folder = place(tmp_path)
    program = f"""
import sys
sys.path[:] = [path for path in sys.path if "DenseSharp" not in path and {str(ROOT)!r} != path]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in str(finder).lower()]
sys.path.append({str(ROOT / "Testing")!r})
import slicer_standin
slicer_standin.install()
from pathlib import Path
from slicer_standin.application import load_module

class NotInSlicer:
    absent = {{"torch", "openvino", "safetensors", "matplotlib", "highdicom"}}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.absent:
            raise ImportError(name + " is not installed")

sys.meta_path.insert(0, NotInSlicer())
module = load_module(Path({str(folder)!r}) / "DenseSharpSlicer.py")
widget = module.widgetRepresentation().self()
import densesharp, DenseSharpSlicerLib
import densesharp_scene
for package in (densesharp, densesharp_scene):
    assert Path(package.__file__).is_relative_to({str(tmp_path)!r}), package.__file__
assert Path(DenseSharpSlicerLib.__file__).is_relative_to({str(tmp_path)!r})
if {place is install_tree}:  # what users get; the others hold the same files
    sys.modules["DenseSharpSlicer"].DenseSharpSlicerTest().test_everything()
print("imported", module.title)
widget.cleanup()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert "imported DenseSharp" in done.stdout, done.stdout + done.stderr


SLICER_CONFIG = """
set(Slicer_USE_FILE ${CMAKE_CURRENT_LIST_DIR}/UseSlicer.cmake)
set(Slicer_EXTENSION_GENERATE_CONFIG ${CMAKE_CURRENT_LIST_DIR}/Nothing.cmake)
set(Slicer_EXTENSION_CPACK ${CMAKE_CURRENT_LIST_DIR}/Nothing.cmake)
"""

USE_SLICER = """
macro(slicer_add_python_unittest)
endmacro()
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "unknown: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file ${MY_SCRIPTS} ${MY_RESOURCES})
    get_filename_component(folder ${file} DIRECTORY)
    file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/${file} DESTINATION ${CMAKE_BINARY_DIR}/modules/${folder})
  endforeach()
endmacro()
"""


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_configures_and_copies_every_file(tmp_path: Path) -> None:
    """The real CMakeLists.txt, with Slicer's macros reduced to copying."""
    (tmp_path / "SlicerConfig.cmake").write_text(SLICER_CONFIG)
    (tmp_path / "UseSlicer.cmake").write_text(USE_SLICER)
    (tmp_path / "Nothing.cmake").write_text("")
    build = tmp_path / "build"
    done = subprocess.run(
        ["cmake", "-S", str(ROOT), "-B", str(build), f"-DSlicer_DIR={tmp_path}",
         "-DCMAKE_C_COMPILER_WORKS=1", "-DCMAKE_CXX_COMPILER_WORKS=1"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (build / "modules" / "DenseSharpSlicer.py").is_file()
    assert (build / "modules" / "densesharp" / "nodule" / "records" / "result.py").is_file()
