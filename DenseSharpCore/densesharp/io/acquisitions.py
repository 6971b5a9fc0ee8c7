"""Several acquisitions under one Series Instance UID: told apart by what their headers differ in.

A CT taken in steps has an acquisition per step, one above the other; those belong together. Two
that lie in each other (phases of breathing, a repeated scan, two kernels) are two CTs.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from densesharp.io.dicom_files import Slice

_FIELDS = {
    "AcquisitionNumber": "acquisition",
    "TemporalPositionIdentifier": "time point",
    "ConvolutionKernel": "kernel",
    "KVP": "kVp",
    "ImageType": "image type",
    "AcquisitionDateTime": "acquired",
    "AcquisitionTime": "acquired at",
}


def split_acquisitions(slices: Sequence[Slice]) -> dict[str, list[Slice]]:
    """The acquisitions of a series by a name for people; one without a name where there is one."""
    heights = _heights(slices)
    if heights is None:
        return {"": list(slices)}
    for field, what in _FIELDS.items():
        if field != "AcquisitionNumber" and _is_regular(heights):
            break
        groups: dict[str, list[int]] = {}
        for index, entry in enumerate(slices):
            groups.setdefault(_value(entry, field), []).append(index)
        if _lie_in_each_other([heights[group] for group in groups.values()]):
            return {
                f"{what} {value or 'unknown'}": [slices[index] for index in group]
                for value, group in groups.items()
            }
    return {"": list(slices)}


def _value(entry: Slice, field: str) -> str:
    value = entry.get(field)
    parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    text = "/".join(str(part) for part in parts if part is not None)
    return "".join(c for c in text if c.isprintable())[:32]


def _heights(slices: Sequence[Slice]) -> NDArray[np.float64] | None:
    """(n,) mm along the normal of the first slice; None where one says no place."""
    cosines = slices[0].numbers("ImageOrientationPatient", 6)
    places = [entry.numbers("ImagePositionPatient", 3) for entry in slices]
    if cosines is None or any(place is None for place in places):
        return None
    normal = np.cross(cosines[:3], cosines[3:])
    return np.asarray(np.array(places, dtype=np.float64) @ normal)


def _is_regular(heights: NDArray[np.float64]) -> bool:
    """Whether slices have about one distance, so that nothing speaks for two stacks."""
    gaps = np.diff(np.sort(heights))
    return len(gaps) == 0 or bool(np.ptp(gaps) < 0.2 * np.median(gaps))


def _lie_in_each_other(groups: Sequence[NDArray[np.float64]]) -> bool:
    """Whether these are stacks, each of two slices at least, and their ranges overlap."""
    if min(map(len, groups)) < 2:
        return False
    ranges = sorted((float(heights.min()), float(heights.max())) for heights in groups)
    ends = np.maximum.accumulate([end for _, end in ranges])
    return any(ranges[n + 1][0] < ends[n] - 1e-3 for n in range(len(ranges) - 1))
