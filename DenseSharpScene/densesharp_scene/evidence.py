"""The evidence map: where in the patch the model saw its class, as a coloured overlay."""

from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util.numpy_support import vtk_to_numpy

from densesharp.nodule.records import Prediction

from .geometry import EVIDENCE, RAS_TO_LPS, array_to_matrix, local_to_world
from .record import referenced
from .views import hide_overlay, show_overlay

LOWEST_SHOWN = 0.15
"""Evidence below this share of the maximum stays transparent."""

HEAT_AT = (0.0, 0.35, 0.7, 1.0)
HEAT = ((0.25, 0.80, 1.00, 1.00), (0.00, 0.15, 0.60, 0.95), (0.00, 0.05, 0.05, 0.55))
"""Red, green and blue at those shares of the maximum."""


OPACITY = 0.5
"""At the beginning."""


def css_scale() -> str:
    """The colors from the lowest that is shown to the maximum, as a gradient of CSS."""
    stops = []
    for share in np.linspace(LOWEST_SHOWN, 1, 6):
        color = (round(255 * float(np.interp(share, HEAT_AT, channel))) for channel in HEAT)
        stops.append(f"rgb({', '.join(map(str, color))})")
    return f"linear-gradient(to right, {', '.join(stops)})"


def show(record_node: Any, prediction: Prediction, moved: NDArray[np.float64]) -> None:
    """Show the evidence of one prediction over the CT that a record belongs to.

    Args:
        record_node: refers to the CT, and to the overlay's nodes once they are made.
        prediction: with the evidence, `[k, j, i]`, on its patch.
        moved: (4, 4) world RAS to world RAS, how the CT was moved since the prediction.
    """
    scene, volume_node = record_node.GetScene(), record_node.GetNodeReference("volume")
    colors = referenced(record_node, "evidence colors", lambda: create_colors(scene))
    node = referenced(record_node, "evidence", lambda: create_evidence(scene, volume_node, colors))
    write_evidence(node, volume_node, prediction, moved)
    show_overlay(scene, node)


def hide(record_node: Any | None) -> None:
    """Take the evidence map off the CT, if there is one."""
    node = record_node.GetNodeReference("evidence") if record_node is not None else None
    if node is not None:
        hide_overlay(record_node.GetScene(), node)


def create_colors(scene: Any) -> Any:
    """Dark red over orange to light yellow; a table of its own, so that it is saved and read."""
    node = scene.AddNewNodeByClass("vtkMRMLColorTableNode", "Evidence colors")
    node.SetTypeToUser()
    node.SetNumberOfColors(256)
    for index, share in enumerate(np.linspace(0, 1, 256)):
        red, green, blue = (np.interp(share, HEAT_AT, channel) for channel in HEAT)
        node.SetColor(index, f"{share:.3f}", float(red), float(green), float(blue), 1.0)
    node.SetHideFromEditors(False)  # a colour table is by default, and is then not saved
    return node


def create_evidence(scene: Any, volume_node: Any, colors: Any) -> Any:
    """An empty volume node for the overlay, under the CT's transform."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", f"{volume_node.GetName()} evidence")
    node.SetAttribute(EVIDENCE, "1")
    node.CreateDefaultDisplayNodes()
    node.SetAndObserveTransformNodeID(volume_node.GetTransformNodeID())
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(colors.GetID())
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.AutoThresholdOff()
    display.SetThreshold(LOWEST_SHOWN, 1e6)
    display.ApplyThresholdOn()
    display.InterpolateOn()
    return node


def write_evidence(
    node: Any, volume_node: Any, prediction: Prediction, moved: NDArray[np.float64]
) -> None:
    """Put the evidence of one prediction into its node, as `show` does."""
    image = vtk.vtkImageData()
    image.SetDimensions(prediction.patch.grid.size)
    image.AllocateScalars(vtk.VTK_FLOAT, 1)
    vtk_to_numpy(image.GetPointData().GetScalars())[:] = prediction.evidence.ravel()
    world = moved @ RAS_TO_LPS @ prediction.patch.grid.affine
    local = np.linalg.solve(local_to_world(volume_node), world)
    was_modifying = node.StartModify()
    node.SetIJKToRASMatrix(array_to_matrix(local))
    node.SetAndObserveImageData(image)
    node.EndModify(was_modifying)
