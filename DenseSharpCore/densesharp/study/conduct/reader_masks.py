"""Masks in a study: one grid per case, so that readers and model can be compared voxel by voxel.

The grid is the CT's own, cut to a cube around the seed. It depends only on the CT and the seed, so
every reader's mask of a case has the same shape. Bytes are NRRD (uint8, gzip).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike, NDArray

from densesharp.errors import StudyError
from densesharp.files import sha256
from densesharp.image.grid import Grid, cube_grid, index_box
from densesharp.image.masks import NoduleMask, mask_from_box
from densesharp.image.sampling import to_sitk

CASE_EDGE_MM = 80
"""Edge of the cube around the seed: a 30 mm nodule with 25 mm to spare on each side."""


@dataclass(frozen=True)
class Mask:
    """A mask as it is stored.

    Attributes:
        nrrd: the file's bytes.
        sha256: their hash.
        edits: how many strokes or clicks the reader made, 0 for a mask taken over unchanged.
    """

    nrrd: bytes
    sha256: str
    edits: int = 0

    @classmethod
    def of(cls, nrrd: bytes, edits: int = 0) -> "Mask":
        """A mask from its bytes."""
        return cls(nrrd, sha256(nrrd), edits)


def case_box(image: Grid, seed_lps: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and size (i, j, k) in the CT of the cube that a case's masks lie in.

    Returns:
        Start (3,) and size (3,).

    Raises:
        StudyError: the seed is not in the image.
    """
    if not image.contains(seed_lps):
        message = "The point that marks the nodule lies outside the image: check the case list."
        raise StudyError(message)
    return index_box(image, cube_grid(seed_lps, CASE_EDGE_MM))


def make_mask(mask: NoduleMask, image: Grid, seed_lps: ArrayLike, edits: int = 0) -> Mask:
    """Store a mask.

    Args:
        mask: on a box of the CT's own grid.
        image: the CT's grid.
        seed_lps: LPS mm of the case's seed.
        edits: number of strokes or clicks.

    Returns:
        The mask as it is stored, with its hash.

    Raises:
        StudyError: the mask is empty, or leaves the case's cube.
    """
    if not mask.array.any():
        raise StudyError("The outline is empty: draw it, or remove it.")
    start, size = case_box(image, seed_lps)
    array = np.zeros(size[::-1], dtype=np.uint8)
    index = np.argwhere(mask.array)[:, ::-1] + mask.start - start
    if (index < 0).any() or (index >= size).any():
        raise StudyError(
            f"The outline reaches further than {CASE_EDGE_MM // 2} mm from the marked nodule: "
            "erase what does not belong to the nodule."
        )
    i, j, k = index.T
    array[k, j, i] = 1
    return Mask.of(encode(array, image.crop(start, size)), edits)


def nodule_mask(nrrd: bytes, image: Grid) -> NoduleMask | None:
    """A stored mask as a box of the CT's grid; None when it is empty."""
    array, grid = decode(nrrd)
    start = np.rint(image.to_index(grid.origin)).astype(np.int64)
    return mask_from_box(array > 0, start, image)


def encode(array: NDArray[np.uint8], grid: Grid) -> bytes:
    """NRRD bytes of an array (k, j, i) on a grid."""
    image = to_sitk(array, grid)
    # SimpleITK writes to files only.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.nrrd"
        sitk.WriteImage(image, str(path), useCompression=True)
        return path.read_bytes()


def decode(nrrd: bytes) -> tuple[NDArray[np.uint8], Grid]:
    """Array (k, j, i) and grid of a stored mask.

    Raises:
        StudyError: the bytes are no image.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.nrrd"
        path.write_bytes(nrrd)
        try:
            image = sitk.ReadImage(str(path), sitk.sitkUInt8)
        except RuntimeError as error:
            raise StudyError("A stored outline cannot be read: it is damaged.") from error
    return sitk.GetArrayFromImage(image), Grid.from_sitk(image)
