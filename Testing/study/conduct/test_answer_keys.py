"""No key of the answer form means something else elsewhere."""

import re
from pathlib import Path

import pytest

from densesharp.study.conduct.answer_keys import (
    KEYS,
    QT_KEYS,
    SLICER_MODIFIER,
    TAKE_OUTLINE,
)

ASSETS = Path(__file__).parents[3] / "DenseSharpViewer" / "densesharp_viewer" / "assets"

SLICER_VIEWS = set("vgtrfbs[]{} ")
"""Plain keys of 3D Slicer's slice and 3D views, by its table of mouse and keyboard shortcuts."""

ANSWERS = {key for key in QT_KEYS.values() if len(key) == 1}


def keys_of(script: str) -> set[str]:
    """One-letter keys that a page's script binds: names of its tables and direct comparisons."""
    text = (ASSETS / script).read_text(encoding="utf-8")
    tables = re.findall(r"const [A-Z_]+ = \{(.*?)\};", text, re.DOTALL)
    found = set(re.findall(r'(?:^|[{,\n])\s*"?([^\s"])"?:', ",".join(tables)))
    # Keys with Ctrl are others: Ctrl+Y does again what Y does not touch.
    plain = re.sub(r"if \(event\.ctrlKey.*?\n    \}", "", text, flags=re.DOTALL)
    return found | set(re.findall(r'key === "(.)"', plain))


def test_the_scripts_keys_are_found():
    assert set("1234lmbnvpeohxsjarf[].,?") <= keys_of("page.js")
    assert set("1234lmbnvpejo[]?") <= keys_of("study.js")


@pytest.mark.parametrize("others", [keys_of("page.js"), keys_of("study.js"), SLICER_VIEWS])
def test_a_key_of_the_form_means_nothing_else(others):
    assert len(ANSWERS) == 3 + 2 + 2 + 5 + 2
    assert not ANSWERS & others


def test_a_key_of_the_views_means_in_a_study_what_it_means_in_the_viewer():
    """What both pages bind does the same; `o` takes away what lies over the picture in both."""
    viewer, study = (ASSETS / "page.js").read_text(), (ASSETS / "study.js").read_text()
    same = "l:lung m:mediastinum b:bone p:paint e:erase 1:axial 2:coronal 3:sagittal 4:threed"
    for key, meaning in (pair.split(":") for pair in same.split()):
        assert re.search(rf'\b{key}: "{meaning}"', viewer)
        assert re.search(rf'\b{key}: \["\w+", "{meaning}"\]', study)
    assert keys_of("study.js") - keys_of("page.js") == {" "}, "space presses a button"


def test_every_key_is_in_the_list_of_keys():
    listed = " ".join(keys for keys, _ in KEYS).split()
    plain = {name.removeprefix(SLICER_MODIFIER) for name in QT_KEYS}
    assert sorted(listed) == sorted(plain - {"Return", "Esc"} | {"Escape"})
    assert TAKE_OUTLINE in listed
