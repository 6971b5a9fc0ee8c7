"""What is found about each nodule of an evaluation."""

from dataclasses import dataclass

import numpy as np

OF_THE_CLASS = {"class_uncertain", "class_spread", "class_unlike_type", "evidence_off_mask"}
"""Reasons for a caution that say nothing about the outline."""


@dataclass(frozen=True)
class AmongReaders:
    """Mean Dice of one nodule's outline with its readers', and of theirs among each other.

    Attributes:
        count: how many readers drew the nodule.
        one: the model and the first reader.
        mean: the model and each reader, averaged.
        consensus: the model and what half of all readers or more marked.
        volume_ratio: the model's volume over that of the consensus.
        others: the model and the consensus of all readers but one, averaged over that one; None
            where only one drew it, as the next two.
        reader: the one left out and the same consensus, averaged.
        pairs: readers two by two, averaged.
    """

    count: int
    one: float
    mean: float
    consensus: float
    volume_ratio: float
    others: float | None = None
    reader: float | None = None
    pairs: float | None = None


@dataclass(frozen=True)
class Extent:
    """How far one nodule's outline reaches beside its readers', on the CT's own grid.

    Attributes:
        smallest_mm3: volume of the smallest reader's outline, by the inner rule.
        largest_mm3: of the largest.
        beyond_mm: largest distance of the model's voxels from what any reader marked, outline
            pixels included; 0 where nothing was found.
        beyond_share: of its voxels, how many lie more than 1.5 mm from there.
        longer_mm: its long axis over the mean of the readers' by the inner rule, all measured as
            the product does; None where nothing was found.
        taller_mm: height of the model's outline over that of the consensus, across the slices.
        drawn_mm: longest side of what half of the readers or more marked, outline pixels included.
    """

    smallest_mm3: float
    largest_mm3: float
    beyond_mm: float
    beyond_share: float
    longer_mm: float | None
    taller_mm: float
    drawn_mm: float


@dataclass(frozen=True)
class StoredAnswer:
    """What `densesharp predict` says about one nodule.

    Attributes:
        verdict: ok, caution or refused.
        reasons: codes of the notices that make it so.
        nodule_type: as most radiologists would call it; None where nothing was measured.
        interval_mm3: of the volume, as readers differ; None where nothing was measured.
        agreement: mean overlap of the turned runs' outlines with the one shown, likewise.
    """

    verdict: str
    reasons: tuple[str, ...]
    nodule_type: str | None = None
    interval_mm3: tuple[float, float] | None = None
    agreement: float | None = None

    @property
    def doubts_outline(self) -> bool:
        """Whether a reason is about the outline, not the class alone."""
        return bool(set(self.reasons) - OF_THE_CLASS)


@dataclass(frozen=True)
class Outcome:
    """What the model said about one nodule.

    Attributes:
        name: of the sample.
        label: true class, -1 where not known.
        subset: of the sample.
        patient: of the sample.
        texture: reader's rating, 1-5, or None.
        diameter_mm: of the ball with the true mask's volume.
        mean_hu: inside the true mask.
        fits: whether the true mask fits into the patch.
        probabilities: of the classes.
        dice: with the true mask, seed in its middle; 0 where nothing was found.
        hd95_mm: 95 % Hausdorff distance, None where nothing was found.
        volume_ratio: predicted over true volume.
        shifted_dice: Dice for each displaced seed, in the order of `SHIFTS`, in one orientation;
            may be empty.
        plain_dice: what they are compared with: the seed in the middle, in one orientation; None
            where no seed was displaced.
        solid_share: share of the predicted mask above -300 HU, None where nothing was found.
        inner_solid_share: the same without the mask's outermost voxels, which hold part lung (all
            of the mask where fewer than 5 would be left).
        refused: whether nothing, or less than 10 mm3, was found.
        slice_mm: the CT's coarsest spacing; None where the data set does not say.
        among: the outline beside those of several readers at 1 mm; None where there is one mask.
        inner: the same on the CT's own voxels, outline pixels left out; None where the data set
            does not hold what was drawn there.
        outer: the same, outline pixels included.
        extent: how far the outline reaches there.
        answer: what `densesharp predict` says; None where it was not asked.
    """

    name: str
    label: int
    subset: int
    patient: str
    texture: int | None
    diameter_mm: float
    mean_hu: float
    fits: bool
    probabilities: tuple[float, ...]
    dice: float
    hd95_mm: float | None
    volume_ratio: float
    shifted_dice: tuple[float, ...]
    solid_share: float | None
    inner_solid_share: float | None
    refused: bool
    plain_dice: float | None = None
    slice_mm: float | None = None
    among: AmongReaders | None = None
    inner: AmongReaders | None = None
    outer: AmongReaders | None = None
    extent: Extent | None = None
    answer: StoredAnswer | None = None

    @property
    def predicted(self) -> int:
        """Index of the most probable class."""
        return int(np.argmax(self.probabilities))
