"""Stands in for the model where a test is about the scene or a front end: quick and predictable.

The answer is a ball of voxels around the seed with measurements computed here, in the plainest
way; its class depends on its volume only, so that a changed mask changes the class as well.
"""

import json
import threading
import time
from dataclasses import replace

import numpy as np

from densesharp.errors import SeedError
from densesharp.image.grid import cube_grid
from densesharp.image.masks import NoduleMask, mask_from_box
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.guidelines import guideline_hints
from densesharp.nodule.records import (
    Measurements,
    NoduleResult,
    Patch,
    Prediction,
    Seed,
    Segment,
    SolidPart,
    Stability,
    Uncertainty,
)
from densesharp.nodule.reliability import spread_notices, verdict_of

RADIUS_MM = 5.0

VESSEL_HU = (-600, -400)
"""A click on such a voxel is doubted, as one on a vessel is."""


def ball_mask(volume: Volume, center_lps, radius_mm: float = RADIUS_MM) -> NoduleMask:
    """All voxels whose centre lies within the radius, in the smallest box inside the CT."""
    grid = volume.grid
    reach = np.ceil(radius_mm / grid.spacing).astype(int) + 1
    middle = np.round(grid.to_index(center_lps)).astype(int)
    low = np.maximum(middle - reach, 0)
    around = grid.crop(low, np.minimum(middle + reach + 1, grid.size) - low)
    return mask_from_box(around.distance_to(center_lps) <= radius_mm, low, grid)


def measure_plainly(volume: Volume, mask: NoduleMask) -> Measurements:
    """Volume by counting; diameters of the ball of the same volume."""
    cubic = float(mask.array.sum()) * volume.grid.voxel_volume
    diameter = float((6 * cubic / np.pi) ** (1 / 3))
    values = mask.values(volume.array).astype(float)
    middle = mask.grid.center
    axis = Segment(tuple(middle - (diameter / 2, 0, 0)), tuple(middle + (diameter / 2, 0, 0)))
    solid = SolidPart(-300.0, cubic / 4, diameter / 2, 0.5)
    return Measurements(
        volume_mm3=cubic, long_axis_mm=diameter, short_axis_mm=diameter,
        mean_diameter_mm=diameter, plane="axial", long_axis=axis, short_axis=axis,
        max_3d_diameter_mm=diameter, max_3d_diameter=axis, mean_hu=float(values.mean()),
        sd_hu=float(values.std()), min_hu=float(values.min()), max_hu=float(values.max()),
        mass_mg=cubic * (float(values.mean()) + 1000) / 1000, solid=solid, solid_curve=(solid,),
        nodule_type="part-solid",
    )  # fmt: skip


def answer(
    volume: Volume, seed: Seed, nodule_id: str = "nodule_001", radius_mm: float = RADIUS_MM
) -> NoduleResult:
    """A whole result for a ball around the seed, without uncertainty and stability."""
    return _result(volume, seed, nodule_id, ball_mask(volume, seed.lps, radius_mm))


def _result(volume: Volume, seed: Seed, nodule_id: str, mask: NoduleMask) -> NoduleResult:
    measurements = measure_plainly(volume, mask)
    share = min(measurements.volume_mm3 / 2000, 0.9)
    classes = {"AAH-AIS": 0.95 - share, "MIA": 0.05, "IAC": share}
    center = tuple(float(x) for x in mask.grid.center)
    return NoduleResult(
        id=nodule_id, seed=seed, center_lps=center, class_probabilities=classes,
        uncertainty=None, stability=None, measurements=measurements,
        guidelines=guideline_hints(measurements), verdict="caution",
        notices=(Notice("slice_thickness", "Slices are thick: small nodules are uncertain."),),
        timings_ms={"total": 1.0}, shift_mm=0.5, passes=1, evidence_inside=0.8,
        trained_on="balls & cubes", prediction=_prediction(center, classes), mask=mask,
    )  # fmt: skip


def _prediction(center, classes) -> Prediction:
    grid = cube_grid(center, 32)
    k, j, i = np.indices(grid.shape)
    bump = np.exp(-((k - 15.5) ** 2 + (j - 15.5) ** 2 + (i - 15.5) ** 2) / 40).astype(np.float32)
    patch = Patch(np.zeros(grid.shape, np.float32), grid, 1.0)
    probabilities = np.array(list(classes.values()))
    return Prediction(
        probabilities, probabilities[None], bump, np.array([1.0]), bump / bump.max(), 0.8,
        patch, 0.5, 1,
    )  # fmt: skip


def click(scan, ras, radius_mm=5.0):
    """A click that is answered at once; returns the nodule's id."""
    claim = scan.claim(scan.place(ras))
    return scan.store(answer(scan.volume(), scan.seed_of(claim), claim, radius_mm)).id


def middle(scan):
    """(3,) world RAS mm of the CT's middle."""
    return scan.volume().grid.center * (-1, -1, 1)


class AnsweringBackend:
    """Does what the worker's backend does, with the answers above.

    Attributes:
        delay_s: how long an analysis takes, in steps that can be cancelled.
        whole_s: how long the whole answer takes after the first one.
    """

    device = "test double"
    model = "ball of 5 mm"
    model_hash = ""
    fallback = ""
    glances = True

    def __init__(self, delay_s: float = 0.0, whole_s: float = 0.0) -> None:
        self.delay_s, self.whole_s = delay_s, whole_s
        self.opened = 0

    def open(self, progress) -> None:
        self.opened += 1

    def analyse(self, volume, seed, nodule_id, progress, on_first) -> NoduleResult:
        if not volume.grid.contains(seed.lps):
            raise SeedError("The seed lies outside the CT: click inside the lung.")
        steps = max(int(self.delay_s / 0.02), 1)
        for step in range(steps):
            progress(step / steps, "Looking at the nodule")
            time.sleep(self.delay_s / steps)
        first = answer(volume, seed, nodule_id)
        on_first(first)
        progress(0.9, "Checking click stability")
        time.sleep(self.whole_s)
        if VESSEL_HU[0] < _at(volume, seed) < VESSEL_HU[1]:
            return _doubted(first)
        return replace(first, uncertainty=_spread(first), stability=_stable())

    def glance(self, volume, seed, progress) -> float | None:
        return 2 * RADIUS_MM if _at(volume, seed) > -400 else None

    def update_mask(self, volume, result, mask, progress) -> NoduleResult:
        progress(0.5, "Measuring")
        return _result(volume, result.seed, result.id, mask)

    def move_outline(self, volume, result, mask, moves, progress):
        """A click adds or takes a ball of 2 mm; a plus click inside the outline is refused."""
        progress(0.5, "Moving the outline")
        inside = np.zeros(volume.grid.shape, bool) if mask is None else mask.full(volume.grid) > 0
        told = ""
        for move in moves:
            ball = ball_mask(volume, move.point, 2.0).full(volume.grid) > 0
            told = "In the outline already." if move.add and not (ball & ~inside).any() else told
            inside = inside | ball if move.add else inside & ~ball
        if told and len(moves) == 1:
            raise SeedError(told)
        moved = NoduleMask.from_array(inside, volume.grid)
        return _result(volume, result.seed, result.id, moved), told

    def write(self, results, volume, folder, progress) -> int:
        folder.mkdir(parents=True, exist_ok=True)
        data = {"nodules": [result.to_json() for result in results]}
        (folder / "result.json").write_text(json.dumps(data))
        return 1


def deaf(*_):
    """A progress that does not look at the cancel flag."""


class HeldBackend(AnsweringBackend):
    """Answers only when it is let go, and is past its last look at the cancel flag by then."""

    def __init__(self, model_hash: str = "") -> None:
        super().__init__()
        self.model_hash = model_hash
        self._inside, self._go = threading.Semaphore(0), threading.Event()
        self._go.set()

    def open(self, progress):
        self._wait()

    def analyse(self, volume, seed, nodule_id, progress, on_first):
        self._wait()
        return super().analyse(volume, seed, nodule_id, deaf, on_first)

    def update_mask(self, volume, result, mask, progress):
        self._wait()
        return super().update_mask(volume, result, mask, deaf)

    def move_outline(self, volume, result, mask, moves, progress):
        self._wait()
        return super().move_outline(volume, result, mask, moves, deaf)

    def _wait(self) -> None:
        if not self._go.is_set():
            self._inside.release()
            assert self._go.wait(20)

    def hold(self) -> None:
        """Keep what is asked from now on."""
        self._go.clear()

    def at_work(self) -> None:
        """Return once the worker is inside."""
        assert self._inside.acquire(timeout=20)

    def let_go(self) -> None:
        self._go.set()


def _at(volume: Volume, seed: Seed) -> float:
    index = np.rint(volume.grid.to_index(seed.lps)).astype(int)[::-1]
    return float(volume.array[tuple(index)])


def _doubted(first: NoduleResult) -> NoduleResult:
    """The whole answer where half of the runs on the turned picture see nothing."""
    spread = replace(_spread(first), outline_agreement=0.4, silent=4, volume_range_mm3=(0.0, 0.0))
    notices = spread_notices(first.measurements, spread)
    return replace(first, uncertainty=spread, notices=tuple(notices), verdict=verdict_of(notices))


def _spread(result: NoduleResult) -> Uncertainty:
    volume = result.measurements.volume_mm3
    sd = dict.fromkeys(result.class_probabilities, 0.04)
    return Uncertainty(8, sd, 0.05, 0.03, 0.5, 20.0, (volume - 30, volume + 30))


def _stable() -> Stability:
    return Stability(
        2.0, 6, 6, 1.0, {"AAH-AIS": 0.02, "MIA": 0.01, "IAC": 0.02}, 0.03, 0.9, "green"
    )
