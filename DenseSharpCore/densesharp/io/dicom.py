"""One DICOM CT series to `Volume`: geometry from the headers, pixels through SimpleITK.

Readers that trust the file order or average the slice positions turn a series with missing slices
or a tilted gantry into an image with wrong places and wrong volumes. Here every slice's position
and orientation is compared, and a series that is no regular right-angled stack is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from densesharp.errors import GeometryError
from densesharp.image.grid import Float, Grid
from densesharp.image.volume import Notice, Volume
from densesharp.io.checks import check_hu, check_memory, check_spacing, thickness_notices
from densesharp.io.dicom_files import Slice
from densesharp.io.dicom_pixels import read_pixels
from densesharp.io.dicom_values import check_values, value_notices
from densesharp.io.series import FoundSeries, find_slices
from densesharp.progress import Progress, part

MAX_TILT = 1e-3
"""Largest slope of the stack against its slices' normal; over 300 mm it moves a slice 0.3 mm."""

MAX_UNEVEN = 0.1
"""Largest departure of a slice from its place, in slice distances (headers are rounded)."""

_SAME_SPACING = 1e-4
"""By how much of itself a pixel spacing may differ from slice to slice (rounding)."""

_NO_CONTRAST = {"", "NO", "NONE", "N", "NATIVE", "WITHOUT", "UNENHANCED", "OHNE"}


@dataclass(frozen=True)
class Stack:
    """Slices in the order of their positions, and the grid they form."""

    slices: tuple[Slice, ...]
    grid: Grid


def read_series(source: Path, series: str | None, progress: Progress) -> Volume:
    """Read a DICOM CT series from a folder (or from the folder of one of its files).

    Args:
        source: a folder, searched with its sub-folders, or a file.
        series: which one, as `SeriesChoice.key` or as Series Instance UID; None where there is one
            only.
        progress: told while files are read; may cancel.

    Returns:
        The CT in HU, with what identifies its series.

    Raises:
        SeriesChoiceError: there are several and `series` does not say which.
        GeometryError: it is no regular stack.
        ImageError: it is no CT in HU, or damaged.
    """
    found = find_slices(source, series, part(progress, 0.0, 0.3))
    stack = _stack_of(found)
    check_spacing(stack.grid, source.name)
    check_memory(int(np.prod(stack.grid.size)) * 2, source.name)
    pixels, padded = read_pixels(stack.slices, stack.grid.shape, part(progress, 0.3, 1.0))
    array, notices = check_hu(pixels, source.name)
    notices += found.notices + value_notices(stack.slices) + padded
    notices += _contrast_notices(stack.slices) + thickness_notices(_thickness(stack))
    return Volume(array, stack.grid, notices, _identity(stack))


def locate_series(
    source: Path | Sequence[Path], series: str | None = None
) -> tuple[Grid, dict[str, Any]]:
    """Where the voxels of a series lie, and what SEG and SR need to refer to it; reads no pixels.

    Args:
        source: folder, one file of the series, or all its files.
        series: which one, where there are several.

    Raises:
        SeriesChoiceError: there are several and `series` does not say which.
        GeometryError: it is no regular stack.
        ImageError: it is no CT, or damaged.
    """
    stack = _stack_of(find_slices(source, series))
    return stack.grid, _identity(stack)


def locate_bent_series(
    source: Path | Sequence[Path], series: str | None = None
) -> tuple[Grid, dict[str, Any]]:
    """The same of a series whose slices form no regular stack, such as an uneven or tilted one.

    Returns:
        A grid of its matrix, right in each slice alone, and its identity with `positions`: (n, 3)
        LPS mm of each slice's first voxel.

    Raises:
        SeriesChoiceError: there are several and `series` does not say which.
        GeometryError: its slices are not parallel, or do not say where they lie.
        ImageError: it is no CT, or damaged.
    """
    slices = find_slices(source, series).slices
    check_same(slices)
    row, column = _orientation(slices)
    normal = np.cross(row, column)
    positions = _positions(slices)
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    step = float(np.median(np.diff(positions @ normal)))
    rows, columns = _matrix(slices[0])
    spacing = _pixel_spacing(slices)
    size, axes = (columns, rows, len(slices)), np.stack((row, column, normal), axis=1)
    grid = Grid(size, positions[0], np.array((spacing[1], spacing[0], step)), axes)
    stack = Stack(tuple(slices[index] for index in order), grid)
    return grid, {**_identity(stack), "positions": positions}


def _stack_of(found: FoundSeries) -> Stack:
    """The stack of a series; where it is none, files that were left out may be the reason."""
    try:
        check_same(found.slices)
        return stack_slices(found.slices)
    except GeometryError as error:
        if not found.doubt:
            raise
        raise GeometryError(f"{error} {found.doubt}") from error


def check_same(slices: Sequence[Slice]) -> None:
    """Refuse a series whose images differ in what must be the same, or are no plain HU images.

    Raises:
        GeometryError: mixed matrix, pixel spacing, frame of reference or orientation.
        ImageError: colour, no rescale to HU, a mixed one, or bits that contradict each other.
    """
    check_values(slices)
    for name, what in (
        ("Rows", "sizes"),
        ("Columns", "sizes"),
        ("PixelSpacing", "pixel spacings"),
        ("FrameOfReferenceUID", "frames of reference"),
        ("StudyInstanceUID", "studies"),
        ("PatientID", "patients"),
    ):
        values = {_comparable(entry, name) for entry in slices}
        if len(values) > 1 and not _differ_by_rounding(values):
            message = f"The slices have different {what}: the series mixes several acquisitions."
            raise GeometryError(message)


def _comparable(entry: Slice, name: str) -> str | tuple[float, ...]:
    """A field as numbers, however they are written, else as text."""
    return entry.numbers(name, 2) or entry.text(name)


def _differ_by_rounding(values: set[str | tuple[float, ...]]) -> bool:
    numbers = [value for value in values if not isinstance(value, str)]
    return len(numbers) == len(values) and bool(
        np.allclose(numbers, numbers[0], rtol=_SAME_SPACING, atol=0)
    )


def stack_slices(slices: Sequence[Slice]) -> Stack:
    """Put slices into the order of their positions and judge whether they form a regular grid.

    The slice axis k points along the normal (row x column), so the grid is right-handed whatever
    the order of the files (DICOM PS3.3 C.7.6.2.1.1: positions are the centre of the first voxel).

    Returns:
        The slices in order, and the grid of their voxels.

    Raises:
        GeometryError: positions or orientations are missing or mixed; slices are missing, doubled,
            unevenly spaced, shifted, or tilted against the stack.
    """
    row, column = _orientation(slices)
    normal = np.cross(row, column)
    positions = _positions(slices)
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    count = len(slices)
    # Least squares over all slices: rounded headers move single slices, not the stack.
    travel, origin = np.polyfit(np.arange(count), positions, 1)
    off = positions - (origin + np.outer(np.arange(count), travel))
    step = _step(positions @ normal, off @ normal)
    aside = np.linalg.norm(off - np.outer(off @ normal, normal), axis=1).max()
    if aside > MAX_UNEVEN * step:
        message = f"Slices are shifted sideways against each other by up to {aside:.2f} mm."
        raise GeometryError(message)
    drift = np.linalg.norm(travel - normal * step)
    if drift > MAX_TILT * step:
        raise GeometryError(
            f"The slices are tilted by {np.degrees(np.arctan2(drift, step)):.1f} degrees against "
            "their stack (gantry tilt): use a reconstruction without tilt, or resample it onto a "
            "rectangular grid first."
        )
    rows, columns = _matrix(slices[0])
    spacing = _pixel_spacing(slices)
    grid = Grid(
        (columns, rows, count),
        origin,
        np.array((spacing[1], spacing[0], step)),
        np.stack((row, column, normal), axis=1),
    )
    return Stack(tuple(slices[index] for index in order), grid)


def _orientation(slices: Sequence[Slice]) -> tuple[Float, Float]:
    """Unit vectors along rows and columns, the same in every slice."""
    values = [s.numbers("ImageOrientationPatient", 6) for s in slices]
    if any(value is None for value in values):
        message = "A slice does not say how it is oriented (Image Orientation): export it again."
        raise GeometryError(message)
    angles = np.array(values, dtype=np.float64)
    if np.abs(angles - angles[0]).max() > MAX_TILT:
        raise GeometryError(
            "The slices have different orientations (localizer or reformatted slices mixed in): "
            "choose a series of parallel slices."
        )
    row, column = angles[0, :3], angles[0, 3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(row @ column)) > MAX_TILT:
        message = "The slices' orientation is damaged (rows and columns not at right angles)."
        raise GeometryError(message)
    # Headers are rounded; make the axes exactly orthonormal, rows first.
    row = row / lengths[0]
    column = column - row * (row @ column)
    return row, column / np.linalg.norm(column)


def _positions(slices: Sequence[Slice]) -> Float:
    """(n, 3) LPS mm of each slice's first voxel."""
    if len(slices) < 2:
        raise GeometryError("The series has a single slice: a 3D CT is needed.")
    values = [s.numbers("ImagePositionPatient", 3) for s in slices]
    if any(value is None for value in values):
        message = "A slice does not say where it lies (Image Position): export the series again."
        raise GeometryError(message)
    return np.array(values, dtype=np.float64)


def _matrix(entry: Slice) -> tuple[int, int]:
    """Rows and columns of a slice."""
    rows, columns = entry.numbers("Rows", 1), entry.numbers("Columns", 1)
    if rows is None or columns is None or min(*rows, *columns) < 2:
        message = "The slices do not say how many rows and columns they have: export them again."
        raise GeometryError(message)
    return int(rows[0]), int(columns[0])


def _pixel_spacing(slices: Sequence[Slice]) -> tuple[float, ...]:
    """Mm between rows and between columns."""
    spacing = slices[0].numbers("PixelSpacing", 2)
    if spacing is None or min(spacing) <= 0:
        raise GeometryError("The series does not say how large its pixels are (Pixel Spacing).")
    return spacing


def _step(heights: Float, off: Float) -> float:
    """Distance between slices along their normal, if it is one and the same.

    Args:
        heights: (n,) rising mm along the normal.
        off: (n,) mm that each lies off the regular stack fitted to all.
    """
    gaps = np.diff(heights)
    doubled = int((gaps < 0.01).sum())
    if doubled:
        raise GeometryError(
            f"{doubled} of {len(heights)} slices lie at the same place as another (duplicate "
            "slices): the series holds copies, several reconstructions or time points."
        )
    step = float(np.median(gaps))
    holes = gaps[gaps > 1.5 * step]
    if len(holes):
        lost = int(np.rint(holes / step).sum() - len(holes))
        raise GeometryError(
            f"About {lost} of {len(heights) + lost} slices are missing (a gap of "
            f"{holes.max():.2f} mm between slices {step:.2f} mm apart): load the whole series."
        )
    if np.abs(off).max() > MAX_UNEVEN * step:
        raise GeometryError(
            f"The slices are unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm apart): "
            "choose a reconstruction with one slice distance."
        )
    return float(np.polyfit(np.arange(len(heights)), heights, 1)[0])


def _thickness(stack: Stack) -> float:
    """The larger of slice distance and declared slice thickness, mm (thick slices may overlap)."""
    declared = [s.numbers("SliceThickness", 1) for s in stack.slices]
    return max([float(stack.grid.spacing[2]), *(value[0] for value in declared if value)])


def _contrast_notices(slices: Sequence[Slice]) -> tuple[Notice, ...]:
    agents = {str(s.get("ContrastBolusAgent") or "").strip().upper() for s in slices}
    if agents <= _NO_CONTRAST:
        return ()
    message = (
        "The CT was taken with contrast agent: it raises the density of a nodule, so density, "
        "nodule type and class are less reliable."
    )
    return (Notice("contrast", message, "caution"),)


def _identity(stack: Stack) -> dict[str, Any]:
    """What SEG, SR and follow-up need to know of this series; never shown, never logged."""
    first = stack.slices[0]
    dates = {name: str(first.get(name) or "") for name in ("SeriesDate", "StudyDate")}
    moment = first.get("AcquisitionDate") or first.get("AcquisitionDateTime")
    dates["AcquisitionDate"] = str(moment or "")[:8]
    return {
        "dates": dates,
        "study_uid": first.text("StudyInstanceUID"),
        "series_uid": first.text("SeriesInstanceUID"),
        "frame_of_reference_uid": first.text("FrameOfReferenceUID"),
        "sop_class_uid": first.text("SOPClassUID"),
        "sop_instance_uids": tuple(s.text("SOPInstanceUID") for s in stack.slices),
        "paths": tuple(str(s.path) for s in stack.slices),
        # Frame numbers as DICOM counts them, from 1; None in files of one slice.
        "frames": tuple(None if s.frame is None else s.frame + 1 for s in stack.slices),
    }
