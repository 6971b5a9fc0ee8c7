"""A network's weights rearranged for prediction: the same function in fewer operations.

Three exact rearrangements, done once at load in float64 (docs/explanation/speed.md):
  * a batch normalisation behind a convolution goes into that convolution's weights; one in front
    of a ReLU becomes one multiply-add per channel;
  * a transition averages before its 1x1x1 convolution;
  * the mask branch is linear, so all of it becomes one small matrix per grid. A coarse voxel
    yields all mask voxels it covers, which are then put in place.

`trace` walks through the rearranged network once, for whatever engine gives the operations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from densesharp.model.architecture import Architecture
from densesharp.model.model_file import Weights

BATCH_NORM_EPSILON = 1e-3  # Keras' default, as in network/densenet.py, which needs torch to read

Array = Any
"""A NumPy array after `fold`; an engine's own tensor after `converted`."""


@dataclass(frozen=True)
class Affine:
    """One multiply-add per channel, x * scale + shift; both (1, C, 1, 1, 1)."""

    scale: Array
    shift: Array


@dataclass(frozen=True)
class Conv:
    """A convolution: weight (out, in, d, h, w) and bias (out,)."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class FoldedConvBlock:
    """Affine, ReLU, 1x1x1 convolution, ReLU, 3x3x3 convolution."""

    affine: Affine
    conv1: Conv
    conv2: Conv


@dataclass(frozen=True)
class FoldedTransition:
    """Affine, ReLU, average of 2x2x2, 1x1x1 convolution."""

    affine: Affine
    conv: Conv


@dataclass(frozen=True)
class FoldedNetwork:
    """DenseSharp, ready to be run."""

    stem: Conv
    blocks: tuple[tuple[FoldedConvBlock, ...], ...]
    transitions: tuple[FoldedTransition, ...]
    affine: Affine
    classifier: Conv
    mask: tuple[Conv, ...]
    """For each grid, finest first: from a voxel's channels to the 8**n mask voxels it covers."""


class Operations(Protocol):
    """What an engine must be able to do; tensors are (N, C, D, H, W)."""

    def conv(self, x: Array, conv: Conv) -> Array:
        """Convolve, with zeros around, so that the size stays."""
        ...

    def affine_relu(self, x: Array, affine: Affine) -> Array:
        """max(x * scale + shift, 0)."""
        ...

    def relu(self, x: Array) -> Array:
        """max(x, 0); may overwrite x."""
        ...

    def halve(self, x: Array) -> Array:
        """Average over 2x2x2 voxels."""
        ...

    def concat(self, new: Array, old: Array) -> Array:
        """Channels of both, new ones first."""
        ...

    def add_spread(self, fine: Array, coarse: Array) -> Array:
        """Give fine + coarse; a coarse voxel's 8 groups of channels are its 2x2x2 fine voxels."""
        ...


def trace(ops: Operations, network: FoldedNetwork, x: Array) -> tuple[Array, Array]:
    """Run patches (N, 1, 32, 32, 32) through the network.

    Args:
        ops: the library that computes.
        network: folded weights.
        x: (N, 1, 32, 32, 32) in network units.

    Returns:
        The class activation map (N, classes, 8, 8, 8), whose mean is the logits, and the mask
        logits (N, 1, 32, 32, 32).
    """
    features = []
    x = ops.conv(x, network.stem)
    for number, block in enumerate(network.blocks):
        if number:
            transition = network.transitions[number - 1]
            x = ops.conv(ops.halve(ops.affine_relu(x, transition.affine)), transition.conv)
        for conv_block in block:
            inner = ops.conv(ops.affine_relu(x, conv_block.affine), conv_block.conv1)
            x = ops.concat(ops.conv(ops.relu(inner), conv_block.conv2), x)
        features.append(x)
    activation = ops.conv(ops.affine_relu(x, network.affine), network.classifier)
    maps = [ops.conv(x, conv) for x, conv in zip(features, network.mask, strict=True)]
    mask = maps.pop()
    while maps:
        mask = ops.add_spread(maps.pop(), mask)
    return activation, mask


def fold(weights: Weights, architecture: Architecture) -> FoldedNetwork:
    """Rearrange one member's weights, as they stand in the model file of a DenseSharp.

    Returns:
        Convolutions with their normalisation folded in, in the order they run.
    """
    blocks = tuple(
        tuple(_conv_block(weights, f"densenet.blocks.{number}.{item}.") for item in range(size))
        for number, size in enumerate(architecture.blocks)
    )
    transitions = tuple(
        FoldedTransition(
            _affine(weights, f"densenet.transitions.{number}.norm"),
            _conv(weights, f"densenet.transitions.{number}.conv"),
        )
        for number in range(len(blocks) - 1)
    )
    return FoldedNetwork(
        stem=_conv(weights, "densenet.stem"),
        blocks=blocks,
        transitions=transitions,
        affine=_affine(weights, "densenet.norm"),
        classifier=_conv(weights, "densenet.classifier"),
        mask=_composed_decoder(weights, len(blocks)),
    )


def converted(network: FoldedNetwork, convert: Callable[[Array], Array]) -> FoldedNetwork:
    """The same network with every array replaced by `convert(array)`."""

    def conv(part: Conv) -> Conv:
        return Conv(convert(part.weight), convert(part.bias))

    def affine(part: Affine) -> Affine:
        return Affine(convert(part.scale), convert(part.shift))

    return FoldedNetwork(
        stem=conv(network.stem),
        blocks=tuple(
            tuple(FoldedConvBlock(affine(b.affine), conv(b.conv1), conv(b.conv2)) for b in block)
            for block in network.blocks
        ),
        transitions=tuple(
            FoldedTransition(affine(part.affine), conv(part.conv)) for part in network.transitions
        ),
        affine=affine(network.affine),
        classifier=conv(network.classifier),
        mask=tuple(conv(part) for part in network.mask),
    )


def _conv(weights: Weights, name: str) -> Conv:
    return Conv(weights[f"{name}.weight"], weights[f"{name}.bias"])


def _scale_and_shift(weights: Weights, name: str) -> tuple[NDArray[np.float64], ...]:
    """Batch normalisation at prediction time: (x - mean) / sqrt(var + eps) * gamma + beta."""
    gamma, beta, mean, variance = (
        weights[f"{name}.{part}"].astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return scale, beta - mean * scale


def _affine(weights: Weights, name: str) -> Affine:
    scale, shift = (part.astype(np.float32) for part in _scale_and_shift(weights, name))
    return Affine(scale.reshape(1, -1, 1, 1, 1), shift.reshape(1, -1, 1, 1, 1))


def _conv_block(weights: Weights, prefix: str) -> FoldedConvBlock:
    scale, shift = _scale_and_shift(weights, f"{prefix}norm2")
    kernel = weights[f"{prefix}conv1.weight"] * scale.reshape(-1, 1, 1, 1, 1)
    return FoldedConvBlock(
        affine=_affine(weights, f"{prefix}norm1"),
        conv1=Conv(kernel.astype(np.float32), shift.astype(np.float32)),
        conv2=_conv(weights, f"{prefix}conv2"),
    )


def _composed_decoder(weights: Weights, grids: int) -> tuple[Conv, ...]:
    """The mask branch as one convolution per grid; `network.densesharp.Decoder` does the same."""
    matrices = [weights["decoder.mask.weight"].reshape(1, -1).astype(np.float64)]
    biases = [weights["decoder.mask.bias"].astype(np.float64)]
    for number in range(grids - 1):
        kernel = weights[f"decoder.ups.{number}.weight"].astype(np.float64)
        biases[-1] = biases[-1] + matrices[-1] @ weights[f"decoder.ups.{number}.bias"]
        coarser = np.einsum("sf,cfxyz->xyzsc", matrices[-1], kernel)
        matrices.append(coarser.reshape(-1, kernel.shape[0]))
        biases.append(np.zeros(len(matrices[-1])))
    return tuple(
        Conv(matrix.astype(np.float32)[:, :, None, None, None], bias.astype(np.float32))
        for matrix, bias in zip(matrices, biases, strict=True)
    )
