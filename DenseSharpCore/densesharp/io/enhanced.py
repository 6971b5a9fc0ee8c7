"""Enhanced CT: one file with many frames, unfolded into the slices that the rest reads.

What a single-slice image says of itself stands here in functional groups, once for all frames or
for each one (DICOM PS3.3 C.7.6.16, CT macros in C.8.15.3); a frame's own value wins.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pydicom.dataset import Dataset

ENHANCED_CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""Enhanced CT Image Storage, and Legacy Converted Enhanced CT Image Storage."""

GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

CONTRAST = "ContrastBolusAgentSequence"

_MACROS = {
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "CTReconstructionSequence": ("ConvolutionKernel",),
}
_FRAME_TYPE = "CTImageFrameTypeSequence"


def frame_headers(values: Mapping[str, Any], dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The header of each frame, as a single-slice image would give it; in the order of the file.

    Args:
        values: the header fields of the whole object.
        dataset: holds its functional groups.

    Raises:
        ValueError: the number of frames and of their groups differ.
        Exception: whatever pydicom raises on a damaged sequence.
    """
    shared = _values_of(dataset.SharedFunctionalGroupsSequence[0])
    frames = dataset.PerFrameFunctionalGroupsSequence
    if len(frames) != int(values["NumberOfFrames"] or 0):
        raise ValueError("the number of frames and of their descriptions differ")
    common = {**values, "NumberOfFrames": None, **shared}
    agents = dataset.get(CONTRAST)
    if agents:
        common["ContrastBolusAgent"] = str(agents[0].get("CodeMeaning") or "contrast agent")
    for group in frames:
        yield {**common, **_values_of(group)}


def _values_of(group: Dataset) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for macro, names in _MACROS.items():
        for item in group.get(macro) or ():
            found.update({name: item[name].value for name in names if name in item})
    for item in group.get(_FRAME_TYPE) or ():
        found["ImageType"] = item.get("FrameType")
    return found
