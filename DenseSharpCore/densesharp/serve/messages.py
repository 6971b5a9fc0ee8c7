"""What client and server say to each other: patches one way, the model's raw output the other.

A patch is sent as its 256 grey levels (`densesharp.nodule.patch`), one byte per voxel, which loses
nothing and says nothing about the patient: no header, no position, no face. Numbers come back as
little-endian float32, unchanged, so a server gives the same result as the same model beside it.
"""

import base64
import binascii
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densesharp.model.engines.interface import PATCH, EngineOutput

SCHEMA = 1
"""Version of this protocol; both sides refuse another one."""

RUN_PATH = "/v1/run"
INFO_PATH = "/v1/info"
HEALTH_PATH = "/v1/health"
METRICS_PATH = "/v1/metrics"

SCHEMA_HEADER = "X-DenseSharp-Schema"
MODEL_HEADER = "X-DenseSharp-Model"
KEY_HEADER = "X-API-Key"
SHAPE_HEADER = "X-DenseSharp-Shape"

KEY_VARIABLE = "DENSESHARP_SERVER_KEY"
"""Environment variable that holds the API key, for the server and for who asks it."""

MAX_PATCHES = 16
MAX_BYTES = 1_000_000
"""A request with `MAX_PATCHES` patches has 700 kB."""

_VOXELS = PATCH[0] * PATCH[1] * PATCH[2]


def encode_patches(patches: NDArray[np.float32]) -> bytes:
    """The body of a request.

    Args:
        patches: (n, 32, 32, 32) in network units, n up to `MAX_PATCHES`.

    Raises:
        ValueError: too many, of another shape, or not on the 256 grey levels.
    """
    if patches.ndim != 4 or patches.shape[1:] != PATCH or not 1 <= len(patches) <= MAX_PATCHES:
        raise ValueError(f"1 to {MAX_PATCHES} patches of {PATCH} can be sent, got {patches.shape}")
    grey = (patches + np.float32(1)) * np.float32(128)
    levels = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
    if not np.array_equal(levels, grey):
        raise ValueError("the patches are not on the 256 grey levels of the network's input")
    return json.dumps({"patches": base64.b64encode(levels.tobytes()).decode()}).encode()


def decode_patches(text: str) -> NDArray[np.float32]:
    """Patches (n, 32, 32, 32) from the `patches` entry of a request.

    Raises:
        ValueError: it is no base64 text of whole patches, or too many.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the patches are no base64 text") from error
    count, rest = divmod(len(raw), _VOXELS)
    if rest or not 1 <= count <= MAX_PATCHES:
        raise ValueError(f"the request does not hold 1 to {MAX_PATCHES} whole patches")
    levels = np.frombuffer(raw, np.uint8).reshape(count, *PATCH).astype(np.float32)
    return np.asarray(levels / np.float32(128) - np.float32(1))


def encode_output(output: EngineOutput) -> tuple[str, bytes]:
    """The shape header and the body of an answer."""
    shapes = {name: array.shape for name, array in output._asdict().items()}
    body = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in output)
    return json.dumps(shapes), body


def decode_output(shapes: str, body: bytes) -> EngineOutput:
    """Undo `encode_output`.

    Returns:
        The output as it was encoded.

    Raises:
        ValueError: header and body do not fit.
    """
    try:
        declared: dict[str, Any] = json.loads(shapes)
        sizes = {name: tuple(declared[name]) for name in EngineOutput._fields}
        ends = np.cumsum([int(np.prod(size)) for size in sizes.values()])
        numbers = np.frombuffer(body, "<f4")
        if ends[-1] != len(numbers):
            raise ValueError("the answer has another size than it says")
        parts = np.split(numbers.astype(np.float32), ends[:-1])
        arrays = [part.reshape(size) for part, size in zip(parts, sizes.values(), strict=True)]
    except (KeyError, TypeError) as error:
        raise ValueError("the answer is not in the agreed form") from error
    return EngineOutput(*arrays)
