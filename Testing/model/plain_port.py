"""The original's graph in plain PyTorch, layer by layer, on a network's own parameters."""

import torch
from torch.nn import functional


def plainly(network, x):
    """Logits (N, classes) and mask logits (N, 1, D, H, W) of patches x (N, 1, D, H, W)."""
    trunk, features = network.densenet, []
    x = trunk.stem(x)
    for number, block in enumerate(trunk.blocks):
        if number:
            transition = trunk.transitions[number - 1]
            x = functional.avg_pool3d(transition.conv(transition.norm(x).relu()), 2)
        for conv_block in block:
            new = conv_block.conv2(
                conv_block.norm2(conv_block.conv1(conv_block.norm1(x).relu())).relu()
            )
            x = torch.cat([new, x], dim=1)
        features.append(x)
    pooled = trunk.norm(x).relu().mean((2, 3, 4))
    logits = functional.linear(pooled, trunk.classifier.weight.flatten(1), trunk.classifier.bias)
    for up, skip in zip(reversed(network.decoder.ups), reversed(features[:-1]), strict=True):
        x = skip + up(x)
    return logits, network.decoder.mask(x)
