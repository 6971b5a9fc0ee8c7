"""A SEG lies in the same place in 3D Slicer's own scene, beside the CT that Slicer reads."""

import numpy as np
import pydicom
import pytest
from test_dicom_objects import GRIDS, RUN, places_by_pydicom

from densesharp.dicom.seg import segmentation
from densesharp.io import read_volume
from dicom_phantom import phantom, write_series
from nodule_results import nodule

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (extra 'viewer')")


def load_ct(scene, paths):
    """The CT as Slicer's own archetype reader places it."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage = scene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetSingleFile(0)
    storage.ResetFileNameList()
    storage.SetFileName(paths[0])
    for path in paths:
        storage.AddFileName(path)
    assert storage.ReadData(node)
    return node


def seg_as_labelmap(scene, seg: pydicom.Dataset):
    """A label volume node from the SEG's own attributes alone."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    shared = seg.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    measures = shared.PixelMeasuresSequence[0]
    row, column = cosines[:3], cosines[3:]
    origins = np.array([
        group.PlanePositionSequence[0].ImagePositionPatient
        for group in seg.PerFrameFunctionalGroupsSequence
    ], float)  # fmt: skip
    order = np.argsort(origins @ np.cross(row, column))
    frames = np.ascontiguousarray(seg.pixel_array[order])
    matrix = np.eye(4)
    matrix[:3, 0] = row * float(measures.PixelSpacing[1])
    matrix[:3, 1] = column * float(measures.PixelSpacing[0])
    matrix[:3, 2] = (origins[order[-1]] - origins[order[0]]) / (len(frames) - 1)
    matrix[:3, 3] = origins[order[0]]
    matrix = np.diag([-1, -1, 1, 1]) @ matrix
    image = vtk.vtkImageData()
    image.SetDimensions(frames.shape[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(frames.ravel(), deep=True))
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    node.SetAndObserveImageData(image)
    to_ras = vtk.vtkMatrix4x4()
    to_ras.DeepCopy(matrix.ravel())
    node.SetIJKToRASMatrix(to_ras)
    return node


def array_of(node) -> np.ndarray:
    from vtk.util.numpy_support import vtk_to_numpy

    image = node.GetImageData()
    return vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])


@pytest.mark.parametrize("name", GRIDS)
def test_slicer_puts_the_segment_on_the_same_ct_voxels(tmp_path, name):
    # One number per voxel within a nodule's reach, so that a voxel is known by its value.
    array = (np.arange(phantom().size).reshape(phantom().shape) % 1400 - 1000).astype(np.int16)
    write_series(tmp_path, array, GRIDS[name])
    volume = read_volume(tmp_path)
    result = nodule(volume, (10, 9, 5))
    seg, _, _ = segmentation([result], volume, RUN)

    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    ct = load_ct(scene, volume.series["paths"])
    segments = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segments.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    assert logic.ImportLabelmapToSegmentationNode(seg_as_labelmap(scene, seg), segments)
    exported = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    ids = list(segments.GetSegmentation().GetSegmentIDs())
    assert logic.ExportSegmentsToLabelmapNode(segments, ids, exported, ct)

    inside = array_of(exported) > 0
    expected = volume.array[result.mask.full(volume.grid) > 0]
    assert sorted(array_of(ct)[inside]) == sorted(expected.tolist())
    assert len(places_by_pydicom(seg, 1)) == inside.sum()
    scene.Clear(True)
