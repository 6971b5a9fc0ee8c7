"""NIfTI, NRRD and MetaImage files written field by field, so that any header can be had."""

import gzip
import struct

import numpy as np

from dicom_phantom import phantom

STEPS = (0.7, 0.8, 1.25)
TO_RAS = np.diag((-1.0, -1.0, 1.0, 1.0))


def affine(spacing=STEPS, signs=(-1, -1, 1), origin=(90.5, 120.25, 30.0)):
    """RAS mm."""
    made = np.diag([*(np.array(spacing) * signs), 1.0])
    made[:3, 3] = origin
    return made


def quaternion(signs) -> tuple[float, ...]:
    """b, c, d and the factor of the third axis, of axes that are only flipped."""
    factor = float(np.prod(signs))
    turn = {(1, 1, 1): (0, 0, 0), (-1, -1, 1): (0, 0, 1), (-1, 1, -1): (0, 1, 0),
            (1, -1, -1): (1, 0, 0)}  # fmt: skip
    return (*turn[(signs[0], signs[1], int(signs[2] * factor))], factor)


def nifti(path, *, two=False, sform=None, qform=None, codes=(0, 1), pixdim=STEPS, slope=1.0,
          intercept=0.0, units=2, array=None, dims=()):  # fmt: skip
    """Write a NIfTI-1 (or -2) file field by field; `qform` is (signs, origin)."""
    array = phantom() if array is None else array
    signs, place = qform or ((-1, -1, 1), (90.5, 120.25, 30.0))
    b, c, d, factor = quaternion(signs)
    rows = (affine() if sform is None else sform)[:3].ravel()
    size = [*array.shape[::-1], *dims]
    dim = [len(size), *size, *[1] * (7 - len(size))]
    steps = [factor, *pixdim, 0, 0, 0, 0]
    raw = bytearray(540 if two else 348)
    if two:
        struct.pack_into("<i8s", raw, 0, 540, b"n+2\0\r\n\x1a\n")
        struct.pack_into("<2h8q", raw, 12, 4, 16, *dim)
        struct.pack_into("<8d", raw, 104, *steps)
        struct.pack_into("<q2d", raw, 168, 544, slope, intercept)
        struct.pack_into("<2i6d12d", raw, 344, *codes, b, c, d, *place, *rows)
        struct.pack_into("<i", raw, 500, units)
    else:
        struct.pack_into("<i", raw, 0, 348)
        struct.pack_into("<8h", raw, 40, *dim)
        struct.pack_into("<2h", raw, 70, 4, 16)
        struct.pack_into("<8f3f", raw, 76, *steps, 352, slope, intercept)
        struct.pack_into("<B", raw, 123, units)
        struct.pack_into("<2h6f12f", raw, 252, *codes, b, c, d, *place, *rows)
        raw[344:348] = b"n+1\0"
    whole = bytes(raw) + bytes(4) + array.astype("<i2").tobytes()
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    return path


NRRD = {
    "type": "short", "dimension": "3", "space": "left-posterior-superior", "sizes": "24 20 12",
    "space directions": "(0.7,0,0) (0,0.8,0) (0,0,1.25)", "kinds": "domain domain domain",
    "endian": "little", "encoding": "raw", "space origin": "(-90.5,-120.25,30)",
}  # fmt: skip


def nrrd(path, array=None, **change):
    """Write an NRRD file field by field; an underscore stands for a blank, None leaves one out."""
    fields = NRRD | {key.replace("_", " "): value for key, value in change.items()}
    text = "".join(f"{key}: {value}\n" for key, value in fields.items() if value is not None)
    raw = (phantom() if array is None else array).tobytes()
    raw = gzip.compress(raw) if fields["encoding"] == "gzip" else raw
    path.write_bytes(b"NRRD0004\n" + text.encode() + b"\n" + raw)
    return path


def meta(path, **change):
    """Write a MetaImage line by line; None leaves one out."""
    fields = {
        "ObjectType": "Image", "NDims": "3", "DimSize": "24 20 12", "ElementType": "MET_SHORT",
        "ElementSpacing": "0.7 0.8 1.25", "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "-90.5 -120.25 30", "BinaryData": "True",
    } | change  # fmt: skip
    text = "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None)
    raw = text.encode() + b"ElementDataFile = LOCAL\n" + phantom().tobytes()
    path.write_bytes(raw)
    return path
