"""What a reader sees at the pointer, near a nodule, and of its axes; without a page."""

import numpy as np
import pytest
from viewer_helpers import settle

from densesharp_scene import measured_axes, rulers, segments
from densesharp_scene import views as scene_views


@pytest.fixture
def looking(shown):
    from densesharp_viewer.looking import Looking

    return Looking(shown[1], lambda function: function())


def widths(views):
    return {name: view.get_view_node().GetFieldOfView()[0] for name, view in views.items()}


def test_views_rest_on_slices_of_the_ct(shown, looking):
    session, views, center = shown
    node = views["axial"].get_view_node()
    node.JumpSliceByOffsetting(*(center + (0, 0, 0.4)))
    looking.snap()
    index = session.scan.volume().grid.to_index(
        np.array([0, 0, views["axial"].get_slice_value()]) * (-1, -1, 1)
    )
    assert index[2] == pytest.approx(30, abs=1e-6)  # the sphere's own slice


def test_near_a_nodule_and_back_to_the_width_before(shown, looking):
    session, views, _ = shown
    scene, before = session.scan.scene, widths(views)
    looking.come_near(scene, "nodule_001", 30.0)
    assert set(widths(views).values()) == {120.0}  # four times its long axis
    assert looking.is_near(scene, "nodule_001")
    assert not looking.is_near(scene, "nodule_002")
    looking.back(scene)
    assert widths(views) == pytest.approx(before)
    looking.come_near(scene, "nodule_001", 6.0)
    assert set(widths(views).values()) == {60.0}
    views["axial"].set_slice_value(views["axial"].get_slice_value() + 30)
    assert not looking.is_near(scene, "nodule_001")  # scrolled away: the key comes back to it
    looking.back(scene)
    assert widths(views) == pytest.approx(before)


def test_zooming_one_view_zooms_all_to_the_same_scale(shown, looking):
    from densesharp_viewer.looking import _scale

    _, views, _ = shown
    interactor = views["coronal"].interactor()
    interactor.InvokeEvent("RightButtonPressEvent")
    node = views["coronal"].get_view_node()
    wide, high, deep = node.GetFieldOfView()
    node.SetFieldOfView(wide / 2, high / 2, deep)
    interactor.InvokeEvent("RightButtonReleaseEvent")
    scales = [_scale(view) for view in views.values()]
    assert scales == pytest.approx([wide / 2 / 400] * 3)


def test_a_moving_mouse_zooms_nothing(shown, looking):
    _, views, _ = shown
    before = widths(views)
    views["axial"].interactor().InvokeEvent("MouseMoveEvent")
    assert widths(views) == before


def test_the_pointer_s_density_is_that_of_the_voxel(shown):
    from densesharp_viewer.corner_annotations import SliceReadouts
    from densesharp_viewer.pointer import words_at

    session, views, _ = shown
    told = {}
    SliceReadouts(
        views, told.update, lambda function, _s: function(),
        lambda ras: words_at(session.scan, ras),
    )  # fmt: skip
    volume = session.scan.volume()
    interactor = views["axial"].interactor()
    interactor.SetEventPosition(250, 200)
    interactor.InvokeEvent("MouseMoveEvent")
    matrix = views["axial"].get_view_node().GetXYToRAS()
    ras = np.array(matrix.MultiplyPoint((249.5, 199.5, 0, 1))[:3])
    k, j, i = np.rint(volume.grid.to_index(ras * (-1, -1, 1))).astype(int)[::-1]
    place = ", ".join(f"{value:.1f}" for value in ras)
    expected = f"{volume.array[k, j, i]} HU at RAS {place} mm, axial slice {k + 1}"
    assert told["pointer"] == expected.replace("-", "\u2212")
    view = views["axial"]
    view.set_slice_value(view.get_slice_value() + view.get_slice_step())
    assert told["pointer"].endswith(f"axial slice {k + 2}"), "the pointer rests, the slice does not"
    assert told["pointer"].startswith(f"{volume.array[k + 1, j, i]} HU".replace("-", "\u2212"))
    interactor.SetEventPosition(1, 1)
    interactor.InvokeEvent("MouseMoveEvent")
    assert told["pointer"] == ""  # beside the CT
    interactor.SetEventPosition(250, 200)
    interactor.InvokeEvent("MouseMoveEvent")
    interactor.InvokeEvent("LeaveEvent")
    assert told["pointer"] == ""


def visible(scan) -> list:
    return [each for each in measured_axes.lines_of(scan) if each.GetDisplayNode().GetVisibility()]


def test_the_axes_lie_where_they_were_measured(shown, page):
    session, _, center = shown
    session.click(center)
    settle(session)
    measured = session.nodule.result.measurements
    drawn = visible(session.scan)
    lengths = [node.GetMeasurement("length").GetValue() for node in drawn]
    assert lengths == pytest.approx([measured.long_axis_mm, measured.short_axis_mm])
    point = [0.0, 0.0, 0.0]
    drawn[0].GetNthControlPointPositionWorld(0, point)
    np.testing.assert_allclose(np.array(point) * (-1, -1, 1), measured.long_axis.start)
    session.show_axes(False)
    assert visible(session.scan) == []
    assert page["axes"] is False
    session.show_axes(True)
    assert len(visible(session.scan)) == 2
    session.delete("nodule_001")
    assert visible(session.scan) == []


def test_a_dragged_axis_is_the_readers_and_comes_back_with_its_nodule(shown, page):
    session, _, center = shown
    session.click(center)
    settle(session)
    assert page["lengths"] == ""
    long_axis = measured_axes.lines_of(session.scan)[0]
    assert long_axis.GetLocked(), "else it is dragged instead of a seed"
    session.tool = "ruler"
    session.lock_lines()
    assert not long_axis.GetLocked()
    start, end = (np.array(long_axis.GetNthControlPointPositionWorld(n)) for n in (0, 1))
    measured = session.nodule.result.measurements
    told = []
    for longer in (0.1, 0.3, 0.5):
        long_axis.SetNthControlPointPositionWorld(1, *(end + longer * (end - start)))
        told.append(page["lengths"])
    assert told == [
        f"Measured by the reader: {(1 + longer) * measured.long_axis_mm:.1f} × "
        f"{measured.short_axis_mm:.1f} mm"
        for longer in (0.1, 0.3, 0.5)
    ], "the number follows the mouse"
    assert long_axis.GetDisplayNode().GetPropertiesLabelVisibility()
    assert "by the reader" not in page["card"]["sentence"]
    session.check_seeds()
    assert "(long axis measured by the reader)" in page["card"]["sentence"]
    words = f"Measured by the reader: {1.5 * measured.long_axis_mm:.1f} × "
    words += f"{measured.short_axis_mm:.1f} mm"
    assert page["lengths"] == words
    session.undo()
    assert page["message"]["text"] == "Undone: Nodule 1: axes measured."
    assert page["lengths"] == ""
    assert "by the reader" not in page["card"]["sentence"]
    session.redo()
    assert page["lengths"] == words
    session.click(center + (25, 0, 0))
    settle(session)
    assert page["lengths"] == ""
    session.select("nodule_001")
    assert page["lengths"] == words


@pytest.mark.parametrize(
    ("plane", "along"), [("axial", (9, 1, 0)), ("coronal", (9, 0, 4)), ("sagittal", (0, 9, 4))]
)
def test_a_line_is_drawn_in_its_own_plane_only(shown, plane, along):
    session, views, center = shown
    assert rulers.click(session.scan, center) is None
    assert rulers.click(session.scan, center + along) == pytest.approx(np.linalg.norm(along))
    (line,) = rulers.lines(session.scan.scene)
    display = line.GetDisplayNode()
    where = [n for n, v in views.items() if display.IsDisplayableInView(v.get_view_node().GetID())]
    assert where == [plane]
    rulers.click(session.scan, center)
    rulers.forget_begun(session.scan.scene)
    assert rulers.lines(session.scan.scene) == [line]
    rulers.clear(session.scan.scene)
    assert rulers.lines(session.scan.scene) == []


def test_twenty_four_nodules_have_colors_of_their_own_and_the_list_shows_them(shown, page):
    session, _, center = shown
    node = session.scan.segmentation_node
    colors = {segments.color_of(node, number) for number in range(1, 25)}
    assert len(colors) == 24
    session.click(center)
    settle(session)
    color = node.GetSegmentation().GetNthSegment(0).GetColor()
    words = ", ".join(f"{255 * part:.0f}" for part in color)
    assert page["nodules"][0]["color"] == f"rgb({words})"


def test_a_seed_is_a_thin_cross_of_the_same_size_at_every_zoom(shown):
    display = shown[0].scan.seeds_node.GetDisplayNode()
    assert display.GetUseGlyphScale()
    assert display.GetGlyphTypeAsString(display.GetGlyphType()) == "Cross2D"


def test_the_evidence_map_can_be_faded(shown, page):
    session, _, center = shown
    session.click(center)
    settle(session)
    session.show_evidence(True)
    session.fade_evidence(0.2)
    node = session.scan.known("evidence")
    composites = scene_views.nodes_of(session.scan.scene, "vtkMRMLSliceCompositeNode")
    over = [each for each in composites if each.GetForegroundVolumeID() == node.GetID()]
    assert over
    assert {each.GetForegroundOpacity() for each in over} == {0.2}
    assert page["evidence_opacity"] == 0.2
    session.click(center + (25, 0, 0))  # the map of the next nodule keeps it
    settle(session)
    assert {each.GetForegroundOpacity() for each in over} == {0.2}


def test_the_selected_nodule_stands_out_in_3d(shown):
    session, _, center = shown
    for offset in (0, 25):
        session.click(center + (offset, 0, 0))
        settle(session)
    display = session.scan.segmentation_node.GetDisplayNode()

    def opacities():
        return [display.GetSegmentOpacity3D(nodule.segment_id) for nodule in session.nodules]

    assert opacities() == [0.25, 1.0]
    session.select("nodule_001")
    assert opacities() == [1.0, 0.25]
    session.select(None)
    assert opacities() == [1.0, 1.0]
