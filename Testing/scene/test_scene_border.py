"""The scene library knows MRML and numpy only, so that desktop Slicer and the viewer share it."""

import ast
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "DenseSharpScene" / "densesharp_scene"
FILES = sorted(FOLDER.glob("*.py"))
ALLOWED = {"__future__", "abc", "base64", "collections", "contextlib", "dataclasses", "datetime",
           "functools", "hashlib", "json", "logging", "pathlib", "queue", "threading", "time",
           "typing", "uuid", "weakref", "zlib", "numpy", "vtk", "slicer", "densesharp"}  # fmt: skip
FORBIDDEN = re.compile(
    r"slicer\.(app|modules|mrmlScene|util)\b|\b(qt|ctk|parameterNodeWrapper|SimpleITK)\b"
)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_only_allowed_libraries_are_imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        assert {name.split(".")[0] for name in names} <= ALLOWED, (file.name, names)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_nothing_of_the_application_is_used(file):
    code = ast.unparse(_without_docstrings(ast.parse(file.read_text())))
    assert not FORBIDDEN.search(code)


def _without_docstrings(tree):
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            body[0] = ast.Pass()
    return tree
