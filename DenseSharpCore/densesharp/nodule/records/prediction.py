"""What the model says, how much it varies, and where its mask lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from densesharp.errors import ImageError
from densesharp.nodule.records.inputs import Patch

CLASS_NAMES = ("AAH-AIS", "MIA", "IAC")
"""Invasiveness classes in their order: pre-invasive, minimally invasive, invasive."""

Light = Literal["green", "amber", "red"]


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says about one patch, over all members and augmentations.

    Attributes:
        class_probabilities: (3,) calibrated, in the order of `CLASS_NAMES`, sum 1.
        samples: (n, 3) the same for each member and augmentation; their spread is the uncertainty.
        mask: (32, 32, 32) float32 probability of nodule; zero outside the seed's component.
        volume_samples_mm3: (n,) volume of each member's and augmentation's own mask.
        evidence: (32, 32, 32) float32 >= 0, class activation of the predicted class, maximum 1
            (all zero where nothing speaks for the class).
        evidence_inside: share of the evidence inside the mask (grown by 3 mm), 0..1.
        patch: the patch it belongs to (after recentring).
        shift_mm: distance from the seed to the middle of that patch.
        passes: how often the patch was recentred and run.
        agreement: mean Dice of each run's own outline with the one shown, on the patch, 0..1.
        silent: how many runs outline nothing there.

    Examples:
        >>> result.prediction.samples.shape, result.prediction.mask.shape
        ((4, 3), (32, 32, 32))
        >>> float(result.prediction.class_probabilities.sum().round(6))
        1.0
    """

    class_probabilities: NDArray[np.float64]
    samples: NDArray[np.float64] = field(repr=False)
    mask: NDArray[np.float32] = field(repr=False)
    volume_samples_mm3: NDArray[np.float64] = field(repr=False)
    evidence: NDArray[np.float32] = field(repr=False)
    evidence_inside: float
    patch: Patch
    shift_mm: float
    passes: int
    agreement: float = 1.0
    silent: int = 0

    def __post_init__(self) -> None:
        total = float(self.class_probabilities.sum())
        if self.class_probabilities.shape != (len(CLASS_NAMES),) or abs(total - 1) > 1e-6:
            raise ImageError(f"Class probabilities {self.class_probabilities} do not sum to one.")
        if self.mask.shape != self.patch.grid.shape or self.evidence.shape != self.mask.shape:
            raise ImageError("Mask and evidence must lie on the patch's grid.")

    @property
    def entropy(self) -> float:
        """Of the class probabilities, 0 (certain) .. 1 (all classes equal)."""
        shares = np.clip(self.class_probabilities, 1e-12, 1)
        return float(-(shares * np.log(shares)).sum() / np.log(len(CLASS_NAMES)))

    @property
    def predicted_class(self) -> str:
        """The most probable class."""
        return CLASS_NAMES[int(self.class_probabilities.argmax())]

    @property
    def probability_invasive(self) -> float:
        """Probability of MIA or IAC."""
        return float(self.class_probabilities[1:].sum())

    @property
    def probability_iac(self) -> float:
        """Probability of IAC."""
        return float(self.class_probabilities[2])


@dataclass(frozen=True)
class Uncertainty:
    """Spread over ensemble members and augmentations (standard deviations).

    Attributes:
        samples: number of member x augmentation runs; of a single one no spread is known, and what
            would tell of it is None.
        sd_class: SD of each class probability.
        sd_invasive: SD of P(MIA or IAC).
        sd_iac: SD of P(IAC).
        entropy: of the mean class probabilities, 0 (certain) .. 1 (all classes equal).
        volume_sd_mm3: SD of the volume.
        volume_range_mm3: smallest and largest volume; 0 where a run outlines nothing.
        sd_measurements: SD of each measurement over the runs' own masks, by its name in JSON;
            empty before the refined result and of a single run.
        outline_agreement: mean Dice of each run's outline with the one shown; None of one run.
        silent: how many runs outline nothing.
    """

    samples: int
    sd_class: Mapping[str, float | None]
    sd_invasive: float | None
    sd_iac: float | None
    entropy: float
    volume_sd_mm3: float | None
    volume_range_mm3: tuple[float, float] | None
    sd_measurements: Mapping[str, float] = field(default_factory=dict)
    outline_agreement: float | None = None
    silent: int = 0

    @classmethod
    def of_one_run(cls, entropy: float, silent: int = 0) -> Uncertainty:
        """What a single run tells: how sure it is, and nothing of how much runs differ."""
        unknown = dict.fromkeys(CLASS_NAMES)
        return cls(1, unknown, None, None, entropy, None, None, silent=silent)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Uncertainty:
        """The record as it was written; before, the spread of a single run was 0 there."""
        if data["samples"] < 2:
            return cls.of_one_run(data["entropy"], data.get("silent", 0))
        return cls(**{**data, "volume_range_mm3": tuple(data["volume_range_mm3"])})


@dataclass(frozen=True)
class Stability:
    """What happens to the answer when the click moves a little.

    Attributes:
        offset_mm: how far the seed was moved.
        seeds: number of moved seeds.
        found: how many of them led to a nodule.
        same_class: share of moved seeds with the same predicted class, 0..1.
        sd_class: SD of each class probability over the seeds; None like `volume_cv`.
        volume_cv: SD over mean of the volume; None when fewer than two seeds found a nodule.
        dice_min: smallest Dice of a moved seed's mask with the mask of the click itself.
        light: green (same answer), amber (some change) or red (another answer).
    """

    offset_mm: float
    seeds: int
    found: int
    same_class: float
    sd_class: Mapping[str, float | None]
    volume_cv: float | None
    dice_min: float
    light: Light
