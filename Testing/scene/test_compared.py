"""Two CTs in one scene, views that show them, and what a reader sees of each."""

import numpy as np
import pytest

from nodule_answers import answer


@pytest.fixture
def views(scene):
    """Two slice views and a 3D view: (red, yellow, 3D), each slice view with its composite."""
    found = []
    for name in ("Red", "Yellow"):
        view = scene.AddNewNodeByClass("vtkMRMLSliceNode", name)
        composite = scene.AddNewNodeByClass("vtkMRMLSliceCompositeNode", name)
        view.SetLayoutName(name)
        composite.SetLayoutName(name)
        found.append((view, composite))
    return (*found, scene.AddNewNodeByClass("vtkMRMLViewNode", "View1"))


@pytest.fixture
def two(make_ct):
    """The present CT and an earlier one, a nodule in each."""
    from densesharp_scene import ScanNodules

    scans = [ScanNodules(make_ct(name=name)) for name in ("present", "earlier")]
    for scan in scans:
        nodule_id = scan.claim(scan.place(scan.volume().grid.center * (-1, -1, 1)))
        scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id))
    return scans


def shown_in(scan, view):
    display = scan.segmentation_node.GetDisplayNode()
    return bool(display.GetVisibility() and display.IsDisplayableInView(view.GetID()))


def test_outlines_of_the_ct_that_is_not_chosen_are_not_drawn_over_the_chosen_one(scene, views, two):
    from densesharp_scene.compared import show_outlines

    (red, red_shows), (yellow, yellow_shows), solid = views
    present, earlier = two
    for composite in (red_shows, yellow_shows):
        composite.SetBackgroundVolumeID(present.volume_node.GetID())
    show_outlines(scene, present.volume_node)
    assert [shown_in(present, view) for view in (red, yellow, solid)] == [True] * 3
    assert [shown_in(earlier, view) for view in (red, yellow, solid)] == [False] * 3
    assert not earlier.seeds_node.GetDisplayNode().GetVisibility()

    yellow_shows.SetBackgroundVolumeID(earlier.volume_node.GetID())  # side by side
    show_outlines(scene, present.volume_node)
    assert [shown_in(present, view) for view in (red, yellow, solid)] == [True, False, True]
    assert [shown_in(earlier, view) for view in (red, yellow, solid)] == [False, True, False]

    show_outlines(scene, earlier.volume_node)
    assert [shown_in(present, view) for view in (red, yellow, solid)] == [True, False, False]
    assert [shown_in(earlier, view) for view in (red, yellow, solid)] == [False, True, True]


def test_what_a_reader_hid_stays_hidden(scene, views, two):
    from densesharp_scene.compared import show_outlines

    present, earlier = two
    (red, red_shows), (_, yellow_shows), _ = views
    for composite in (red_shows, yellow_shows):
        composite.SetBackgroundVolumeID(present.volume_node.GetID())
    earlier.segmentation_node.GetDisplayNode().SetVisibility(False)
    show_outlines(scene, present.volume_node)
    for composite in (red_shows, yellow_shows):
        composite.SetBackgroundVolumeID(earlier.volume_node.GetID())
    show_outlines(scene, earlier.volume_node)
    assert not earlier.segmentation_node.GetDisplayNode().GetVisibility()
    assert not shown_in(present, red)
    show_outlines(scene, present.volume_node)
    assert present.segmentation_node.GetDisplayNode().GetVisibility()


def test_one_ct_is_left_to_slicer(scene, views, ct_with_a_nodule):
    from densesharp_scene.compared import show_outlines

    scan, _ = ct_with_a_nodule
    show_outlines(scene, scan.volume_node)
    assert not scan.segmentation_node.GetDisplayNode().GetViewNodeIDs()
    assert all(shown_in(scan, view) for view in (views[0][0], views[1][0], views[2]))


def test_nodules_of_two_cts_differ_in_colour(two):
    colors = []
    for scan in two:
        segmentation = scan.segmentation_node.GetSegmentation()
        segment = segmentation.GetSegment(scan.nodules[0].segment_id)
        colors.append(segment.GetColor())
    assert np.abs(np.subtract(*colors)).max() > 0.3


def test_the_evidence_map_gives_a_pet_back(scene, views, ct_with_a_nodule, make_ct):
    scan, nodule_id = ct_with_a_nodule
    (_, red), (_, yellow), _ = views
    pet = make_ct(name="PET")
    red.SetForegroundVolumeID(pet.GetID())
    red.SetForegroundOpacity(0.3)
    for _ in range(2):  # the second time nothing of ours counts as what was there
        scan.show_evidence(nodule_id)
        assert red.GetForegroundVolumeID() == yellow.GetForegroundVolumeID() != pet.GetID()
    scan.show_evidence(None)
    assert (red.GetForegroundVolumeID(), red.GetForegroundOpacity()) == (pet.GetID(), 0.3)
    assert (yellow.GetForegroundVolumeID(), yellow.GetForegroundOpacity()) == (None, 0.0)


def test_show_3d_off_stays_off(ct_with_a_nodule):
    """Slicer's button takes the surfaces away; the next answers make none."""
    from densesharp_scene.segments import SURFACE

    scan, nodule_id = ct_with_a_nodule
    segmentation = scan.segmentation_node.GetSegmentation()
    assert segmentation.ContainsRepresentation(SURFACE)
    segmentation.RemoveRepresentation(SURFACE)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 3.0))
    second = scan.claim(scan.place(scan.volume().grid.center * (-1, -1, 1) + (0, 0, 10)))
    scan.store(answer(scan.volume(), scan.seed_of(second), second, 3.0))
    assert not segmentation.ContainsRepresentation(SURFACE)
    segmentation.CreateRepresentation(SURFACE)  # pressed again
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 5.0))
    for nodule in scan.nodules:
        surface = segmentation.GetSegment(nodule.segment_id).GetRepresentation(SURFACE)
        assert surface.GetNumberOfPoints() > 50


def test_views_come_near_and_go_back(scene, views):
    """The width is set in mm, the height follows the view's own shape, the depth stays."""
    from densesharp_scene.views import zoom_back, zoom_to

    (red, _), (yellow, _), _ = views
    red.SetFieldOfView(400.0, 300.0, 1.0)
    yellow.SetFieldOfView(350.0, 350.0, 2.0)
    zoom_to(scene, 60.0)
    zoom_to(scene, 90.0)
    np.testing.assert_allclose(red.GetFieldOfView(), (90.0, 67.5, 1.0))
    np.testing.assert_allclose(yellow.GetFieldOfView(), (90.0, 90.0, 2.0))
    zoom_back(scene)
    np.testing.assert_allclose(red.GetFieldOfView(), (400.0, 300.0, 1.0))
    np.testing.assert_allclose(yellow.GetFieldOfView(), (350.0, 350.0, 2.0))
    red.SetFieldOfView(200.0, 150.0, 1.0)
    zoom_back(scene)
    assert red.GetFieldOfView()[0] == 200.0, "there is nothing to go back to"


def test_segments_that_slicer_opened_hidden_are_shown(ct_with_a_nodule):
    """Slicer may open all of a scene so, after a deletion; a single one was hidden by a reader."""
    from densesharp_scene import ScanNodules

    scan, _ = ct_with_a_nodule
    second = scan.claim(scan.place(scan.volume().grid.center * (-1, -1, 1) + (0, 0, 10)))
    scan.store(answer(scan.volume(), scan.seed_of(second), second, 3.0))
    display = scan.segmentation_node.GetDisplayNode()
    ids = [nodule.segment_id for nodule in scan.nodules]
    display.SetSegmentVisibility(ids[0], False)
    ScanNodules(scan.volume_node)
    assert [display.GetSegmentVisibility(name) for name in ids] == [False, True]
    display.SetAllSegmentsVisibility(False)
    ScanNodules(scan.volume_node)
    assert [display.GetSegmentVisibility(name) for name in ids] == [True, True]


def test_outlines_are_two_pixels_and_can_be_switched_off(ct_with_a_nodule):
    from densesharp_scene.segments import toggle_outlines

    node = ct_with_a_nodule[0].segmentation_node
    display = node.GetDisplayNode()
    assert display.GetSliceIntersectionThickness() == 2
    assert not toggle_outlines(node)
    assert not display.GetVisibility2DOutline()
    assert toggle_outlines(node)


def test_outlines_are_smooth_where_there_is_a_surface_and_stay_as_a_reader_chooses(
    scene, views, ct_with_a_nodule
):
    from densesharp_scene.compared import show_outlines

    scan, _ = ct_with_a_nodule
    segmentation = scan.segmentation_node.GetSegmentation()
    display = scan.segmentation_node.GetDisplayNode()
    assert display.GetDisplayRepresentationName2D() == "Closed surface"
    show_outlines(scene, scan.volume_node)
    segmentation.RemoveRepresentation("Closed surface")  # Show 3D is switched off
    assert display.GetDisplayRepresentationName2D() == "Binary labelmap"
    display.SetPreferredDisplayRepresentationName2D("Binary labelmap")
    show_outlines(scene, scan.volume_node)
    segmentation.CreateRepresentation("Closed surface")
    assert display.GetDisplayRepresentationName2D() == "Binary labelmap"


def test_the_smooth_outline_has_no_stairs_and_the_area_of_the_voxels(
    scene, views, ct_with_a_nodule
):
    """What Slicer's slice views draw: the surface cut by the slice."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    scan, nodule_id = ct_with_a_nodule
    mask = scan.mask_of(nodule_id)
    k = mask.array.shape[0] // 2
    plane = vtk.vtkPlane()
    plane.SetOrigin(0, 0, float(mask.grid.to_world([0, 0, k])[2]))
    plane.SetNormal(0, 0, 1)
    cut = vtk.vtkCutter()
    cut.SetCutFunction(plane)
    segment_id = scan.nodule(nodule_id).segment_id
    cut.SetInputData(scan.segmentation_node.GetClosedSurfaceInternalRepresentation(segment_id))
    join = vtk.vtkStripper()
    join.SetInputConnection(cut.GetOutputPort())
    join.JoinContiguousSegmentsOn()
    join.Update()
    line = join.GetOutput()
    assert line.GetNumberOfLines() == 1
    points = vtk_to_numpy(line.GetPoints().GetData())[:, :2]
    order = [line.GetCell(0).GetPointId(n) for n in range(line.GetCell(0).GetNumberOfPoints())]
    ring = points[order[:-1]]
    x, y = ring.T
    area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    voxel = mask.grid.spacing[0] * mask.grid.spacing[1]
    assert area == pytest.approx(mask.array[k].sum() * voxel, rel=0.04)
    coarse = ring[:: max(1, len(ring) // 24)]  # over a voxel and more: a stair turns by 90 degrees
    steps = np.diff(np.vstack([coarse, coarse[:2]]), axis=0)
    angles = np.arctan2(steps[:, 1], steps[:, 0])
    turns = np.abs((np.diff(angles) + np.pi) % (2 * np.pi) - np.pi)
    assert np.degrees(turns).max() < 45


def center_of_view(view):
    return np.array([view.GetSliceToRAS().GetElement(row, 3) for row in range(3)])


def test_two_cts_side_by_side_look_at_the_same_nodule(scene, views, make_ct):
    """The earlier CT lies 20 mm elsewhere: each view is at the nodule of its own CT."""
    from densesharp_scene import ScanNodules
    from densesharp_scene.compared import look_at_pair, show_outlines, side_by_side
    from densesharp_scene.prior_link import pair

    (red, red_shows), (yellow, yellow_shows), _ = views
    elsewhere = np.diag([-0.7, -0.7, 1.25, 1.0])
    elsewhere[:3, 3] = 30.0, 12.0, -30.0
    now, then = ScanNodules(make_ct(name="now")), ScanNodules(make_ct(matrix=elsewhere))
    ids = []
    for scan in (now, then):
        claim = scan.claim(scan.place(scan.volume().grid.center * (-1, -1, 1)))
        ids.append(scan.store(answer(scan.volume(), scan.seed_of(claim), claim, 4.0)).id)
    pair(now, ids[0], then, ids[1])
    red.SetFieldOfView(80.0, 60.0, 1.0)
    side_by_side(now, ids[0], then)
    show_outlines(scene, now.volume_node)
    assert red_shows.GetBackgroundVolumeID() == now.volume_node.GetID()
    assert yellow_shows.GetBackgroundVolumeID() == then.volume_node.GetID()
    np.testing.assert_allclose(center_of_view(red), now.center_of(ids[0]), atol=1e-6)
    np.testing.assert_allclose(center_of_view(yellow), then.center_of(ids[1]), atol=1e-6)
    assert np.abs(center_of_view(red) - center_of_view(yellow))[0] == pytest.approx(20.0)
    assert yellow.GetFieldOfView()[0] == 80.0
    assert [shown_in(now, view) for view in (red, yellow)] == [True, False]
    assert [shown_in(then, view) for view in (red, yellow)] == [False, True]
    now.jump(ids[0])  # all views go to the place of the present nodule
    look_at_pair(now, ids[0], then)
    np.testing.assert_allclose(center_of_view(yellow), then.center_of(ids[1]), atol=1e-6)


@pytest.fixture
def beside(scene, views, two):
    """The two CTs side by side and linked: (red view, yellow view, link)."""
    from densesharp_scene.compared import side_by_side
    from densesharp_scene.linked import Linked

    present, earlier = two
    link = Linked()
    link.link(*side_by_side(present, present.nodules[0].id, earlier))
    yield *views[:2], link
    link.unlink()


def test_linked_views_scroll_and_zoom_by_as_much(beside):
    (red, _), (yellow, _), link = beside
    yellow.SetSliceOffset(yellow.GetSliceOffset())  # nothing
    apart = yellow.GetSliceOffset() - red.GetSliceOffset()
    red.SetSliceOffset(red.GetSliceOffset() + 3.75)
    assert yellow.GetSliceOffset() - red.GetSliceOffset() == pytest.approx(apart)
    yellow.SetSliceOffset(yellow.GetSliceOffset() - 1.25)
    assert yellow.GetSliceOffset() - red.GetSliceOffset() == pytest.approx(apart)
    width = yellow.GetFieldOfView()[0]
    across, up, deep = red.GetFieldOfView()
    red.SetFieldOfView(across / 2, up / 2, deep)
    assert yellow.GetFieldOfView()[0] == pytest.approx(width / 2)
    assert link.on


def test_a_jump_of_the_program_is_not_followed_twice(scene, beside, two):
    """Each view goes to its own nodule; the next scroll begins there."""
    from densesharp_scene.views import jump_to

    (red, _), (yellow, _), _link = beside
    jump_to(scene, center_of_view(red) + (0, 0, 7))
    both = red.GetSliceOffset(), yellow.GetSliceOffset()
    assert both[0] == pytest.approx(both[1])  # one world point in all views, no more
    red.SetSliceOffset(red.GetSliceOffset() + 1.25)
    assert yellow.GetSliceOffset() == pytest.approx(both[1] + 1.25)


def test_the_link_ends_when_a_view_shows_another_ct(beside, two):
    (red, _), (yellow, yellow_shows), link = beside
    before = yellow.GetSliceOffset()
    yellow_shows.SetBackgroundVolumeID(two[0].volume_node.GetID())
    red.SetSliceOffset(red.GetSliceOffset() + 3)
    assert not link.on
    assert yellow.GetSliceOffset() == before
