# mypy: untyped-calls-exclude="SimpleITK"
"""One DICOM CT series to `Volume`: geometry from the headers, pixels through SimpleITK.

Readers that trust the file order or average the slice positions turn a series with missing slices
or a tilted gantry into an image with wrong places and wrong volumes. Here every slice's position
and orientation is compared, and a series that is no regular right-angled stack is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Float, Grid
from densesharp.image.volume import Notice, Volume
from densesharp.io.checks import (
    HU_RANGE,
    check_hu,
    check_memory,
    check_spacing,
    thickness_notices,
)
from densesharp.io.image_files import quiet_libraries
from densesharp.io.series import Slice, find_slices
from densesharp.progress import Progress

MAX_TILT = 1e-3
"""Largest slope of the stack against its slices' normal; over 300 mm it moves a slice 0.3 mm."""

MAX_UNEVEN = 0.1
"""Largest departure of a slice from its place, in slice distances (headers are rounded)."""

_CHUNK = 32
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
    progress(0.0, "Reading DICOM headers")
    slices = find_slices(source, series)
    check_same(slices)
    stack = stack_slices(slices)
    check_spacing(stack.grid, source.name)
    check_memory(int(np.prod(stack.grid.size)) * 2, source.name)
    array, notices = check_hu(_read_pixels(stack, progress), source.name)
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
    slices = find_slices(source, series)
    check_same(slices)
    stack = stack_slices(slices)
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
    slices = find_slices(source, series)
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


def check_same(slices: Sequence[Slice]) -> None:
    """Refuse a series whose images differ in what must be the same, or are no plain HU images.

    Raises:
        GeometryError: mixed matrix, pixel spacing, frame of reference or orientation.
        ImageError: colour, no rescale to HU, or a mixed one.
    """
    first = slices[0]
    plain = (
        first.get("SamplesPerPixel") in (None, 1)
        and first.get("PhotometricInterpretation") == "MONOCHROME2"
        and first.get("NumberOfFrames") in (None, 1)
    )
    if not plain:
        message = "The images are in color or inverted: they are no CT slices in Hounsfield units."
        raise ImageError(message)
    if len({_rescale(s) for s in slices}) > 1:
        message = (
            "The slices have different rescale slopes or intercepts (mixed rescale): the series "
            "was put together from several; export one reconstruction again."
        )
        raise ImageError(message)
    for name, what in (
        ("Rows", "sizes"),
        ("Columns", "sizes"),
        ("PixelSpacing", "pixel spacings"),
        ("FrameOfReferenceUID", "frames of reference"),
    ):
        if len({str(s.get(name)) for s in slices}) > 1:
            message = f"The slices have different {what}: the series mixes several acquisitions."
            raise GeometryError(message)


def _rescale(entry: Slice) -> tuple[float, float]:
    """Slope and intercept to HU."""
    slope, intercept = entry.numbers("RescaleSlope", 1), entry.numbers("RescaleIntercept", 1)
    unit = str(entry.get("RescaleType") or "HU").strip()
    if slope is None or intercept is None or slope[0] == 0 or unit != "HU":
        message = "The series does not say how its values become Hounsfield units (rescale)."
        raise ImageError(message)
    return slope[0], intercept[0]


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
        message = (
            f"The slices are tilted by {np.degrees(np.arctan2(drift, step)):.1f} degrees against "
            "their stack (gantry tilt): use a reconstruction without tilt, or resample it onto a "
            "rectangular grid first."
        )
        raise GeometryError(message)
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
        message = (
            "The slices have different orientations (localizer or reformatted slices mixed in): "
            "choose a series of parallel slices."
        )
        raise GeometryError(message)
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
        message = "The series has a single slice: a 3D CT is needed."
        raise GeometryError(message)
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
        message = "The series does not say how large its pixels are (Pixel Spacing)."
        raise GeometryError(message)
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
        message = (
            f"{doubled} of {len(heights)} slices lie at the same place as another (duplicate "
            "slices): the series holds copies, several reconstructions or time points."
        )
        raise GeometryError(message)
    step = float(np.median(gaps))
    holes = gaps[gaps > 1.5 * step]
    if len(holes):
        lost = int(np.rint(holes / step).sum() - len(holes))
        message = (
            f"About {lost} of {len(heights) + lost} slices are missing (a gap of "
            f"{holes.max():.2f} mm between slices {step:.2f} mm apart): load the whole series."
        )
        raise GeometryError(message)
    if np.abs(off).max() > MAX_UNEVEN * step:
        message = (
            f"The slices are unevenly spaced ({gaps.min():.2f} to {gaps.max():.2f} mm apart): "
            "choose a reconstruction with one slice distance."
        )
        raise GeometryError(message)
    return float(np.polyfit(np.arange(len(heights)), heights, 1)[0])


def _read_pixels(stack: Stack, progress: Progress) -> NDArray[Any]:
    """(k, j, i) HU; int16, or float32 where the rescale makes fractions."""
    whole = all(value == int(value) for value in _rescale(stack.slices[0]))
    array = np.empty(stack.grid.shape, np.int16 if whole else np.float32)
    size = stack.grid.size[:2]
    for done, (places, paths, frames) in enumerate(_parts(stack)):
        progress(done * _CHUNK / len(array), f"Reading slice {places[0] + 1} of {len(array)}")
        chunk = _read_chunk(paths, (*size, len(paths)) if frames is None else None)
        if frames is not None:
            if chunk.shape[1:] != size[::-1] or len(chunk) <= max(frames):
                raise _unfitting()
            chunk = chunk[frames]
        if chunk.min() < HU_RANGE[0] or chunk.max() > HU_RANGE[1]:
            message = "The series holds values that are not Hounsfield units."
            raise ImageError(message)
        array[places] = chunk
    progress(1.0, "Image read")
    return array


def _parts(stack: Stack) -> Iterator[tuple[list[int], list[str], list[int] | None]]:
    """What is read at once: places in the stack, files, and frames of an enhanced object."""
    paths = [str(entry.path) for entry in stack.slices]
    if stack.slices[0].frame is None:
        for start in range(0, len(paths), _CHUNK):
            part = paths[start : start + _CHUNK]
            yield list(range(start, start + len(part))), part, None
        return
    for path in dict.fromkeys(paths):
        places = [place for place, own in enumerate(paths) if own == path]
        yield places, [path], [int(stack.slices[place].frame or 0) for place in places]


def _read_chunk(paths: Sequence[str], size: tuple[int, ...] | None) -> NDArray[Any]:
    """Pixels of files as HU (GDCM applies the rescale); `size` is checked where it is known."""
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames(paths)
    try:
        with quiet_libraries():
            image = reader.Execute() if size is not None else sitk.ReadImage(paths[0])
    except RuntimeError as error:
        message = "The pixels of a slice cannot be decoded: the file is damaged; copy it again."
        raise ImageError(message) from error
    if image.GetNumberOfComponentsPerPixel() != 1 or size not in (None, image.GetSize()):
        raise _unfitting()
    return sitk.GetArrayFromImage(image)


def _unfitting() -> ImageError:
    return ImageError("The pixels of a slice do not fit its header: copy the series again.")


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
        "study_uid": str(first.get("StudyInstanceUID")),
        "series_uid": str(first.get("SeriesInstanceUID")),
        "frame_of_reference_uid": str(first.get("FrameOfReferenceUID")),
        "sop_class_uid": str(first.get("SOPClassUID")),
        "sop_instance_uids": tuple(str(s.get("SOPInstanceUID")) for s in stack.slices),
        "paths": tuple(str(s.path) for s in stack.slices),
        # Frame numbers as DICOM counts them, from 1; None in files of one slice.
        "frames": tuple(None if s.frame is None else s.frame + 1 for s in stack.slices),
    }
