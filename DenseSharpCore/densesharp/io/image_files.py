# mypy: untyped-calls-exclude="SimpleITK"
"""NRRD, NIfTI and MetaImage files to `Volume`.

The header is judged first (`headers`), then the stored voxels are counted and their checksums
followed, because the libraries below SimpleITK fill a truncated or damaged .nii.gz or .mha with
zeros without a word. Only then SimpleITK reads geometry and voxels.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from densesharp.errors import ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice, Volume
from densesharp.io.checks import (
    check_hu,
    check_memory,
    check_spacing,
    thickness_notices,
    without_value,
)
from densesharp.io.headers import Header, read_meta_image, read_nifti, read_nrrd
from densesharp.progress import Progress, silent

_FORMATS: dict[str, tuple[str, Callable[[Path], Header]]] = {
    ".nrrd": ("NrrdImageIO", read_nrrd),
    ".nhdr": ("NrrdImageIO", read_nrrd),
    ".nii": ("NiftiImageIO", read_nifti),
    ".nii.gz": ("NiftiImageIO", read_nifti),
    ".mha": ("MetaImageIO", read_meta_image),
    ".mhd": ("MetaImageIO", read_meta_image),
}
_MAGIC = {
    ".nrrd": (b"NRRD000",),
    ".nhdr": (b"NRRD000",),
    ".nii": (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c"),
    ".nii.gz": (b"\x1f\x8b",),
    ".mha": (b"ObjectType", b"NDims", b"Comment"),
    ".mhd": (b"ObjectType", b"NDims", b"Comment"),
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
    ending = _ending(path)
    if ending is None:
        message = f"'{path.name}' is not an NRRD, NIfTI or MetaImage file."
        raise ImageError(message)
    reader_name, read_header = _FORMATS[ending]
    try:
        _check_magic(path, _MAGIC[ending])
        header = read_header(path)
        progress(0.0, "Checking the file")
        _check_complete(header, path.name)
        progress(0.3, "Reading the image")
        array, grid = _read_pixels(path, reader_name, header)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "not enough memory"
        message = f"'{path.name}' cannot be read ({reason}): check the file and your rights."
        raise ImageError(message) from error
    check_spacing(grid, path.name)
    array, notices = check_hu(array, path.name)
    if not header.oriented:
        message = (
            "The file does not say how the patient lies in it: left and right, front and back "
            "may be exchanged."
        )
        notices += (Notice("orientation_unknown", message, "caution"),)
    if header.simulated:
        message = "This CT is simulated: no patient is shown."
        notices += (Notice("simulated", message, "info"),)
    progress(1.0, "Image read")
    return Volume(array, grid, notices + thickness_notices(float(grid.spacing.max())))


def _check_magic(path: Path, magic: tuple[bytes, ...]) -> None:
    """Refuse empty and renamed files."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if not start:
        message = f"'{path.name}' is empty: copy or export it again."
        raise ImageError(message)
    if not start.startswith(magic):
        message = (
            f"The content of '{path.name}' is not what its name says: it was renamed or damaged; "
            "export the CT again."
        )
        raise ImageError(message)


def _check_complete(header: Header, name: str) -> None:
    """Compare what the header declares with what the file holds, before anything is allocated."""
    needed = header.voxel_data_bytes
    stored = header.data_file.stat().st_size
    if header.compression != "gzip-file":
        stored -= header.data_offset or 0
    shrink = 1 if header.compression == "none" else _BEST_COMPRESSION
    if needed > stored * shrink:
        raise _incomplete(name)
    check_memory(needed, name)
    if header.compression == "none" and header.nifti_float is None:
        return
    count = 0
    try:
        for chunk in _voxel_chunks(header):
            count += len(chunk)
            _check_finite(chunk, header.nifti_float, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _incomplete(name) from error
    if count < needed:
        raise _incomplete(name)


def _voxel_chunks(header: Header) -> Iterator[bytes]:
    """The voxels' bytes, uncompressed and with checksums followed, piece by piece."""
    offset = header.data_offset or 0
    with contextlib.ExitStack() as opened:
        stream: Any = opened.enter_context(header.data_file.open("rb"))
        if header.compression == "gzip-file":
            stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
        stream.seek(offset)
        if header.compression == "zlib":
            yield from _inflate(stream)
            return
        if header.compression == "gzip":
            stream = opened.enter_context(gzip.GzipFile(fileobj=stream))
        while chunk := stream.read(_CHUNK):
            yield chunk


def _inflate(stream: IO[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj()
    pending = b""
    while not inflate.eof:
        pending = pending or stream.read(_CHUNK)
        if not pending:
            raise EOFError
        yield inflate.decompress(pending, _CHUNK)
        pending = inflate.unconsumed_tail


def _check_finite(chunk: bytes, sample: str | None, name: str) -> None:
    """Find NaN in NIfTI files, which the library below SimpleITK would turn into 0 in silence."""
    if sample is None:
        return
    width = np.dtype(sample).itemsize
    values = np.frombuffer(chunk, sample, len(chunk) // width)
    if not np.isfinite(values).all():
        raise without_value(name)


def _incomplete(name: str) -> ImageError:
    return ImageError(
        f"'{name}' holds fewer voxels than its header declares: it is truncated or damaged; "
        "copy or export it again."
    )


def _read_pixels(path: Path, reader_name: str, header: Header) -> tuple[NDArray[Any], Grid]:
    """Voxels and geometry through SimpleITK."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO(reader_name)
    reader.SetFileName(str(path))
    try:
        with quiet_libraries():
            reader.ReadImageInformation()
            size = reader.GetSize()
            expected = size[:3] == header.size and set(size[3:]) <= {1}
            if not expected or reader.GetNumberOfComponents() != 1:
                message = f"'{path.name}' is no plain 3D image: save one 3D CT."
                raise ImageError(message)
            image = reader.Execute()
    except RuntimeError as error:
        message = f"'{path.name}' is damaged or of an unknown kind: copy or export it again."
        raise ImageError(message) from error
    if image.GetDimension() > 3:
        image = image[(slice(None),) * 3 + (0,) * (image.GetDimension() - 3)]
    direction = np.array(image.GetDirection()).reshape(3, 3)
    grid = Grid(header.size, image.GetOrigin(), image.GetSpacing(), direction)
    return sitk.GetArrayFromImage(image), grid


_quiet_lock = threading.Lock()
_quiet_users = 0
_saved_stderr = -1


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep C++ libraries from writing to stderr; what goes wrong is raised as our own sentence.

    The file descriptor belongs to the whole process, so threads that read at the same time share
    one redirection: the first sets it, the last takes it back.
    """
    _begin_quiet()
    try:
        yield
    finally:
        _end_quiet()


def _begin_quiet() -> None:
    global _quiet_users, _saved_stderr
    with _quiet_lock:
        _quiet_users += 1
        if _quiet_users == 1:
            sitk.ProcessObject.GlobalWarningDisplayOff()
            # A program without a console (Slicer on Windows) may have no descriptor 2.
            with contextlib.suppress(OSError):
                _saved_stderr = os.dup(2)
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 2)
                os.close(null)


def _end_quiet() -> None:
    global _quiet_users, _saved_stderr
    with _quiet_lock:
        _quiet_users -= 1
        if _quiet_users == 0 and _saved_stderr >= 0:
            os.dup2(_saved_stderr, 2)
            os.close(_saved_stderr)
            _saved_stderr = -1
