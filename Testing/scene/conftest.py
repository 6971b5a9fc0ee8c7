"""Scenes and CTs for the scene library, on real MRML."""

import os

import numpy as np
import pytest

os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")
pytest.importorskip("slicer", reason="slicer-core is not installed (extra 'viewer')")


@pytest.fixture
def scene():
    """An empty MRML scene with the logic that turns masks into surfaces."""
    import slicer

    scene = slicer.vtkMRMLScene()
    logic = slicer.vtkSlicerSegmentationsModuleLogic()
    logic.SetMRMLScene(scene)
    yield scene
    scene.Clear(True)


@pytest.fixture
def make_ct(scene):
    """Makes a CT node from a size (i, j, k) and a 4x4 IJK to RAS matrix."""
    import slicer
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    from densesharp_scene.geometry import array_to_matrix

    def make(size=(40, 36, 30), matrix=None, name="CT"):
        image = vtk.vtkImageData()
        image.SetDimensions(size)
        image.AllocateScalars(vtk.VTK_SHORT, 1)
        voxels = vtk_to_numpy(image.GetPointData().GetScalars())
        voxels[:] = np.arange(voxels.size) % 1000 - 800
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
        node.SetAndObserveImageData(image)
        if matrix is None:
            matrix = np.diag([-0.7, -0.7, 1.25, 1.0])
            matrix[:3, 3] = 10.0, 12.0, -30.0
        node.SetIJKToRASMatrix(array_to_matrix(matrix))
        node.CreateDefaultDisplayNodes()
        return node

    assert slicer.vtkMRMLScene
    return make


@pytest.fixture
def ct_with_a_nodule(make_ct):
    """A CT whose seed at its middle has been answered: (scan, nodule id)."""
    from densesharp_scene import ScanNodules
    from nodule_answers import click

    scan = ScanNodules(make_ct())
    return scan, click(scan, middle_of(scan))


def middle_of(scan) -> np.ndarray:
    """World RAS of the middle of the CT."""
    return scan.volume().grid.center * (-1, -1, 1)
