"""DenseNet: the paper's 3D densely connected classifier, and the trunk of DenseSharp.

Paper: Zhao W, Yang J, et al. "3D deep learning from CT scans predicts tumor invasiveness of
subcentimeter pulmonary adenocarcinomas". Cancer Research 2018;78(24):6881-6889,
https://doi.org/10.1158/0008-5472.CAN-18-0696.
Original code: https://github.com/duducheng/DenseSharp (Keras, Apache License 2.0),
`mylib/models/densenet.py` and `mylib/models/densesharp.py`. Written anew in PyTorch.

The same function as the original, differences in the way it is computed:
  * The input is already in network units, grey / 128 - 1; the original scales inside the network.
  * A transition averages before its 1x1x1 convolution. Both are linear and act on different axes,
    so they commute; the convolution then works on an eighth of the voxels.
  * The classifier works on every voxel and its answers are averaged, instead of averaging the
    features first. Linear again; what is averaged is the class activation map.
  * Batch normalisation keeps a plain moving average of variance n/(n-1), as PyTorch does. Old
    TensorFlow corrected that average for its start, which matters only in the first few hundred
    training steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Keras' defaults, which the original relies on (momentum 0.99 there is 0.01 here).
BATCH_NORM_EPSILON = 1e-3
BATCH_NORM_MOMENTUM = 0.01


class Classification(NamedTuple):
    """What a classifier says about N patches, before softmax."""

    logits: Tensor
    """(N, classes)"""
    activation: Tensor
    """(N, classes, 8, 8, 8): class activation map; its mean over the voxels is `logits`."""


def batch_norm(channels: int) -> nn.BatchNorm3d:
    """Batch normalisation as Keras does it by default."""
    return nn.BatchNorm3d(channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)


class ConvBlock(nn.Module):
    """BN, ReLU, 1x1x1 bottleneck, BN, ReLU, 3x3x3 convolution: makes `growth` new channels."""

    def __init__(self, channels: int, growth: int, bottleneck: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = batch_norm(channels)
        self.conv1 = nn.Conv3d(channels, growth * bottleneck, 1, bias=False)
        self.dropout = nn.Dropout3d(dropout)
        self.norm2 = batch_norm(growth * bottleneck)
        self.conv2 = nn.Conv3d(growth * bottleneck, growth, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Make the new channels: (N, channels, D, H, W) -> (N, growth, D, H, W)."""
        # In place: BN needs only its input for the backward pass, so its output may be overwritten.
        x = functional.relu_(self.norm1(x))
        x = self.dropout(self.conv1(x))
        x = functional.relu_(self.norm2(x))
        new: Tensor = self.conv2(x)
        return new


class DenseBlock(nn.Sequential):
    """Conv blocks, each seeing all channels made before it; new channels stand first."""

    def __init__(
        self, channels: int, size: int, growth: int, bottleneck: int, dropout: float
    ) -> None:
        super().__init__(
            *(ConvBlock(channels + n * growth, growth, bottleneck, dropout) for n in range(size))
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the new channels: (N, C, D, H, W) -> (N, C + size * growth, D, H, W)."""
        for conv_block in self:
            x = torch.cat([conv_block(x), x], dim=1)
        return x


class Transition(nn.Module):
    """BN, ReLU, halve the grid by averaging, compress the channels."""

    def __init__(self, channels: int, compression: int) -> None:
        super().__init__()
        self.norm = batch_norm(channels)
        self.conv = nn.Conv3d(channels, channels // compression, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Step down: (N, C, D, H, W) -> (N, C / compression, D / 2, H / 2, W / 2)."""
        x = functional.relu_(self.norm(x))
        # Average and 1x1x1 convolution as one 2x2x2 convolution: PyTorch's own average of three
        # dimensions turns channels-last memory around, there and back, in nearly half of a step.
        weight = (self.conv.weight / 8).expand(-1, -1, 2, 2, 2)
        return functional.conv3d(x, weight, self.conv.bias, stride=2)


class DenseNet(nn.Module):
    """The paper's 3D DenseNet; without arguments exactly that: 405,171 parameters.

    Args:
        growth: channels each conv block adds, `k`.
        bottleneck: a conv block's inner channels, as a multiple of `growth`.
        compression: a transition divides the channels by this.
        blocks: conv blocks in each dense block; between two dense blocks the grid is halved.
        stem: channels of the first convolution.
        dropout: share of whole channels dropped after each bottleneck in training.
        classes: number of classes.
    """

    def __init__(
        self,
        growth: int = 16,
        bottleneck: int = 4,
        compression: int = 2,
        blocks: tuple[int, ...] = (4, 4, 4),
        stem: int = 32,
        dropout: float = 0.0,
        classes: int = 3,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv3d(1, stem, 3, padding=1)
        self.blocks = nn.ModuleList()
        self.transitions = nn.ModuleList()
        self.widths: list[int] = []
        channels = stem
        for size in blocks:
            if self.widths:
                self.transitions.append(Transition(channels, compression))
                channels //= compression
            self.blocks.append(DenseBlock(channels, size, growth, bottleneck, dropout))
            channels += size * growth
            self.widths.append(channels)
        self.norm = batch_norm(channels)
        self.classifier = nn.Conv3d(channels, classes, 1)
        initialise(self)

    def features(self, x: Tensor) -> list[Tensor]:
        """Give the dense blocks' raw outputs, finest first.

        Args:
            x: (N, 1, 32, 32, 32) in network units; axes `[k, j, i]`.

        Returns:
            By default (N, 96, 32, 32, 32), (N, 112, 16, 16, 16), (N, 120, 8, 8, 8).
        """
        x = self.blocks[0](self.stem(x))
        features = [x]
        for transition, block in zip(self.transitions, self.blocks[1:], strict=True):
            x = block(transition(x))
            features.append(x)
        return features

    def classify(self, coarsest: Tensor) -> Classification:  # (N, 120, 8, 8, 8)
        """Judge the coarsest features voxel by voxel and on average.

        Returns:
            Logits and class activation map.
        """
        activation = self.classifier(functional.relu_(self.norm(coarsest)))
        return Classification(activation.mean(dim=(2, 3, 4)), activation)

    def forward(self, x: Tensor) -> Classification:
        """Classify N patches (N, 1, 32, 32, 32) in network units; axes `[k, j, i]`."""
        return self.classify(self.features(x)[-1])


def initialise(network: nn.Module) -> None:
    """Draw convolution kernels from Keras' `he_uniform` and set biases to zero, as the original.

    He et al. 2015, https://arxiv.org/abs/1502.01852: uniform within sqrt(6 / fan_in). For
    transposed convolutions Keras and PyTorch both count the output channels as the fan.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
