"""Engines: run a model file on a device, a batch of patches in, arrays out.

`open_engine` chooses. On processors OpenVINO runs, or torch where OpenVINO cannot be installed; on
graphics processors torch runs. Neither is imported before it is needed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from densesharp.errors import DeviceError, ModelError
from densesharp.model.engines.devices import (
    DeviceReport,
    available_cores,
    gpu_names,
    probe,
    report_devices,
)
from densesharp.model.engines.interface import (
    Engine,
    EngineOutput,
    Floats,
    OutOfDeviceMemoryError,
)
from densesharp.model.model_file import ModelFile, load_model
from densesharp.resources import model_path

__all__ = [
    "DeviceReport",
    "Engine",
    "EngineOutput",
    "Precision",
    "available_cores",
    "open_engine",
    "report_devices",
]

Precision = Literal["auto", "fp32"]


def open_engine(
    model: ModelFile | str | Path | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    threads: int | None = None,
) -> Engine:
    """Load a model file onto a device, ready to run.

    Args:
        model: a DenseSharp, one member or an ensemble, or the path of its file; None takes the
            bundled one.
        device: "auto" (a GPU that really works, else the processor), "cpu", "cuda", "cuda:1",
            "mps".
        precision: "auto" takes bfloat16 (processor) or float16 (CUDA), which is faster, where the
            hardware has it and where this model's results stay the same on check patches; else
            fp32. "fp32" gives the same results on every machine to about 1e-6.
        threads: processor cores to use; None leaves one for the views. Has no effect on GPUs
            until the processor has to take over.

    Raises:
        DeviceError: the device asked for does not work here; the message says why.
        ModelError: the model file is damaged or holds no mask branch.

    Returns:
        An engine: `run` takes patches (n, 1, 32, 32, 32) float32 in network units; `model` is the
        model file, `description` says device and precision. Keep it: opening takes about a second.

    Examples:
        >>> engine = densesharp.open_engine(device="cpu", precision="fp32")
        >>> engine.model.card.classes
        ('AAH-AIS', 'MIA', 'IAC')
        >>> densesharp.open_engine("missing.safetensors")
        Traceback (most recent call last):
        densesharp.errors.ModelError: ...
    """
    if not isinstance(model, ModelFile):
        model = load_model(model or model_path())
    if model.card.architecture.name != "DenseSharp":
        raise ModelError(
            f"The model '{model.card.name}' is a {model.card.architecture.name}, which outlines "
            "nothing: use a DenseSharp model file."
        )
    cores = threads if threads is not None else max(1, available_cores() - 1)

    def on_processor(wanted: Precision) -> Engine:
        return _open_on_processor(model, wanted, cores)

    if device == "auto":
        device = next((name for name in gpu_names() if probe(name).works), "cpu")
    elif device != "cpu":
        report = probe(device)
        if not report.works:
            raise DeviceError(
                f"The device '{device}' cannot be used: {report.detail} Choose the processor, cpu."
            )
    if device == "cpu":
        return on_processor(precision)
    return _EngineWithFallback(
        lambda: _open_on_gpu(model, device, precision), on_processor, precision
    )


class _EngineWithFallback:
    """A GPU engine that hands over to the processor, once, when the GPU cannot be relied on.

    At load, when it gives other results than the processor on the check patches: drivers and
    libraries differ too much between computers to be trusted unseen. And whenever it fails.
    """

    def __init__(
        self,
        open_gpu: Callable[[], Engine],
        open_processor: Callable[[Precision], Engine],
        precision: Precision,
    ) -> None:
        from densesharp.model.engines.precision_check import agrees

        self._open_processor, self._precision = open_processor, precision
        self.fallback: str | None = None
        try:
            self._engine = open_gpu()
            trusted = agrees(self._engine, open_processor("fp32"))
        except (OutOfDeviceMemoryError, RuntimeError) as error:
            self._hand_over(_reason(error))
            return
        if not trusted:
            self._hand_over("The graphics processor gives other results than the processor.")

    @property
    def model(self) -> ModelFile:
        return self._engine.model

    @property
    def description(self) -> str:
        return self._engine.description

    @property
    def batch(self) -> int:
        return self._engine.batch

    def run(self, patches: Floats) -> EngineOutput:
        try:
            return self._engine.run(patches)
        except (OutOfDeviceMemoryError, RuntimeError) as error:
            if self.fallback:  # it is the processor that failed
                raise
            self._hand_over(_reason(error))
        return self._engine.run(patches)

    def _hand_over(self, reason: str) -> None:
        self._engine = self._open_processor(self._precision)
        self.fallback = f"{reason} The processor took over."


def _reason(error: Exception) -> str:
    """A sentence for the user; torch's own errors have many lines."""
    if isinstance(error, OutOfDeviceMemoryError):
        return str(error)
    first = str(error).partition("\n")[0] or type(error).__name__
    return f"The graphics processor failed ({first})."


def _open_on_processor(model: ModelFile, precision: Precision, threads: int) -> Engine:
    """Open OpenVINO, or torch where OpenVINO is not installed or does not run."""
    try:
        from densesharp.model.engines.openvino_engine import OpenVinoEngine, has_native_bfloat16

        exact = OpenVinoEngine(model, "fp32", threads)
    except (ImportError, DeviceError) as error:
        if importlib.util.find_spec("torch") is None:
            message = f"No engine can run on this processor ({error}): install OpenVINO or PyTorch."
            raise DeviceError(message) from error
        from densesharp.model.engines.torch_engine import TorchEngine

        return TorchEngine(model, "cpu", "fp32", threads)
    if precision == "auto" and has_native_bfloat16():
        return _reduced_if_safe(OpenVinoEngine(model, "bf16", threads), exact)
    return exact


def _open_on_gpu(model: ModelFile, device: str, precision: Precision) -> Engine:
    from densesharp.model.engines.torch_engine import TorchEngine

    exact = TorchEngine(model, device, "fp32", 1)
    if precision == "auto" and device.startswith("cuda"):
        return _reduced_if_safe(TorchEngine(model, device, "fp16", 1), exact)
    return exact


def _reduced_if_safe(reduced: Engine, exact: Engine) -> Engine:
    from densesharp.model.engines.precision_check import agrees

    return reduced if agrees(reduced, exact) else exact
