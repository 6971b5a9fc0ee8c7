"""What a DICOM object takes over from the CT series it refers to: headers, places, side, identity.

By default the patient is pseudonymised: of the headers only UIDs and geometry get into the written
objects, and nothing else about patient, study, trial, staff, site or scanner. UIDs stay, because
without them an object refers to nothing.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset

from densesharp.dicom.source_headers import fill_empty, read_headers, to_unicode
from densesharp.errors import GeometryError, ImageError
from densesharp.files import sha256
from densesharp.image.grid import Grid
from densesharp.image.masks import NoduleMask, mask_from_box
from densesharp.image.volume import Volume
from densesharp.io.dicom_pixels import read_file
from densesharp.io.quiet import quiet_pydicom
from densesharp.nodule.records import Measurements, NoduleResult

# All that gets out of a pseudonymised header. A list of what to remove would never be complete:
# highdicom copies every attribute of the patient and study modules, and there are hundreds.
_KEPT = frozenset((
    "SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID",
    "SeriesInstanceUID", "FrameOfReferenceUID", "Modality", "SeriesNumber", "InstanceNumber",
    "Rows", "Columns", "NumberOfFrames", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "ImageOrientationPatient", "ImagePositionPatient",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "PixelMeasuresSequence", "PlaneOrientationSequence", "PlanePositionSequence",
))  # fmt: skip
_METHODS = ("DeidentificationMethod", "DeidentificationMethodCodeSequence")
_DEIDENTIFIED = frozenset((
    "PatientName", "PatientID", "PatientIdentityRemoved", *_METHODS,
    "CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning",
))  # fmt: skip
"""What is kept besides of a source that says of itself that it is de-identified."""

_TOLERANCE_HU = 1.0
"""A CT that was converted may have been rounded, or cut off, to whole numbers."""

_BODY_HU = -300
_BEYOND_BODY_MM = 5.0
_BODY_WIDTH_MM = (200.0, 600.0)
_NEAR_MIDLINE_MM = 25.0


@dataclass(frozen=True)
class SourceSeries:
    """The CT images that written objects refer to.

    Attributes:
        images: headers without pixels: one for each slice, or a single enhanced object.
        slices: k of each image, or of each frame of the enhanced object.
        undeclared: the character sets where they do not tell what the texts are, else None.
    """

    images: tuple[Dataset, ...]
    slices: tuple[int, ...]
    undeclared: str | None = None


def load_source(volume: Volume, masks: Iterable[NoduleMask], keep_identity: bool) -> SourceSeries:
    """The headers of the slices that masks lie in.

    Args:
        volume: read from a DICOM series.
        masks: on its grid.
        keep_identity: write the patient's own name and id, for a clinical archive.

    Raises:
        ImageError: the volume is from no DICOM series, or the files have gone.
    """
    paths = volume.series.get("paths")
    if not paths:
        raise ImageError("DICOM objects refer to a DICOM series: give the CT as a DICOM folder.")
    ranges = [(mask.start[2], mask.start[2] + mask.array.shape[0]) for mask in masks]
    first, last = min(begin for begin, _ in ranges), max(end for _, end in ranges)
    frames = volume.series.get("frames") or ()
    enhanced = any(frame is not None for frame in frames)
    if not enhanced:
        slices, wanted = tuple(range(first, last)), paths[first:last]
    else:
        # An object is referred to as a whole, so every frame is listed, in the file's own order.
        slices = tuple(int(k) for k in np.argsort(frames))
        wanted = tuple(dict.fromkeys(paths))
    if enhanced and len(wanted) > 1:
        raise ImageError(
            "This enhanced CT is spread over several files, which no segmentation can refer to: "
            "export the series as one enhanced object or as single-slice images."
        )
    try:
        images = read_headers(wanted)
    except OSError as error:
        raise _gone() from error
    with quiet_pydicom():
        for image in images:
            if not keep_identity:
                pseudonymise(image)
            fill_empty(image)
        undeclared = [to_unicode(image) for image in images]
    return SourceSeries(tuple(images), slices, undeclared[0])


def _gone() -> ImageError:
    return ImageError("The files of the DICOM series can no longer be read: load the CT again.")


def pseudonymise(image: Dataset) -> None:
    """Take everything out of a header that a written object does not need, in place.

    The pseudonym comes from the Study Instance UID, which the object carries anyway; so all objects
    of one study get the same one, and it tells nothing more. A source that says of itself that it
    is de-identified (Patient Identity Removed) keeps its name and id, so that archives file the
    object beside it, and its own words on how that was done.
    """
    if image.get("PatientIdentityRemoved") == "YES":
        _keep_only(image, _KEPT | _DEIDENTIFIED)
        if not any(image.get(name) for name in _METHODS):
            image.DeidentificationMethod = "DenseSharp: details removed; name, id and UIDs kept"
        return
    _keep_only(image, _KEPT)
    digest = sha256(str(image.StudyInstanceUID))
    image.PatientID = f"DS-{digest[:12].upper()}"
    image.PatientName = f"{image.PatientID}^"  # the caret says: one component is meant
    # highdicom copies these two into the objects, with the rest of the patient module.
    image.PatientIdentityRemoved = "YES"
    image.DeidentificationMethod = "DenseSharp: patient and study details removed, UIDs kept"


def _keep_only(dataset: Dataset, keywords: frozenset[str]) -> None:
    """Delete all other attributes, private ones too, at every level."""
    for tag in list(dataset.keys()):
        if keyword_for_tag(tag) not in keywords:
            del dataset[tag]
        elif dataset[tag].VR == "SQ":
            for item in dataset[tag].value:
                _keep_only(item, keywords)


def check_densities(results: Sequence[NoduleResult], volume: Volume) -> None:
    """Refuse results whose measured densities are not those of the series under their outlines.

    Another reconstruction, or a CT of another day, may have the same grid. Results do not say which
    series they come from, as its UID would identify the patient; but its voxels tell.

    Args:
        results: nodules on the volume's grid; those without outline or measurements tell nothing.
        volume: from a DICOM series; the voxels are read from its files, not from its array.

    Raises:
        ImageError: the results come from another series, or its files cannot be read.
    """
    if volume.series.get("resampled"):
        return  # measured on a resampled copy; its own instances tell the series
    for result in results if volume.series.get("paths") else ():
        if result.mask is None or result.measurements is None:
            continue
        hu = _values_under(result.mask, volume)
        if not _measured_on(result.measurements, hu):
            raise ImageError(
                "These results were not computed from this series: under the outline of "
                f"{result.id} it has other densities. Give the series they were computed from."
            )


def _values_under(mask: NoduleMask, volume: Volume) -> NDArray[np.float64]:
    """(n,) HU of a series' files under a mask."""
    paths, frames = volume.series["paths"], volume.series["frames"]

    pixels = functools.cache(read_file)  # all frames of an enhanced object lie in one file
    (x, y, z), (depth, rows, columns) = mask.start, mask.array.shape
    try:
        box = [
            pixels(Path(paths[k]))[(frames[k] or 1) - 1, y : y + rows, x : x + columns]
            for k in range(z, z + depth)
        ]
        return np.array(box, dtype=np.float64)[mask.array > 0]
    except (ImageError, LookupError, ValueError) as error:
        raise _gone() from error


def _measured_on(measured: Measurements, hu: NDArray[np.float64]) -> bool:
    """Whether densities are those of these voxels, as `densesharp.nodule.measure` defines them."""
    given = (measured.mean_hu, measured.sd_hu, measured.min_hu, measured.max_hu)
    found = (hu.mean(), hu.std(), hu.min(), hu.max())
    try:
        return bool(np.allclose(given, found, rtol=0, atol=_TOLERANCE_HU))
    except (TypeError, ValueError):  # no numbers: somebody changed result.json
        return False


def mask_on_series(array: NDArray[Any], grid: Grid, series: Grid) -> NoduleMask:
    """A mask of another orientation of the same voxels as a mask on the series' own grid.

    A CT converted to NRRD or NIfTI may have its axes flipped or in another order; the voxels are
    the same ones.

    Args:
        array: (k, j, i), non-zero inside the nodule.
        grid: its grid.
        series: the grid of the DICOM series.

    Raises:
        GeometryError: its voxels are not those of the series.
        ImageError: it is empty.
    """
    if not np.isclose(grid.voxel_volume, series.voxel_volume, rtol=1e-3):
        raise _elsewhere()
    return mask_of_points(grid.to_world(np.argwhere(array)[:, ::-1]), series)


def mask_on_slices(mask: NoduleMask, positions: NDArray[np.float64], series: Grid) -> NoduleMask:
    """A mask of a resampled CT on slices that form no regular stack, by nearest neighbor.

    Args:
        mask: on the resampled CT's grid.
        positions: (n, 3) LPS mm of each slice's first voxel.
        series: matrix, pixel spacing and directions of the slices.

    Raises:
        ImageError: it is empty, or lies between two slices.
    """
    columns, rows, _ = series.size
    i, j = np.meshgrid(np.arange(columns), np.arange(rows))
    across = (series.direction[:, :2] * series.spacing[:2]) @ np.stack([i.ravel(), j.ravel()])
    reach = np.linalg.norm(mask.grid.spacing * mask.grid.size) / 2 + series.spacing.max()
    heights = (positions - mask.grid.center) @ series.direction[:, 2]
    inside = np.zeros((len(positions), rows, columns), dtype=np.bool_)
    for k in np.flatnonzero(np.abs(heights) <= reach):
        index = np.rint(mask.grid.to_index(positions[k] + across.T)).astype(np.int64)
        there = ((index >= 0) & (index < mask.grid.size)).all(axis=1)
        x, y, z = index[there].T
        inside[k].ravel()[there] = mask.array[z, y, x] > 0
    found = mask_from_box(inside, (0, 0, 0), series)
    if found is None:
        message = "An outline lies between two slices of the series: there is nothing to write."
        raise ImageError(message)
    return found


def mask_of_points(points: NDArray[np.float64], series: Grid) -> NoduleMask:
    """The mask whose voxels have these centres.

    Args:
        points: (n, 3) LPS mm.
        series: the grid of the DICOM series.

    Raises:
        GeometryError: they are not centres of its voxels.
        ImageError: there is none.
    """
    if not len(points):
        raise ImageError("The outline is empty: there is nothing to write.")
    index = series.to_index(points)
    nearest = np.rint(index).astype(np.int64)
    inside = (nearest >= 0).all() and (nearest < series.size).all()
    if not (inside and np.abs(index - nearest).max() < 0.05):
        raise _elsewhere()
    low, high = nearest.min(axis=0), nearest.max(axis=0) + 1
    box = np.zeros((high - low)[::-1], dtype=np.bool_)
    box[tuple((nearest - low).T[::-1])] = True
    mask = mask_from_box(box, low, series)
    if mask is None:  # cannot be: the box holds at least one point
        raise _elsewhere()
    return mask


def _elsewhere() -> GeometryError:
    return GeometryError(
        "The result does not lie on the voxels of this DICOM series: give the series that it "
        "was computed from."
    )


def lung_side(volume: Volume, point: NDArray[np.float64]) -> Literal["left", "right"] | None:
    """Which lung a point lies in, judged by the body's middle; None where that is not sure.

    The body's outline is looked for on the line through the point along the patient's x axis. Both
    flanks must be in the image with air beyond, or a reconstruction of one lung would be halved.

    Args:
        volume: the CT.
        point: (3,) LPS mm.
    """
    step = float(volume.grid.spacing.min())
    reach = np.arange(-400.0, 400.0, step)
    line = point + np.outer(reach, (1.0, 0.0, 0.0))
    index = np.rint(volume.grid.to_index(line)).astype(np.int64)
    inside = ((index >= 0) & (index < volume.grid.size)).all(axis=1)
    x, index = line[inside, 0], index[inside]
    if not len(x):
        return None
    body = x[volume.array[index[:, 2], index[:, 1], index[:, 0]] > _BODY_HU]
    if not len(body) or min(body[0] - x[0], x[-1] - body[-1]) < _BEYOND_BODY_MM:
        return None
    if not _BODY_WIDTH_MM[0] <= body[-1] - body[0] <= _BODY_WIDTH_MM[1]:
        return None
    offset = point[0] - (body[0] + body[-1]) / 2
    if abs(offset) < _NEAR_MIDLINE_MM:
        return None
    return "left" if offset > 0 else "right"
