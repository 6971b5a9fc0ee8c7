"""Every engine computes the network's function; none needs what it should not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from random_models import random_model

from densesharp.model.engines.interface import check_patches

torch = pytest.importorskip("torch")

from densesharp.model.densesharp import DenseSharp, import_weights  # noqa: E402
from densesharp.model.engines.openvino_engine import OpenVinoEngine  # noqa: E402
from densesharp.model.engines.torch_engine import TorchEngine  # noqa: E402

HERE = str(Path(__file__).parent)
ENGINES = {
    "openvino": lambda model, threads=1: OpenVinoEngine(model, "fp32", threads),
    "torch": lambda model, threads=1: TorchEngine(model, "cpu", "fp32", threads),
}


def reference(model, patches):
    """Each member as the network that is trained."""
    outputs = []
    for weights in model.members:
        network = DenseSharp(**model.card.architecture.arguments())
        import_weights(network, weights)
        with torch.no_grad():
            outputs.append(network.eval()(torch.from_numpy(patches)[:, None]))
    logits = np.stack([output.logits.numpy() for output in outputs], 1)
    mask = np.stack([output.mask_logits.sigmoid().numpy()[:, 0] for output in outputs], 1)
    return logits, mask, np.stack([output.activation.numpy() for output in outputs], 1)


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def assert_same_function(output, expected):
    logits, mask, activation = expected
    assert [part.shape for part in output] == [part.shape for part in expected]
    assert [part.dtype for part in output] == [np.float32] * 3
    np.testing.assert_allclose(softmax(output.logits), softmax(logits), rtol=0, atol=1e-6)
    scale = max(1.0, np.abs(activation).max())
    np.testing.assert_allclose(output.logits / scale, logits / scale, rtol=0, atol=1e-6)
    # Single voxels are not averaged, and random weights give steep logits: rounding of a few 1e-6.
    np.testing.assert_allclose(output.activation / scale, activation / scale, rtol=0, atol=5e-6)
    np.testing.assert_allclose(output.mask, mask, rtol=0, atol=5e-6)
    np.testing.assert_array_equal(output.mask > 0.5, mask > 0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_the_network_s_answers_for_every_member(
    engine, an_ensemble_of_two, patches
):
    output = ENGINES[engine](an_ensemble_of_two).run(patches)
    assert output.mask.shape == (3, 2, 32, 32, 32)
    assert_same_function(output, reference(an_ensemble_of_two, patches))
    np.testing.assert_allclose(output.activation.mean((3, 4, 5)), output.logits, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "arguments",
    [
        {"growth": 4, "bottleneck": 3, "compression": 3, "blocks": (2, 1, 3, 1), "classes": 2},
        {"growth": 4, "blocks": (2,), "stem": 5, "classes": 1},
    ],
)
def test_an_engine_runs_other_architectures(engine, arguments, patches):
    model = random_model(**arguments)
    assert_same_function(ENGINES[engine](model).run(patches), reference(model, patches))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_the_same_bits_again_and_in_any_company(engine, a_model, patches):
    running = ENGINES[engine](a_model)
    together = running.run(patches)
    for number in range(len(patches)):
        alone = running.run(patches[number : number + 1])
        for one, all_parts in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one[0], all_parts[number])


@pytest.mark.parametrize("engine", ENGINES)
def test_no_patches_give_empty_arrays(engine, a_tiny_model, patches):
    output = ENGINES[engine](a_tiny_model).run(patches[:0])
    assert output.mask.shape == (0, 1, 32, 32, 32)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((32, 32, 32), np.float32),
        np.zeros((1, 32, 32, 16), np.float32),
        np.zeros((1, 32, 32, 32)),
        np.zeros((1, 1, 32, 32, 32), np.float32),
    ],
)
def test_other_shapes_and_types_are_refused(wrong):
    with pytest.raises(ValueError, match="float32"):
        check_patches(wrong)


def test_torch_pads_to_prepared_batches_and_cuts_them_off_again(a_tiny_model, patches, monkeypatch):
    monkeypatch.setattr("densesharp.model.engines.torch_engine.BATCH_SIZES", {"cpu": (1, 4)})
    many = np.concatenate([patches, patches[::-1]])  # six: one batch of four, one half filled
    engine = ENGINES["torch"](a_tiny_model)
    assert engine.batch == 4
    assert_same_function(engine.run(many), reference(a_tiny_model, many))


def test_torch_puts_the_number_of_threads_back(a_tiny_model, patches):
    before = torch.get_num_threads()
    ENGINES["torch"](a_tiny_model, threads=before + 1).run(patches[:1])
    assert torch.get_num_threads() == before


def test_onednn_s_convolution_is_where_the_torch_engine_expects_it():
    """`torch.mkldnn_convolution` is undocumented; a torch without it must be noticed here."""
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch was built without oneDNN")
    x, kernel = torch.randn(1, 3, 5, 5, 5), torch.randn(2, 3, 3, 3, 3)
    x = x.contiguous(memory_format=torch.channels_last_3d)
    mine = torch.mkldnn_convolution(x, kernel, None, [1] * 3, [1] * 3, [1] * 3, 1)
    torch.testing.assert_close(mine, torch.nn.functional.conv3d(x, kernel, padding=1))


def test_the_processor_engine_needs_no_torch_and_sends_no_telemetry():
    """OpenVINO's package reports each import over the network unless its telemetry is absent."""
    code = """
import socket, sys
def refuse(*_, **__):
    raise SystemExit("opened a socket")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
from densesharp.model.engines.openvino_engine import has_native_bfloat16, import_openvino
import_openvino(); has_native_bfloat16()
loaded = {"torch", "openvino_telemetry", "keras", "tensorflow"} & set(sys.modules)
sys.exit(f"loaded {loaded}" if loaded else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc gives memory back")
def test_torch_on_a_processor_keeps_its_memory_between_patches(tmp_path):
    """Mapping it anew took a sixth of the time. In a process of its own: the setting is its own."""
    code = (
        "import resource, numpy as np\n"
        "from random_models import random_model\n"
        "from densesharp.model.engines.torch_engine import TorchEngine\n"
        "engine = TorchEngine(random_model(), 'cpu', 'fp32', 1)\n"
        "patch = np.zeros((1, 32, 32, 32), np.float32)\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "engine.run(patch), engine.run(patch)\n"
        "def run(): before = faults(); engine.run(patch); return faults() - before\n"
        "print(min(run() for _ in range(8)))\n"  # a busy system takes pages away in between
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": HERE},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(found.stdout) < 1000  # pages of 4 kB; one activation alone has 3,000
