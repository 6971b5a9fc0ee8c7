"""The CPU engine: OpenVINO, its graph built straight from a model file's arrays.

Needs no torch and no second weights file. Ensemble members stand side by side in one graph.
Patches run one after the other: on a CPU a batch is no faster per patch (docs/reference/
performance.md), and small steps let the caller cancel in between.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

from densesharp.errors import DeviceError
from densesharp.model.engines.fused import Affine, Conv, fold, trace
from densesharp.model.engines.interface import (
    PATCH,
    EngineOutput,
    Floats,
    check_patches,
    empty_output,
)
from densesharp.model.model_file import ModelFile
from densesharp.words import counted

OPENVINO_PRECISION = {"fp32": "f32", "bf16": "bf16"}


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry, which otherwise reports every import over the network.

    Raises:
        ImportError: OpenVINO is not installed.
    """
    telemetry = "openvino_telemetry"
    quiet = telemetry not in sys.modules
    if quiet:
        sys.modules[telemetry] = None  # type: ignore[assignment]  # "not installed": OpenVINO's stub
    try:
        import openvino
        import openvino.opset13
    finally:
        if quiet:
            del sys.modules[telemetry]
    return openvino  # type: ignore[no-any-return]


def has_native_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware (AVX512-BF16 or AMX)."""
    capabilities = import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


class OpenVinoEngine:
    """Runs a model file on the processor.

    Args:
        model: a DenseSharp, one member or an ensemble.
        precision: "fp32", or "bf16" where `has_native_bfloat16()`.
        threads: processor cores to use.

    Raises:
        ImportError: OpenVINO is not installed.
        DeviceError: OpenVINO cannot use this processor.
    """

    batch = 1

    def __init__(self, model: ModelFile, precision: str, threads: int) -> None:
        openvino = import_openvino()
        self.model = model
        self.fallback: str | None = None
        self.description = (
            f"Processor, {counted(threads, 'thread')}, {precision} "
            f"(OpenVINO {openvino.__version__.split('-')[0]})"
        )
        settings = {
            "INFERENCE_PRECISION_HINT": OPENVINO_PRECISION[precision],
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            # Pinned threads of two processes would share the same cores and leave others idle.
            "ENABLE_CPU_PINNING": False,
            "ENABLE_HYPER_THREADING": False,
        }
        try:
            compiled = openvino.Core().compile_model(_graph(openvino, model), "CPU", settings)
            self._request = compiled.create_infer_request()
        except RuntimeError as error:
            message = f"OpenVINO cannot use this processor ({str(error).splitlines()[0]})."
            raise DeviceError(message) from error
        # The first run prepares memory; afterwards all runs take the same time.
        self.run(np.zeros((1, *PATCH), np.float32))

    def run(self, patches: Floats) -> EngineOutput:
        """See `interface.Engine.run`."""
        check_patches(patches)
        output = empty_output(self.model, len(patches))
        for number, patch in enumerate(patches):
            self._request.infer([patch[None, None]])
            for position, array in enumerate(output):
                array[number] = self._request.get_output_tensor(position).data
        return output


def _graph(openvino: ModuleType, model: ModelFile) -> Any:
    """Build the graph: one patch (1, 1, 32, 32, 32) to logits, mask and activation, (M, ...)."""
    ops = openvino.opset13
    patch = ops.parameter([1, 1, *PATCH], np.float32, "patch")
    members = []
    for weights in model.members:
        network = fold(weights, model.card.architecture)
        activation, mask_logits = trace(_GraphOperations(ops), network, patch)
        logits = ops.reduce_mean(activation, np.array([2, 3, 4]))
        mask = ops.sigmoid(ops.squeeze(mask_logits, np.array([1])))
        members.append((logits, mask, activation))
    results = [ops.result(ops.concat(list(parts), 0)) for parts in zip(*members, strict=True)]
    return openvino.Model(results, [patch], "DenseSharp")


class _GraphOperations:
    """Nodes for `folded.trace`; see `folded.Operations`."""

    def __init__(self, ops: ModuleType) -> None:
        self.ops = ops

    def conv(self, x: Any, conv: Conv) -> Any:
        ones, padding = [1, 1, 1], [size // 2 for size in conv.weight.shape[2:]]
        y = self.ops.convolution(x, conv.weight, ones, padding, padding, ones)
        return self.ops.add(y, conv.bias.reshape(1, -1, 1, 1, 1))

    def affine_relu(self, x: Any, affine: Affine) -> Any:
        return self.relu(self.ops.add(self.ops.multiply(x, affine.scale), affine.shift))

    def relu(self, x: Any) -> Any:
        return self.ops.relu(x)

    def halve(self, x: Any) -> Any:
        two, none = [2, 2, 2], [0, 0, 0]
        return self.ops.avg_pool(x, two, none, none, two, exclude_pad=True)

    def concat(self, new: Any, old: Any) -> Any:
        return self.ops.concat([new, old], 1)

    def add_spread(self, fine: Any, coarse: Any) -> Any:
        return self.ops.add(fine, self.ops.depth_to_space(coarse, "blocks_first", 2))
