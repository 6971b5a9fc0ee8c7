# mypy: untyped-calls-exclude="SimpleITK"
"""Pixels of a DICOM series as HU, through SimpleITK (GDCM), or pydicom where GDCM cannot."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.errors import ImageError
from densesharp.files import plain_names
from densesharp.image.volume import Notice
from densesharp.io.checks import HU_RANGE
from densesharp.io.dicom_decoding import decoded
from densesharp.io.dicom_files import LeftOut, Slice, read_dicom_file
from densesharp.io.dicom_values import padding_range, rescale_of, stored_range
from densesharp.io.quiet import quiet_libraries
from densesharp.progress import Progress

AIR = -1024
_METAL = 3071
"""HU up to which 12 bits reach; padding above would look like metal."""

_CHUNK = 32


def read_pixels(
    slices: Sequence[Slice], shape: tuple[int, int, int], progress: Progress
) -> tuple[NDArray[Any], tuple[Notice, ...]]:
    """The voxels of slices in the order of their places.

    Args:
        slices: of one stack.
        shape: (k, j, i) of the stack.
        progress: told after every few slices; may cancel.

    Returns:
        (k, j, i) HU, int16 or, where the rescale makes fractions, float32; and what was replaced.

    Raises:
        ImageError: pixels cannot be decoded, do not fit their header, or are no HU.
    """
    array = np.empty(shape, np.int16 if rescale_of(slices[0]).is_whole else np.float32)
    padded: set[float] = set()
    odd: list[Slice] = []
    for done, (places, frames) in enumerate(_parts(slices)):
        own = [slices[place] for place in places]
        progress(done * _CHUNK / len(array), f"Reading slice {places[0] + 1} of {len(array)}")
        if frames is None:
            chunk, misread = _read_chunk(own, (*shape[:0:-1], len(own)))
        else:
            chunk, misread = _read_chunk(own[:1], None)
            if chunk.shape[1:] != shape[1:] or len(chunk) <= max(frames):
                raise _unfitting()
            chunk = chunk[frames]
        odd += misread
        _check_declared_bits(chunk, own)
        low, high = chunk.min(), chunk.max()
        if low < HU_RANGE[0] or high > _METAL:
            padded |= _replace_padding(chunk, own[0])
            low, high = chunk.min(), chunk.max()
        if low < HU_RANGE[0] or high > HU_RANGE[1]:
            raise ImageError("The series holds values that are not Hounsfield units.")
        array[places] = chunk
    progress(1.0, "Image read")
    return array, _padding_notices(padded) + _odd_notices(
        odd, len({entry.path for entry in slices})
    )


def read_file(path: Path) -> NDArray[Any]:
    """(frames, rows, columns) HU of one DICOM file, as they are stored: padding is not replaced.

    Raises:
        ImageError: it cannot be read, or holds no pixels that can be decoded.
    """
    found = read_dicom_file(path)
    if isinstance(found, LeftOut) or not found:
        raise ImageError(f"'{path.name}' cannot be read any more: load the CT again.")
    return _read_one(found[0], None)[0]


def _parts(slices: Sequence[Slice]) -> Iterator[tuple[list[int], list[int] | None]]:
    """What is read at once: places in the stack, and frames of an enhanced object."""
    if slices[0].frame is None:
        for start in range(0, len(slices), _CHUNK):
            yield list(range(start, min(start + _CHUNK, len(slices)))), None
        return
    for path in dict.fromkeys(entry.path for entry in slices):
        places = [place for place, entry in enumerate(slices) if entry.path == path]
        yield places, [int(slices[place].frame or 0) for place in places]


def _read_chunk(
    slices: Sequence[Slice], size: tuple[int, ...] | None
) -> tuple[NDArray[Any], list[Slice]]:
    """Pixels of files as HU, and the files with which something is wrong.

    Args:
        slices: one of each file.
        size: (i, j, k) of all, where it is known.
    """
    if not any(entry.odd or entry.beyond_gdcm for entry in slices):
        try:
            return _by_gdcm(slices, size), []
        except RuntimeError:  # one of them, which shows below
            pass
    planes, odd = [], []
    for entry in slices:
        own, is_odd = _read_one(entry, None if size is None else (*size[:-1], 1))
        planes.append(own)
        odd += [entry] if is_odd else []
    return np.concatenate(planes), odd


def _read_one(entry: Slice, size: tuple[int, ...] | None) -> tuple[NDArray[Any], bool]:
    """Pixels of one file as HU, and whether something is wrong with it."""
    if not (entry.odd or entry.beyond_gdcm):
        try:
            return _by_gdcm([entry], size), False
        except RuntimeError:
            pass
    try:
        stored = decoded(entry.path)
    except Exception as error:
        raise ImageError(
            f"The pixels of '{entry.path.name}' cannot be decoded: copy the series again, or "
            "export it uncompressed."
        ) from error
    stored = stored[np.newaxis] if stored.ndim == 2 else stored
    if size not in (None, stored.shape[::-1]):
        raise _unfitting()
    rescale = rescale_of(entry)
    kind = np.int64 if rescale.is_whole else np.float64
    hu = stored * kind(rescale.slope) + kind(rescale.intercept)
    return np.asarray(hu), not entry.beyond_gdcm or entry.odd


def _by_gdcm(slices: Sequence[Slice], size: tuple[int, ...] | None) -> NDArray[Any]:
    """Pixels of files as HU (GDCM applies the rescale)."""
    reader = sitk.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    with quiet_libraries(), plain_names([entry.path for entry in slices]) as names:
        reader.SetFileNames(names)
        image = reader.Execute() if size is not None else sitk.ReadImage(names[0])
    if image.GetNumberOfComponentsPerPixel() != 1 or size not in (None, image.GetSize()):
        raise _unfitting()
    return sitk.GetArrayFromImage(image)


def _unfitting() -> ImageError:
    return ImageError("The pixels of a slice do not fit its header: copy the series again.")


def _check_declared_bits(chunk: NDArray[Any], slices: Sequence[Slice]) -> None:
    """Refuse values that need more bits than the header declares, such as drawings in them."""
    for plane, entry in zip(chunk, slices, strict=True):
        stored = stored_range(entry)
        if stored is None:
            continue
        ends = sorted(rescale_of(entry).hu(end) for end in stored)
        if plane.min() < ends[0] or plane.max() > ends[1]:
            raise ImageError(
                f"'{entry.path.name}' holds values beyond the {entry.get('BitsStored')} bits that "
                "it declares (Bits Stored): a drawing in the image (overlay), or a wrong header; "
                "export the series again."
            )


def _replace_padding(chunk: NDArray[Any], entry: Slice) -> set[float]:
    """Turn padding that would look like metal, or is beyond 16 bits, into air.

    Returns:
        HU of what was replaced.
    """
    rescale, replaced = rescale_of(entry), set()
    for ends, highest in _paddings(entry):
        low, high = sorted(rescale.hu(end) for end in ends)
        padding = (chunk >= low) & (chunk <= high)
        if (low < HU_RANGE[0] or high > highest) and padding.any():
            chunk[padding] = AIR
            replaced.add(low)
    return replaced


def _paddings(entry: Slice) -> list[tuple[tuple[float, float], int]]:
    """Stored values that stand for no measurement, and the HU up to which they may stay.

    Where none are declared, the ends of 16 bits are taken as padding if no HU can be so far out.
    """
    found: list[tuple[tuple[float, float], int]] = []
    declared = padding_range(entry)
    if declared is not None:
        found.append((declared, _METAL))
    return [*found, ((-32768, -32768), HU_RANGE[1]), ((65535, 65535), HU_RANGE[1])]


def _padding_notices(padded: set[float]) -> tuple[Notice, ...]:
    if not padded:
        return ()
    listed = ", ".join(f"{value:.0f}" for value in sorted(padded))
    message = f"Voxels that stand for no measurement (padding, {listed} HU) are taken as air."
    return (Notice("padding", message, "info"),)


def _odd_notices(odd: Sequence[Slice], count: int) -> tuple[Notice, ...]:
    if not odd:
        return ()
    message = (
        f"{len(odd)} of {count} files break the DICOM standard (the first is "
        f"'{odd[0].path.name}'), as a copy does that went wrong beside the pixels. All pixels "
        "could be decoded and are used; where it matters, export the CT again."
    )
    return (Notice("odd_files", message, "caution"),)
