"""What every engine is and gives: a batch of patches in, arrays out."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import DeviceError
from densesharp.model.model_file import ModelFile

PATCH = (32, 32, 32)
"""Voxels of a patch, `[k, j, i]`."""

Floats = NDArray[np.float32]


class EngineOutput(NamedTuple):
    """What M ensemble members say about N patches, each member by itself."""

    logits: Floats
    """(N, M, classes), before temperature and softmax."""
    mask: Floats
    """(N, M, 32, 32, 32), probability that a voxel belongs to the nodule; axes `[k, j, i]`."""
    activation: Floats
    """(N, M, classes, 8, 8, 8): class activation; its mean over the voxels is `logits`."""


class Engine(Protocol):
    """Runs one model file on one device. Open and use it in one and the same thread."""

    @property
    def model(self) -> ModelFile:
        """The model file that runs."""
        ...

    @property
    def description(self) -> str:
        """For the user: device, threads, precision and engine."""
        ...

    @property
    def fallback(self) -> str | None:
        """Why another device had to take over, as a sentence; None while none had to."""
        ...

    @property
    def batch(self) -> int:
        """Patches worth handing over in one call; between calls the caller may cancel."""
        ...

    def run(self, patches: Floats) -> EngineOutput:
        """Run all members on patches (N, 32, 32, 32), float32 in network units.

        Returns:
            Probabilities, masks and activation maps of every member.

        Raises:
            ValueError: the patches have another shape or type.
        """
        ...


class OutOfDeviceMemoryError(DeviceError):
    """The device's memory is too small even for one patch."""


def check_patches(patches: Floats) -> None:
    """Refuse what no engine can run.

    Raises:
        ValueError: not (N, 32, 32, 32), or not float32.
    """
    if patches.ndim != 4 or patches.shape[1:] != PATCH or patches.dtype != np.float32:
        message = f"patches must be float32 (N, 32, 32, 32), got {patches.dtype} {patches.shape}"
        raise ValueError(message)


def empty_output(model: ModelFile, count: int) -> EngineOutput:
    """Make arrays for `count` patches, to be filled.

    Returns:
        The arrays, not yet set.
    """
    architecture = model.card.architecture
    members, classes = len(model.members), architecture.classes
    coarse = [size // 2 ** (len(architecture.blocks) - 1) for size in PATCH]
    return EngineOutput(
        np.empty((count, members, classes), np.float32),
        np.empty((count, members, *PATCH), np.float32),
        np.empty((count, members, classes, *coarse), np.float32),
    )
