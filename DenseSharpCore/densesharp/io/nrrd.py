"""Headers of NRRD files (teem.sourceforge.net/nrrd/format.html)."""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from densesharp.errors import ImageError
from densesharp.image.grid import Grid
from densesharp.image.volume import Notice
from densesharp.io import headers
from densesharp.io.headers import Header

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "signed long long int",
           "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip

_SIGNS = {
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
}
"""From the spaces that name the patient's axes to LPS; `scanner-xyz` and a bare dimension name
none."""

_SPATIAL = {"domain", "space", "time", "none", "???", ""}


def read_nrrd(path: Path) -> Header:
    """The header of an NRRD file.

    Raises:
        ImageError: it is no image that can be used.
        GeometryError: it does not say where its voxels lie.
    """
    fields, offset = headers.text_fields(path, rb"\r?\n\r?\n", r"([^:#\n]+):\s?(?!=)(.*)")
    name = path.name
    if "data file" in fields or "datafile" in fields:
        raise ImageError(f"'{name}' keeps its voxels in another file: save it as one .nrrd file.")
    counts = headers.counts_of(fields.get("sizes", "").split(), name)
    if len(counts) < 3:
        headers.three(counts, name)
    spatial, layers = _axes(fields, counts, name)
    size = headers.three([counts[axis] for axis in spatial], name)
    oriented = "space directions" in fields and fields.get("space", "").lower() in _SIGNS
    notices: tuple[Notice, ...] = () if oriented else (headers.no_orientation(),)
    if fields.get("content", "").strip() == "simulated":
        message = "This CT is simulated: no patient is shown."
        notices += (Notice("simulated", message, "info"),)
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        message = f"'{name}' is stored as '{encoding[:20]}': save it raw or gzip-compressed."
        raise ImageError(message)
    skips = ("line skip", "lineskip", "byte skip", "byteskip")
    if any(fields.get(name, "0") != "0" for name in skips):
        message = f"'{name}' has other data before its voxels ('skip'): save it again without."
        raise ImageError(message)
    return Header(
        _grid(fields, size, spatial, name),
        _dtype(fields, name),
        path,
        offset,
        "none" if encoding == "raw" else "gzip",
        layers,
        notices=notices,
    )


def _dtype(fields: Mapping[str, str], name: str) -> np.dtype[np.generic]:
    sample = fields.get("type", "").lower()
    code = next((code for code, names in _TYPES.items() if sample in names), None)
    if code is None:
        raise headers.bad_type(name, sample)
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower())
    if order is None and not code.endswith("1"):
        message = f"'{name}' does not say in which order its bytes are (endian): save it again."
        raise ImageError(message)
    return np.dtype((order or "<") + code)


def _axes(fields: Mapping[str, str], counts: Sequence[int], name: str) -> tuple[list[int], int]:
    """Which axes are those of space, and how many values a voxel has.

    Values of one voxel (colours, layers) lie on axes before those of space; an axis of one that is
    none of space says nothing.
    """
    kinds = fields.get("kinds", "").lower().split()
    kinds += [""] * (len(counts) - len(kinds))
    vectors = _vectors(fields, name) or [()] * len(counts)
    if len(vectors) != len(counts):
        raise headers.damaged(name)
    more = len(counts) > 3
    spatial = [
        axis
        for axis in range(len(counts))
        if kinds[axis] in _SPATIAL and not (more and vectors[axis] is None)
    ]
    values = [axis for axis in range(len(counts)) if axis not in spatial and counts[axis] > 1]
    if spatial and any(axis > spatial[0] for axis in values):
        message = f"'{name}' has {len(counts)} dimensions (several time points?): save one 3D CT."
        raise ImageError(message)
    return spatial, math.prod(counts[axis] for axis in values)


def _vectors(fields: Mapping[str, str], name: str) -> list[tuple[float, ...] | None]:
    """The space directions of all axes; None for an axis without one."""
    found = re.findall(r"none|\([^)]*\)", fields.get("space directions", "").lower())
    return [
        None if part == "none" else tuple(headers.numbers(part.strip("()").replace(",", " "), name))
        for part in found
    ]


def _vector(text: str, name: str) -> tuple[float, ...]:
    values = tuple(headers.numbers(text.strip("()").replace(",", " "), name))
    if len(values) != 3:
        raise headers.damaged(name)
    return values


def _grid(
    fields: Mapping[str, str], size: tuple[int, int, int], spatial: Sequence[int], name: str
) -> Grid:
    """Where the voxels lie."""
    units = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    for unit in units:
        if unit.strip("? ") not in ("", "mm", "millimeter", "millimeters"):
            raise headers.other_unit(name, unit)
    signs = np.array(_SIGNS.get(fields.get("space", "").lower(), (1, 1, 1)))
    spacings = headers.numbers(fields.get("spacings", "").lower(), name)
    steps = [spacings[axis] for axis in spatial[:3]] if len(spacings) > max(spatial[:3]) else []
    vectors = _vectors(fields, name)
    if vectors:
        columns = [vectors[axis] for axis in spatial[:3]]
        if any(column is None for column in columns):
            raise headers.no_spacing(name)
        if any(column is not None and len(column) != 3 for column in columns):
            raise headers.damaged(name)
        axes = np.array(columns, dtype=np.float64).T
        if steps and np.isfinite(steps).all():
            lengths = np.linalg.norm(axes, axis=0)
            headers.check_same_spacing(lengths, "space directions", steps, "spacings", name)
    elif steps and min(steps) > 0:
        axes = np.diag(steps)
    else:
        raise headers.no_spacing(name)
    origin = _vector(fields.get("space origin", "(0,0,0)"), name)
    return headers.grid_of(size, signs[:, np.newaxis] * axes, signs * origin, name)
