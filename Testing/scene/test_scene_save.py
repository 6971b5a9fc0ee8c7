"""Saving a scene and opening it again: everything a reader did is back."""

from dataclasses import replace

import numpy as np
import pytest

from nodule_answers import answer, click


@pytest.fixture
def saved_and_opened(ct_with_a_nodule, tmp_path):
    """Two nodules, one accepted and renamed, one corrected; (scan before, scan after)."""
    from densesharp_scene import ScanNodules

    scan, first = ct_with_a_nodule
    ras = scan.volume().grid.center * (-1, -1, 1) + (0, 0, 10)
    second = click(scan, ras, 3.0)
    scan.store(answer(scan.volume(), scan.seed_of(second), second, 4.0), edited=True)
    scan.rename(first, "Left upper lobe")
    scan.decide(first, "accepted", "Dr A")
    assert scan.show_evidence(first)
    scan.prepare_to_save()
    opened = open_bundle(_save(scan.scene, tmp_path / "case.mrb"))
    volume = opened.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
    yield scan, ScanNodules(volume)
    opened.Clear(True)


def _save(scene, path):
    assert scene.WriteToMRB(str(path), None)
    return path


def open_bundle(path, into=None):
    """Open a bundle by unpacking it, as the viewer does."""
    import zipfile

    import slicer

    folder = path.with_suffix(".unpacked")
    zipfile.ZipFile(path).extractall(folder)
    scene = into or slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    scene.SetURL(str(next(folder.rglob("*.mrml"))))
    assert scene.Import(None)
    return scene


def test_results_names_and_decisions_are_back(saved_and_opened):
    """What to_json says before is what it says after."""
    before, after = saved_and_opened
    assert [n.to_json() for n in after.nodules] == [n.to_json() for n in before.nodules]
    first, second = after.nodules
    assert (first.name, first.review.decision, first.review.reader) == (
        "Left upper lobe", "accepted", "Dr A",
    )  # fmt: skip
    assert second.edited


def test_masks_are_the_same_voxels(saved_and_opened):
    """And nothing counts as edited or outdated after opening."""
    before, after = saved_and_opened
    for nodule in before.nodules:
        mask = after.mask_of(nodule.id)
        assert mask.start == nodule.result.mask.start
        np.testing.assert_array_equal(mask.array, nodule.result.mask.array)
        assert after.outdated(nodule.id) is None


def test_seeds_stay_tied_to_their_nodules(saved_and_opened):
    """Point ids survive; no point counts as new or moved."""
    _, after = saved_and_opened
    assert after.new_seeds() == []
    assert after.moved_seeds() == []


def test_surfaces_and_table_are_back(saved_and_opened):
    """The surface is computed again on opening, the table is read from its file."""
    from densesharp_scene import segments

    _, after = saved_and_opened
    segments.show_surface(after.segmentation_node)
    segment = after.segmentation_node.GetSegmentation().GetSegment(after.nodules[0].segment_id)
    assert segment.GetRepresentation("Closed surface").GetNumberOfPoints() > 100
    assert after.table_node.GetCellText(0, 0) == "Left upper lobe"


def test_the_models_maps_are_back_to_the_last_bit(saved_and_opened):
    """Evidence, probability, spread: an opened scene shows and exports what it did before."""
    from densesharp_scene.geometry import voxels_of

    before, after = saved_and_opened
    for old, new in zip(before.nodules, after.nodules, strict=True):
        one, two = old.result.prediction, new.result.prediction
        for name in ("mask", "evidence", "samples", "volume_samples_mm3", "class_probabilities"):
            np.testing.assert_array_equal(getattr(two, name), getattr(one, name))
        assert two.patch.grid.same_as(one.patch.grid)
        assert (two.passes, two.shift_mm) == (one.passes, one.shift_mm)
        assert after.show_evidence(new.id)
        shown = voxels_of(after.record_node.GetNodeReference("evidence"))
        np.testing.assert_array_equal(shown, one.evidence)


def test_damaged_maps_are_told_and_nothing_is_made_up(saved_and_opened):
    from densesharp_scene import ScanNodules
    from densesharp_scene.errors import SceneError

    _, after = saved_and_opened
    node = after.record_node.GetNodeReference("maps")
    good = node.GetText()
    for text in ("{", "[1]", good.replace('"evidence": "', '"evidence": "AAAA')):
        node.SetText(text)
        with pytest.raises(SceneError, match="maps in this scene are damaged"):
            ScanNodules(after.volume_node)


def test_an_answer_of_another_model_counts_as_outdated(saved_and_opened):
    from densesharp_scene import ScanNodules

    before, _ = saved_and_opened
    before.model = "a" * 64
    (first, _) = (nodule.id for nodule in before.nodules)
    assert before.outdated(first) is None  # nobody knows which model it was
    before.store(answer(before.volume(), before.seed_of(first), first))
    again = ScanNodules(before.volume_node)
    again.model = "a" * 64
    assert again.outdated(first) is None
    again.model = "b" * 64
    assert "another model" in again.outdated(first)


def test_a_nodule_of_an_older_scene_is_compared_by_its_models_hash(saved_and_opened):
    """Results did not say the hash themselves, the scene said it beside them."""
    from densesharp.nodule.followup import compare
    from densesharp_scene.nodule import Nodule

    before, _ = saved_and_opened
    before.model = "a" * 64
    first = before.nodules[0].id
    before.store(answer(before.volume(), before.seed_of(first), first))
    written = next(nodule for nodule in before.nodules if nodule.id == first).to_json()
    del written["result"]["model_sha256"]
    old = Nodule.from_json(written).result
    assert old.model_sha256 == "a" * 64
    new = replace(old, model_sha256="b" * 64)  # the same words on what it learnt from
    codes = [notice.code for notice in compare(old, new, 90).notices]
    assert "models_differ" in codes
    assert "models_differ" not in [n.code for n in compare(old, old, 90).notices]


def test_the_evidence_map_keeps_its_colours(saved_and_opened):
    """The overlay that was shown is there again, red to yellow."""
    before, after = saved_and_opened
    nodes = [scan.record_node.GetNodeReference("evidence") for scan in (before, after)]
    for index in (0, 128, 255):
        colors = []
        for node in nodes:
            rgba = [0.0] * 4
            node.GetDisplayNode().GetColorNode().GetColor(index, rgba)
            colors.append(rgba)
        np.testing.assert_allclose(colors[0], colors[1], atol=1 / 255)
    assert nodes[1].GetDisplayNode().GetLowerThreshold() == pytest.approx(0.15)


def test_work_goes_on_after_opening(saved_and_opened):
    """A third nodule gets the next number; the opened ones can be answered again."""
    _, after = saved_and_opened
    assert click(after, after.volume().grid.center * (-1, -1, 1)) == "nodule_003"
    after.store(answer(after.volume(), after.seed_of("nodule_001"), "nodule_001", 3.0))
    other = after.nodule("nodule_002").result.mask
    np.testing.assert_array_equal(after.mask_of("nodule_002").array, other.array)


def test_opening_beside_another_scene_keeps_references(ct_with_a_nodule, tmp_path):
    """Ids change when they clash; references follow, and the two CTs stay apart."""
    from densesharp_scene import ScanNodules

    scan, nodule_id = ct_with_a_nodule
    path = _save(scan.scene, tmp_path / "case.mrb")
    open_bundle(path, into=scan.scene)
    volumes = [
        node
        for n in range(scan.scene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode"))
        if (node := scan.scene.GetNthNodeByClass(n, "vtkMRMLScalarVolumeNode"))
    ]
    scans = [ScanNodules(volume) for volume in volumes]
    assert [len(each.nodules) for each in scans] == [1, 1]
    assert scans[0].segmentation_node != scans[1].segmentation_node
    scans[1].delete(nodule_id)
    assert ScanNodules(volumes[0]).mask_of(nodule_id) is not None


@pytest.mark.parametrize("text", ["{", '{"schema": 1}', '{"schema": 99, "nodules": []}', "[]"])
def test_a_damaged_record_says_what_to_do(ct_with_a_nodule, text):
    """One sentence, and the nodes stay as they are."""
    from densesharp_scene import ScanNodules, SceneError

    scan, _ = ct_with_a_nodule
    scan.record_node.SetText(text)
    with pytest.raises(SceneError, match=r"cannot be read|newer DenseSharp"):
        ScanNodules(scan.volume_node)
    assert scan.record_node.GetText() == text


def test_the_save_dialog_of_slicer_would_save_every_node(ct_with_a_nodule):
    """It leaves out storable nodes that are hidden from editors (qSlicerSaveDataDialog.cxx)."""
    scan, nodule_id = ct_with_a_nodule
    scan.show_evidence(nodule_id)
    scan.labelmap()
    record = scan.record_node
    roles = ("volume", "seeds", "segmentation", "table", "maps", "evidence", "evidence colors")
    for node in (record, *(record.GetNodeReference(role) for role in roles)):
        assert node.IsA("vtkMRMLStorableNode")
        assert node.GetSaveWithScene(), node.GetName()
        assert not node.GetHideFromEditors(), node.GetName()


def world_voxels(scan, nodule_id):
    """Sorted RAS mm of the centres of a nodule's voxels, as its segment is shown."""
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    segment = scan.segmentation_node.GetSegmentation().GetSegment(scan.nodule(nodule_id).segment_id)
    image = segment.GetRepresentation("Binary labelmap")
    matrix = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(matrix)
    voxels = vtk_to_numpy(image.GetPointData().GetScalars())
    inside = np.argwhere(voxels.reshape(image.GetDimensions()[::-1]) == segment.GetLabelValue())
    index = inside[:, ::-1] + np.array(image.GetExtent())[::2]
    points = [matrix.MultiplyPoint((*map(float, each), 1.0))[:3] for each in index]
    return np.array(sorted(tuple(np.round(point, 3)) for point in points))


AXES = [((0, 1, 2), (1, 1, 1)), ((0, 1, 2), (-1, 1, 1)), ((1, 0, 2), (1, 1, 1)),
        ((1, 0, 2), (-1, -1, 1)), ((2, 1, 0), (1, 1, 1)), ((0, 2, 1), (1, -1, -1)),
        ((0, 1, 2), (1, 1, -1)), ((1, 2, 0), (-1, -1, -1))]  # fmt: skip


@pytest.mark.parametrize(("order", "signs"), AXES)
def test_outlines_stay_in_place_when_slicer_turns_the_axes_round(
    scene, make_ct, tmp_path, order, signs
):
    """Slicer reads a volume with left-handed axes back with one of them reversed."""
    from densesharp_scene import ScanNodules
    from densesharp_scene.geometry import grid_of

    matrix = np.zeros((4, 4))
    for axis, (row, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[row, axis] = sign * (0.7, 0.7, 1.25)[axis]
    matrix[:, 3] = 10.0, 12.0, -30.0, 1.0
    scan = ScanNodules(make_ct(matrix=matrix))
    ras = scan.volume().grid.to_world((14, 22, 11)) * (-1, -1, 1)
    first, second = click(scan, ras, 4.0), click(scan, ras + 2, 3.0)
    shown = world_voxels(scan, first)
    empty = scan.claim(scan.place(ras - 2))
    scan.store(replace(answer(scan.volume(), scan.seed_of(empty), empty, 3.0), mask=None))
    opened = open_bundle(_save(scan.scene, tmp_path / "case.mrb"))
    again = ScanNodules(opened.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    np.testing.assert_allclose(world_voxels(again, first), shown, atol=2e-3)
    assert [again.outdated(name) for name in (first, second)] == [None, None]
    mask, grid = again.mask_of(first), grid_of(again.volume_node)
    points = grid.to_world(np.argwhere(mask.full(grid))[:, ::-1]) * (-1, -1, 1)
    there = np.array(sorted(tuple(np.round(point, 3)) for point in points))
    np.testing.assert_allclose(there, shown, atol=2e-3)
    assert again.moved_seeds() == []
    again.follow_ct()
    np.testing.assert_allclose(world_voxels(again, first), shown, atol=2e-3)
    third = ScanNodules(again.volume_node)
    np.testing.assert_allclose(world_voxels(third, first), shown, atol=2e-3)
    assert third.outdated(first) is None
    opened.Clear(True)
