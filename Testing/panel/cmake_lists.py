"""The file lists of the three CMakeLists.txt that Slicer's build copies from, and their folders.

Of the package `densesharp` goes into the extension what its modules and the public interface
import, at any time: no training, no simulator, no server and no statistics of studies.

python Testing/panel/cmake_lists.py            says what is missing or gone
python Testing/panel/cmake_lists.py --write    brings the lists in step with the folders
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS, RESOURCES = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"
FOLDERS = {
    "DenseSharpCore": ("densesharp",),
    "DenseSharpScene": ("densesharp_scene",),
    "DenseSharpSlicer": (".",),
}
"""CMake folder -> the parts of it that are packaged."""

PACKAGE = "densesharp"
PUBLIC = ("densesharp/nodule/pipeline.py", "densesharp/nodule/followup/__init__.py")
"""Loaded by name when a script first asks for them; with the rest of the interface behind them."""

_NOT_PACKAGED = {"CMakeLists.txt"}
_OF_STUDY_REPORTS = "densesharp/resources/study/"


def listed(folder: str, variable: str) -> list[str]:
    """The files that a CMakeLists.txt lists in one of its variables, `${MODULE_NAME}` filled in."""
    text = (ROOT / folder / "CMakeLists.txt").read_text(encoding="utf-8")
    match = re.search(rf"set\({variable}\n(.*?)\n?\s*\)", text, re.DOTALL)
    if match is None:
        raise ValueError(f"{folder}/CMakeLists.txt sets no {variable}")
    return match.group(1).replace("${MODULE_NAME}", folder).split()


def present(folder: str, variable: str) -> list[str]:
    """The files of a folder that belong into that variable, sorted, with forward slashes."""
    files = (
        path
        for part in FOLDERS[folder]
        for path in (ROOT / folder / part).rglob("*")
        if path.is_file() and not _ignored(path)
    )
    names = {path.relative_to(ROOT / folder).as_posix() for path in files}
    if folder == "DenseSharpCore":
        names -= {name for name in names if name.startswith(_OF_STUDY_REPORTS)}
        names -= {name for name in names if name.endswith(".py")} - needed()
    return sorted(name for name in names if name.endswith(".py") == (variable == SCRIPTS))


def needed() -> set[str]:
    """The files of `densesharp` that the extension's modules import, directly or not."""
    core = ROOT / "DenseSharpCore"
    modules = {_module(path, core): path for path in (core / PACKAGE).rglob("*.py")}
    to_do = {_module(core / name, core) for name in PUBLIC}
    for folder in ("DenseSharpScene", "DenseSharpSlicer"):
        for path in (ROOT / folder).rglob("*.py"):
            to_do |= _imports(path, "")
    found: set[str] = set()
    while to_do:
        name = to_do.pop()
        if name in modules and name not in found:
            found.add(name)
            to_do |= {name.rpartition(".")[0], *_imports(modules[name], name)}
    return {modules[name].relative_to(core).as_posix() for name in found}


def _module(path: Path, core: Path) -> str:
    """`densesharp.io` of `densesharp/io/__init__.py`."""
    return ".".join(path.relative_to(core).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path, module: str) -> set[str]:
    """What a file imports anywhere in it; names that are no modules are among them."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def _ignored(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return (
        path.name in _NOT_PACKAGED
        or any(part.startswith(".") or part == "__pycache__" for part in parts)
        or any(part.endswith(".egg-info") for part in parts)
    )


def differences(folder: str, variable: str) -> list[str]:
    """What is wrong with a list, one sentence for each file."""
    have, want = listed(folder, variable), present(folder, variable)
    return [
        *(f"{folder}/{name} is not in {variable}" for name in want if name not in have),
        *(f"{folder}/{name} is in {variable} but gone" for name in have if name not in want),
        *(f"{folder}/{name} is listed twice" for name in set(have) if have.count(name) > 1),
    ]


def write(folder: str, variable: str) -> None:
    """Put the files of the folder into the list."""
    path = ROOT / folder / "CMakeLists.txt"
    lines = "".join(f"  {name}\n" for name in present(folder, variable))
    text = path.read_text(encoding="utf-8")
    text = re.sub(
        rf"set\({variable}\n.*?\)", f"set({variable}\n{lines}  )", text, count=1, flags=re.DOTALL
    )
    path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Check or write all lists; 1 when something differs."""
    lists = [(folder, variable) for folder in FOLDERS for variable in (SCRIPTS, RESOURCES)]
    if "--write" in arguments:
        for entry in lists:
            write(*entry)
    found = [line for entry in lists for line in differences(*entry)]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
