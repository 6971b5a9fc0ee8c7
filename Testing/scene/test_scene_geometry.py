"""Where voxels lie in the world: 48 orientations under transforms, against matrix products."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from densesharp.errors import GeometryError

ORIENTATIONS = [
    (order, signs)
    for order in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
SPACING = np.array([0.7, 0.8, 2.5])
ORIGIN = np.array([12.0, -34.0, 56.0])


def rotation(axis, degrees):
    """Rodrigues' formula, written here on its own."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def linear(matrix3, shift=(0.0, 0.0, 0.0)):
    matrix = np.eye(4)
    matrix[:3, :3] = matrix3
    matrix[:3, 3] = shift
    return matrix


TRANSFORMS = {
    "no transform": [],
    "translation": [linear(np.eye(3), (5, -7, 11))],
    "rotation": [linear(rotation((1, 2, 3), 25), (1, 2, 3))],
    "mirror": [linear(np.diag([-1, 1, 1]))],
    "two transforms": [
        linear(rotation((0, 1, 0), 40)),
        linear(rotation((1, 0, 0), -15), (9, 0, 0)),
    ],
}


def ijk_to_ras(order, signs):
    """Axis n of the image runs along world axis order[n], in the direction of signs[n]."""
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        matrix[world, axis] = sign * SPACING[axis]
    matrix[:3, 3] = ORIGIN
    return matrix


def put_under(scene, node, matrices):
    """Nest the node under transforms; the last of the list is the outermost."""
    from densesharp_scene.geometry import array_to_matrix

    child = node
    for matrix in matrices:
        transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(array_to_matrix(matrix))
        child.SetAndObserveTransformNodeID(transform.GetID())
        child = transform


@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_every_orientation_under_every_transform(scene, make_ct, order, signs, transforms):
    """World = outermost ... innermost times IJK-to-RAS; LPS flips the first two coordinates."""
    from densesharp_scene.geometry import volume_from_node, world_to_ijk

    local = ijk_to_ras(order, signs)
    node = make_ct((9, 8, 7), local)
    put_under(scene, node, transforms)
    volume = volume_from_node(node)

    index = np.array([[0, 0, 0], [8, 0, 0], [0, 7, 0], [0, 0, 6], [3, 5, 2]], float)
    world = local
    for matrix in transforms:
        world = matrix @ world
    ras = (world @ np.append(index, np.ones((5, 1)), axis=1).T).T[:, :3]
    np.testing.assert_allclose(volume.grid.to_world(index) * (-1, -1, 1), ras, atol=1e-9)
    np.testing.assert_allclose(world_to_ijk(node, ras[4]), index[4], atol=1e-9)
    assert volume.array.shape == (7, 8, 9)
    assert volume.array[2, 5, 3] == (2 * 72 + 5 * 9 + 3) % 1000 - 800


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1),
    degrees=st.floats(-180, 180),
    outer=st.floats(-180, 180),
)
def test_oblique_volumes_under_rotations(scene, make_ct, axis, degrees, outer):
    """A rotated image under a rotated transform has the product of both as direction."""
    from densesharp_scene.geometry import grid_of

    turned, above = rotation(axis, degrees), rotation((0, 0, 1), outer)
    node = make_ct((5, 6, 7), linear(turned * SPACING, ORIGIN))
    put_under(scene, node, [linear(above)])
    grid = grid_of(node)
    np.testing.assert_allclose(grid.spacing, SPACING, rtol=1e-9)
    np.testing.assert_allclose(np.diag([-1, -1, 1]) @ grid.direction, above @ turned, atol=1e-9)


def test_the_array_is_a_view_not_a_copy(make_ct):
    """A write into the node is seen in the record and the other way round."""
    from densesharp_scene.geometry import volume_from_node, voxels_of

    node = make_ct()
    volume = volume_from_node(node)
    voxels_of(node)[3, 4, 5] = 1234
    assert volume.array[3, 4, 5] == 1234


def test_the_array_outlives_its_node(scene, make_ct):
    """A worker may still read the voxels after the reader deleted the CT."""
    from densesharp_scene.geometry import volume_from_node

    node = make_ct()
    volume = volume_from_node(node)
    before = volume.array.copy()
    scene.RemoveNode(node)
    del node
    np.testing.assert_array_equal(volume.array, before)


def test_a_shearing_transform_is_refused(scene, make_ct):
    """The core measures on right-angled voxels only."""
    from densesharp_scene.geometry import grid_of

    node = make_ct()
    put_under(scene, node, [linear([[1, 0.3, 0], [0, 1, 0], [0, 0, 1]])])
    with pytest.raises(GeometryError, match="right angles"):
        grid_of(node)


@pytest.mark.parametrize("worked_in", [False, True], ids=["above", "hardened"])
def test_a_sheared_ct_is_used_as_a_straight_copy(scene, make_ct, worked_in):
    """A registration's affine transform; Slicer hardens it into the axes and keeps the voxels."""
    from densesharp_scene import bending
    from densesharp_scene.geometry import grid_of, ijk_to_world, is_bent, voxels_of

    node = make_ct((40, 36, 32))
    k, j, i = np.indices(voxels_of(node).shape)
    voxels_of(node)[:] = 5 * i - 7 * j + 11 * k - 500  # linear: interpolation is exact
    put_under(scene, node, [linear([[1, 0.2, 0], [0, 1, 0.1], [0, 0, 1]], (5, 0, 3))])
    if worked_in:
        node.HardenTransform()
    assert is_bent(node)
    with pytest.raises(GeometryError, match="Use a straight copy"):
        grid_of(node)
    sheared = ijk_to_world(node)
    copy = bending.straightened(node)
    assert not is_bent(copy)
    straight = grid_of(copy)
    for index in ((20, 18, 16), (5, 30, 2), (38, 3, 29)):
        world = sheared @ (*index, 1.0)
        here = np.rint(straight.to_index(world[:3] * (-1, -1, 1))).astype(int)
        place = np.linalg.solve(sheared, [*(straight.to_world(here) * (-1, -1, 1)), 1.0])
        expected = place[:3] @ (5, -7, 11) - 500
        assert abs(voxels_of(copy)[tuple(here[::-1])] - expected) <= 1
    assert voxels_of(copy).min() == -1000  # beyond the sheared CT


def test_a_bending_transform_is_refused_with_a_way_out(scene, make_ct):
    """The sentence names both nodes and says: harden."""
    import vtk

    from densesharp_scene import SceneError
    from densesharp_scene.geometry import grid_of

    node = make_ct()
    spline = vtk.vtkThinPlateSplineTransform()
    source, target = vtk.vtkPoints(), vtk.vtkPoints()
    for corner in itertools.product((0.0, 50.0), repeat=3):
        source.InsertNextPoint(*corner)
        target.InsertNextPoint(*(np.array(corner) + (corner[1] / 10, 0, 0)))
    target.SetPoint(3, 70, 3, 9)
    spline.SetSourceLandmarks(source)
    spline.SetTargetLandmarks(target)
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "bend")
    transform.SetAndObserveTransformToParent(spline)
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(SceneError, match=r"'CT'.*'bend'.*harden"):
        grid_of(node)


def test_what_is_no_ct_is_refused(scene, make_ct):
    """Nothing, a label map, a node without voxels, a colour volume, a frame of a sequence."""
    import vtk

    from densesharp_scene import SceneError
    from densesharp_scene.geometry import volume_from_node

    with pytest.raises(SceneError, match="No CT is chosen"):
        volume_from_node(None)
    with pytest.raises(SceneError, match="no CT volume"):
        volume_from_node(scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels"))
    with pytest.raises(SceneError, match="no voxels"):
        volume_from_node(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))
    colour = make_ct(name="colour")
    image = vtk.vtkImageData()
    image.SetDimensions(4, 4, 4)
    image.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    colour.SetAndObserveImageData(image)
    with pytest.raises(SceneError, match="3 numbers per voxel"):
        volume_from_node(colour)


def test_a_frame_of_a_sequence_is_refused(scene, make_ct):
    """The proxy changes while the sequence plays, so results would belong to no image."""
    import slicer

    from densesharp_scene import SceneError
    from densesharp_scene.geometry import volume_from_node

    logic = slicer.vtkSlicerSequencesLogic()
    logic.SetMRMLScene(scene)
    node = make_ct(name="frame")
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "breathing")
    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "player")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    browser.AddProxyNode(node, sequence, False)
    with pytest.raises(SceneError, match="frame of a sequence"):
        volume_from_node(node)


def test_dicom_identity_is_kept(make_ct):
    """Exports refer back to the source by its instance UIDs."""
    from densesharp_scene.geometry import volume_from_node

    node = make_ct()
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    assert volume_from_node(node).series["sop_instance_uids"] == ("1.2.3", "1.2.4")


@pytest.mark.parametrize(("offset", "inside"), [(-0.49, True), (-0.51, False)])
def test_the_volume_reaches_half_a_voxel_beyond_its_first_centre(make_ct, offset, inside):
    """A click on the outer face of a border voxel is still inside."""
    from densesharp_scene.geometry import contains

    node = make_ct()
    ras = np.array([10.0 - 0.7 * offset, 12.0, -30.0])
    assert contains(node, ras) is inside


def test_what_reading_found_stays_with_the_ct(scene, make_ct):
    """A CT put into the scene and taken out again is the same: voxels, place, notices, identity."""
    from dataclasses import replace

    from densesharp.image.volume import Notice
    from densesharp_scene.geometry import add_volume_node, volume_from_node

    volume = volume_from_node(make_ct((9, 8, 7), ijk_to_ras((2, 0, 1), (1, -1, -1))))
    contrast = Notice("contrast", "The CT was taken with contrast agent.", "caution")
    volume = replace(volume, notices=(contrast,), series={"sop_instance_uids": ("1.2", "1.3")})
    again = volume_from_node(add_volume_node(scene, volume, "CT"))
    assert again.grid.same_as(volume.grid)
    np.testing.assert_array_equal(again.array, volume.array)
    assert again.notices == (contrast,)
    assert again.series == {"sop_instance_uids": ("1.2", "1.3")}


def test_thick_slices_and_values_of_a_scenes_ct_are_judged(make_ct):
    """A CT that Slicer loaded itself is judged by its spacing and its values."""
    from densesharp.errors import ImageError
    from densesharp_scene.geometry import volume_from_node, voxels_of

    node = make_ct(matrix=np.diag([0.7, 0.7, 4.0, 1.0]))
    assert [(n.code, n.severity) for n in volume_from_node(node).notices] == [
        ("slice_thickness", "caution")
    ]
    voxels_of(node)[:] = 5
    with pytest.raises(ImageError, match="no CT"):
        volume_from_node(node)


PATTERN = np.tile([1.0, -1.0, -1.0, 1.0], 8)
"""Without mean and slope, so that the nearest straight stack is the unbent one."""


def acquisition_transform(scene, node, off_mm):
    """A grid transform as Slicer's DICOM plug-in makes it: each slice moved along the stack."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    size = node.GetImageData().GetDimensions()
    spacing, origin = node.GetSpacing(), node.GetOrigin()
    shifts = np.zeros((size[2], 2, 2, 3))
    shifts[..., 2] = (off_mm * PATTERN)[:, None, None]
    image = vtk.vtkImageData()
    image.SetDimensions(2, 2, size[2])
    image.SetOrigin(origin[0] - spacing[0] * size[0], origin[1] - spacing[1] * size[1], origin[2])
    image.SetSpacing(spacing[0] * size[0], spacing[1] * size[1], spacing[2])
    image.GetPointData().SetScalars(numpy_to_vtk(shifts.reshape(-1, 3), deep=True))
    grid = vtk.vtkGridTransform()
    grid.SetDisplacementGridData(image)
    grid.SetInterpolationModeToLinear()
    transform = scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "acquisition transform")
    transform.SetAndObserveTransformToParent(grid)
    node.SetAndObserveTransformNodeID(transform.GetID())


def test_a_ct_bent_by_less_than_a_tenth_of_a_voxel_is_taken_as_straight(scene, make_ct):
    """2 and 100 micrometers of 1.25 mm slices; every voxel lies where Slicer shows it, nearly."""
    from densesharp_scene.geometry import grid_of, is_bent, volume_from_node

    for off in (0.002, 0.1):
        node = make_ct((40, 36, 32))
        straight = grid_of(node)
        acquisition_transform(scene, node, off)
        volume = volume_from_node(node)
        assert not is_bent(node)
        notice = next(n for n in volume.notices if n.code == "bent_space")
        assert notice.severity == "info"
        assert f"{off:.3f} mm" in notice.message
        corners = np.array(list(itertools.product((0, 39), (0, 35), (0, 31))))
        off_by = volume.grid.to_world(corners) - straight.to_world(corners)
        assert np.abs(off_by).max() < 0.02 * off + 1e-6


def test_a_bent_ct_is_used_as_a_straight_copy(scene, make_ct):
    """Each slice of the copy holds what the transform shows there; the CT itself stays."""
    from densesharp_scene import SceneError, bending
    from densesharp_scene.geometry import grid_of, is_bent, voxels_of

    node = make_ct((40, 36, 32))
    voxels_of(node)[:] = (-900 + 20 * np.arange(32))[:, None, None]  # each slice of one value
    levels = voxels_of(node)[:, 0, 0].astype(float)
    acquisition_transform(scene, node, 0.5)
    with pytest.raises(SceneError, match=r"up to 0\.50 mm"):
        grid_of(node)
    assert is_bent(node)
    copy = bending.straightened(node)
    assert not is_bent(copy)
    grid_of(copy)
    assert copy.GetNodeReference(bending.SOURCE) is node
    assert copy.GetParentTransformNode() is None
    assert node.GetParentTransformNode() is not None
    np.testing.assert_array_equal(voxels_of(node)[:, 0, 0], levels)
    there = -30.0 + 1.25 * np.arange(32) + 0.5 * PATTERN  # where the transform shows each slice
    places = copy.GetOrigin()[2] + 1.25 * np.arange(32)
    shown = np.interp(places, there, levels)
    found = voxels_of(copy)[:, 18, 20]
    inner = slice(2, 30)
    np.testing.assert_allclose(found[inner], shown[inner], atol=2)


def test_a_straight_copy_knows_the_series_of_the_ct(scene, make_ct):
    """Exports refer to the slices of the CT as it was loaded."""
    from densesharp_scene import bending
    from densesharp_scene.geometry import volume_from_node

    node = make_ct((40, 36, 32))
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    acquisition_transform(scene, node, 0.5)
    series = volume_from_node(bending.straightened(node)).series
    assert series == {"sop_instance_uids": ("1.2.3", "1.2.4"), "resampled": True}


@pytest.mark.parametrize("above", ["another", "a further one", "a shear"])
def test_a_straight_copy_that_lies_elsewhere_knows_no_series(scene, make_ct, above):
    """A registration moves the CT from where its slices lie: outlines must not go back there."""
    from densesharp_scene import bending
    from densesharp_scene.geometry import volume_from_node

    node = make_ct((40, 36, 32))
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3 1.2.4")
    if above == "a shear":
        put_under(scene, node, [linear([[1, 0.2, 0], [0, 1, 0], [0, 0, 1]])])
    else:
        acquisition_transform(scene, node, 0.5)
        if above == "another":
            node.GetParentTransformNode().SetName("registration")
        else:
            put_under(scene, node.GetParentTransformNode(), [linear(np.eye(3), (9, 0, 0))])
    assert volume_from_node(bending.straightened(node)).series == {}
