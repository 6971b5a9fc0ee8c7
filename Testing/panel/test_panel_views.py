# ruff: noqa: TID251 - runs Slicer's Qt layers
"""The panel and the views: what is drawn where, several CTs, outlines made elsewhere."""

import sys
from typing import Any

import numpy as np
import pytest
import vtk
from panel_driver import BALLS, Panel, add_ct

pytestmark = pytest.mark.panel


@pytest.fixture
def bend(slicer: Any) -> Any:
    """A transform that moves one corner of the CT by 9 mm and not the others."""
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in np.array(np.meshgrid(*[(-90.0, 0.0)] * 2, (0.0, 80.0))).reshape(3, 8).T:
        source.InsertNextPoint(*corner)
        target.InsertNextPoint(*(corner + (9.0 if corner.sum() > -20 else 0.0, 0.0, 0.0)))
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "bend")
    transform.SetAndObserveTransformToParent(spline)
    return transform


def test_the_table_fits_slicer_s_default_panel(panel: Any, ct: Any) -> None:
    """390 pixels, of which a scroll bar takes some: three whole rows, no text of a state cut."""
    import qt

    panel.ui.inputSelector.setCurrentNode(ct)
    for ras in (*BALLS, (-45.0, 5.0, 20.0)):
        panel.click_in_view(ras)
        panel.wait()
    panel.host.resize(390, 1400)
    panel.host.show()
    panel.widget.refresh()
    panel.slicer.app.processEvents()
    table = panel.ui.nodulesTable
    assert sum(table.columnWidth(n) for n in range(table.columnCount)) <= table.viewport().width
    metrics = qt.QFontMetrics(table.font)
    for row in range(table.rowCount):
        for column in range(1, table.columnCount):
            text = table.item(row, column).text()
            assert metrics.horizontalAdvance(text) < table.columnWidth(column), text
    rows = sum(table.rowHeight(n) for n in range(3))
    assert table.viewport().height >= rows
    panel.host.hide()


def test_long_texts_do_not_make_the_panel_wide(marked: Panel) -> None:
    """A wrapped text would like 550 pixels or more, and CTK's sections give what is liked."""
    long = "Compared with Nodule 1 of the earlier CT: no change beyond measurement error. " * 4
    marked.host.resize(390, 1400)
    marked.host.show()
    marked.slicer.app.processEvents()
    liked = marked.ui.reviewSection.layout()
    before = liked.sizeHint().width()
    marked.ui.changeLabel.text = long
    marked.ui.changeLabel.visible = True
    marked.slicer.app.processEvents()
    assert liked.sizeHint().width() == before
    metrics = marked.ui.changeLabel.fontMetrics()
    assert marked.ui.changeLabel.height >= 4 * metrics.height()
    marked.host.hide()


def test_the_axes_are_drawn_and_a_drag_measures_anew(marked: Panel) -> None:
    from densesharp_scene import measured_axes

    measured = marked.session.nodule.result.measurements
    assert marked.ui.axesCheckBox.text == "Axes"
    marked.ui.axesCheckBox.click()
    marked.wait()
    words = f"Axes {measured.long_axis_mm:.1f} x {measured.short_axis_mm:.1f} mm"
    assert marked.ui.axesCheckBox.text == words
    line = measured_axes.lines_of(marked.scan)[0]
    point = [0.0, 0.0, 0.0]
    line.GetNthControlPointPositionWorld(0, point)
    line.SetNthControlPointPositionWorld(0, point[0], point[1], point[2] + 30)
    assert marked.ui.axesCheckBox.text.endswith("(yours)")
    length = measured_axes.lengths(marked.scan).long_mm
    assert f"Axes {length:.1f} x" in marked.ui.axesCheckBox.text
    assert length > 30
    line.InvokeEvent(line.PointEndInteractionEvent)
    marked.wait()
    assert "(long axis measured by the reader)" in marked.ui.reportEdit.plainText
    assert marked.ui.axesCheckBox.text.endswith("(yours)")
    marked.ui.undoButton.click()
    marked.wait()
    assert marked.ui.axesCheckBox.text == words
    assert "measured by the reader" not in marked.ui.reportEdit.plainText
    marked.ui.redoButton.click()
    marked.wait()
    assert marked.ui.axesCheckBox.text.endswith("(yours)")
    marked.ui.axesCheckBox.click()
    assert not line.GetDisplayNode().GetVisibility()
    assert marked.ui.axesCheckBox.text == "Axes"


def test_a_label_map_made_elsewhere_becomes_nodules(slicer: Any, panel: Panel, ct: Any) -> None:
    """Measured, classified, named after its label; the source stands in the notices."""
    panel.ui.inputSelector.setCurrentNode(ct)
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "TotalSegmentator")
    labels.CopyOrientation(ct)
    voxels = np.zeros_like(slicer.util.arrayFromVolume(ct), dtype=np.int16)
    k, j, i = np.indices(voxels.shape)
    matrix = vtk.vtkMatrix4x4()
    ct.GetRASToIJKMatrix(matrix)
    for label, ball, radius in ((1, BALLS[0], 4.0), (5, BALLS[1], 6.0)):
        x, y, z, _ = matrix.MultiplyPoint((*ball, 1.0))
        voxels[(i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2 <= radius**2] = label
    slicer.util.updateVolumeFromArray(labels, voxels)
    panel.ui.adoptSelector.setCurrentNode(labels)
    panel.ui.adoptButton.click()
    panel.wait()
    assert [nodule.name for nodule in panel.session.nodules] == ["Label 1", "Label 5"]
    for nodule, label in zip(panel.session.nodules, (1, 5), strict=True):
        volume = nodule.result.measurements.volume_mm3
        assert volume == pytest.approx((voxels == label).sum(), rel=1e-6)
        notices = {notice.code: notice.message for notice in nodule.result.notices}
        assert f"TotalSegmentator, Label {label}" in notices["outline_made_elsewhere"]
        assert panel.session.outdated(nodule) is None
    own = panel.scan.segmentation_node.GetID()
    assert own in panel.ui.adoptSelector.sortFilterProxyModel().hiddenNodeIDs
    panel.ui.adoptSelector.setCurrentNode(None)
    panel.ui.adoptButton.click()
    assert "No segmentation" in panel.ui.statusLabel.text


def test_a_click_in_a_view_of_another_ct_marks_a_nodule_there(
    slicer: Any, panel: Panel, ct: Any
) -> None:
    """Two CTs side by side stay so: the place of the point tells which one is meant."""
    other = add_ct(slicer, "earlier")
    panel.ui.inputSelector.setCurrentNode(ct)
    red, yellow, green = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    for composite, node in ((red, ct), (green, ct), (yellow, other)):
        composite.SetBackgroundVolumeID(node.GetID())
    panel.ui.placeButton.click()
    assert yellow.GetBackgroundVolumeID() == other.GetID()
    seeds = panel.session.seeds_node()
    index = seeds.AddControlPointWorld(vtk.vtkVector3d(*BALLS[1]))
    seeds.SetNthControlPointAssociatedNodeID(index, other.GetID())
    panel.wait()
    panel.ui.placeButton.click()
    assert panel.ui.inputSelector.currentNode() is ct
    assert panel.session.nodules == ()
    (nodule,) = panel.session.scan_of(other).nodules
    np.testing.assert_allclose(np.array(nodule.result.center_lps) * (-1, -1, 1), BALLS[1], atol=0.8)
    assert yellow.GetBackgroundVolumeID() == other.GetID()
    assert panel.session.seeds_node() is seeds


def test_a_sheared_ct_is_used_as_a_straight_copy(slicer: Any, panel: Panel, ct: Any) -> None:
    """Registration gives affine transforms; Slicer has no other way to make their CT straight."""
    shear = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "affine")
    matrix = np.eye(4)
    matrix[0, 1] = 0.1
    slicer.util.updateTransformMatrixFromArray(shear, matrix)
    ct.SetAndObserveTransformNodeID(shear.GetID())
    panel.ui.inputSelector.setCurrentNode(ct)
    panel.ui.placeButton.click()
    assert "not at right angles" in panel.ui.statusLabel.text
    assert not panel.ui.straightButton.isHidden()
    panel.ui.straightButton.click()
    assert panel.ui.straightButton.isHidden()
    place = matrix @ (*BALLS[0], 1.0)
    panel.click_in_view(place[:3])
    panel.wait()
    middle = np.array(panel.session.nodule.result.center_lps) * (-1, -1, 1)
    np.testing.assert_allclose(middle, place[:3], atol=0.8)


def test_axes_of_the_ct_that_was_chosen_before_are_hidden(slicer: Any, marked: Panel) -> None:
    from densesharp_scene import measured_axes

    former, other = marked.scan, add_ct(slicer, "Other", (6.0, 6.0))
    marked.ui.axesCheckBox.click()
    marked.wait()
    lines = measured_axes.lines_of(former)
    assert all(line.GetDisplayNode().GetVisibility() for line in lines)
    marked.ui.inputSelector.setCurrentNode(other)
    marked.wait()
    assert not any(line.GetDisplayNode().GetVisibility() for line in lines)
    marked.ui.inputSelector.setCurrentNode(former.volume_node)
    marked.wait()
    assert all(line.GetDisplayNode().GetVisibility() for line in lines)


def test_a_bent_ct_is_used_as_a_straight_copy(
    slicer: Any, panel: Panel, ct: Any, bend: Any
) -> None:
    """Where a transform bends the CT too much, one button makes the copy and goes on with it."""
    panel.ui.inputSelector.setCurrentNode(ct)
    assert panel.ui.straightButton.isHidden()
    ct.SetAndObserveTransformNodeID(bend.GetID())
    panel.widget.refresh()
    assert not panel.ui.straightButton.isHidden()
    panel.ui.placeButton.click()
    assert "bends" in panel.ui.statusLabel.text
    panel.ui.straightButton.click()
    copy = panel.ui.inputSelector.currentNode()
    assert copy is not ct
    assert panel.ui.straightButton.isHidden()
    assert "bends" not in panel.ui.statusLabel.text, "that was about the former CT"
    shown = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    assert {each.GetBackgroundVolumeID() for each in shown} == {copy.GetID()}
    panel.click_in_view(BALLS[0])
    panel.wait()
    assert panel.session.nodule.result.measurements is not None


def test_a_setup_that_failed_half_way_can_be_cleaned_up(
    slicer: Any, module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slicer calls `cleanup` also then; it must not raise, and no observer may stay."""
    code = sys.modules["DenseSharpSlicer"]
    for name in ("_makeSections", "_observeScene"):
        host = module.widgetRepresentation()
        widget = code.DenseSharpSlicerWidget(host)

        def fail(_self: Any, *_details: Any) -> None:
            raise RuntimeError("half way")

        with monkeypatch.context() as patched:
            patched.setattr(code.DenseSharpSlicerWidget, name, fail)
            with pytest.raises(RuntimeError, match="half way"):
                widget.setup()
        widget.cleanup()
        assert not list(widget.Observations)
    module.widgetRepresentation().self().cleanup()


def test_the_decision_lies_beside_the_table(marked: Panel) -> None:
    """In sight without scrolling on a screen of 768 pixels, of which Slicer's own bars take 200."""
    import qt

    marked.host.resize(390, 1400)
    marked.host.show()
    marked.widget.refresh()
    marked.slicer.app.processEvents()
    for name in ("acceptButton", "rejectButton", "copyButton"):
        button = getattr(marked.ui, name)
        bottom = button.mapTo(marked.host, qt.QPoint(0, 0)).y() + button.height
        assert bottom < 768 - 200, (name, bottom)
    marked.host.hide()
    marked.ui.deleteButton.click()
    marked.wait()
    assert not marked.ui.copyButton.enabled


def test_an_earlier_ct_is_shown_beside(slicer: Any, marked: Panel, ct: Any) -> None:
    other = add_ct(slicer, "earlier")
    assert not marked.ui.besideButton.enabled
    marked.ui.priorSelector.setCurrentNode(other)
    assert marked.ui.besideButton.enabled
    layouts: list[int] = []
    manager = type("LayoutManager", (), {"setLayout": lambda _self, n: layouts.append(n)})()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(slicer.app), "layoutManager", lambda _app: manager)
        marked.ui.besideButton.click()
    assert layouts == [slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView]
    shown = {
        each.GetLayoutName(): each.GetBackgroundVolumeID()
        for each in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    assert (shown["Red"], shown["Yellow"]) == (ct.GetID(), other.GetID())
    assert marked.ui.inputSelector.currentNode() is ct
    marked.ui.nodulesTable.cellClicked.emit(0, 0)  # the earlier CT knows no nodule: views stay
    marked.wait()
    marked.ui.priorSelector.setCurrentNode(None)
    marked.widget.review.onBeside()
    assert layouts == [slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView]


def test_an_outline_is_corrected_without_leaving(slicer: Any, marked: Panel, ct: Any) -> None:
    """Slicer's own widget, for the selected nodule, with a node of its own; it ends with us."""
    ui = marked.ui
    assert not ui.hereButton.isHidden()
    assert ui.editorFrame.isHidden()
    ui.hereButton.click()
    editor = marked.widget.correction._editor
    assert not ui.editorFrame.isHidden()
    assert editor.watching
    assert editor.told["setSegmentationNode"] is marked.scan.segmentation_node
    assert editor.told["setSourceVolumeNode"] is ct
    assert editor.told["setCurrentSegmentID"] == marked.session.nodule.segment_id
    node = editor.told["setMRMLSegmentEditorNode"]
    assert node.GetSingletonTag() == "DenseSharp"
    assert not editor.segmentationNodeSelectorVisible
    marked.click_in_view(BALLS[1])
    marked.wait()
    assert editor.told["setCurrentSegmentID"] == marked.session.nodule.segment_id
    marked.host.exit()
    assert not editor.watching
    assert ui.editorFrame.isHidden()
    assert not ui.hereButton.checked
    marked.host.enter()
    ui.hereButton.click()
    assert editor is marked.widget.correction._editor
    assert editor.watching
    for _ in range(2):
        ui.deleteButton.click()
        marked.wait()
    assert not editor.watching
    assert not ui.hereButton.enabled


def test_views_zoom_and_outlines_go(slicer: Any, marked: Panel) -> None:
    views = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    wide = [view.GetFieldOfView()[0] for view in views]
    marked.ui.nodulesTable.cellClicked.emit(0, 0)
    assert {view.GetFieldOfView()[0] for view in views} == {60.0}
    marked.ui.zoomCheckBox.click()
    assert [view.GetFieldOfView()[0] for view in views] == wide
    marked.ui.nodulesTable.cellClicked.emit(0, 0)
    assert [view.GetFieldOfView()[0] for view in views] == wide
    marked.ui.zoomCheckBox.click()
    assert {view.GetFieldOfView()[0] for view in views} == {60.0}
    display = marked.scan.segmentation_node.GetDisplayNode()
    marked.ui.outlineCheckBox.click()
    assert not display.GetVisibility2DOutline()
    marked.ui.outlineCheckBox.click()
    assert display.GetVisibility2DOutline()
    marked.ui.zoomCheckBox.click()  # the views are as wide as before for the next test


def test_axes_of_a_ct_that_was_bent_are_not_drawn(marked: Panel, ct: Any, bend: Any) -> None:
    marked.ui.axesCheckBox.click()
    assert marked.ui.axesCheckBox.text != "Axes"
    ct.SetAndObserveTransformNodeID(bend.GetID())
    marked.widget.refresh()
    assert marked.ui.axesCheckBox.text == "Axes"


def test_outlines_too_large_for_a_nodule_are_left_out(
    slicer: Any, panel: Panel, ct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from densesharp_scene import reach

    panel.ui.inputSelector.setCurrentNode(ct)
    labels = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "Organs")
    labels.CopyOrientation(ct)
    voxels = np.zeros_like(slicer.util.arrayFromVolume(ct), dtype=np.int16)
    voxels[20:26, 20:26, 20:26] = 1
    voxels[30:55, 30:60, 30:60] = 2
    slicer.util.updateVolumeFromArray(labels, voxels)
    monkeypatch.setattr(reach, "LARGEST_MM", 20.0)
    panel.ui.adoptSelector.setCurrentNode(labels)
    said: list[str] = []
    monkeypatch.setattr(panel.session, "say", lambda text, **_options: said.append(text))
    panel.ui.adoptButton.click()
    panel.wait()
    assert any("Label 2" in text and "1 outlines" in text for text in said), said


def test_views_that_move_come_before_refining(marked: Panel, monkeypatch: Any) -> None:
    """Also views that came after the panel was opened: each piece of work looks for them."""
    import densesharp_scene.worker
    from DenseSharpSlicerLib import pace

    scene, jobs = marked.slicer.mrmlScene, marked.session.jobs
    added = scene.AddNewNodeByClass("vtkMRMLSliceNode")
    camera = scene.AddNewNodeByClass("vtkMRMLCameraNode")
    marked.widget.onWork()
    shared: list[float] = []
    monkeypatch.setattr(jobs, "wait", shared.append)
    monkeypatch.setattr(type(marked.session), "idle", property(lambda _self: False))
    monkeypatch.setattr(densesharp_scene.worker, "MOVING_S", 60.0)
    look = marked.widget.pace.look
    for move in (lambda: added.SetSliceOffset(12.0), lambda: camera.SetPosition(1.0, 2.0, 3.0)):
        jobs._worker._moving_until = 0.0
        look()
        move()
        assert jobs.views_move
        look()
    with monkeypatch.context() as waiting:
        awaited = property(lambda _self: True)
        waiting.setattr(type(marked.session.answers), "awaited", awaited)
        look()
    usual, moving = pace.YIELD_SECONDS, pace.MOVING_SECONDS
    assert shared == [usual, moving, usual, moving, usual]


def test_the_nodule_in_sight_is_selected_when_its_ct_is_chosen(panel: Panel, ct: Any) -> None:
    """A scene opens at the slices that it was left at; A must not mean another nodule."""
    from densesharp_scene.views import jump_to

    other = add_ct(panel.slicer, "other")
    selector = panel.ui.inputSelector
    selector.setCurrentNode(ct)
    for ras in BALLS:
        panel.click_in_view(ras)
        panel.wait()
    names = [nodule.name for nodule in panel.session.nodules]
    for number in (1, 0, 1):
        selector.setCurrentNode(other)
        jump_to(panel.slicer.mrmlScene, BALLS[number])
        selector.setCurrentNode(ct)
        assert panel.session.nodule.name == names[number]
    selector.setCurrentNode(other)
    jump_to(panel.slicer.mrmlScene, np.asarray(BALLS[1]) + (0.0, 0.0, 30.0))
    selector.setCurrentNode(ct)
    assert panel.session.nodule.name == names[0]
