"""Slicer's Segment Editor without its window: the same logic that its brush calls."""

from typing import Any

import numpy as np


class SegmentEditor:
    """Segment Editor on one segmentation, as a reader opens it for a CT."""

    def __init__(self, segmentation_node: Any, volume_node: Any, segment_id: str) -> None:
        import slicer

        scene = volume_node.GetScene()
        self._segmentation_node, self._segment_id = segmentation_node, segment_id
        self.logic = slicer.vtkSlicerSegmentEditorLogic()
        self.logic.SetMRMLScene(scene)
        self.logic.SetSegmentEditorNode(scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
        self.logic.SetSegmentationNode(segmentation_node)
        self.logic.SetSourceVolumeNode(volume_node)
        self.logic.SetCurrentSegmentID(segment_id)

    def paint(self, ras, radius_mm: float, erase: bool = False) -> None:
        """One stroke of the sphere brush at a world point, RAS mm."""
        import slicer
        import vtk
        from vtk.util.numpy_support import vtk_to_numpy

        logic = self.logic
        assert logic.SaveStateForUndo()
        assert logic.UpdateReferenceGeometryImage()
        assert logic.ResetModifierLabelmapToDefault()
        image = logic.GetModifierLabelmap()
        matrix = vtk.vtkMatrix4x4()
        assert logic.GetSegmentationIJKToRAS(matrix)
        affine = np.array([[matrix.GetElement(a, b) for b in range(4)] for a in range(4)])
        voxels = vtk_to_numpy(image.GetPointData().GetScalars())
        voxels = voxels.reshape(image.GetDimensions()[::-1])
        index = np.argwhere(np.ones(voxels.shape, bool))[:, ::-1] + np.array(image.GetExtent())[::2]
        world = index @ affine[:3, :3].T + affine[:3, 3]
        inside = np.linalg.norm(world - np.asarray(ras), axis=1) <= radius_mm
        voxels[:] = inside.reshape(voxels.shape)
        image.Modified()
        kind = slicer.vtkSlicerSegmentEditorLogic
        mode = kind.ModificationModeRemove if erase else kind.ModificationModeAdd
        logic.ModifySegmentByLabelmap(
            self._segmentation_node, self._segment_id, image, mode, False, False
        )
