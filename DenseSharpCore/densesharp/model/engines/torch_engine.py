"""The torch engine: graphics processors, and the reference on the processor.

On a GPU, patches run in batches of a few fixed sizes (padded up), all ensemble members in one
captured CUDA graph, because launching some 150 small kernels one by one takes longer than running
them. On a processor, patches run one by one. The CUDA parts follow torch's documentation; which
devices ran the tests and benchmarks is said in docs/reference/performance.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from densesharp.memory import keep_freed_memory
from densesharp.model.densesharp import voxel_shuffle
from densesharp.model.engines.fused import Affine, Conv, converted, fold, trace
from densesharp.model.engines.interface import (
    PATCH,
    EngineOutput,
    Floats,
    OutOfDeviceMemoryError,
    check_patches,
    empty_output,
)
from densesharp.model.model_file import ModelFile
from densesharp.words import counted

TORCH_PRECISION = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BATCH_SIZES = {"cpu": (1,), "mps": (1, 8), "cuda": (1, 8, 48)}
"""Batches an engine prepares; 48 is the full set of axis-aligned flips and rotations."""

ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]

Runner = Callable[[Tensor], tuple[Tensor, ...]]
"""From patches (n, 1, 32, 32, 32) on the processor to the parts of `EngineOutput` on the device."""


class TorchEngine:
    """Runs a model file with torch.

    Args:
        model: a DenseSharp, one member or an ensemble.
        device: "cpu", "cuda", "cuda:1", "mps".
        precision: "fp32", "bf16" or "fp16".
        threads: processor cores to use where the device is the processor.

    Raises:
        OutOfDeviceMemoryError: the device cannot hold even one patch.
    """

    def __init__(self, model: ModelFile, device: str, precision: str, threads: int) -> None:
        self.model = model
        self.fallback: str | None = None
        self._device = torch.device(device)
        self._dtype = TORCH_PRECISION[precision]
        self._threads = threads
        self._runners: dict[int, Runner] = {}
        if self._device.type == "cpu":
            keep_freed_memory(all_of_it=False)
        with self._settings():
            try:
                self._members = [
                    converted(fold(weights, model.card.architecture), self._tensor)
                    for weights in model.members
                ]
                for size in BATCH_SIZES[self._device.type]:
                    self._runners[size] = self._runner(size)
            except torch.OutOfMemoryError as error:
                if not self._runners:
                    raise self._out_of_memory() from error
        self.batch = max(self._runners)
        self.description = f"{self._device_name()}, {precision} (torch {torch.__version__})"

    def run(self, patches: Floats) -> EngineOutput:
        """See `interface.Engine.run`.

        Raises:
            OutOfDeviceMemoryError: the device's memory is full, even for one patch.
        """
        check_patches(patches)
        output = empty_output(self.model, len(patches))
        start = 0
        with self._settings():
            while start < len(patches):
                rest = len(patches) - start
                size = min((n for n in self._runners if n >= rest), default=self.batch)
                stop = min(start + size, len(patches))
                padded = torch.zeros(size, 1, *PATCH)
                padded[: stop - start, 0] = torch.from_numpy(patches[start:stop])
                try:
                    parts = self._runners[size](padded)
                except torch.OutOfMemoryError as error:
                    self._drop(size, error)
                    continue
                for array, part in zip(output, parts, strict=True):
                    array[start:stop] = part[: stop - start].cpu().numpy()
                start = stop
        return output

    def _drop(self, size: int, error: torch.OutOfMemoryError) -> None:
        """Do without batches of this size and larger ones."""
        self._runners = {n: runner for n, runner in self._runners.items() if n < size}
        torch.cuda.empty_cache()
        if not self._runners:
            raise self._out_of_memory() from error
        self.batch = max(self._runners)

    def _out_of_memory(self) -> OutOfDeviceMemoryError:
        return OutOfDeviceMemoryError(f"{self._device_name()} ran out of memory.")

    def _device_name(self) -> str:
        if self._device.type == "cuda":
            return f"Graphics processor {torch.cuda.get_device_name(self._device)}"
        if self._device.type == "mps":
            return "Apple graphics processor"
        return f"Processor, {counted(self._threads, 'thread')}"

    @contextlib.contextmanager
    def _settings(self) -> Iterator[None]:
        """Torch's process-wide switches as this engine needs them, put back afterwards."""
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            # Without this, "fp32" on recent GPUs would mean convolutions in TF32.
            exact = self._dtype == torch.float32
            with (
                torch.inference_mode(),
                torch.backends.cudnn.flags(
                    enabled=True, benchmark=not exact, deterministic=exact, allow_tf32=not exact
                ),
            ):
                yield
        finally:
            torch.set_num_threads(before)

    def _tensor(self, array: Floats) -> Tensor:
        tensor = torch.from_numpy(array).to(self._device, self._dtype)
        if tensor.ndim == 5:
            tensor = tensor.contiguous(memory_format=torch.channels_last_3d)
        return tensor

    def _runner(self, size: int) -> Runner:
        """Prepare batches of one size: capture them on CUDA, warm up elsewhere."""
        patches = torch.zeros(size, 1, *PATCH)
        if self._device.type != "cuda":
            self._forward(patches)
            return self._forward
        given = patches.to(self._device)
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(side):  # cuDNN chooses its algorithms before the capture
            for _ in range(3):
                self._forward(given)
        torch.cuda.current_stream(self._device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            parts = self._forward(given)

        def replay(patches: Tensor) -> tuple[Tensor, ...]:
            given.copy_(patches)
            graph.replay()
            return parts

        return replay

    def _forward(self, patches: Tensor) -> tuple[Tensor, ...]:
        x = patches.to(self._device, self._dtype)
        # A copy, because with one channel torch takes any memory for channels-last already.
        x = x.clone(memory_format=torch.channels_last_3d)
        members = []
        for network in self._members:
            activation, mask_logits = trace(_TorchOperations(), network, x)
            activation = activation.float()
            mask = mask_logits.float().sigmoid()[:, 0]
            members.append((activation.mean((2, 3, 4)), mask, activation))
        return tuple(torch.stack(parts, dim=1) for parts in zip(*members, strict=True))


class _TorchOperations:
    """Tensors for `folded.trace`; see `folded.Operations`. All are channels-last."""

    def conv(self, x: Tensor, conv: Conv) -> Tensor:
        padding = [size // 2 for size in conv.weight.shape[2:]]
        if x.device.type == "cpu" and ONEDNN:
            # torch's own choice sends 24 of 28 single-patch convolutions to a slow loop: 1.6x.
            ones = [1, 1, 1]
            return torch.mkldnn_convolution(x, conv.weight, conv.bias, padding, ones, ones, 1)
        return functional.conv3d(x, conv.weight, conv.bias, padding=padding)

    def affine_relu(self, x: Tensor, affine: Affine) -> Tensor:
        # Without `out`, addcmul takes the small operand's memory layout: a hidden copy per layer.
        return torch.addcmul(affine.shift, x, affine.scale, out=torch.empty_like(x)).relu_()

    def relu(self, x: Tensor) -> Tensor:
        return x.relu_()

    def halve(self, x: Tensor) -> Tensor:
        # By hand: avg_pool3d knows no bfloat16 on processors and is missing on some devices.
        x = x[:, :, 0::2] + x[:, :, 1::2]
        x = x[:, :, :, 0::2] + x[:, :, :, 1::2]
        return (x[..., 0::2] + x[..., 1::2]) * 0.125

    def concat(self, new: Tensor, old: Tensor) -> Tensor:
        return torch.cat([new, old], dim=1)

    def add_spread(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return fine + voxel_shuffle(coarse)
