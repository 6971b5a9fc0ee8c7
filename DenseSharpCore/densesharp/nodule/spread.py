"""How much the model disagrees with itself: the spread over its members and orientations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from densesharp.nodule.records import CLASS_NAMES, Measurements, Prediction, Uncertainty

SPREAD = (
    "volume_mm3", "long_axis_mm", "short_axis_mm", "mean_diameter_mm", "max_3d_diameter_mm",
    "mean_hu", "mass_mg", "solid_volume_mm3", "solid_long_axis_mm", "ctr",
)  # fmt: skip
"""Measurements whose spread over members and orientations is told."""

SAME_VOLUME = 1.03
"""The outline of the runs' mean is no larger or smaller than theirs up to this factor: 1 % of the
diameter, which voxels at the edge decide. The range then takes it in."""


def spread_of(
    prediction: Prediction, measured: Sequence[Measurements], shown_mm3: float | None = None
) -> Uncertainty:
    """Standard deviations over members and orientations (see `Uncertainty`).

    Args:
        prediction: holds the class probabilities and volumes of each run.
        measured: measurements on each run's own mask; none before the refined result.
        shown_mm3: volume of the outline of their mean.
    """
    if len(samples := prediction.samples) < 2:
        return Uncertainty.of_one_run(prediction.entropy, prediction.silent)
    # Measured on the CT's grid where they are, so that the range belongs to the volume shown.
    volumes = np.array([each.volume_mm3 for each in measured] or prediction.volume_samples_mm3)
    volumes = np.append(volumes, np.zeros(len(samples) - len(volumes)))  # runs without an outline
    return Uncertainty(
        samples=len(samples),
        sd_class=by_class(samples.std(axis=0)),
        sd_invasive=float(samples[:, 1:].sum(axis=1).std()),
        sd_iac=float(samples[:, 2].std()),
        entropy=prediction.entropy,
        volume_sd_mm3=float(volumes.std()),
        volume_range_mm3=_range(volumes, shown_mm3),
        sd_measurements={
            name: float(np.std([one.to_json()[name] for one in measured]))
            for name in (SPREAD if measured else ())
        },
        outline_agreement=prediction.agreement,
        silent=prediction.silent,
    )


def _range(volumes: NDArray[np.float64], shown: float | None) -> tuple[float, float]:
    low, high = float(volumes.min()), float(volumes.max())
    if shown is not None and low / SAME_VOLUME <= shown <= high * SAME_VOLUME:
        return min(low, shown), max(high, shown)
    return low, high


def by_class(values: NDArray[np.float64]) -> dict[str, float]:
    """Values (3,) by the name of their class."""
    return dict(zip(CLASS_NAMES, values.tolist(), strict=True))
