"""Weights written by the original Keras code (HDF5), as a model file's tensors.

Only arrays are read. A file that holds a whole Keras model also carries its configuration with
marshalled Python code (the original's Lambda layer); that is never looked at.

How Keras 2.1 lays such a file out, and what must not be relied on:
  * Groups are stored alphabetically; the root's attribute `layer_names` gives the true order.
    Within one kind of layer that is the order of creation, between kinds it is not.
  * Names carry counters that run on through a session (the second model starts at `conv3d_28`), and
    Keras 3 writes other names again. So layers are told apart by what they hold.
  * Kernels are (d, h, w, in, out), those of transposed convolutions (d, h, w, out, in).
  * Without `bn_scale`, batch normalisation has no gamma.
"""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ModelError
from densesharp.model.architecture import Architecture
from densesharp.model.model_file import Weights, check_weights

Floats = NDArray[np.float32]

Kind = Literal["convolution", "batch normalisation", "transposed convolution", "dense"]

LARGEST_ARRAY = 10_000_000
"""Far above any kernel here; a damaged file may claim terabytes."""

LARGEST_FILE = 1 << 30

# Keras' name of each array, and ours.
NORM_PARTS = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
CONV_PARTS = {"kernel": "weight", "bias": "bias"}


@dataclass(frozen=True)
class KerasLayer:
    """One layer's arrays, by Keras' short names such as "kernel"."""

    name: str
    arrays: Weights

    @property
    def kind(self) -> Kind:
        """Told from the arrays. Only the transposed convolutions have kernels of 2x2x2.

        Raises:
            ModelError: no layer of the original networks looks like that.
        """
        kernel = self.arrays.get("kernel")
        if kernel is None and {"beta", "moving_mean", "moving_variance"} <= self.arrays.keys():
            return "batch normalisation"
        if kernel is not None and kernel.ndim == 2:
            return "dense"
        if kernel is not None and kernel.ndim == 5:
            transposed = kernel.shape[:3] == (2, 2, 2)
            return "transposed convolution" if transposed else "convolution"
        raise ModelError(f"layer '{self.name}' with {sorted(self.arrays)} belongs to no DenseSharp")


def read_keras_weights(path: str | Path) -> tuple[Weights, Architecture]:
    """Read a Keras weights file or model file of DenseSharp or DenseNet.

    Args:
        path: what `model.save_weights` or `model.save` wrote: `*.h5`, and from Keras 3
            `*.weights.h5` or `*.keras`.

    Returns:
        The tensors by our names, and the architecture that their shapes tell.

    Raises:
        ModelError: no such file, no such layout, or other layers; the message names the first
            layer that differs.
    """
    if not Path(path).is_file():
        raise ModelError(f"'{path}' is no file: check the path.")
    try:
        with _weights_file(Path(path)) as opened, h5py.File(opened, "r") as file:
            layers = list(_layers(file))
        architecture = _architecture(layers)
        weights = _converted(layers, architecture)
        check_weights(weights, architecture)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        # All of these are what h5py raises for damaged files, depending on the place.
        raise ModelError(
            f"'{path}' cannot be read as a Keras weights file: it is damaged or of another kind; "
            "give what 'model.save_weights' or 'model.save' wrote (.h5, .weights.h5 or .keras)."
        ) from error
    except ModelError as error:
        message = f"'{path}' does not hold the original's weights: {str(error).rstrip('.')}."
        raise ModelError(message) from error
    return weights, architecture


@contextlib.contextmanager
def _weights_file(path: Path) -> Iterator[IO[bytes]]:
    """The HDF5 file, or that inside the archive that Keras 3 calls .keras."""
    with path.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            stream.seek(0)
            yield stream
            return
        with zipfile.ZipFile(stream) as archive, archive.open("model.weights.h5") as inner:
            yield io.BytesIO(inner.read(LARGEST_FILE))


def _layers(file: h5py.File) -> Iterator[KerasLayer]:
    """Give the layers that hold arrays, in the order of the network."""
    root = file.get("model_weights", file)
    if isinstance(root, h5py.Group) and "layer_names" not in root.attrs and "layers" in root:
        yield from _layers_of_keras_3(root["layers"])
        return
    if not isinstance(root, h5py.Group) or "layer_names" not in root.attrs:
        raise ModelError("it has no list of layers, so no Keras 2 wrote it")
    for layer in _names(root, "layer_names"):
        group = root.get(layer)
        if not isinstance(group, h5py.Group):
            raise ModelError(f"layer '{layer}' is listed, but missing")
        names = _names(group, "weight_names")
        if names:
            # "conv3d_1/kernel:0" or, from Keras 3, "kernel".
            short = {name.rpartition("/")[2].partition(":")[0]: name for name in names}
            arrays = {part: _array(group, layer, name) for part, name in short.items()}
            yield KerasLayer(layer, arrays)


def _layers_of_keras_3(layers: h5py.Group) -> Iterator[KerasLayer]:
    """Layers as `.weights.h5` holds them: by name and counter, their arrays by number only."""

    def place(name: str) -> tuple[str, int]:
        kind, _, counter = name.rpartition("_")
        return (kind, int(counter)) if counter.isdecimal() else (name, 0)

    for name in sorted(layers, key=place):
        group = layers[name].get("vars", {})
        numbered = [_array(group, name, str(number)) for number in range(len(group))]
        if numbered and numbered[0].ndim > 1:
            yield KerasLayer(name, dict(zip(CONV_PARTS, numbered, strict=False)))
        elif numbered:  # without a scale, batch normalisation has no gamma
            parts = list(NORM_PARTS)[len(NORM_PARTS) - len(numbered) :]
            yield KerasLayer(name, dict(zip(parts, numbered, strict=False)))


def _names(group: h5py.Group, attribute: str) -> list[str]:
    values = np.atleast_1d(group.attrs.get(attribute, []))
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _array(group: h5py.Group, layer: str, name: str) -> Floats:
    dataset = group.get(name)
    if (
        not isinstance(dataset, h5py.Dataset)
        or dataset.dtype.kind != "f"
        or dataset.size > LARGEST_ARRAY
    ):
        raise ModelError(f"layer '{layer}' holds no usable array '{name}'")
    return np.asarray(dataset[()], dtype=np.float32)


def _architecture(layers: list[KerasLayer]) -> Architecture:
    """Tell the network's arguments from its kernels' shapes."""
    convs = [layer for layer in layers if layer.kind == "convolution"]
    classifiers = [layer for layer in layers if layer.kind == "dense"]
    if len(convs) < 3 or len(classifiers) != 1:
        raise ModelError(f"it has {len(convs)} convolutions and {len(classifiers)} classifiers")
    shapes = [layer.arrays["kernel"].shape for layer in convs]
    has_mask = any(layer.kind == "transposed convolution" for layer in layers)
    blocks, compression = [0], 1
    for layer, shape in zip(convs[1:], shapes[1:], strict=True):
        if "bias" not in layer.arrays:  # a bottleneck: one per conv block
            blocks[-1] += 1
        elif shape[:3] == (1, 1, 1) and shape[4] > 1:  # a transition
            blocks.append(0)
            compression = max(1, shape[3] // shape[4])
    return Architecture(
        name="DenseSharp" if has_mask else "DenseNet",
        growth=shapes[2][4],
        bottleneck=max(1, shapes[1][4] // max(1, shapes[2][4])),
        compression=compression,
        blocks=tuple(blocks),
        stem=shapes[0][4],
        classes=classifiers[0].arrays["kernel"].shape[1],
    )


def _in_creation_order(architecture: Architecture) -> dict[Kind, list[str]]:
    """Our layers' names of each kind, in the order in which the original creates them."""
    convs, norms = ["stem"], []
    for block, size in enumerate(architecture.blocks):
        if block:
            norms.append(f"transitions.{block - 1}.norm")
            convs.append(f"transitions.{block - 1}.conv")
        for item in range(size):
            norms += [f"blocks.{block}.{item}.norm1", f"blocks.{block}.{item}.norm2"]
            convs += [f"blocks.{block}.{item}.conv1", f"blocks.{block}.{item}.conv2"]
    names: dict[Kind, list[str]] = {
        "convolution": convs,
        "batch normalisation": [*norms, "norm"],
        "transposed convolution": [],
        "dense": ["classifier"],
    }
    if architecture.name == "DenseSharp":
        names = {kind: [f"densenet.{name}" for name in part] for kind, part in names.items()}
        names["convolution"].append("decoder.mask")
        # The original goes from the coarsest grid to the finest; ours are counted the other way.
        ups = range(len(architecture.blocks) - 1)
        names["transposed convolution"] = [f"decoder.ups.{number}" for number in reversed(ups)]
    return names


def _converted(layers: list[KerasLayer], architecture: Architecture) -> Weights:
    """Rename and turn all arrays.

    Raises:
        ModelError: a layer is missing, left over or of another shape.
    """
    shapes = architecture.tensor_shapes()
    weights: Weights = {}
    for kind, names in _in_creation_order(architecture).items():
        given = [layer for layer in layers if layer.kind == kind]
        for layer, name in zip(given, names, strict=False):
            weights |= _tensors(layer, name, shapes)
        if len(given) > len(names):
            raise ModelError(f"layer '{given[len(names)].name}' is one {kind} too many")
        if len(given) < len(names):
            after = f"after layer '{given[-1].name}' " if given else ""
            raise ModelError(f"{after}a {kind} is missing: {len(given)} of {len(names)}")
    return {name: weights[name] for name in shapes if name in weights}


def _tensors(layer: KerasLayer, name: str, shapes: dict[str, tuple[int, ...]]) -> Weights:
    """Turn one layer's arrays into our tensors and compare their shapes."""
    parts = NORM_PARTS if layer.kind == "batch normalisation" else CONV_PARTS
    tensors: Weights = {}
    for part, array in layer.arrays.items():
        if part not in parts:
            raise ModelError(f"layer '{layer.name}' has an array '{part}'")
        tensors[f"{name}.{parts[part]}"] = _turned(array) if part == "kernel" else array
    if layer.kind == "batch normalisation" and "gamma" not in layer.arrays:
        tensors[f"{name}.weight"] = np.ones_like(layer.arrays["beta"])
    for tensor, array in tensors.items():
        if array.shape != shapes.get(tensor):
            expected = shapes.get(tensor, "none")
            message = f"layer '{layer.name}' has shape {array.shape} for {tensor}, not {expected}"
            raise ModelError(message)
    return tensors


def _turned(kernel: Floats) -> Floats:
    """(d, h, w, in, out) -> (out, in, d, h, w); transposed (d, h, w, out, in) -> (in, out, ...).

    A dense kernel (in, out) becomes a 1x1x1 convolution.
    """
    if kernel.ndim == 2:
        kernel = kernel[None, None, None]
    return np.ascontiguousarray(kernel.transpose(4, 3, 0, 1, 2))
