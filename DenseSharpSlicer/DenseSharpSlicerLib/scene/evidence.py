"""The evidence map: where in the patch the model saw its class, as a coloured overlay."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from densesharp.records import Prediction

from .geometry import RAS_TO_LPS, array_to_matrix, local_to_world

LOWEST_SHOWN = 0.15
"""Evidence below this share of the maximum stays transparent."""


def create_evidence(scene: Any, volume_node: Any) -> Any:
    """An empty volume node for the overlay, under the CT's transform."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"{volume_node.GetName()} evidence")
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(_heat_colors(scene).GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.AutoThresholdOff()
    display.SetThreshold(LOWEST_SHOWN, 1e6)
    display.ApplyThresholdOn()
    display.InterpolateOn()
    return node


def write_evidence(node: Any, prediction: Prediction) -> None:
    """Show the evidence of one prediction; what the node held before is replaced."""
    image = vtk.vtkImageData()
    image.SetDimensions(prediction.patch.grid.size)
    image.AllocateScalars(vtk.VTK_FLOAT, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = prediction.evidence.ravel()
    world = RAS_TO_LPS @ prediction.patch.grid.affine
    local = np.linalg.solve(local_to_world(node), world)
    was_modifying = node.StartModify()
    node.SetIJKToRASMatrix(array_to_matrix(local))
    node.SetAndObserveImageData(image)
    node.EndModify(was_modifying)


def _heat_colors(scene: Any) -> Any:
    """Black over red to yellow; a singleton, so that a scene never holds two."""
    found = scene.GetSingletonNode("DenseSharpHeat", "vtkMRMLColorTableNode")
    if found is not None:
        return found
    colors = scene.CreateNodeByClass("vtkMRMLColorTableNode")
    colors.UnRegister(None)
    colors.SetTypeToWarm1()
    colors.SetName("Evidence")
    colors.SetSingletonTag("DenseSharpHeat")
    colors.SetHideFromEditors(True)
    return scene.AddNode(colors)
