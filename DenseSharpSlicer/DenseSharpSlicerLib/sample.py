"""The bundled sample CT, as a volume in the scene and in Slicer's Sample Data module."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from densesharp.reading import read_volume
from densesharp.resources import sample_path

from .scene.geometry import RAS_TO_LPS, array_to_matrix

NAME = "DenseSharpSampleCT"


def load() -> Any:
    """The sample CT as a new volume node.

    Raises:
        ImageError: the file is missing or damaged.
    """
    volume = read_volume(sample_path())
    node = slicer.util.addVolumeFromArray(
        np.array(volume.array, dtype=np.int16),
        ijkToRAS=_affine(volume.grid.affine),
        name=slicer.mrmlScene.GenerateUniqueName(NAME),
    )
    node.CreateDefaultDisplayNodes()
    return node


def _affine(lps: Any) -> vtk.vtkMatrix4x4:
    return array_to_matrix(RAS_TO_LPS @ lps)


def register() -> None:
    """Offer the sample in the Sample Data module; called when Slicer has started."""
    import SampleData

    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # Slicer 5.12 and later
        logic.registerCustomSampleDataCategory("DenseSharp", title=_("DenseSharp"))
    logic.registerCustomSampleDataSource(
        category="DenseSharp",
        sampleName=NAME,
        uris=sample_path().as_uri(),
        fileNames=sample_path().name,
        nodeNames=NAME,
        customDownloader=lambda _source: [load()],
    )
