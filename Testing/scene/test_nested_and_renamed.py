"""A CT under a transform under a transform, nodes with other names, and a scene that goes away."""

import numpy as np
import pytest
from test_session import FIRST, SIZE, SPACING, Told, at, mark, middle, settle, voxels

from densesharp.image.grid import ras_to_lps
from densesharp_scene import ScanNodules
from densesharp_scene.geometry import array_to_matrix
from densesharp_scene.session import NoduleSession
from nodule_answers import HeldBackend
from phantoms import rotation


@pytest.fixture
def session(make_ct):
    matrix = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    session = NoduleSession(HeldBackend(), Told())
    session.show(ScanNodules(make_ct(SIZE, matrix)))
    yield session
    session.backend.let_go()
    session.close()


def transform(scene, turn=(0.0, 0.0, 0.0), move=(0.0, 0.0, 0.0), parent=None):
    """A linear transform node, under another one."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation(*turn), move
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
    node.SetMatrixTransformToParent(array_to_matrix(matrix))
    if parent is not None:
        node.SetAndObserveTransformNodeID(parent.GetID())
    return node, matrix


def outline_middle(session) -> np.ndarray:
    """World RAS mm of the middle of the segment, by Slicer's own logic and transforms."""
    node = session.scan.segmentation_node
    segment = node.GetSegmentation().GetNthSegmentID(0)
    return np.array(node.GetSegmentCenterRAS(segment))


def test_outlines_lie_where_the_click_was_under_two_transforms(session):
    scan = session.scan
    outer, above = transform(scan.scene, turn=(0.2, -0.1, 0.4), move=(15, 10, 5))
    inner, below = transform(scan.scene, turn=(0, 0.3, 0), move=(-40, 3, 7), parent=outer)
    scan.volume_node.SetAndObserveTransformNodeID(inner.GetID())
    session.poll()
    there = middle(scan)
    session.click(there)
    settle(session)
    assert np.linalg.norm(outline_middle(session) - there) < SPACING
    assert np.linalg.norm(np.array(session.nodule.result.center_lps) - ras_to_lps(there)) < SPACING
    size = voxels(session)
    # The outer one alone is moved: CT, outline and point go along.
    more = np.eye(4)
    more[:3, 3] = 0, 0, 20
    outer.SetMatrixTransformToParent(array_to_matrix(more @ above))
    session.poll()
    settle(session)
    assert np.linalg.norm(outline_middle(session) - (there + (0, 0, 20))) < SPACING
    assert voxels(session) == size
    scan.volume_node.SetAndObserveTransformNodeID(None)
    scan.follow_ct()  # as Slicer's panel does on the event
    settle(session)
    back = np.linalg.inv(above @ below) @ (*there, 1.0)
    assert np.linalg.norm(outline_middle(session) - back[:3]) < SPACING
    assert voxels(session) == size


def test_nodes_with_other_names_are_found(session):
    mark(session, (0, 0, 0))
    scan = session.scan
    for node in (scan.volume_node, scan.segmentation_node, scan.seeds_node, scan.record_node):
        node.SetName("same name")
    again = ScanNodules(scan.volume_node)
    assert [nodule.id for nodule in again.nodules] == [FIRST]
    assert again.mask_of(FIRST) is not None
    mark(session, (20, 0, 0))
    assert len(session.nodules) == 2
    assert scan.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 1


def test_each_of_two_cts_keeps_its_own_nodules(session, make_ct):
    first = session.scan
    mark(session, (0, 0, 0))
    matrix = np.diag([-SPACING, -SPACING, SPACING, 1.0])
    session.show(ScanNodules(make_ct(SIZE, matrix, name="CT")))  # the same name, the same place
    assert not session.nodules
    mark(session, (0, 0, 0), (20, 0, 0))
    assert [len(session.nodules), len(first.nodules)] == [2, 1]
    session.delete(FIRST)
    assert first.mask_of(FIRST) is not None
    session.show(first)
    assert len(session.nodules) == 1
    assert session.scan.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_a_scene_that_goes_away_while_computing_leaves_nothing_behind(session):
    scene = session.scan.scene
    session.backend.hold()
    session.click(at(session))
    session.poll()
    scene.Clear(0)
    session.backend.let_go()
    settle(session)
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert not [kind for _, kind in session.listener.sentences if kind == "error"]
