"""NRRD, NIfTI and MetaImage files to `Volume`.

The header is judged first (`nrrd`, `nifti`, `meta_image`), then the voxels are counted and their
checksums followed while they are read: the libraries at hand fill a truncated or damaged .nii.gz or
.mha with zeros without a word, and take one of two sizes that a header gives.
"""

import contextlib
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ImageError
from densesharp.image.volume import Volume
from densesharp.io.checks import check_hu, check_memory, check_spacing, thickness_notices
from densesharp.io.headers import Header
from densesharp.io.meta_image import read_meta_image
from densesharp.io.nifti import read_nifti
from densesharp.io.nrrd import read_nrrd
from densesharp.progress import Progress, silent

_FORMATS: dict[str, Callable[[Path], Header]] = {
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
    ".hdr": read_nifti,
    ".img": read_nifti,
    ".mha": read_meta_image,
    ".mhd": read_meta_image,
}
_NRRD = (b"NRRD000",)
_NIFTI = (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c", b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
_META = (b"ObjectType", b"NDims", b"Comment")
_MAGIC = {
    ".nrrd": _NRRD,
    ".nhdr": _NRRD,
    ".nii": _NIFTI,
    ".nii.gz": (b"\x1f\x8b",),
    ".hdr": _NIFTI,
    ".img": (b"",),  # its .hdr is looked at
    ".mha": _META,
    ".mhd": _META,
}
_CHUNK = 1 << 20
_BEST_COMPRESSION = 1100
"""Deflate shrinks at most 1032 times; a header that declares more than that is wrong."""


def _ending(path: Path) -> str | None:
    """The known ending of a file name, or None."""
    name = path.name.lower()
    return next((ending for ending in sorted(_FORMATS, key=len) if name.endswith(ending)), None)


def is_volume_file(path: Path) -> bool:
    """Whether the name says NRRD, NIfTI or MetaImage."""
    return _ending(path) is not None


def read_volume_file(path: Path, progress: Progress = silent) -> Volume:
    """Read one NRRD, NIfTI or MetaImage file.

    Args:
        path: the file.
        progress: told what goes on; may cancel.

    Returns:
        The CT in HU; int16 where the values allow it.

    Raises:
        ImageError: it is damaged, incomplete, too large, not three-dimensional or not in HU.
        GeometryError: its geometry is missing or cannot be used.
    """
    name = path.name
    header = read_header(path)
    if header.layers > 1:
        raise ImageError(f"'{name}' has several values per voxel (color or vectors): it is no CT.")
    if min(header.grid.size) < 2:
        raise ImageError(f"'{name}' is a single picture, not a stack of slices: a 3D CT is needed.")
    check_spacing(header.grid, name)
    array, notices = check_hu(read_voxels(header, name, progress), name)
    notices = header.notices + notices + thickness_notices(float(header.grid.spacing.max()))
    return Volume(array, header.grid, notices)


def read_header(path: Path) -> Header:
    """What a file declares about itself.

    Raises:
        ImageError: it is no NRRD, NIfTI or MetaImage file, or cannot be read.
        GeometryError: it does not say where its voxels lie, or says it in two ways.
    """
    ending = _ending(path)
    if ending is None:
        raise ImageError(f"'{path.name}' is not an NRRD, NIfTI or MetaImage file.")
    try:
        _check_magic(path, _MAGIC[ending])
        return _FORMATS[ending](path)
    except OSError as error:
        raise _unreadable(path.name, error) from error


def read_voxels(header: Header, name: str, progress: Progress = silent) -> NDArray[Any]:
    """The voxels of a file, scaled.

    Args:
        header: of the file.
        name: what to call it.
        progress: told while the file is read; may cancel.

    Returns:
        (k, j, i), or (k, j, i, layer) where a voxel has several values.

    Raises:
        ImageError: it holds fewer voxels than its header declares, or cannot be read.
    """
    try:
        raw = _read_bytes(header, name, progress)
    except (OSError, MemoryError) as error:
        raise _unreadable(name, error) from error
    shape = header.grid.shape + ((header.layers,) if header.layers > 1 else ())
    array = np.frombuffer(raw, header.dtype).reshape(shape)
    array = array.astype(header.dtype.newbyteorder("="), copy=False)
    progress(1.0, "Image read")
    return array if header.scale == (1.0, 0.0) else _scaled(array, header.scale)


def _scaled(array: NDArray[Any], scale: tuple[float, float]) -> NDArray[np.float32]:
    scaled = np.empty(array.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for plane, stored in zip(scaled, array, strict=True):  # no second array in double precision
            plane[...] = stored.astype(np.float64) * scale[0] + scale[1]
    return scaled


def _check_magic(path: Path, magic: tuple[bytes, ...]) -> None:
    """Refuse empty and renamed files."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if not start:
        raise ImageError(f"'{path.name}' is empty: copy or export it again.")
    if not start.startswith(magic):
        raise ImageError(
            f"The content of '{path.name}' is not what its name says: it was renamed or damaged; "
            "export the CT again."
        )


def _read_bytes(header: Header, name: str, progress: Progress) -> bytearray:
    """All bytes of the voxels; what the header declares is compared with what the file holds."""
    needed = header.voxel_data_bytes
    stored = header.data_file.stat().st_size
    if header.compression != "gzip-file":
        stored -= header.data_offset
    shrink = 1 if header.compression == "none" else _BEST_COMPRESSION
    if needed > stored * shrink:
        raise _incomplete(name)
    check_memory(needed, name)
    raw, filled = bytearray(needed), 0
    try:
        # Read to the end: what follows the voxels is the checksum of a compressed file.
        for chunk in _voxel_chunks(header, needed):
            kept = chunk[: needed - filled]
            raw[filled : filled + len(kept)] = kept
            filled += len(kept)
            progress(filled / needed, "Reading the image")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _incomplete(name) from error
    if filled < needed:
        raise _incomplete(name)
    return raw


def _voxel_chunks(header: Header, needed: int) -> Iterator[bytes]:
    """The voxels' bytes, uncompressed and with checksums followed, piece by piece."""
    with contextlib.ExitStack() as opened:
        stream: Any = opened.enter_context(header.data_file.open("rb"))
        if header.compression == "gzip-file":
            stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
        stream.seek(header.data_offset)
        if header.compression == "zlib":
            yield from _inflate(stream)
            return
        if header.compression == "gzip":
            stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
        left = needed if header.compression == "none" else None
        while chunk := stream.read(_CHUNK if left is None else min(_CHUNK, left)):
            left = None if left is None else left - len(chunk)
            yield chunk


def _inflate(stream: IO[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(zlib.MAX_WBITS + 32)  # zlib's own form, or gzip's
    pending = b""
    while not inflate.eof:
        pending = pending or stream.read(_CHUNK)
        if not pending:
            raise EOFError
        yield inflate.decompress(pending, _CHUNK)
        pending = inflate.unconsumed_tail


def _unreadable(name: str, error: BaseException) -> ImageError:
    reason = getattr(error, "strerror", None) or "not enough memory"
    return ImageError(f"'{name}' cannot be read ({reason}): check the file and your rights.")


def _incomplete(name: str) -> ImageError:
    return ImageError(
        f"'{name}' holds fewer voxels than its header declares: it is truncated or damaged; "
        "copy or export it again."
    )
