"""What belongs to the case and is saved with the scene; preferences of the user are elsewhere.

This file must not postpone the evaluation of annotations: the wrapper looks at the real types.
"""

from typing import Annotated

from slicer import vtkMRMLScalarVolumeNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper


@parameterNodeWrapper
class DenseSharpSlicerParameterNode:
    """Parameters of the panel.

    inputVolume - The chest CT.
    priorVolume - An earlier CT of the same patient, or none.
    decisionThreshold - Probability from which the two binary calls read "yes".
    autoUpdate - Whether a corrected outline is analysed at once.
    augmentations - Orientations of the patch to average over.
    stability - Whether to move the click and compare.
    solidThreshold - HU above which a voxel counts as solid.
    """

    inputVolume: vtkMRMLScalarVolumeNode
    priorVolume: vtkMRMLScalarVolumeNode
    decisionThreshold: Annotated[float, WithinRange(0, 1)] = 0.5
    autoUpdate: bool = True
    augmentations: Annotated[int, WithinRange(1, 48)] = 4
    stability: bool = True
    solidThreshold: Annotated[float, WithinRange(-800, 100)] = -300.0
