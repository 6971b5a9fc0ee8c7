# ruff: noqa: TID251 - runs Slicer's Qt layers
"""The modules use nothing of Slicer that does not exist, and nothing that differs in PythonQt."""

from pathlib import Path
from typing import Any

import pytest
from panel_driver import ROOT

import slicer_api

pytestmark = pytest.mark.panel

MODULES = ROOT / "DenseSharpSlicer"
UI_FILES = sorted((MODULES / "Resources" / "UI").glob("*.ui"))
SCENE = ROOT / "DenseSharpScene"
SOURCES = sorted([*MODULES.glob("*.py"), *(MODULES / "DenseSharpSlicerLib").glob("*.py")])


def all_widgets() -> dict[str, str]:
    return {name: cls for path in UI_FILES for name, cls in slicer_api.widgets_of(path).items()}


@pytest.mark.parametrize("path", UI_FILES, ids=lambda path: path.name)
def test_ui_files_name_only_what_exists(path: Path, qt: Any) -> None:
    assert slicer_api.check_ui(path, qt) == []


@pytest.mark.parametrize("path", UI_FILES, ids=lambda path: path.name)
def test_every_control_has_a_tool_tip(path: Path) -> None:
    assert slicer_api.check_tool_tips(path) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_code_uses_only_what_exists(path: Path, qt: Any, slicer: Any) -> None:
    assert slicer_api.check_code(path, all_widgets(), qt, slicer.util) == []


def test_names_of_mrml_were_looked_up_in_both_versions(slicer: Any) -> None:
    """What is not in the table yet must be looked up in Slicer's headers first."""
    files = sorted([*MODULES.rglob("*.py"), *SCENE.rglob("*.py")])
    used = set().union(*(slicer_api.mrml_names(path, slicer) for path in files))
    assert used - slicer_api.MRML == set()
    assert slicer_api.MRML - used == set(), "no longer used"


def test_no_key_of_the_panels_is_slicer_s_own(slicer: Any) -> None:
    from densesharp.study.conduct.answer_keys import QT_KEYS
    from DenseSharpSlicerLib import shortcuts

    own = [*shortcuts.KEYS.values(), *QT_KEYS]
    assert len(set(own)) == len(own)
    for taken in (slicer_api.KEYS, slicer_api.VIEW_KEYS, slicer_api.EDITOR_KEYS):
        assert not set(own) & taken


def test_tool_tips_name_the_keys_that_work(slicer: Any) -> None:
    import re

    from densesharp.study.conduct.answer_keys import QT_KEYS, SLICER_MODIFIER

    folder = MODULES / "Resources" / "UI"
    text = (folder / "DenseSharpSlicer.ui").read_text(encoding="utf-8")
    assert re.findall(r"(?:Ctrl|Alt|Shift)\+\w+", text) == []  # keys stand on the controls
    study = (folder / "DenseSharpReaderStudy.ui").read_text(encoding="utf-8")
    named = set(re.findall(r"Alt\+\w+", study))
    assert named == {key for key in QT_KEYS if key.startswith(SLICER_MODIFIER)}
    assert re.findall(r"\((?:keys? )?[A-Z0-9]\)", text + study) == []


def test_the_documentation_lists_the_keys_that_work() -> None:
    import re

    from DenseSharpSlicerLib import shortcuts

    page = (MODULES.parent / "docs" / "reference" / "slicer-panel.md").read_text(encoding="utf-8")
    listed = page.partition("## Keys")[2].partition("##")[0]
    keys = {key for line in re.findall(r"^\| ([^|]+) \|", listed, re.M) for key in line.split()}
    assert set(shortcuts.KEYS.values()) == keys - {"Key", "---"}


def test_the_tests_call_no_more_of_segment_editor_and_database_than_there_is() -> None:
    from panel_driver import SegmentEditor
    from test_panel_exports import Database

    slots = {name for name in vars(SegmentEditor) if name.startswith("set")}
    assert slots == slicer_api.EDITOR
    from slicer_standin.mrml_widgets import qMRMLSegmentEditorWidget

    here = {name for name in vars(qMRMLSegmentEditorWidget) if name[0] != "_"}
    assert here - {"staticMetaObject"} <= slicer_api.EDITOR_HERE
    assert {name for name in vars(Database) if name[0] != "_"} == slicer_api.DATABASE


def test_the_check_finds_what_one_gets_wrong_without_slicer(
    qt: Any, slicer: Any, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import qt, slicer\n"
        "class Section:\n"
        "    def setup(self):\n"
        "        self.ui.placeButon.enabled = True\n"
        "        self.ui.placeButton.enabeld = True\n"
        "        self.ui.thresholdSlider.setMaximum(1)\n"
        "        self.ui.inputSelector.connect('currentNodeChanged()', self.setup)\n"
        "        slicer.util.showMessage('x')\n"
        "        slicer.app.mainWindow()\n"
        "        qt.QLable('x')\n"
        "        isinstance(self, qt.QWidget)\n"
        "        self.ui.placeButton.sizeHint()\n"
        "        ui = self.ui\n"
        "        ui.placeButon.click()\n"
    )
    found = slicer_api.check_code(wrong, all_widgets(), qt, slicer.util)
    assert {int(line.split(":")[1]) for line in found} == {*range(4, 13), 14}


def test_the_check_finds_a_misspelt_property_in_a_ui_file(qt: Any, tmp_path: Path) -> None:
    text = (MODULES / "Resources" / "UI" / "DenseSharpSlicer.ui").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.ui"
    wrong.write_text(text.replace('"showChildNodeTypes"', '"showChildNodesTypes"'))
    assert any("showChildNodesTypes" in line for line in slicer_api.check_ui(wrong, qt))


def test_the_stand_in_has_no_members_that_the_real_widgets_lack(slicer: Any, qt: Any) -> None:
    import ctk

    for name, offered in slicer_api.CLASSES.items():
        cls = getattr(ctk, name, None) or getattr(slicer, name)
        own = {member for member in vars(cls) if member[0] != "_" and member[0].islower()}
        signals = {signal.partition("(")[0] for signal in offered.signals}
        known = offered.properties | offered.methods | signals | set(dir(qt.QWidget))
        assert own - known <= {"staticMetaObject", "followScene", "addNode"}, name


def test_texts_for_people_are_translatable() -> None:
    """Texts that code puts into widgets go through `_()`."""
    import ast

    setters = {"text", "toolTip", "windowTitle", "placeholderText"}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
                plain = isinstance(node.value, ast.Constant) and node.value.value
                assert not (node.targets[0].attr in setters and plain), (path.name, node.lineno)


def test_no_translated_text_is_an_f_string() -> None:
    """An f-string inside `_()` cannot be extracted for translators.

    Only `translated`, through which the words of the core and the scene pass, takes a variable.
    """
    import ast

    for path in SOURCES:
        if path.name == "translated.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
                assert isinstance(node.args[0], ast.Constant), (path.name, node.lineno)


def test_the_worker_gets_most_of_an_idle_main_thread_and_never_long(module: Any) -> None:
    """Slicer keeps Python while it waits; a key or the wheel must be served soon all the same."""
    from DenseSharpSlicerLib import pace

    assert pace.YIELD_SECONDS * 1000 > 4 * pace.POLL_MS
    assert pace.YIELD_SECONDS <= 0.010


def shown_texts(path: Path) -> set[str]:
    """All texts in a Python file but its docstrings."""
    import ast

    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documents
    }


def test_what_a_reader_sees_is_in_us_english() -> None:
    import re

    british = re.compile(
        r"\b(analys(e|ed|ing)|colour\w*|centre\w*|tumour\w*|neighbour\w*|grey|\w+ymis(e|ed|ing)|"
        r"recognis\w+|behaviour\w*)\b",
        re.IGNORECASE,
    )
    files = [*MODULES.rglob("*.py"), *SCENE.rglob("*.py"), *MODULES.rglob("*.ui")]
    texts = {
        text
        for path in files
        for text in (
            shown_texts(path) if path.suffix == ".py" else {path.read_text(encoding="utf-8")}
        )
        if " " in text  # a sentence, no name of a function or a file
    }
    assert {match.group() for text in texts for match in british.finditer(text)} == set()
