"""The two networks: parameter counts of the paper, and the same function as a plain port."""

import pytest

torch = pytest.importorskip("torch")

from plain_port import plainly  # noqa: E402

from densesharp.model.densenet import DenseNet  # noqa: E402
from densesharp.model.densesharp import (  # noqa: E402
    DenseSharp,
    export_weights,
    import_weights,
    voxel_shuffle,
)


def counted_as_keras_does(network: torch.nn.Module) -> tuple[int, int]:
    trained = sum(parameter.numel() for parameter in network.parameters())
    statistics = sum(
        tensor.numel() for name, tensor in network.state_dict().items() if "running_" in name
    )
    return trained + statistics, trained


def with_random_statistics(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.3, 2.0, generator=generator)
            elif name.endswith(("running_mean", "bias")):
                tensor.normal_(0.0, 0.2, generator=generator)
            elif ".norm" in name and name.endswith("weight"):
                tensor.uniform_(0.5, 1.5, generator=generator)
    return network.eval()


@pytest.mark.parametrize(
    ("network", "total", "trained"),
    [
        (DenseSharp, 599_012, 595_156),
        (DenseNet, 405_171, 401_315),
        (lambda: DenseSharp(growth=32), 2_215_140, 2_207_988),
        (lambda: DenseSharp(classes=1), 598_770, 594_914),
    ],
    ids=["DenseSharp", "DenseNet", "k32", "one_output"],
)
def test_a_network_has_the_paper_s_parameters(network, total, trained):
    assert counted_as_keras_does(network()) == (total, trained)


@pytest.mark.parametrize("arguments", [{}, {"growth": 4, "blocks": (2, 1, 2, 1), "stem": 8}])
def test_the_fast_arrangement_is_the_original_s_function(arguments):
    torch.manual_seed(1)
    network = with_random_statistics(DenseSharp(**arguments)).double()
    x = torch.randn(2, 1, 16, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        output = network(x)
        logits, mask_logits = plainly(network, x)
    torch.testing.assert_close(output.logits, logits, rtol=0, atol=1e-11)
    torch.testing.assert_close(output.mask_logits, mask_logits, rtol=0, atol=1e-11)


def test_the_fast_arrangement_has_the_original_s_gradients():
    torch.manual_seed(2)
    network = (
        with_random_statistics(DenseSharp(growth=4, blocks=(2, 2, 2), stem=8)).double().train()
    )
    x = torch.randn(3, 1, 16, 16, 16, dtype=torch.float64)

    def gradients(outputs):
        loss = sum(output.square().mean() for output in outputs)
        return torch.autograd.grad(loss, list(network.parameters()))

    output = network(x)
    fast = gradients((output.logits, output.mask_logits))
    for mine, theirs in zip(fast, gradients(plainly(network, x)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-8, atol=1e-12)


def test_the_activation_map_averages_to_the_logits():
    network = with_random_statistics(DenseSharp())
    with torch.no_grad():
        output = network(torch.randn(2, 1, 32, 32, 32))
    assert output.activation.shape == (2, 3, 8, 8, 8)
    torch.testing.assert_close(output.activation.mean((2, 3, 4)), output.logits)


def test_densenet_is_densesharp_without_the_mask():
    both, alone = with_random_statistics(DenseSharp()), DenseNet().eval()
    alone.load_state_dict(both.densenet.state_dict())
    x = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(alone(x).logits, both(x).logits)


def test_voxel_shuffle_puts_each_group_at_its_offset():
    x = torch.arange(8.0).reshape(1, 8, 1, 1, 1)
    torch.testing.assert_close(voxel_shuffle(x)[0, 0], torch.arange(8.0).reshape(2, 2, 2))


def test_weights_survive_export_and_import():
    source, target = with_random_statistics(DenseSharp(), seed=3), DenseSharp().eval()
    import_weights(target, export_weights(source))
    x = torch.randn(1, 1, 32, 32, 32)
    with torch.no_grad():
        for theirs, mine in zip(source(x), target(x), strict=True):
            assert torch.equal(theirs, mine)


def test_kernels_start_from_keras_he_uniform():
    torch.manual_seed(4)
    network = DenseSharp()
    conv, up = network.densenet.blocks[0][0].conv2.weight, network.decoder.ups[0].weight
    for kernel, fan in [(conv, 64 * 27), (up, 96 * 8)]:
        limit = (6 / fan) ** 0.5
        assert 0.99 * limit < kernel.abs().max().item() <= limit
    assert not network.decoder.mask.bias.any()


def test_dropout_drops_whole_channels_only_in_training():
    torch.manual_seed(5)
    network = DenseSharp(growth=4, blocks=(1, 1), stem=4, dropout=0.5)
    x = torch.randn(1, 1, 8, 8, 8)
    with torch.no_grad():
        assert not torch.equal(network.train()(x).logits, network(x).logits)
        assert torch.equal(network.eval()(x).logits, network(x).logits)
