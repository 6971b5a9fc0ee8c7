"""A network layer by layer: what goes out of each layer, and how many numbers it holds.

Counted as Keras does, and the paper's 599,012 with it: trained parameters, and the running mean and
variance of batch normalisation, which are not trained.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from densesharp.model.densenet import Transition
from densesharp.model.densesharp import Decoder
from densesharp.nodule.patch import EDGE
from densesharp.stats.formatting import text_table


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Attributes:
        name: where it stands in the network, as in a model file.
        kind: its class in PyTorch.
        output: shape of what it gives for one patch, without the batch.
        trained: parameters that training moves.
        running: numbers that training measures (running mean and variance).
    """

    name: str
    kind: str
    output: tuple[int, ...]
    trained: int
    running: int

    @property
    def total(self) -> int:
        """All numbers it holds."""
        return self.trained + self.running


def layers(network: nn.Module, edge: int = EDGE) -> list[Layer]:
    """The layers that hold numbers, in the order they work.

    Args:
        network: a `DenseSharp` or `DenseNet`; left in the mode it was in.
        edge: voxels along a patch's side.
    """
    names = {module: name for name, module in network.named_modules()}
    found: list[Layer] = []

    def note(module: nn.Module, _: Any, output: Tensor) -> None:
        trained = sum(p.numel() for p in module.parameters(recurse=False))
        running = sum(
            buffer.numel()
            for name, buffer in module.named_buffers(recurse=False)
            if name != "num_batches_tracked"  # counts batches; no part of the function
        )
        if trained + running:
            shape = tuple(output.shape[1:])
            found.append(Layer(names[module], type(module).__name__, shape, trained, running))

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    for module in network.modules():
        if isinstance(module, Decoder):
            hooks.append(module.register_forward_hook(_decode_plainly))
        if isinstance(module, Transition):
            hooks.append(module.register_forward_hook(_step_down_plainly))
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 1, edge, edge, edge, device=next(network.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    return found


def _decode_plainly(decoder: Decoder, inputs: tuple[list[Tensor]], _: Tensor) -> None:
    """Run the decoder's layers one by one, as the paper draws them.

    The decoder itself multiplies them together first, which is quicker and gives the same, and so
    its layers are never seen at work.
    """
    *finer, features = inputs[0]
    for up, skip in zip(reversed(list(decoder.ups)), reversed(finer), strict=True):
        features = up(features) + skip
    decoder.mask(features)


def _step_down_plainly(transition: Transition, inputs: tuple[Tensor], _: Tensor) -> None:
    """Average, then convolve: the transition does both at once, so its layer is never called."""
    transition.conv(functional.avg_pool3d(inputs[0], 2))


def summary(network: nn.Module, edge: int = EDGE) -> str:
    """The layers as a table of text, with the sums below, as Keras' `model.summary()`."""
    found = layers(network, edge)
    rows = [
        [layer.name, layer.kind, " x ".join(map(str, layer.output)), f"{layer.total:,}"]
        for layer in found
    ]
    trained, running = sum(layer.trained for layer in found), sum(layer.running for layer in found)
    sums = {
        "parameters in all": trained + running,
        "trained": trained,
        "running statistics": running,
    }
    rows += [[name, "", "", f"{number:,}"] for name, number in sums.items()]
    return text_table(["layer", "kind", "output", "parameters"], rows)
