"""The bundled sample CT, as a volume in the scene and in Slicer's Sample Data module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

NAME = "DenseSharpSampleCT"

THUMBNAIL = Path(__file__).parents[1] / "Resources" / "Icons" / "DenseSharpSampleCT.png"


def load() -> Any:
    """The sample CT as a new volume node, which knows that it is simulated.

    Raises:
        ImageError: the file is missing or damaged.
    """
    from densesharp.io import read_volume
    from densesharp.resources import sample_path
    from densesharp_scene.geometry import add_volume_node

    scene = slicer.mrmlScene
    return add_volume_node(scene, read_volume(sample_path()), scene.GenerateUniqueName(NAME))


def show(volume_node: Any) -> None:
    """Show a CT in all slice views, with a lung window."""
    from densesharp_scene.views import WINDOWS, set_window

    set_window(volume_node, *WINDOWS["lung"])
    slicer.util.setSliceViewerLayers(background=volume_node, fit=True)


def load_for_sample_data(_source: Any) -> list[Any]:
    """What Slicer's module Sample Data calls; it shows nothing itself."""
    node = load()
    show(node)
    return [node]


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
        thumbnailFileName=str(THUMBNAIL),
        customDownloader=load_for_sample_data,
    )
