"""Outlines lie where the reader sees them, whatever lies above the CT or under the outline."""

from dataclasses import replace

import numpy as np
import pytest
from segment_editor import SegmentEditor
from test_scene_geometry import linear, put_under, rotation
from test_scene_save import _save, open_bundle

from densesharp.nodule.records import Seed
from densesharp_scene import SceneError
from densesharp_scene.geometry import array_to_matrix, ijk_to_local
from nodule_answers import answer, click

OBLIQUE = linear(rotation((1, 2, 3), 20) * (0.7, 0.7, 1.25), (10.0, 12.0, -30.0))
TURNED_AND_SHIFTED = linear(rotation((0, 0, 1), 10), (15.0, 10.0, 5.0))


@pytest.fixture(params=["upright", "oblique"])
def scan_under_transform(request, scene, make_ct):
    """A CT under a transform, with one answered nodule: (scan, nodule id)."""
    from densesharp_scene import ScanNodules

    node = make_ct(matrix=OBLIQUE if request.param == "oblique" else None)
    put_under(scene, node, [TURNED_AND_SHIFTED])
    return _answered(ScanNodules(node))


def _answered(scan):
    middle = scan.volume().grid.center * (-1, -1, 1)
    return scan, click(scan, middle)


def middle_of_mask(mask):
    """World RAS of the middle of a mask's voxels."""
    index = np.argwhere(mask.array)[:, ::-1].mean(axis=0)
    return mask.grid.to_world(index) * (-1, -1, 1)


def test_a_brush_stroke_under_a_transform_stays_in_place(scan_under_transform):
    """The voxels within reach of the stroke are added, computed from the CT's world matrix."""
    from densesharp_scene.geometry import grid_of

    scan, nodule_id = scan_under_transform
    before = scan.mask_of(nodule_id)
    grid = grid_of(scan.volume_node)
    ras = grid.center * (-1, -1, 1) + (3.0, 0.0, 0.0)
    segment_id = scan.nodule(nodule_id).segment_id
    SegmentEditor(scan.segmentation_node, scan.volume_node, segment_id).paint(ras, 4.0)

    index = np.argwhere(np.ones(grid.size[::-1], bool))
    near = np.linalg.norm(grid.to_world(index[:, ::-1]) * (-1, -1, 1) - ras, axis=1) <= 4.0
    expected = before.full(grid) > 0
    expected[tuple(index[near].T)] = True
    after = scan.mask_of(nodule_id)
    np.testing.assert_array_equal(after.full(grid) > 0, expected)
    assert expected.sum() > before.array.sum()


def test_save_and_open_under_a_transform_changes_nothing(scan_under_transform, tmp_path):
    from densesharp_scene import ScanNodules

    scan, nodule_id = scan_under_transform
    before = scan.mask_of(nodule_id)
    opened = open_bundle(_save(scan.scene, tmp_path / "case.mrb"))
    again = ScanNodules(opened.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    after = again.mask_of(nodule_id)
    assert again.outdated(nodule_id) is None
    np.testing.assert_array_equal(after.array, before.array)
    np.testing.assert_allclose(middle_of_mask(after), middle_of_mask(before), atol=1e-3)
    opened.Clear(True)


GEOMETRIES = {
    "oversampled": (2.0, np.eye(4)),
    "shifted by a third of a voxel": (1.0, linear(np.eye(3), (1 / 3, 1 / 3, 1 / 3))),
    "cropped": (1.0, linear(np.eye(3), (9, 7, 5))),
    "flipped": (1.0, linear(np.diag([-1, -1, -1]), (39, 35, 29))),
    "axes in another order": (1.0, linear(np.eye(3)[[2, 0, 1]])),
}


@pytest.mark.parametrize(("finer", "index"), GEOMETRIES.values(), ids=GEOMETRIES)
def test_an_outline_on_other_voxels_is_the_same_outline(scan_under_transform, finer, index):
    """*Specify geometry* changes the voxels of the segmentation, not where its outlines lie."""
    scan, nodule_id = scan_under_transform
    before = scan.mask_of(nodule_id)
    specify_geometry(scan.segmentation_node, scan.volume_node, finer, index)
    after = scan.mask_of(nodule_id)
    np.testing.assert_allclose(middle_of_mask(after), middle_of_mask(before), atol=0.5)
    both = np.minimum(after.full(scan.volume().grid), before.full(scan.volume().grid)).sum()
    assert both >= 0.95 * max(before.array.sum(), after.array.sum())


def test_oversampling_loses_no_voxel_and_is_told(scan_under_transform):
    """Twice as many voxels along each axis hold all of the CT's; the next answer says so."""
    scan, nodule_id = scan_under_transform
    before = scan.mask_of(nodule_id)
    specify_geometry(scan.segmentation_node, scan.volume_node, 2.0, np.eye(4))
    after = scan.mask_of(nodule_id)
    np.testing.assert_array_equal(after.array, before.array)
    assert after.start == before.start
    assert scan.outdated(nodule_id) is None
    segment_id = scan.nodule(nodule_id).segment_id
    ras = scan.volume().grid.center * (-1, -1, 1) + (3.0, 0.0, 0.0)
    SegmentEditor(scan.segmentation_node, scan.volume_node, segment_id).paint(ras, 4.0)
    found = scan.mask_of(nodule_id)
    assert found.array.sum() > before.array.sum()
    fresh = answer(scan.volume(), scan.seed_of(nodule_id), nodule_id)
    scan.store(replace(fresh, mask=found), edited=True)
    notices = scan.nodule(nodule_id).result.notices
    assert [n.code for n in notices if n.severity == "info"] == ["outline_resampled"]
    assert not scan.is_edited(nodule_id)
    scan.store(answer(scan.volume(), scan.seed_of(nodule_id), nodule_id, 3.0))
    smaller = scan.nodule(nodule_id).result
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, smaller.mask.array)
    assert [n.code for n in smaller.notices if n.severity == "info"] == []


def test_a_reader_s_own_outline_of_a_study_may_lie_on_finer_voxels(scene, make_ct):
    """The study keeps the CT's voxels, in their place."""
    from densesharp_scene import ScanNodules
    from densesharp_scene.study_case import StudyCase

    volume = ScanNodules(make_ct(matrix=OBLIQUE)).volume()
    mask = answer(volume, Seed(tuple(volume.grid.center))).mask
    case = StudyCase(scene)
    case.show(volume, tuple(volume.grid.center))
    case.write_own(mask)
    specify_geometry(case.segmentation_node, case.volume_node, 2.0, np.eye(4))
    found = case.own_mask()
    np.testing.assert_array_equal(found.array, mask.array)
    assert found.start == mask.start


def specify_geometry(segmentation_node, volume_node, finer, index):
    """As Slicer's dialog does it, from a volume that lies `index` voxels from the CT's."""
    import slicer

    from densesharp_scene.geometry import array_to_matrix, ijk_to_local

    source = volume_node.GetScene().AddNewNodeByClass("vtkMRMLScalarVolumeNode", "geometry")
    source.SetAndObserveImageData(volume_node.GetImageData())
    source.SetIJKToRASMatrix(array_to_matrix(ijk_to_local(volume_node) @ index))
    source.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    logic = slicer.vtkSlicerSegmentationGeometryLogic()
    logic.SetInputSegmentationNode(segmentation_node)
    logic.SetSourceGeometryNode(source)
    logic.SetOversamplingFactor(finer)
    assert not logic.CalculateOutputGeometry()
    logic.SetReferenceImageGeometryInSegmentationNode()
    assert logic.ResampleLabelmapsInSegmentationNode()


def test_an_image_of_all_nodules_is_searched_once(ct_with_a_nodule, monkeypatch):
    """Slicer puts all segments into one image when it saves; a look costs a box, not a lung."""
    from densesharp_scene import labelmaps

    scan, first = ct_with_a_nodule
    ras = scan.volume().grid.center * (-1, -1, 1) + (0, 0, 12)
    second = click(scan, ras, 3.0)
    masks = {name: scan.mask_of(name) for name in (first, second)}
    outlines = scan.segmentation_node.GetSegmentation()
    outlines.CollapseBinaryLabelmaps(True)
    assert outlines.GetNumberOfLayers() == 1
    searched = []
    search = labelmaps.boxes
    monkeypatch.setattr(
        labelmaps, "boxes", lambda voxels: searched.append(voxels.shape) or search(voxels)
    )
    for name in (first, second, first, second):
        np.testing.assert_array_equal(scan.mask_of(name).array, masks[name].array)
        assert scan.mask_of(name).start == masks[name].start
    assert len(searched) == 1
    segment_id = scan.nodule(first).segment_id
    ras = scan.center_of(first) + (4.0, 0.0, 0.0)
    SegmentEditor(scan.segmentation_node, scan.volume_node, segment_id).paint(ras, 3.0)
    assert scan.mask_of(first).array.sum() > masks[first].array.sum()
    np.testing.assert_array_equal(scan.mask_of(second).array, masks[second].array)


@pytest.mark.parametrize("bent", [False, True], ids=["linear", "bending"])
def test_a_transform_of_the_segmentation_alone_moves_no_outline(scene, ct_with_a_nodule, bent):
    """An outline is voxels of its CT: seen elsewhere than where it is measured, it would lie."""
    scan, nodule_id = ct_with_a_nodule
    before = scan.mask_of(nodule_id)
    middle = np.mean(_seen(scan, nodule_id), axis=0)
    move = bend if bent else lambda *to: put_under(scene, to[1], [linear(np.eye(3), to[2])])
    move(scene, scan.segmentation_node, np.full(3, 12.0))
    assert scan.follow_ct()
    assert scan.segmentation_node.GetParentTransformNode() is None
    np.testing.assert_allclose(np.mean(_seen(scan, nodule_id), axis=0), middle, atol=1e-6)
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, before.array)
    assert scan.outdated(nodule_id) is None
    put_under(scene, scan.volume_node, [linear(np.eye(3), (3.0, 0.0, 0.0))])
    assert not scan.follow_ct()
    scan.volume_node.HardenTransform()
    assert not scan.follow_ct()


def test_a_transform_worked_into_the_segmentation_moves_the_outline(scene, ct_with_a_nodule):
    """Hardened by the reader it is another outline, and lies where it is seen."""
    scan, nodule_id = ct_with_a_nodule
    before = middle_of_mask(scan.mask_of(nodule_id))
    put_under(scene, scan.segmentation_node, [linear(np.eye(3), (4.0, -3.0, 2.5))])
    scan.segmentation_node.HardenTransform()
    scan.follow_ct()
    after = middle_of_mask(scan.mask_of(nodule_id))
    np.testing.assert_allclose(after - before, (4.0, -3.0, 2.5), atol=0.7)
    assert scan.outdated(nodule_id) is not None


@pytest.mark.parametrize("what", ["outlines", "both", "both, outlines first"])
def test_the_ct_s_transform_worked_into_the_outlines_leaves_them_in_place(
    scan_under_transform, what
):
    """Hardened with the CT or without it: each outline lies where it was seen, and is measured."""
    scan, nodule_id = scan_under_transform
    middle, voxels = middle_of_mask(scan.mask_of(nodule_id)), scan.mask_of(nodule_id).array
    seen = np.mean(_seen(scan, nodule_id), axis=0)
    if what == "both":
        scan.volume_node.HardenTransform()
    scan.segmentation_node.HardenTransform()
    if what == "both, outlines first":
        assert not scan.follow_ct()
        scan.volume_node.HardenTransform()
    assert not scan.follow_ct()
    np.testing.assert_allclose(np.mean(_seen(scan, nodule_id), axis=0), seen, atol=0.05)
    np.testing.assert_allclose(middle_of_mask(scan.mask_of(nodule_id)), middle, atol=1e-3)
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, voxels)
    assert scan.outdated(nodule_id) is None


@pytest.mark.parametrize("cropped", [False, True], ids=["hardened", "cropped"])
def test_outlines_stay_where_they_are_seen_when_the_ct_is_resampled(scene, make_ct, cropped):
    """Worked into the CT, a transform that bends space leaves other voxels on the nodule."""
    import vtk

    from densesharp_scene import ScanNodules

    node = make_ct((40, 36, 32))
    scan, nodule_id = _answered(ScanNodules(node))
    middle, seed = middle_of_mask(scan.mask_of(nodule_id)), scan.seed_of(nodule_id).ras
    shift = np.zeros(3)
    if cropped:
        image = vtk.vtkExtractVOI()
        image.SetInputData(node.GetImageData())
        image.SetVOI(4, 39, 5, 35, 2, 31)
        image.Update()
        cut = vtk.vtkImageData()
        cut.DeepCopy(image.GetOutput())
        cut.SetExtent(0, 35, 0, 30, 0, 29)
        cut.SetOrigin(0, 0, 0)
        corner = np.eye(4)
        corner[:3, 3] = 4, 5, 2
        node.SetIJKToRASMatrix(array_to_matrix(ijk_to_local(node) @ corner))
        node.SetAndObserveImageData(cut)
    else:
        shift[2] = 5.0
        bend(scene, node, shift, middle)
        with pytest.raises(SceneError, match="non-linear"):
            scan.follow_ct()
        np.testing.assert_allclose(
            np.mean(_seen(scan, nodule_id), axis=0), middle + shift, atol=1.3
        )
        node.HardenTransform()
    scan.follow_ct()
    there = middle + shift
    np.testing.assert_allclose(middle_of_mask(scan.mask_of(nodule_id)), there, atol=1.3)
    np.testing.assert_allclose(np.mean(_seen(scan, nodule_id), axis=0), there, atol=1.3)
    np.testing.assert_allclose(scan.seed_of(nodule_id).ras, seed + shift, atol=0.7)
    assert scan.outdated(nodule_id) is not None


def _seen(scan, nodule_id):
    """Lower and upper world RAS corner of where Slicer draws the outline."""
    bounds = np.zeros(6)
    scan.segmentation_node.GetRASBounds(bounds)
    return bounds.reshape(3, 2).T


def bend(scene, node, shift, middle=(0.0, 0.0, 0.0)):
    """Put a node under a transform that moves it as it is at `middle`, and bends space beyond."""
    import vtk

    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    given, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for away in (*(8 * np.eye(3)), *(-8 * np.eye(3)), np.full(3, 14.0)):
        given.InsertNextPoint(middle + away)
        moved.InsertNextPoint(middle + away + shift + (4 if away.all() else 0))
    spline.SetSourceLandmarks(given)
    spline.SetTargetLandmarks(moved)
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bend")
    transform.SetAndObserveTransformToParent(spline)
    node.SetAndObserveTransformNodeID(transform.GetID())
