"""The network's table: the original's numbers, layer by layer and in all."""

import pytest
import torch

from densesharp.explore.network import layers, summary
from densesharp.model.densenet import DenseNet
from densesharp.model.densesharp import DenseSharp


def test_the_layers_add_up_to_the_papers_network() -> None:
    found = layers(DenseSharp())
    assert sum(layer.total for layer in found) == 599_012
    assert sum(layer.trained for layer in found) == 595_156
    assert sum(layer.running for layer in found) == 3_856


def test_other_networks_of_the_original_notebook() -> None:
    assert sum(layer.total for layer in layers(DenseNet())) == 405_171
    assert sum(layer.total for layer in layers(DenseSharp(growth=32))) == 2_215_140


def test_every_layer_with_parameters_is_listed_once_with_its_shape() -> None:
    network = DenseSharp().train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    by_name = {layer.name: layer for layer in layers(network)}
    holders = {name.rpartition(".")[0] for name, _ in network.named_parameters()}
    assert set(by_name) == holders
    # Widths of the original: 32 -> 96 -> 48 -> 112 -> 56 -> 120.
    assert by_name["densenet.stem"].output == (32, 32, 32, 32)
    assert by_name["densenet.transitions.0.norm"].output == (96, 32, 32, 32)
    assert by_name["densenet.transitions.0.conv"].output == (48, 16, 16, 16)
    assert by_name["densenet.norm"].output == (120, 8, 8, 8)
    assert by_name["decoder.ups.1"].output == (112, 16, 16, 16)
    assert by_name["decoder.ups.0"].output == (96, 32, 32, 32)
    assert by_name["decoder.mask"].output == (1, 32, 32, 32)
    # 3x3x3 kernels from 1 to 32 channels, and 32 biases.
    assert by_name["densenet.stem"].trained == 27 * 32 + 32
    assert network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_table_says_it_in_words() -> None:
    lines = summary(DenseSharp()).splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters"]
    assert lines[1].split() == [
        "densenet.stem",
        "Conv3d",
        *["32", "x", "32", "x", "32", "x", "32"],
        "896",
    ]
    assert lines[-3].split()[-1] == "599,012"
    assert max(map(len, lines)) < 100


def test_hooks_are_taken_off_again_when_the_network_fails() -> None:
    network = DenseSharp()
    with pytest.raises(RuntimeError):
        layers(network, edge=3)
    assert not any(module._forward_hooks for module in network.modules())
