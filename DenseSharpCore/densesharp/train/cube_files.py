"""One nodule's file of a data set: its arrays, and what can be wrong with them."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PATCH_EDGE = 32
"""Voxels of 1 mm along each side of what the network sees."""

_LARGEST_SHARE = 0.5
"""Of a cube, that a mask may fill; a ball of 30 mm fills 0.03 of 80 mm, and 0.22 of 40 mm."""

_MORE = ("readers", "slice_mm", "own", "own_affine")
"""Arrays that a nodule's file may have beside voxel and seg."""

SMALLEST_EDGE = 40
"""A 32 mm patch moved by 3 mm either way, and a voxel to spare."""


def read_cubes(path: Path, no_nodule: bool) -> list[Any]:
    """The arrays voxel and seg of a nodule's file, and `_MORE`, None where it has none.

    Raises:
        ValueError: says what is wrong with it.
    """
    voxel, seg, *more = _read_archive(path)
    _check_arrays(voxel, seg, no_nodule)
    _check_readers(more[0], voxel.shape)
    return [voxel, seg, *more]


def _read_archive(path: Path) -> list[Any]:
    """The arrays voxel and seg of an archive, and `_MORE`, None where it has none."""
    try:
        with path.open("rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise ValueError(f"'{path.name}' is no .npz archive with voxel and seg")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                found = [_array(arrays, key) for key in ("voxel", "seg")]
                return found + [_array(arrays, n) if n in arrays else None for n in _MORE]
    except (OSError, zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or "damaged, or packed in an unknown way"
        raise ValueError(f"'{path.name}' cannot be read ({reason})") from error
    except RuntimeError as error:  # what zipfile raises where a password is needed
        raise ValueError(f"'{path.name}' cannot be read (it is encrypted)") from error
    except MemoryError as error:
        message = f"'{path.name}' declares more voxels than this machine can hold"
        raise ValueError(message) from error


def _array(arrays: Mapping[str, NDArray[np.generic]], key: str) -> NDArray[np.float64]:
    if key not in arrays:
        raise ValueError(f"the file has no array '{key}'")
    array = arrays[key]
    if array.dtype.kind not in "biuf":
        raise ValueError(f"'{key}' has type {array.dtype}, not numbers")
    numbers: NDArray[np.float64] = array  # type: ignore[assignment]
    return numbers


def _check_arrays(
    voxel: NDArray[np.float64], seg: NDArray[np.float64], no_nodule: bool = False
) -> None:
    problem = None
    if voxel.ndim != 3 or len(set(voxel.shape)) != 1 or voxel.shape[0] < SMALLEST_EDGE:
        problem = f"voxel has shape {voxel.shape}, not a cube of at least {SMALLEST_EDGE} mm"
    elif seg.shape != voxel.shape:
        problem = f"voxel {voxel.shape} and seg {seg.shape} differ in shape"
    elif not np.isfinite(voxel).all() or not np.isfinite(seg).all():
        problem = "it holds values that are not numbers (NaN)"
    elif voxel.min() < 0 or voxel.max() > 255:
        problem = "voxel is not in grey values 0..255 (window -1024..400 HU)"
    elif voxel.max() <= 1:
        problem = "voxel runs from 0 to 1 only, not in grey values 0..255 (window -1024..400 HU)"
    elif (seg != np.rint(seg)).any():
        problem = "seg holds fractions, not 0 outside and 1 inside the nodule"
    elif (seg > 0).mean() > _LARGEST_SHARE:
        problem = "the mask fills most of the cube: seg must be 0 outside the nodule"
    elif no_nodule:
        problem = "it is a place without a nodule, but its mask is not empty" if seg.any() else None
    elif not (seg > 0).any():
        problem = "the mask is empty (a place without a nodule has 1 in the column no_nodule)"
    elif not (middle_of(seg) > 0).any():
        problem = f"no part of the mask lies in the middle {PATCH_EDGE} mm"
    if problem:
        raise ValueError(problem)


def _check_readers(readers: NDArray[np.float64] | None, shape: tuple[int, ...]) -> None:
    if readers is None:
        return
    problem = None
    if readers.ndim != 4 or readers.shape[1:] != shape:
        problem = f"readers {readers.shape} are no masks of the cube {shape}"
    elif not np.isin(readers, (0, 1)).all():
        problem = "readers holds other values than 0 and 1"
    elif not readers.any(axis=(1, 2, 3)).all():
        problem = "a reader's mask is empty"
    if problem:
        raise ValueError(problem)


def middle_of(
    cube: NDArray[Any], shift: Sequence[int] = (0, 0, 0), edge: int = PATCH_EDGE
) -> NDArray[Any]:
    """The middle 32 mm of a cube (k, j, i), or of another even edge, or moved by whole voxels.

    Args:
        cube: (k, j, i) at 1 mm.
        shift: whole voxels (k, j, i).
        edge: voxels along the part's side.
    """
    half = edge // 2
    box = tuple(
        slice(n // 2 - half + s, n // 2 + half + s) for n, s in zip(cube.shape, shift, strict=True)
    )
    return cube[box]
