"""The page's values have one list of names, which program, templates and scripts share."""

import ast
import re
from pathlib import Path

import pytest

pytest.importorskip("trame_slicer", reason="the viewer's packages are not installed")

from densesharp_viewer import page_state

PACKAGE = Path(page_state.__file__).parent
MODULES = [path for path in PACKAGE.glob("*.py") if not path.name.startswith("study")]


def published() -> set[str]:
    """Keys of every dictionary that is written out in a call of `publish`."""
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node, "func", None)
            called = getattr(name, "attr", getattr(name, "id", ""))
            if isinstance(node, ast.Call) and called in ("publish", "_publish"):
                for given in (each for each in node.args if isinstance(each, ast.Dict)):
                    found |= {key.value for key in given.keys if isinstance(key, ast.Constant)}
    return found


def test_only_known_names_are_published():
    names = published()
    assert len(names) > 30
    assert names <= page_state.NAMES


def test_every_name_is_used_by_the_page():
    page = [path for path in MODULES if path.name.startswith("page")]
    page.remove(PACKAGE / "page_state.py")
    texts = "\n".join(p.read_text("utf-8") for p in [*page, *(PACKAGE / "assets").glob("page.*")])
    unused = {name for name in page_state.NAMES if not re.search(rf"\b{name}\b", texts)}
    assert unused == set()


def test_a_value_under_another_name_is_refused():
    assert page_state.checked({"tool": "seed"}) == {"tool": "seed"}
    with pytest.raises(AttributeError, match="no tol"):
        page_state.checked({"tol": "seed"})


def test_each_page_begins_with_values_of_its_own():
    first = page_state.first_state()
    assert set(first) == page_state.NAMES
    first["nodules"].append({"id": "nodule_001"})
    assert page_state.first_state()["nodules"] == []


def test_the_brush_is_as_wide_as_the_page_says():
    from densesharp_scene.drawing import Brush

    assert page_state.first_state()["brush_mm"] == 2 * Brush().radius_mm


def test_each_test_that_the_table_of_findings_names_is_there():
    folder = Path(__file__).parents[1]
    lines = (folder / "viewer" / "README.md").read_text(encoding="utf-8").splitlines()
    named = [re.search(r"`(\S+\.py)::(\w+)` \|$", line) for line in lines if line.startswith("| ")]
    for found in (each for each in named[1:] if each or pytest.fail("a line without a test")):
        file, name = found.groups()
        assert f"def {name}(" in (folder / file).read_text(encoding="utf-8"), name
    numbers = {int(line.split("|")[1]) for line in lines if re.match(r"\| \d", line)}
    assert numbers == set(range(1, 26))
