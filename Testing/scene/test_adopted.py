"""Outlines of other programs become nodules, at the same place in the world."""

import numpy as np
import pytest
from test_scene_geometry import linear, put_under, rotation

from nodule_answers import answer, ball_mask


@pytest.fixture
def scan(scene, make_ct):
    from densesharp_scene import ScanNodules

    return ScanNodules(make_ct((60, 56, 40)))


def foreign(scene, scan, radius=5.0):
    """A segmentation on finer, turned voxels of its own, under a transform of its own."""
    import slicer

    from densesharp_scene import labelmaps

    ball = ball_mask(scan.volume(), scan.volume().grid.center, radius)
    fine = linear(rotation((1, 1, 0), 15) * 0.5, (2.0, -3.0, 4.0))
    above = linear(np.eye(3), (30.0, 0.0, 0.0))
    middle = scan.volume().grid.center * (-1, -1, 1)
    low = np.linalg.solve(above @ fine, [*middle, 1.0])[:3] - 16
    index = np.argwhere(np.ones((33, 33, 33), bool))
    world = above @ fine @ np.column_stack([index[:, ::-1] + np.rint(low), np.ones(len(index))]).T
    inside = np.linalg.norm(world[:3].T - middle, axis=1) <= radius
    image = labelmaps.to_image(inside.reshape(33, 33, 33).astype(np.uint8), np.rint(low), fine)
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Colleague")
    node.CreateDefaultDisplayNodes()
    segment = slicer.vtkSegment()
    segment.SetName("lesion A")
    segment.AddRepresentation("Binary labelmap", image)
    node.GetSegmentation().AddSegment(segment)
    put_under(scene, node, [above])
    return node, ball


def test_a_segment_of_another_program_is_found_where_it_lies(scene, scan):
    from densesharp_scene.adopted import outlines_in

    node, ball = foreign(scene, scan)
    (found,), left_out = outlines_in(node, scan)
    assert (found.name, found.source, left_out) == ("lesion A", "Colleague, lesion A", [])
    grid = scan.volume().grid
    both = np.minimum(found.mask.full(grid), ball.full(grid)).sum()
    assert 2 * both / (found.mask.array.sum() + ball.array.sum()) > 0.93


def test_labels_of_a_label_map_are_found_and_organs_left_out(scan):
    from densesharp_scene.adopted import outlines_in
    from densesharp_scene.geometry import voxels_of

    claim = scan.claim(scan.place(scan.volume().grid.center * (-1, -1, 1)))
    nodule_id = scan.store(answer(scan.volume(), scan.seed_of(claim), claim, 4.0)).id
    mask = scan.mask_of(nodule_id)
    labels = scan.labelmap()
    (found,), left_out = outlines_in(labels, scan)
    assert (found.name, left_out) == ("Label 1", [])
    np.testing.assert_array_equal(found.mask.array, mask.array)
    assert found.mask.start == mask.start
    voxels_of(labels)[:2] = 7
    voxels_of(labels)[-2:] = 7
    assert outlines_in(labels, scan)[1] == []  # 42 x 39 x 50 mm
    from densesharp_scene import reach

    old, reach.LARGEST_MM = reach.LARGEST_MM, 30.0
    assert outlines_in(labels, scan)[1] == ["Label 7"]
    reach.LARGEST_MM = old


def test_what_cannot_be_a_nodule_is_said(scene, scan):
    from densesharp_scene import SceneError
    from densesharp_scene.adopted import outlines_in

    with pytest.raises(SceneError, match="No segmentation"):
        outlines_in(None, scan)
    empty = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Nothing")
    with pytest.raises(SceneError, match="'Nothing' holds no outline"):
        outlines_in(empty, scan)


def test_a_nodule_takes_the_outline_over_and_names_where_it_comes_from(scene, scan):
    from dataclasses import replace

    from densesharp_scene.adopted import outlines_in, take_over

    (found,), _ = outlines_in(foreign(scene, scan)[0], scan)
    claim = scan.claim(scan.place(scan.volume().grid.center * (-1, -1, 1)))
    nodule_id = scan.store(answer(scan.volume(), scan.seed_of(claim), claim, 3.0)).id
    fresh = scan.nodule(nodule_id).result
    take_over(scan, nodule_id, found)
    np.testing.assert_array_equal(scan.mask_of(nodule_id).array, found.mask.array)
    assert scan.nodule(nodule_id).name == "lesion A"
    scan.store(replace(fresh, mask=found.mask), edited=True)
    notices = {n.code: n.message for n in scan.nodule(nodule_id).result.notices}
    assert "Colleague, lesion A" in notices["outline_made_elsewhere"]
    scan.store(fresh)
    codes = [n.code for n in scan.nodule(nodule_id).result.notices]
    assert "outline_made_elsewhere" not in codes
