"""Synthetic anatomy with known answers, on any grid."""

import itertools

import numpy as np
import SimpleITK as sitk

from densesharp.image.grid import Grid
from densesharp.image.volume import Volume
from densesharp.model.engines.interface import EngineOutput
from densesharp.model.model_file import ModelCard, ModelFile
from densesharp.nodule.patch import to_network_units


def rotation(a: float, b: float, c: float) -> np.ndarray:
    """A rotation about the three axes in turn."""
    turn = sitk.Euler3DTransform()
    turn.SetRotation(a, b, c)
    return np.array(turn.GetMatrix()).reshape(3, 3)


def signed_permutations() -> list[np.ndarray]:
    """The 48 ways to store the same anatomy along the patient's axes."""
    eye = np.eye(3)
    return [
        eye[:, list(order)] * np.array(signs)
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]


def grid_around(middle, size, spacing, direction) -> Grid:
    """A grid of any spacing and direction with its middle at a point (LPS mm)."""
    spacing, direction = np.asarray(spacing, float), np.asarray(direction, float)
    origin = np.asarray(middle, float) - (direction * spacing) @ ((np.array(size) - 1) / 2)
    return Grid(tuple(size), origin, spacing, direction)


def smooth_ball(grid: Grid, center, radius, inside=0.0, outside=-850.0, edge=1.0) -> Volume:
    """A ball of tissue in lung; its edge falls off over `edge` mm with half height at `radius`."""
    # Axis by axis: ten times as fast as from all voxels' places.
    start = np.asarray(grid.origin, float) - center
    k, j, i = np.ogrid[tuple(slice(n) for n in grid.shape)]
    along = [start[x] + k * step[2] + j * step[1] + i * step[0]
             for x, step in enumerate(grid.direction * grid.spacing)]  # fmt: skip
    distance = np.sqrt(along[0] ** 2 + along[1] ** 2 + along[2] ** 2)
    share = np.clip((radius - distance) / edge + 0.5, 0, 1)
    return Volume(np.round(outside + (inside - outside) * share).astype(np.int16), grid)


class ThresholdEngine:
    """An engine whose answer is known: the mask is where the patch is denser than a threshold.

    The class follows the volume (below 300 mm3, below 1000 mm3, above) and its evidence lies where
    the mask is. It stands for the model wherever a test is about geometry, not about learning.
    """

    description = "threshold at a known density, for tests"
    fallback = None
    batch = 4

    def __init__(self, threshold_hu: float = -400.0, softness_hu: float = 60.0) -> None:
        card = ModelCard(name="threshold", trained_on="nothing: a threshold", temperature=1.0)
        self.model = ModelFile(card, ({},), sha256="0" * 64)
        self._units = float(to_network_units(threshold_hu))
        self._softness = softness_hu * 255 / 1424 / 128
        self.patches = 0

    def run(self, patches: np.ndarray) -> EngineOutput:
        self.patches += len(patches)
        mask = 1 / (1 + np.exp(-(patches - self._units) / self._softness))
        cells = mask.reshape(-1, 8, 4, 8, 4, 8, 4).mean(axis=(2, 4, 6))
        classes = np.digitize((mask >= 0.5).sum(axis=(1, 2, 3)), [300, 1000])
        mean = np.maximum(cells.mean(axis=(1, 2, 3), keepdims=True), 1e-9)
        activation = 3 * (cells / mean)[:, np.newaxis] * np.eye(3)[classes][:, :, None, None, None]
        return EngineOutput(
            activation.mean(axis=(2, 3, 4))[:, np.newaxis].astype(np.float32),
            mask[:, np.newaxis].astype(np.float32),
            activation[:, np.newaxis].astype(np.float32),
        )
