"""Headers of MetaImage files, .mha or .mhd (itk.org/Wiki/MetaIO/Documentation)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import GeometryError, ImageError
from densesharp.image.volume import Notice
from densesharp.io import headers
from densesharp.io.headers import Header

_TYPES = {
    "CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4",
    "LONG": "i4", "ULONG": "u4", "LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4",
    "DOUBLE": "f8",
}  # fmt: skip
_LETTERS = ("RL", "AP", "IS")
"""Where an axis begins that runs along +x, -x, +y ... in LPS; MetaImage names an axis so."""


def read_meta_image(path: Path) -> Header:
    """The header of a MetaImage (.mha, or .mhd with its raw file beside it).

    Raises:
        ImageError: it is no image that can be used.
        GeometryError: it does not say where its voxels lie.
    """
    end = rb"ElementDataFile *= *[^\n]*\n?"
    fields, offset = headers.text_fields(path, end, r"([A-Za-z_0-9\[\]]+) *= *(.*)")
    name = path.name
    counts = headers.counts_of(fields.get("dimsize", "").split(), name)
    size = headers.three(counts, name)
    modality = fields.get("modality", "").removeprefix("MET_MOD_")
    if modality not in ("", "CT", "OTHER", "?", "UNKNOWN"):
        raise ImageError(f"'{name}' says that it is no CT but {modality[:10]}: open a chest CT.")
    spacing, notices = _spacing(fields, len(counts), name)
    direction, oriented = _direction(fields, len(counts), name)
    origin = _first(fields, ("offset", "position", "origin"), name) or [0.0] * len(counts)
    if len(origin) != len(counts):
        raise headers.damaged(name)
    grid = headers.grid_of(size, direction * spacing, origin[:3], name)
    notices += _orientation_notices(fields, direction) if oriented else (headers.no_orientation(),)
    data_file, local = _data_file(path, fields)
    packed = fields.get("compresseddata", "False").lower() in ("true", "1")
    layers = headers.counts_of([fields.get("elementnumberofchannels", "1")], name)[0]
    header = Header(
        grid,
        _dtype(fields, name),
        data_file,
        offset if local else 0,
        "zlib" if packed else "none",
        layers,
        notices=notices,
    )
    return header if local else _after_foreign_header(header, fields, name)


def _dtype(fields: Mapping[str, str], name: str) -> np.dtype[np.generic]:
    code = _TYPES.get(fields.get("elementtype", "").removeprefix("MET_"))
    if code is None:
        raise headers.bad_type(name, fields.get("elementtype", ""))
    if fields.get("binarydata", "True").lower() in ("false", "0"):
        raise headers.bad_type(name, "text")
    msb = fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb", "False"))
    return np.dtype((">" if msb.lower() in ("true", "1") else "<") + code)


def _spacing(
    fields: Mapping[str, str], count: int, name: str
) -> tuple[NDArray[np.float64], tuple[Notice, ...]]:
    """Mm from voxel to voxel, and whether the voxels' own size is another one."""
    unit = fields.get("distanceunits", "").removeprefix("MET_DISTANCE_UNITS_").lower()
    if unit not in ("", "mm", "?", "unknown"):
        raise headers.other_unit(name, unit)
    steps = _first(fields, ("elementspacing",), name)
    own = _first(fields, ("elementsize",), name)
    spacing = np.array(steps or own or [])
    if len(spacing) != count or not (spacing > 0).all():
        raise headers.no_spacing(name)
    size = np.array(own or spacing)
    if size.shape == spacing.shape and np.allclose(
        size, spacing, rtol=headers.SAME_SPACING, atol=0
    ):
        return spacing[:3], ()
    message = (
        f"The file gives two sizes of its voxels: {headers.edges(spacing[:3])} apart, which is "
        f"used, and {headers.edges(size[:3])} large (overlapping slices?)."
    )
    return spacing[:3], (Notice("two_spacings", message, "caution"),)


def _direction(
    fields: Mapping[str, str], count: int, name: str
) -> tuple[NDArray[np.float64], bool]:
    """Columns are the axes' unit vectors; the identity and False where the file has none."""
    values = _first(fields, ("transformmatrix", "rotation", "orientation"), name)
    if values is None:
        return np.eye(3), False
    if len(values) != count**2:
        raise headers.damaged(name)
    direction = np.reshape(values, (count, count))[:3, :3].T
    lengths = np.linalg.norm(direction, axis=0)
    if not np.allclose(lengths, 1, atol=headers.SAME_SPACING):
        raise GeometryError(
            f"The axes of '{name}' (TransformMatrix) have a length, so its voxels have two sizes: "
            "export the CT again."
        )
    return direction / lengths, True


def _orientation_notices(
    fields: Mapping[str, str], direction: NDArray[np.float64]
) -> tuple[Notice, ...]:
    """Whether the letters that name the axes are those of the matrix."""
    named = fields.get("anatomicalorientation", "").upper()
    main = np.abs(direction).argmax(axis=0)
    own = "".join(
        _LETTERS[axis][int(direction[axis, column] < 0)] for column, axis in enumerate(main)
    )
    if named[:3] == own or not (len(named) >= 3 and set(named[:3]) <= set("RLAPIS")):
        return ()
    message = (
        f"The file gives two orientations: {own} by its axes, which is used, and {named[:3]} by "
        "name. Left and right, front and back may be exchanged."
    )
    return (Notice("two_orientations", message, "caution"),)


def _first(fields: Mapping[str, str], keys: tuple[str, ...], name: str) -> list[float] | None:
    """The numbers of a field that has several names; None where the file has none of them."""
    given = [(key, headers.numbers(fields[key], name)) for key in keys if key in fields]
    for key, values in given[1:]:
        if values != given[0][1]:
            raise headers.said_twice(
                name, f"{given[0][0]} ({key})", fields[given[0][0]], fields[key]
            )
    return given[0][1] if given else None


def _data_file(path: Path, fields: Mapping[str, str]) -> tuple[Path, bool]:
    target = fields.get("elementdatafile", "")
    if target.upper() == "LOCAL":
        return path, True
    # A header must not make us read files elsewhere on the machine.
    data_file = path.parent / target
    if Path(target).name != target or not data_file.is_file():
        message = f"'{path.name}' needs its voxel file beside it: copy both, or save it as .mha."
        raise ImageError(message)
    return data_file, False


def _after_foreign_header(header: Header, fields: Mapping[str, str], name: str) -> Header:
    """Where voxels begin in a file of their own; -1 says that they are its end."""
    try:
        skip = int(fields.get("headersize", "0") or 0)
    except ValueError as error:
        raise headers.damaged(name) from error
    if skip < 0:
        skip = max(0, header.data_file.stat().st_size - header.voxel_data_bytes)
    return replace(header, data_offset=skip)
