"""The records of outlines, voxel by voxel and by size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from densesharp.stats.bland_altman import LimitsOfAgreement
from densesharp.stats.estimates import Estimate, optional
from densesharp.stats.mrmc_records import MrmcDocument
from densesharp.stats.segmentation import WithinSpread
from densesharp.stats.tables import FloatArray


@dataclass(frozen=True)
class DiceMatrix:
    """Mean Dice of each pair over the cases that both drew; NaN without any."""

    names: Sequence[str]
    values: FloatArray


@dataclass(frozen=True)
class OutlineComparison:
    """Two outlines of a case; None where a measure does not exist."""

    case: str
    kind: str
    first: str
    second: str
    dice: float | None
    jaccard: float | None
    hd95_mm: float | None
    assd_mm: float | None
    nsd_1mm: float | None
    nsd_2mm: float | None
    volume_ratio: float | None


class SizePair(NamedTuple):
    """The model's and a reader's size of a case."""

    case: str
    reader: str
    model: float
    size: float


@dataclass(frozen=True)
class Ratios:
    """Bias and limits of agreement as ratios."""

    bias: Estimate | None
    lower: Estimate | None
    upper: Estimate | None


@dataclass(frozen=True)
class VolumeAgreement:
    """Volumes in mm3, compared on the log scale."""

    points: Sequence[SizePair]
    readers_icc: Estimate
    concordance: Estimate | None = optional()
    log_ratio_limits: LimitsOfAgreement | None = optional()
    ratio: Ratios | None = optional()


@dataclass(frozen=True)
class DiameterAgreement:
    """Mean diameters in mm."""

    definition: str
    points: Sequence[SizePair]
    readers_icc: Estimate
    limits: LimitsOfAgreement | None = optional()
    concordance: Estimate | None = optional()


@dataclass(frozen=True)
class OutlineResults:
    """Outlines of the condition in which readers work alone, and the change with the model."""

    condition: str
    definition: str
    cases: int
    dice_matrix: DiceMatrix
    comparisons: Sequence[OutlineComparison]
    within_spread: WithinSpread
    volume: VolumeAgreement
    diameter: DiameterAgreement
    change: MrmcDocument | None
