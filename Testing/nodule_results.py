"""Nodule results made without a model, for tests of what is written from them."""

import numpy as np

from densesharp.image.masks import mask_from_box
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.records import (
    Measurements,
    NoduleResult,
    Seed,
    Segment,
    SolidPart,
    Stability,
    Uncertainty,
)


def ball(volume: Volume, center_ijk, radius: float) -> np.ndarray:
    """(k, j, i) bool: voxels within `radius` voxels of a point, cut off at one side."""
    k, j, i = np.indices(volume.grid.shape)
    x, y, z = center_ijk
    inside = (i - x) ** 2 + (j - y) ** 2 + (k - z) ** 2 <= radius**2
    # A ball looks the same when it is flipped; one that misses a quarter does not.
    return inside & ~((i > x) & (j > y))


def measurements(scale: float = 1.0) -> Measurements:
    line = Segment((0.0, 0.0, 0.0), (12.3456789012345 * scale, 0.0, 0.0))
    solid = SolidPart(-300.0, 211.12345678901234, 6.5, 0.5123456789012345)
    return Measurements(
        volume_mm3=1234.5678901234567 * scale,
        long_axis_mm=line.length,
        short_axis_mm=9.1,
        mean_diameter_mm=10.7,
        plane="axial",
        long_axis=line,
        short_axis=line,
        max_3d_diameter_mm=13.3,
        max_3d_diameter=line,
        mean_hu=-412.00000012345,
        sd_hu=123.4,
        min_hu=-900.0,
        max_hu=88.0,
        mass_mg=725.9,
        solid=solid,
        solid_curve=(solid,),
        nodule_type="part-solid",
    )


def nodule(volume: Volume, center_ijk, radius: float = 3.0, number: int = 1) -> NoduleResult:
    mask = mask_from_box(ball(volume, center_ijk, radius), (0, 0, 0), volume.grid)
    x, y, z = volume.grid.to_world(center_ijk).tolist()
    probabilities = {"AAH-AIS": 0.1, "MIA": 0.2, "IAC": 0.7}
    spread = {"AAH-AIS": 0.01, "MIA": 0.02, "IAC": 0.03}
    return NoduleResult(
        id=f"nodule_{number:03d}",
        seed=Seed(np.array([x + 0.123456789012345, y, z])),
        center_lps=(x, y, z),
        class_probabilities=probabilities,
        uncertainty=Uncertainty(8, spread, 0.04, 0.05, 0.6, 20.0, (1200.0, 1300.0)),
        stability=Stability(3.0, 6, 6, 1.0, spread, 0.05, 0.9, "green"),
        measurements=measurements(number),
        guidelines={},
        verdict="caution",
        notices=(Notice("slice_thickness", "Thick."), Notice("orientation_unknown", "Hm.")),
        timings_ms={"total": 1.0},
        shift_mm=0.5,
        passes=2,
        evidence_inside=0.8,
        trained_on="phantoms (no patient)",
        mask=mask,
    )
