"""What a user may choose for an analysis: the one record that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from densesharp.nodule.guidelines import Context
from densesharp.nodule.measure import SOLID_THRESHOLD_HU


@dataclass(frozen=True)
class AnalysisSettings:
    """What a user may choose for an analysis.

    Attributes:
        augmentations: orientations of the patch to average over, 1..48.
        stability: whether to move the click and compare.
        solid_threshold_hu: HU above which a voxel of the nodule counts as solid.
        context: what is known about the patient, for the guideline hints.
    """

    augmentations: int = 4
    stability: bool = True
    solid_threshold_hu: float = SOLID_THRESHOLD_HU
    context: Context = field(default_factory=Context)

    def to_json(self) -> dict[str, Any]:
        """What decides the numbers of a result; nothing about the patient."""
        return {
            "augmentations": self.augmentations,
            "stability": self.stability,
            "solid_threshold_hu": self.solid_threshold_hu,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> AnalysisSettings:
        """Undo `to_json`; other entries are ignored.

        Raises:
            KeyError: an entry is missing.
        """
        return cls(
            int(values["augmentations"]),
            bool(values["stability"]),
            float(values["solid_threshold_hu"]),
        )


DEFAULTS = AnalysisSettings()
"""What a run takes that was given nothing else."""
