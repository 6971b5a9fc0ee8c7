"""DenseSharp: the paper's multi-task network that outlines and classifies a nodule at once.

Paper: Zhao W, Yang J, et al. "3D deep learning from CT scans predicts tumor invasiveness of
subcentimeter pulmonary adenocarcinomas". Cancer Research 2018;78(24):6881-6889,
https://doi.org/10.1158/0008-5472.CAN-18-0696.
Original code: https://github.com/duducheng/DenseSharp (Keras, Apache License 2.0),
`mylib/models/densesharp.py`. Written anew in PyTorch.

The same function as the original, computed differently (see also `densenet.py`): the mask branch
has no activation between its layers, so its transposed convolutions, sums and final 1x1x1
convolution are one linear map. `Decoder` keeps the original's layers and parameters, and composes
them on the fly: 11 million multiply-adds instead of 410 million, the same gradients.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from densesharp.model.densenet import DenseNet, initialise


class DenseSharpOutput(NamedTuple):
    """What DenseSharp says about N patches, before softmax and sigmoid."""

    logits: Tensor
    """(N, classes)"""
    mask_logits: Tensor
    """(N, 1, 32, 32, 32), axes `[k, j, i]`"""
    activation: Tensor
    """(N, classes, 8, 8, 8): class activation map; its mean over the voxels is `logits`."""


class Decoder(nn.Module):
    """Brings the features of all grids to one mask: transposed convolutions, sums, 1x1x1.

    Args:
        widths: channels of the features, finest grid first.
    """

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        # Finest first: ups[n] brings grid n + 1 to grid n.
        self.ups = nn.ModuleList(
            nn.ConvTranspose3d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths)
        )
        self.mask = nn.Conv3d(widths[0], 1, 1)

    def composed(self) -> tuple[list[Tensor], list[Tensor]]:
        """Compose the layers: each grid's features contribute matrix @ features + bias.

        Returns:
            For each grid, finest first, a matrix (8**n, C) and a bias (8**n,): from the channels
            of one voxel to the 8**n mask voxels it covers.
        """
        matrices = [self.mask.weight.flatten(1)]  # (1, C)
        biases: list[Tensor] = [self.mask.get_parameter("bias")]
        for up in self.ups:
            weight, bias = up.get_parameter("weight"), up.get_parameter("bias")
            biases[-1] = biases[-1] + matrices[-1] @ bias
            coarser = torch.einsum("sf,cfxyz->xyzsc", matrices[-1], weight).flatten(0, 3)
            matrices.append(coarser)
            biases.append(coarser.new_zeros(len(coarser)))
        return matrices, biases

    def forward(self, features: list[Tensor]) -> Tensor:
        """From the features of all grids, finest first, to mask logits (N, 1, D, H, W)."""
        matrices, biases = self.composed()
        maps = [
            functional.conv3d(x, matrix[:, :, None, None, None], bias)
            for x, matrix, bias in zip(features, matrices, biases, strict=True)
        ]
        mask = maps.pop()
        while maps:
            mask = maps.pop() + voxel_shuffle(mask)
        return mask


def voxel_shuffle(x: Tensor) -> Tensor:  # (N, 8 * C, D, H, W) -> (N, C, 2D, 2H, 2W)
    """Spread each voxel's 8 groups of channels over the 2x2x2 voxels it covers."""
    n, channels, depth, height, width = x.shape
    x = x.reshape(n, 2, 2, 2, channels // 8, depth, height, width)
    x = x.permute(0, 4, 5, 1, 6, 2, 7, 3)
    return x.reshape(n, channels // 8, 2 * depth, 2 * height, 2 * width)


class DenseSharp(nn.Module):
    """The paper's DenseSharp; without arguments exactly that: 599,012 parameters.

    Counted as Keras does: 595,156 trained and 3,856 running statistics.

    Args:
        growth: channels each conv block adds, `k`; the original repository also trains k = 32.
        bottleneck: a conv block's inner channels, as a multiple of `growth`.
        compression: a transition divides the channels by this.
        blocks: conv blocks in each dense block; between two dense blocks the grid is halved.
        stem: channels of the first convolution.
        dropout: share of whole channels dropped after each bottleneck in training.
        classes: number of classes; the paper's are AAH-AIS, MIA, IAC.

    Example:
        >>> DenseSharp()(torch.zeros(2, 1, 32, 32, 32)).mask_logits.shape
        torch.Size([2, 1, 32, 32, 32])
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
        self.densenet = DenseNet(growth, bottleneck, compression, blocks, stem, dropout, classes)
        self.decoder = Decoder(self.densenet.widths)
        initialise(self.decoder)

    def forward(self, x: Tensor) -> DenseSharpOutput:
        """Outline and classify N patches.

        Args:
            x: (N, 1, 32, 32, 32) float32 in network units: I = grey / 128 - 1 of the 8-bit window
                -1024..400 HU, at 1 mm; axes `[k, j, i]`.

        Returns:
            Logits of the classes, logits of the mask, and the class activation maps.
        """
        features = self.densenet.features(x)
        # The mask reads the raw features, before the classifier's normalisation, as the original.
        logits, activation = self.densenet.classify(features[-1])
        return DenseSharpOutput(logits, self.decoder(features), activation)


def export_weights(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Give a network's parameters and running statistics by name, as model files hold them.

    Returns:
        float32 arrays by the names of model files.
    """
    return {
        name: tensor.detach().cpu().float().numpy().copy()
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")  # counts batches; no part of the function
    }


def import_weights(network: nn.Module, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Put weights from a model file into a network of the same architecture."""
    counters = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if name.endswith("num_batches_tracked")
    }
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in weights.items()}
    network.load_state_dict(tensors | counters)
