"""The bundled sample CT, as a volume in the scene and in Slicer's Sample Data module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

NAME = "DenseSharpSampleCT"


def load() -> Any:
    """The sample CT as a new volume node.

    Raises:
        ImageError: the file is missing or damaged.
    """
    import numpy as np

    from densesharp.io import read_volume
    from densesharp.resources import sample_path
    from densesharp_scene.geometry import RAS_TO_LPS, array_to_matrix

    volume = read_volume(sample_path())
    node = slicer.util.addVolumeFromArray(
        np.array(volume.array, dtype=np.int16),
        ijkToRAS=array_to_matrix(RAS_TO_LPS @ volume.grid.affine),
        name=slicer.mrmlScene.GenerateUniqueName(NAME),
    )
    node.CreateDefaultDisplayNodes()
    return node


def register() -> None:
    """Offer the sample in the Sample Data module; called at start, so nothing heavy is imported."""
    import SampleData

    found = importlib.util.find_spec("densesharp")
    if found is None or found.origin is None:
        return
    path = Path(found.origin).parent / "resources" / "sample_ct.nrrd"
    logic = SampleData.SampleDataLogic
    if hasattr(logic, "registerCustomSampleDataCategory"):  # Slicer 5.12 and later
        logic.registerCustomSampleDataCategory("DenseSharp", title=_("DenseSharp"))
    logic.registerCustomSampleDataSource(
        category="DenseSharp",
        sampleName=NAME,
        uris=path.as_uri(),
        fileNames=path.name,
        nodeNames=NAME,
        customDownloader=lambda _source: [load()],
    )
