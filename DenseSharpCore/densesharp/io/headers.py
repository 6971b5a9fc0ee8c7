"""What a file that holds one image says about itself, read before anything is allocated.

`nrrd`, `nifti` and `meta_image` each make a `Header` of their format; `image_files` reads the
voxels by it. Whatever a header leaves open or says in two ways is told, never guessed.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice

MAX_TEXT_HEADER = 1 << 20

SAME_SPACING = 5e-3
"""By how much of themselves two statements about one length may differ (rounding)."""


@dataclass(frozen=True)
class Header:
    """What a file declares about itself.

    Attributes:
        grid: where its voxels lie, LPS mm.
        dtype: type and byte order of one stored value.
        data_file: file that holds the voxels, usually the image file itself.
        data_offset: where they begin in it.
        compression: how they are stored; `gzip-file` is a whole file compressed (.nii.gz).
        layers: values per voxel, stored one after another.
        scale: slope and intercept from stored values to those meant.
        notices: what its reader must know.
    """

    grid: Grid
    dtype: np.dtype[Any]
    data_file: Path
    data_offset: int
    compression: Literal["none", "gzip", "zlib", "gzip-file"]
    layers: int = 1
    scale: tuple[float, float] = (1.0, 0.0)
    notices: tuple[Notice, ...] = ()

    @property
    def voxel_data_bytes(self) -> int:
        """Bytes of all voxels, uncompressed."""
        return math.prod(self.grid.size) * self.layers * self.dtype.itemsize


def text_fields(path: Path, end: bytes, line: str) -> tuple[dict[str, str], int]:
    """The fields of a header of text, and where it ends.

    Args:
        path: the file.
        end: pattern of the header's end.
        line: pattern of a line, with key and value.

    Returns:
        Values by key in small letters, and the number of bytes up to and with the end.

    Raises:
        ImageError: it has no such end, or gives one field two values.
    """
    with path.open("rb") as stream:
        raw = stream.read(MAX_TEXT_HEADER)
    found = re.search(end, raw)
    if found is None:
        raise damaged(path.name)
    fields: dict[str, str] = {}
    for text in raw[: found.end()].decode("latin-1").splitlines():
        match = re.fullmatch(line, text.strip())
        if match:
            key, value = match[1].strip().lower(), match[2].strip()
            if fields.setdefault(key, value) != value and key != "comment":
                raise said_twice(path.name, key, fields[key], value)
    return fields, found.end()


def numbers(text: str, name: str) -> list[float]:
    """Numbers with blanks between them.

    Raises:
        ImageError: they are none.
    """
    try:
        return [float(part) for part in text.split()]
    except ValueError as error:
        raise damaged(name) from error


def counts_of(values: Sequence[str | int], name: str) -> list[int]:
    """Voxel counts along the axes.

    Raises:
        ImageError: they are no whole numbers above 0.
    """
    try:
        counts = [int(value) for value in values]
    except ValueError as error:
        raise damaged(name) from error
    if any(count < 1 for count in counts):
        raise damaged(name)
    return counts


def three(counts: Sequence[int], name: str) -> tuple[int, int, int]:
    """Three voxel counts, further axes of one voxel left out.

    Raises:
        ImageError: it is no 3D image.
    """
    if any(count > 1 for count in counts[3:]):
        message = f"'{name}' has {len(counts)} dimensions (several time points?): save one 3D CT."
        raise ImageError(message)
    if len(counts) < 3:
        raise ImageError(f"'{name}' is a single picture, not a stack of slices: a 3D CT is needed.")
    return counts[0], counts[1], counts[2]


def grid_of(size: tuple[int, int, int], axes: ArrayLike, origin: ArrayLike, name: str) -> Grid:
    """The grid of a header.

    Args:
        size: voxels along (i, j, k).
        axes: (3, 3), columns are the steps from voxel to voxel, LPS mm.
        origin: (3,) LPS mm of the first voxel's centre.
        name: of the file.

    Raises:
        GeometryError: a step has no length, or the axes are not at right angles.
    """
    steps = np.asarray(axes, dtype=np.float64)
    lengths = np.linalg.norm(steps, axis=0)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise no_spacing(name)
    if not np.isfinite(np.asarray(origin, dtype=np.float64)).all():
        raise GeometryError(f"'{name}' does not say where it lies (its first voxel has no place).")
    direction = steps / lengths
    cosines = np.abs(direction.T @ direction - np.eye(3)).max()
    if cosines > 1e-3:
        raise GeometryError(
            f"The axes of '{name}' are not at right angles (gantry tilt or a shear): "
            "resample it onto a rectangular grid first."
        )
    return Grid(size, np.asarray(origin), lengths, direction)


def check_same_spacing(
    one: ArrayLike, what: str, other: ArrayLike, what_other: str, name: str
) -> None:
    """Refuse a header that states the voxels' size twice and differently.

    Args:
        one: the three edges in mm.
        what: the field that states them, as it stands in the message.
        other: the edges again.
        what_other: the field that states those.
        name: the file's, for the message.

    Raises:
        GeometryError: the sizes differ by more than rounding.
    """
    first, second = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if not np.allclose(first, second, rtol=SAME_SPACING, atol=0):
        raise GeometryError(
            f"'{name}' gives two sizes of its voxels, {edges(first)} ({what}) and {edges(second)} "
            f"({what_other}): nothing can be measured in it; export the CT again."
        )


def edges(spacing: NDArray[np.floating]) -> str:
    """A voxel's size for people."""
    return " x ".join(f"{edge:.4g}" for edge in spacing) + " mm"


def no_orientation() -> Notice:
    """The notice of a file that leaves the patient's axes open."""
    message = (
        "The file does not say how the patient lies in it: left and right, front and back may be "
        "exchanged."
    )
    return Notice("orientation_unknown", message, "caution")


def damaged(name: str) -> ImageError:
    """The error of a header that cannot be."""
    return ImageError(f"'{name}' is damaged or not what its name says: copy or export it again.")


def said_twice(name: str, field: str, one: str, other: str) -> ImageError:
    """The error of a header that gives one field two values."""
    return ImageError(
        f"'{name}' gives its {field[:30]} twice, as '{one[:40]}' and '{other[:40]}': export the CT "
        "again."
    )


def bad_type(name: str, sample: str) -> ImageError:
    """The error of voxels that are no numbers of a CT."""
    return ImageError(
        f"'{name}' holds values of type {sample[:30] or 'unknown'}: save the CT as 16-bit integers."
    )


def no_spacing(name: str) -> GeometryError:
    """The error of a file without the size of its voxels."""
    return GeometryError(
        f"'{name}' does not say how large its voxels are, so nothing can be measured in it."
    )


def other_unit(name: str, unit: str) -> GeometryError:
    """The error of a geometry in another unit than mm."""
    return GeometryError(f"'{name}' gives its geometry in {unit[:20]}: save it in mm.")
