"""What one number alone would say about invasiveness, to be read beside the model's class.

In the literature diameter alone separates invasive adenocarcinoma nearly as well as many networks
(pooled AUC 0.85), so a prediction should always be compared with it. The cut-offs are published
ones, each for the kind of nodule it was found on; for other kinds only the number is given.
"""

from __future__ import annotations

from densesharp.nodule.guidelines.context import Hint
from densesharp.nodule.records import Measurements

IAC_MEAN_DIAMETER_MM = 10.4
MIA_MEAN_HU = -581.0
IAC_MEAN_HU = -464.0


def diameter_baseline(measurements: Measurements) -> Hint:
    """Invasive adenocarcinoma or not, from the mean diameter of a pure ground-glass nodule."""
    size = measurements.mean_diameter_mm
    applies = measurements.nodule_type == "ground-glass"
    below = f"below {IAC_MEAN_DIAMETER_MM} mm: not IAC"
    above = f"{IAC_MEAN_DIAMETER_MM} mm or more: IAC"
    return Hint(
        title="Diameter alone",
        source="meta-analysis, Diagnostics 2024;14:147 (16 studies, AUC 0.85 for IAC)",
        applies=applies,
        answer=(above if size >= IAC_MEAN_DIAMETER_MM else below) if applies else None,
        basis=f"mean diameter {size:.1f} mm",
        value=size,
        limits=("The cut-off holds for pure ground-glass nodules that were resected.",),
    )


def mean_hu_baseline(measurements: Measurements) -> Hint:
    """Pre-invasive, MIA or IAC, from the mean density of a part-solid nodule."""
    mean = measurements.mean_hu
    applies = measurements.nodule_type == "part-solid"
    if mean < MIA_MEAN_HU:
        answer = f"below {MIA_MEAN_HU:.0f} HU: AAH-AIS"
    elif mean < IAC_MEAN_HU:
        answer = f"{MIA_MEAN_HU:.0f} to {IAC_MEAN_HU:.0f} HU: MIA"
    else:
        answer = f"{IAC_MEAN_HU:.0f} HU or more: IAC"
    return Hint(
        title="Mean density alone",
        source="Wang et al., Iran J Radiol 2018;15:e61846 (230 part-solid nodules)",
        applies=applies,
        answer=answer if applies else None,
        basis=f"mean density {mean:.0f} HU",
        value=mean,
        limits=("The cut-offs hold for part-solid nodules that were resected, at one hospital.",),
    )
