"""Which engine runs: devices, precision, threads, and what happens when memory ends."""

import sys

import numpy as np
import pytest
from random_models import random_model

import densesharp.model.engines as engines
from densesharp.errors import DeviceError, ModelError
from densesharp.model.engines import (
    available_cores,
    open_engine,
    report_devices,
)
from densesharp.model.engines import (
    precision_check as parity,
)
from densesharp.model.engines.interface import OutOfDeviceMemoryError, empty_output
from densesharp.model.engines.precision_check import agrees, check_patches_of_nodules


def without(monkeypatch, *packages):
    """As on a machine where these packages are not installed."""
    find = engines.importlib.util.find_spec

    def hidden(name, *rest):
        return None if name in packages else find(name, *rest)

    monkeypatch.setattr("importlib.util.find_spec", hidden)
    for package in packages:
        monkeypatch.setitem(sys.modules, package, None)
        # Both places that hold a module, or later tests would patch one and run the other.
        monkeypatch.delitem(
            sys.modules, f"densesharp.model.engines.{package}_engine", raising=False
        )
        monkeypatch.delattr(engines, f"{package}_engine", raising=False)


def with_a_gpu(monkeypatch, works, right=True):
    """A GPU that convolves or not, and whose results are the processor's or not."""
    report = engines.DeviceReport("cuda", works, "it runs a 3D convolution (torch).")
    monkeypatch.setattr(parity, "agrees", lambda *_: right)
    monkeypatch.setattr(engines, "gpu_names", lambda: ["cuda"])
    monkeypatch.setattr(engines, "probe", lambda _: report)


class AnEngine:
    """Answers with constants; its memory ends after some calls."""

    description, fallback, batch = "a GPU", None, 8

    def __init__(self, model, calls=10**9, mask=1.0, logits=(1.0, 0.0, 0.0)):
        self.model, self.calls, self.mask, self.logits = model, calls, mask, logits

    def run(self, patches):
        self.calls -= 1
        if self.calls < 0:
            raise OutOfDeviceMemoryError("Graphics processor X ran out of memory.")
        output = empty_output(self.model, len(patches))
        output.logits[:] = self.logits
        output.mask[:] = self.mask
        output.activation[:] = 0.0
        return output


def test_the_processor_engine_is_openvino_and_leaves_a_core_for_the_views(a_tiny_model):
    engine = open_engine(a_tiny_model, "cpu", "fp32")
    threads = max(1, available_cores() - 1)
    assert engine.description.startswith(f"Processor, {threads} thread")
    assert "OpenVINO" in engine.description
    assert "fp32" in engine.description
    assert engine.fallback is None
    assert engine.model is a_tiny_model
    assert "2 threads" in open_engine(a_tiny_model, "cpu", threads=2).description


def test_torch_steps_in_where_openvino_cannot_be_installed(a_tiny_model, patches, monkeypatch):
    pytest.importorskip("torch")
    expected = open_engine(a_tiny_model, "cpu", "fp32").run(patches)
    without(monkeypatch, "openvino")
    engine = open_engine(a_tiny_model)
    assert "torch" in engine.description
    np.testing.assert_allclose(engine.run(patches).mask, expected.mask, atol=5e-6)


def test_with_no_engine_at_all_the_user_is_told_what_to_install(a_tiny_model, monkeypatch):
    without(monkeypatch, "openvino", "torch")
    with pytest.raises(DeviceError, match="install OpenVINO or PyTorch"):
        open_engine(a_tiny_model)
    (gpu, processor) = report_devices()
    assert not gpu.works
    assert not processor.works
    assert "install one of them" in processor.detail


def test_a_device_that_is_not_there_is_refused_with_the_reason(a_tiny_model):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    for device in ("cuda", "cuda:7", "toaster"):
        with pytest.raises(DeviceError, match=f"'{device}' cannot be used"):
            open_engine(a_tiny_model, device)


def test_every_device_is_reported_and_the_processor_works():
    reports = report_devices()
    assert reports[-1].device == "cpu"
    assert reports[-1].works
    assert all(report.detail.endswith(".") for report in reports)


def test_a_listed_gpu_that_cannot_convolve_is_passed_over(a_tiny_model, monkeypatch):
    with_a_gpu(monkeypatch, works=False)
    assert "Processor" in open_engine(a_tiny_model, "auto").description


def test_a_working_gpu_is_taken(a_tiny_model, monkeypatch):
    with_a_gpu(monkeypatch, works=True)
    monkeypatch.setattr(engines, "_open_on_gpu", lambda model, *_: AnEngine(model))
    engine = open_engine(a_tiny_model, "auto")
    assert (engine.description, engine.fallback, engine.batch) == ("a GPU", None, 8)


@pytest.mark.parametrize("calls", [0, 1])
def test_the_processor_takes_over_when_the_gpu_s_memory_is_full(
    a_tiny_model, patches, monkeypatch, calls
):
    with_a_gpu(monkeypatch, works=True)
    monkeypatch.setattr(engines, "_open_on_gpu", lambda model, *_: AnEngine(model, calls=calls))
    engine = open_engine(a_tiny_model, "auto")
    for _ in range(calls):
        assert (engine.run(patches).mask == 1.0).all()
    output = engine.run(patches)
    expected = open_engine(a_tiny_model, "cpu").run(patches)
    np.testing.assert_array_equal(output.mask, expected.mask)
    assert "X ran out of memory" in engine.fallback
    assert "Processor" in engine.description
    assert engine.batch == 1


def test_the_processor_takes_over_when_the_model_does_not_fit_at_load(a_tiny_model, monkeypatch):
    def too_large(*_):
        raise OutOfDeviceMemoryError("Graphics processor X ran out of memory.")

    with_a_gpu(monkeypatch, works=True)
    monkeypatch.setattr(engines, "_open_on_gpu", too_large)
    assert "took over" in open_engine(a_tiny_model, "auto").fallback


def test_a_gpu_that_computes_something_else_is_not_trusted(a_tiny_model, patches, monkeypatch):
    with_a_gpu(monkeypatch, works=True, right=False)
    monkeypatch.setattr(engines, "_open_on_gpu", lambda model, *_: AnEngine(model))
    engine = open_engine(a_tiny_model, "auto")
    assert "gives other results than the processor" in engine.fallback
    expected = open_engine(a_tiny_model, "cpu").run(patches)
    np.testing.assert_array_equal(engine.run(patches).mask, expected.mask)


def test_the_results_of_a_gpu_are_compared_with_the_processor_s(a_tiny_model, monkeypatch):
    """The real check: an engine of constants is caught, the processor under another name is not."""
    with_a_gpu(monkeypatch, works=True)
    monkeypatch.setattr(parity, "agrees", agrees)
    monkeypatch.setattr(engines, "_open_on_gpu", lambda model, *_: AnEngine(model))
    on_processor, asked = engines._open_on_processor, []
    monkeypatch.setattr(
        engines, "_open_on_processor", lambda *given: asked.append(given[1]) or on_processor(*given)
    )
    assert open_engine(a_tiny_model, "auto").fallback is not None
    assert asked == ["fp32", "auto"]  # compared with the exact one; then the processor takes over
    own = open_engine(a_tiny_model, "cpu")
    monkeypatch.setattr(engines, "_open_on_gpu", lambda *_: own)
    assert open_engine(a_tiny_model, "auto").fallback is None


@pytest.mark.parametrize("calls", [0, 1])
def test_a_gpu_that_fails_is_replaced_and_the_reason_is_one_line(
    a_tiny_model, patches, monkeypatch, calls
):
    class Failing(AnEngine):
        def run(self, patches):
            if self.calls == 0:
                raise RuntimeError("CUDA error: no kernel image\nCompile with TORCH_USE_CUDA_DSA")
            return super().run(patches)

    def open_gpu(model, *_):
        if calls == 0:
            raise RuntimeError("CUDA error: no kernel image\nCompile with TORCH_USE_CUDA_DSA")
        return Failing(model, calls=calls)

    with_a_gpu(monkeypatch, works=True)
    monkeypatch.setattr(engines, "_open_on_gpu", open_gpu)
    engine = open_engine(a_tiny_model, "auto")
    for _ in range(calls):
        engine.run(patches)
    expected = open_engine(a_tiny_model, "cpu").run(patches)
    np.testing.assert_array_equal(engine.run(patches).mask, expected.mask)
    reason = "The graphics processor failed (CUDA error: no kernel image). The processor took over."
    assert engine.fallback == reason


def test_torch_tries_smaller_batches_before_it_gives_up(a_tiny_model, patches, monkeypatch):
    torch = pytest.importorskip("torch")
    from densesharp.model.engines import torch_engine

    monkeypatch.setattr(torch_engine, "BATCH_SIZES", {"cpu": (1, 4)})
    engine = torch_engine.TorchEngine(a_tiny_model, "cpu", "fp32", 1)
    expected = engine.run(patches)

    def full(_):
        raise torch.OutOfMemoryError("full")

    engine._runners[4] = full
    for mine, theirs in zip(engine.run(patches), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert engine.batch == 1
    engine._runners[1] = full
    with pytest.raises(OutOfDeviceMemoryError, match="ran out of memory"):
        engine.run(patches)


def test_a_network_without_a_mask_is_refused():
    with pytest.raises(ModelError, match="DenseNet, which outlines nothing"):
        open_engine(random_model(name="DenseNet"))


def test_reduced_precision_is_taken_where_results_stay_and_fp32_on_request(a_model, monkeypatch):
    pytest.importorskip("openvino")
    from densesharp.model.engines import openvino_engine

    native = openvino_engine.has_native_bfloat16()
    monkeypatch.setattr(parity, "agrees", lambda *_: True)
    precision = "bf16" if native else "fp32"
    assert precision in open_engine(a_model, "cpu").description
    assert "fp32" in open_engine(a_model, "cpu", "fp32").description
    monkeypatch.setattr(parity, "agrees", lambda *_: False)
    assert "fp32" in open_engine(a_model, "cpu").description
    monkeypatch.setattr(openvino_engine, "has_native_bfloat16", lambda: False)
    assert "fp32" in open_engine(a_model, "cpu").description


@pytest.mark.parametrize(
    ("change", "agreeing"),
    [
        ({}, True),
        ({"mask": 0.52}, True),
        ({"mask": 0.54}, False),
        ({"mask": 0.49}, False),
        ({"logits": (1.01, 0.0, 0.0)}, True),
        ({"logits": (1.1, 0.0, 0.0)}, False),
        ({"logits": (0.0, 1.0, 0.0)}, False),
    ],
)
def test_parity_judges_masks_classes_and_probabilities(a_tiny_model, change, agreeing):
    exact = AnEngine(a_tiny_model, mask=0.501)
    assert agrees(AnEngine(a_tiny_model, **{"mask": 0.501, **change}), exact) is agreeing


@pytest.mark.parametrize(("lost", "agreeing"), [(0.0099, True), (0.0101, False)])
def test_one_patch_with_a_dice_under_0995_is_enough(a_tiny_model, lost, agreeing):
    """Of the voxels of one patch a share is lost; Dice is then 2 (1 - lost) / (2 - lost)."""
    mask = np.full((8, 1, 32**3), 0.501, np.float32)
    mask[5, 0, : round(lost * 32**3)] = 0.499
    changed = AnEngine(a_tiny_model, mask=mask.reshape(8, 1, 32, 32, 32))
    assert agrees(changed, AnEngine(a_tiny_model, mask=0.501)) is agreeing


def test_two_empty_masks_agree(a_tiny_model):
    assert agrees(AnEngine(a_tiny_model, mask=0.0), AnEngine(a_tiny_model, mask=0.02))


def test_check_patches_are_balls_of_four_densities_and_two_sizes_in_lung():
    patches = check_patches_of_nodules()
    assert patches.shape == (8, 32, 32, 32)
    assert patches.dtype == np.float32
    hounsfield = (patches + 1) * 128 / 255 * 1424 - 1024
    corner, centre = hounsfield[:, :4, :4, :4], hounsfield[:, 15:17, 15:17, 15:17]
    assert corner.mean((1, 2, 3)) == pytest.approx(-850, abs=10)
    assert centre.mean((1, 2, 3)) == pytest.approx([-550, 0, 30, 300] * 2, abs=20)
    for number, radius in ((2, 3.5), (6, 7.5)):
        volume = (hounsfield[number] > -410).sum()
        assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.15)
