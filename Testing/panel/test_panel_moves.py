# ruff: noqa: TID251 - runs Slicer's Qt layers
"""Correcting an outline by clicks, and the single keys of the panel."""

from typing import Any

import numpy as np
import pytest
from panel_driver import BALLS, Panel
from test_panel_clicks import voxels

pytestmark = pytest.mark.panel


def edge_of(panel: Panel, sign: float) -> Any:
    """World RAS mm 1.2 mm outside (+) or inside (-) the outline, to the right of its middle."""
    mask = panel.scan.mask_of("nodule_001")
    inside = np.argwhere(mask.array)[:, ::-1]
    rightmost = mask.grid.to_world(inside)[:, 0].min()
    _, y, z = mask.centroid
    return -(rightmost - sign * 1.2), -y, z


def test_add_by_click_takes_the_place_in_and_stays_ready(marked: Panel) -> None:
    before = voxels(marked)
    marked.ui.moreButton.click()
    assert (marked.ui.moreButton.checked, marked.ui.placeButton.checked) == (True, False)
    place = edge_of(marked, +1)
    marked.click_in_view(place)
    marked.wait()
    assert voxels(marked) > before
    assert marked.scan.nodule_at(place) == "nodule_001"
    assert marked.ui.nodulesTable.rowCount == 1
    assert marked.scan.seeds_node.GetNumberOfControlPoints() == 1  # the click left no point
    assert marked.ui.moreButton.checked
    assert marked.session.nodule.edited
    marked.ui.undoButton.click()
    marked.wait()
    assert voxels(marked) == before


def test_take_by_click_leaves_the_place_out(marked: Panel) -> None:
    before = voxels(marked)
    marked.ui.lessButton.click()
    place = edge_of(marked, -1)
    assert marked.scan.nodule_at(place) == "nodule_001"
    marked.click_in_view(place)
    marked.wait()
    assert voxels(marked) < before
    assert marked.scan.nodule_at(place) is None


def test_the_buttons_take_turns_and_a_right_click_ends_each(marked: Panel) -> None:
    from DenseSharpSlicerLib import placing

    ui = marked.ui
    buttons = (ui.placeButton, ui.moreButton, ui.lessButton)
    for pressed in buttons:
        pressed.click()
        assert [button.checked for button in buttons] == [button is pressed for button in buttons]
    placing.interaction_node().SwitchToViewTransformMode()  # a right-click in a view
    assert not any(button.checked for button in buttons)
    assert marked.session.clicks.meaning == "mark"
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert ui.nodulesTable.rowCount == 2


def test_a_click_just_before_the_right_click_still_corrects(marked: Panel) -> None:
    from DenseSharpSlicerLib import placing

    before = voxels(marked)
    marked.ui.moreButton.click()
    marked.click_in_view(edge_of(marked, +1))
    placing.interaction_node().SwitchToViewTransformMode()
    marked.wait()
    assert voxels(marked) > before
    assert marked.ui.nodulesTable.rowCount == 1
    assert marked.session.clicks.meaning == "mark"


def test_without_a_nodule_nothing_can_be_corrected_by_clicks(marked: Panel) -> None:
    marked.ui.moreButton.click()
    marked.ui.deleteButton.click()
    marked.wait()
    assert not marked.ui.moreButton.enabled
    assert not marked.ui.moreButton.checked
    assert not marked.ui.lessButton.enabled


@pytest.fixture
def pressed(marked: Panel) -> Any:
    """Presses a key of the panel."""
    import qt

    def press(key: str) -> None:
        wanted = qt.QKeySequence(key)
        found = [each for each in marked.widget.shortcuts._keys if each.key == wanted]
        assert len(found) == 1
        found[0].activated.emit()

    return press


def test_each_control_bears_its_key_and_the_key_presses_it(marked: Panel, pressed: Any) -> None:
    from DenseSharpSlicerLib import placing, shortcuts

    for name, key in shortcuts.KEYS.items():
        assert getattr(marked.ui, name).text.endswith(f"({key})")
    pressed("A")
    assert marked.session.nodule.review.decision == "accepted"
    pressed("X")
    assert marked.session.nodule.review.decision == "rejected"
    pressed("U")
    assert marked.session.nodule.review.decision == "accepted"
    pressed("M")
    assert marked.session.clicks.meaning == "more"
    pressed("N")
    assert placing.is_placing()
    assert marked.ui.placeButton.checked
    pressed("N")
    assert not placing.is_placing()
    shown = marked.ui.outlineCheckBox.checked
    pressed("O")
    assert marked.ui.outlineCheckBox.checked != shown


def test_keys_are_no_keys_of_the_whole_window(marked: Panel) -> None:
    """A name typed in Slicer's console or another dock must not decide about a nodule."""
    import qt

    contexts = {key.context for key in marked.widget.shortcuts._keys}
    assert contexts == {qt.Qt.WidgetWithChildrenShortcut}


def test_outlines_are_smooth_again_after_segment_editor(slicer: Any, marked: Panel) -> None:
    """Segment Editor draws the voxels it edits and leaves it so (seen in the real application)."""
    display = marked.scan.segmentation_node.GetDisplayNode()
    assert display.GetDisplayRepresentationName2D() == "Closed surface"
    marked.ui.hereButton.click()
    display.SetPreferredDisplayRepresentationName2D("Binary labelmap")  # what the editor does
    marked.wait()
    marked.widget.refresh()
    assert display.GetDisplayRepresentationName2D() == "Binary labelmap"
    marked.ui.hereButton.click()
    assert display.GetDisplayRepresentationName2D() == "Closed surface"
    marked.host.exit()
    display.SetPreferredDisplayRepresentationName2D("Binary labelmap")
    marked.host.enter()
    assert display.GetDisplayRepresentationName2D() == "Closed surface"
