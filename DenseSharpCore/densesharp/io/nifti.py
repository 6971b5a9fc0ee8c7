"""Headers of NIfTI-1 and NIfTI-2 files (nifti.nimh.nih.gov)."""

import gzip
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import GeometryError, ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice
from densesharp.io import headers
from densesharp.io.headers import Header

_FIELDS = {
    "dim": ("8i2", 40), "datatype": ("i2", 70), "pixdim": ("8f4", 76), "vox_offset": ("f4", 108),
    "scale": ("2f4", 112), "units": ("u1", 123), "codes": ("2i2", 252), "quatern": ("3f4", 256),
    "qoffset": ("3f4", 268), "srow": ("(3,4)f4", 280), "magic": ("S4", 344),
}  # fmt: skip
_FIELDS_2 = {
    "magic": ("S4", 4), "datatype": ("i2", 12), "dim": ("8i8", 16), "pixdim": ("8f8", 104),
    "vox_offset": ("i8", 168), "scale": ("2f8", 176), "codes": ("2i4", 344),
    "quatern": ("3f8", 352), "qoffset": ("3f8", 376), "srow": ("(3,4)f8", 400),
    "units": ("i4", 500),
}  # fmt: skip
_LENGTHS = {348: _FIELDS, 540: _FIELDS_2}
_TYPES = {2: "u1", 256: "i1", 4: "i2", 512: "u2", 8: "i4", 768: "u4", 1024: "i8", 1280: "u8",
          16: "f4", 64: "f8"}  # fmt: skip
_COLOUR = {128: 3, 2304: 4}
_UNITS = {1: "m", 3: "micrometres"}
_TO_LPS = np.diag((-1.0, -1.0, 1.0, 1.0))

_SAME_PLACE = 0.1
"""By how much of a voxel the two forms may place a corner of the image differently (rounding)."""

_SAME_DIRECTION = 0.01
"""By how much their unit vectors may differ for the image to be moved only."""


def read_nifti(path: Path) -> Header:
    """The header of a NIfTI file: in one piece, compressed or not, or of an .hdr and .img pair.

    Raises:
        ImageError: it is no image that can be used.
        GeometryError: it does not say where its voxels lie, or says it in two ways.
    """
    name = path.name
    ending = "".join(path.suffixes[-1:]).lower()
    in_two = ending in (".hdr", ".img")
    raw = _raw_header(path.with_suffix(".hdr") if ending == ".img" else path)
    fields, order = _fields(raw, name)
    if bytes(fields["magic"])[:3] not in ((b"ni1", b"ni2") if in_two else (b"n+1", b"n+2")):
        raise ImageError(f"'{name}' is no NIfTI file in one piece: save it as .nii.gz or .nrrd.")
    dimensions = int(fields["dim"][0])
    if not 1 <= dimensions <= 7:
        raise headers.damaged(name)
    size = headers.three(headers.counts_of(fields["dim"][1 : dimensions + 1].tolist(), name), name)
    grid, notices = _grid(fields, size, name)
    scale, scale_notices = _scale(fields, name)
    dtype, layers = _dtype(int(fields["datatype"]), order, name)
    offset = float(fields["vox_offset"])
    if not (0 if in_two else fields.dtype.itemsize) <= offset < headers.MAX_TEXT_HEADER:  # NaN too
        raise headers.damaged(name)
    return Header(
        grid,
        dtype,
        path.with_suffix(".img") if in_two else path,
        int(offset),
        "gzip-file" if ending == ".gz" else "none",
        layers,
        scale,
        notices + scale_notices,
    )


def _raw_header(path: Path) -> bytes:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            raw: bytes = stream.read(540)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise headers.damaged(path.name) from error
    if len(raw) < 348:
        raise headers.damaged(path.name)
    return raw


def _fields(raw: bytes, name: str) -> tuple[Any, str]:
    """The fields by name, and the order of the bytes."""
    orders: tuple[Literal["<", ">"], ...] = ("<", ">")
    for order in orders:
        length = int(np.frombuffer(raw, order + "i4", 1)[0])
        if length in _LENGTHS and length <= len(raw):
            known = _LENGTHS[length]
            form = np.dtype(
                {
                    "names": list(known),
                    "formats": [form for form, _ in known.values()],
                    "offsets": [place for _, place in known.values()],
                    "itemsize": length,
                }
            )
            return np.frombuffer(raw, form.newbyteorder(order), 1)[0], order
    raise headers.damaged(name)


def _dtype(code: int, order: str, name: str) -> tuple[np.dtype[Any], int]:
    """Type of a value, and how many a voxel has."""
    if code in _COLOUR:
        return np.dtype("u1"), _COLOUR[code]
    if code not in _TYPES:
        raise headers.bad_type(name, f"number {code}")
    return np.dtype(order + _TYPES[code]), 1


def _scale(fields: Any, name: str) -> tuple[tuple[float, float], tuple[Notice, ...]]:
    """Slope and intercept; a slope of 0 (or none) says that values are stored as they are."""
    slope, intercept = (float(value) for value in fields["scale"])
    if np.isfinite(slope) and slope != 0:
        if not np.isfinite(intercept):
            message = f"'{name}' has no usable scaling (slope {slope:g}, intercept {intercept:g})."
            raise ImageError(message)
        return (slope, intercept), ()
    if slope == 0 and intercept == 0:
        return (1.0, 0.0), ()
    message = (
        f"The file's scaling contradicts itself (slope {slope:g}, intercept {intercept:g}): its "
        "values are taken as they are stored; check that they are Hounsfield units."
    )
    return (1.0, 0.0), (Notice("scaling_unclear", message, "caution"),)


def _grid(fields: Any, size: tuple[int, int, int], name: str) -> tuple[Grid, tuple[Notice, ...]]:
    """Where the voxels lie: by the sform, as other programs have it, else by the qform.

    A header holds up to three statements, its pixdim, qform and sform. Those that contradict each
    other in the voxels' size or in direction are refused; one that is only moved is told.
    """
    unit = int(fields["units"]) & 7
    if unit not in (0, 2):
        raise headers.other_unit(name, _UNITS.get(unit, f"an unknown unit ({unit})"))
    pixdim = np.asarray(fields["pixdim"], dtype=np.float64)
    if not (np.isfinite(pixdim[1:4]).all() and (pixdim[1:4] > 0).all()):
        raise headers.no_spacing(name)
    qform, sform = (int(code) > 0 for code in fields["codes"])
    by_q = _place(_qform(fields, pixdim, name), size, name) if qform else None
    by_s = _place(np.asarray(fields["srow"], dtype=np.float64), size, name) if sform else None
    if by_s is None:
        if by_q is not None:
            return by_q, ()
        centre = -pixdim[1:4] * (np.array(size) - 1) / 2 * (-1, 1, 1)
        axes = np.diag(pixdim[1:4] * (-1, 1, 1))
        return _place(np.column_stack([axes, centre]), size, name), (headers.no_orientation(),)
    headers.check_same_spacing(pixdim[1:4], "pixdim", by_s.spacing, "sform", name)
    return by_s, () if by_q is None else _check_forms(by_q, by_s, name)


def _place(rows: NDArray[np.float64], size: tuple[int, int, int], name: str) -> Grid:
    """The grid of the first three rows of an affine in RAS mm."""
    if not np.isfinite(rows).all():
        raise headers.damaged(name)
    lps = _TO_LPS[:3, :3] @ rows
    return headers.grid_of(size, lps[:, :3], lps[:, 3], name)


def _qform(fields: Any, pixdim: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """Three rows of an affine in RAS mm from a unit quaternion, of which b, c, d are stored."""
    b, c, d = (float(value) for value in fields["quatern"])
    rest = 1 - (b * b + c * c + d * d)
    if not rest > -1e-5:  # NaN too
        raise headers.damaged(name)
    a = max(rest, 0.0) ** 0.5
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    steps = pixdim[1:4] * (1, 1, -1 if pixdim[0] < 0 else 1)
    return np.column_stack([turn * steps, np.asarray(fields["qoffset"], dtype=np.float64)])


def _check_forms(by_q: Grid, by_s: Grid, name: str) -> tuple[Notice, ...]:
    """Compare what the two forms say."""
    apart = np.linalg.norm(by_q.corners() - by_s.corners(), axis=1).max()
    if apart <= _SAME_PLACE * by_s.spacing.min():
        return ()
    if np.abs(by_q.direction - by_s.direction).max() > _SAME_DIRECTION:
        raise GeometryError(
            f"'{name}' says in two ways how the patient lies ({_axes(by_q)} by its qform, "
            f"{_axes(by_s)} by its sform, up to {apart:.0f} mm apart): left and right may be "
            "exchanged; export the CT again."
        )
    places = [", ".join(f"{x:.1f}" for x in grid.origin * (-1, -1, 1)) for grid in (by_s, by_q)]
    message = (
        f"The file gives two places of the image, up to {apart:.1f} mm apart: first voxel at RAS "
        f"({places[0]}) by its sform, which is used, and at ({places[1]}) by its qform."
    )
    return (Notice("two_places", message, "caution"),)


def _axes(grid: Grid) -> str:
    """To which side of the patient each axis runs, such as `LPS`, with its angle where oblique."""
    main = np.abs(grid.direction).argmax(axis=0)
    letters = ("RL", "AP", "IS")
    ends = [letters[axis][int(grid.direction[axis, n] > 0)] for n, axis in enumerate(main)]
    tilt = np.degrees(np.arccos(np.clip(np.abs(grid.direction).max(axis=0).min(), 0, 1)))
    return "".join(ends) + (f" turned by {tilt:.0f} degrees" if tilt > 0.5 else "")
