"""A lossless JPEG encoder for tests (ISO 10918-1 annex H, process 14): one component, 16 bits.

Libraries that read CTs write selection value 1 at most; scanners and archives use others too.
"""

import struct

import numpy as np

_CATEGORIES = 17
"""A difference has 0 to 16 further bits; codes of 5 bits are enough to tell how many."""


def lossless_jpeg_frame(array: np.ndarray, selection: int = 1, precision: int = 16) -> bytes:
    """A picture (rows, columns) of unsigned values with the predictor `selection`, 1 to 7."""
    rows, columns = array.shape
    table = bytes([0, 0, 0, 0, 0, _CATEGORIES, *bytes(11), *range(_CATEGORIES)])
    frame = struct.pack(">BHHBBBB", precision, rows, columns, 1, 1, 0x11, 0)
    scan = bytes([1, 1, 0, selection, 0, 0])
    parts = [(0xC3, frame), (0xC4, table), (0xDA, scan)]
    heads = b"".join(struct.pack(">BBH", 0xFF, kind, 2 + len(raw)) + raw for kind, raw in parts)
    body = _bits(_differences(array.astype(np.int64), selection, precision))
    return b"\xff\xd8" + heads + body.replace(b"\xff", b"\xff\x00") + b"\xff\xd9"


def _differences(values: np.ndarray, selection: int, precision: int) -> np.ndarray:
    """Each value less what its neighbors before it predict, modulo 65536, from -32767 to 32768."""
    left, above = np.roll(values, 1, axis=1), np.roll(values, 1, axis=0)
    corner = np.roll(above, 1, axis=1)
    predicted = {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }[selection]
    predicted[0], predicted[:, 0] = left[0], above[:, 0]
    predicted[0, 0] = 1 << (precision - 1)
    difference = (values - predicted) & 0xFFFF
    return np.where(difference > 32768, difference - 65536, difference).ravel()


def _bits(differences: np.ndarray) -> bytes:
    """The code of each difference's number of bits, then these bits; ones fill the last byte."""
    size = np.array([int(n).bit_length() for n in np.abs(differences)])
    low = np.where(differences < 0, differences + (1 << size) - 1, differences)
    low, extra = np.where(size == 16, 0, low), np.where(size == 16, 0, size)
    words, lengths = (size << extra) + low, 5 + extra
    starts = np.cumsum(lengths) - lengths
    bits = np.ones(-(-int(lengths.sum()) // 8) * 8, np.uint8)
    for place in range(int(lengths.max())):
        has = lengths > place
        bits[starts[has] + place] = (words[has] >> (lengths[has] - 1 - place)) & 1
    return np.packbits(bits).tobytes()
