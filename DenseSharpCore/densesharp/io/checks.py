"""Checks that every image passes, whatever file it came from."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice

CAUTION_SLICE_MM = 2.5
REFUSED_SLICE_MM = 5.0
"""Slices thicker than these cannot carry (a) reliable measurements, (b) any answer."""

SPACING_RANGE_MM = (0.05, 50.0)
"""Voxel sizes outside are no CT of a body; usually the unit is not mm."""

HU_RANGE = (-32768, 32767)
"""What CT stores: 16 bits. Extended scales of metal stay inside; floats far outside are no HU."""

AIR_HU = -500
"""Lung and air lie below; a chest CT without such voxels is cropped too tight or not in HU."""

_NO_AIR_HU, _TISSUE_HU, _FAT_HU, _BONE_HU, _DENSE_HU = -1500, -700, -50, 300, 500
_FEW, _MANY = 0.05, 0.2
"""Shares of the voxels; in 31 chest CTs, most of them cubes around a nodule, at most 0.06 of them
lie above 300 HU and none below -1500."""

_FALLBACK_MEMORY = 16 * 2**30


def thickness_notices(thickness_mm: float) -> tuple[Notice, ...]:
    """What follows from the slice thickness (or the largest voxel edge) in mm."""
    thickness_mm = round(thickness_mm, 3)  # headers and fits leave noise behind
    if thickness_mm > REFUSED_SLICE_MM:
        message = (
            f"The slices are {thickness_mm:.3g} mm thick: above {REFUSED_SLICE_MM:g} mm a nodule "
            "cannot be measured or classified; use a thin-slice reconstruction."
        )
        return (Notice("slice_thickness", message, "refused"),)
    if thickness_mm > CAUTION_SLICE_MM:
        message = (
            f"The slices are {thickness_mm:.3g} mm thick: above {CAUTION_SLICE_MM:g} mm diameter, "
            "volume and class are less reliable; prefer slices of 1.5 mm or less."
        )
        return (Notice("slice_thickness", message, "caution"),)
    return ()


def check_memory(needed: int, name: str) -> None:
    """Refuse an image that cannot fit into this machine, before anything is allocated.

    Args:
        needed: bytes of its voxels, as its header declares them.
        name: what to call it.

    Raises:
        ImageError: it needs more than half of the memory.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        memory = _FALLBACK_MEMORY
    if needed > memory // 2:
        raise ImageError(
            f"'{name}' declares {needed / 2**30:.1f} GB of voxels, more than this machine can "
            "hold: crop it to the lungs, or its header is damaged."
        )


def check_spacing(grid: Grid, name: str) -> None:
    """Refuse voxel sizes that no CT of a body has.

    Raises:
        GeometryError: an edge is far too small or too large.
    """
    low, high = SPACING_RANGE_MM
    if grid.spacing.min() < low or grid.spacing.max() > high:
        edges = " x ".join(f"{edge:.3g}" for edge in grid.spacing)
        message = f"The voxels of '{name}' would be {edges} mm: the unit is wrong or it is no CT."
        raise GeometryError(message)


def check_hu(array: NDArray[Any], name: str) -> tuple[NDArray[Any], tuple[Notice, ...]]:
    """Judge whether values can be Hounsfield units, and keep them as small as they allow.

    Args:
        array: (k, j, i) values.
        name: what to call the image.

    Returns:
        The array, int16 where every value is a whole number in its range and float32 otherwise,
        and notices.

    Raises:
        ImageError: values are missing, or cannot be HU.
    """
    if array.dtype.kind not in "iuf":
        raise ImageError(f"'{name}' holds {array.dtype} values: save the CT as 16-bit integers.")
    # A sum is NaN or infinite as soon as one value is, and needs no second array.
    with np.errstate(over="ignore", invalid="ignore"):
        finite = array.dtype.kind != "f" or bool(np.isfinite(array.sum(dtype=np.float64)))
    if not finite:
        raise without_value(name)
    low, high = float(array.min()), float(array.max())
    if low < HU_RANGE[0] or high > HU_RANGE[1]:
        message = f"The values of '{name}' ({low:.4g} to {high:.4g}) are not Hounsfield units."
        raise ImageError(message)
    if low == high:
        raise ImageError(f"Every voxel of '{name}' is {low:g}: this is no CT.")
    if low >= 0:
        raise ImageError(
            f"The values of '{name}' run from {low:g} to {high:g}: Hounsfield units of a chest go "
            "below 0, so this is a mask, another modality, or a CT stored without its offset."
        )
    if high - low < 100:
        raise ImageError(
            f"The values of '{name}' run from {low:.3g} to {high:.3g} only: this is no CT in "
            "Hounsfield units (perhaps it was normalised)."
        )
    implausible = _implausible(array, low, high)
    if implausible:
        raise ImageError(
            f"The values of '{name}' ({low:.4g} to {high:.4g}) are no Hounsfield units of a chest: "
            f"{implausible}. It is another modality, or a CT with a wrong offset or scale."
        )
    notices: tuple[Notice, ...] = ()
    if low > AIR_HU:
        message = (
            f"The lowest value is {low:.0f} HU, so the image shows no lung: check that it is a "
            "chest CT in Hounsfield units."
        )
        notices = (Notice("no_air", message, "caution"),)
    return _compact(array), notices


def _implausible(array: NDArray[Any], low: float, high: float) -> str | None:
    """Why the bulk of the values cannot be HU of a chest, or None.

    Single values say little: metal is above 3000 HU, padding far below -1024. But air is -1000 and
    most of a body is water, so a wrong offset or another modality moves the bulk.
    """
    if low > _FAT_HU:
        return f"nothing is as light as fat or air, the lowest value is {low:.4g}"
    if high < _TISSUE_HU:
        return f"nothing is as dense as tissue (about 0 HU), the highest value is {high:.4g}"
    some = array[tuple(slice(None, None, max(1, n // 128)) for n in array.shape)]
    _, counts = np.unique(some[some < _NO_AIR_HU], return_counts=True)
    # The commonest values so far down are padding, of the scanner and of a resampling.
    below = int(np.sort(counts)[:-2].sum()) / some.size
    if below > _FEW:
        return f"{below:.0%} of the voxels lie below air (-1000 HU)"
    limit = _DENSE_HU if low <= AIR_HU else _BONE_HU
    above = np.count_nonzero(some > limit) / some.size
    if above > _MANY:
        return f"{above:.0%} of the voxels lie above {limit} HU, which only bone and metal do"
    return None


def without_value(name: str) -> ImageError:
    """The error for NaN and infinity."""
    return ImageError(
        f"'{name}' holds voxels without a value (NaN or infinite): export the CT again."
    )


def _compact(array: NDArray[Any]) -> NDArray[Any]:
    """Int16 where that loses nothing, else float32 (a CT has no more digits)."""
    if array.dtype == np.int16:
        return array
    if array.dtype.kind in "iu":
        return array.astype(np.int16)
    small = array.astype(np.int16)
    if all(np.array_equal(a, b) for a, b in zip(small, array, strict=True)):
        return small
    return array.astype(np.float32, copy=False)
