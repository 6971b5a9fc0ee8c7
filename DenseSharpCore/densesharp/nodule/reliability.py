"""When an answer can be trusted, when with caution, and when it must be refused: the rules.

Each rule gives a `Notice` with a stable code. The verdict is the worst severity among them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from densesharp.image.masks import THRESHOLD, NoduleMask, grow
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.inference import EVIDENCE_REACH
from densesharp.nodule.patch import EDGE, WINDOW
from densesharp.nodule.records import (
    CLASS_NAMES,
    Measurements,
    Prediction,
    Stability,
    Uncertainty,
    Verdict,
)

SMALLEST_MM3 = 10.0
"""Below this volume the same group's later work refuses (10.1007/978-3-030-32226-7_73)."""

SATURATED_SHARE = 0.05
UNCERTAIN_TOP = 0.5
SPREAD_LIMIT = 0.2


def verdict_of(notices: Iterable[Notice]) -> Verdict:
    """The worst severity: `refused`, else `caution`, else `ok`."""
    severities = {notice.severity for notice in notices}
    if "refused" in severities:
        return "refused"
    return "caution" if "caution" in severities else "ok"


def nothing_found() -> Notice:
    """The model outlines nothing at the seed."""
    return Notice(
        "no_nodule",
        "The model sees no nodule here: click nearer to its middle, or outline it by hand.",
        "refused",
    )


def mask_notices(prediction: Prediction, mask: NoduleMask, volume: Volume) -> list[Notice]:
    """What the mask and the voxels under it give to worry about.

    Args:
        prediction: what the model said.
        mask: on the CT's own grid.
        volume: the CT.
    """
    return [
        *_size(mask),
        *_touches_cube(prediction),
        *_field_of_view(prediction, mask, volume),
        *_saturation(mask, volume),
        *_evidence(prediction),
    ]


def _evidence(prediction: Prediction) -> list[Notice]:
    """Evidence for the class must be denser at the nodule than in the patch as a whole.

    A fixed share would not do: the region around a small nodule is a small part of the patch, and
    what speaks for a pre-invasive class is largely what is absent around it.
    """
    region = float(grow(prediction.mask > 0, EVIDENCE_REACH).mean())
    if prediction.evidence_inside >= region:
        return []
    text = (
        f"Only {prediction.evidence_inside:.0%} of what decides the class lies at the nodule, less "
        "than its share of the picture: the class may rest on the surroundings."
    )
    return [Notice("evidence_off_mask", text)]


def _size(mask: NoduleMask) -> list[Notice]:
    volume = float(mask.array.sum()) * mask.grid.voxel_volume
    if volume >= SMALLEST_MM3:
        return []
    text = (
        f"The outline holds only {volume:.1f} mm³; below {SMALLEST_MM3:.0f} mm³ the model's answer "
        "has no meaning."
    )
    return [Notice("mask_too_small", text, "refused")]


def _touches_cube(prediction: Prediction) -> list[Notice]:
    mask = prediction.mask >= THRESHOLD
    faces = [(mask.take(0, axis).any(), mask.take(-1, axis).any()) for axis in range(3)]
    if any(low and high for low, high in faces):
        text = (
            f"The nodule reaches across the whole {EDGE} mm cube that the model sees: it is larger "
            "than the model was made for."
        )
        return [Notice("larger_than_cube", text, "refused")]
    if any(low or high for low, high in faces):
        text = (
            f"The outline touches the edge of the {EDGE} mm cube that the model sees: check "
            "whether it is complete."
        )
        return [Notice("mask_touches_cube", text)]
    return []


def _field_of_view(prediction: Prediction, mask: NoduleMask, volume: Volume) -> list[Notice]:
    # The CT's outermost voxels decide: beyond them is air for the model, which it never outlines.
    i, j, k = np.nonzero(mask.array.transpose(2, 1, 0))
    index = np.stack([i, j, k], axis=-1) + mask.start
    if (index == 0).any() or (index == np.array(volume.grid.size) - 1).any():
        text = "The nodule reaches the edge of the scan: it is measured only as far as it is shown."
        return [Notice("field_of_view_cut", text)]
    if prediction.patch.inside < 0.75:
        text = (
            f"Only {prediction.patch.inside:.0%} of the nodule's surroundings lie inside the scan; "
            "the rest was taken as air."
        )
        return [Notice("near_border", text)]
    return []


def _saturation(mask: NoduleMask, volume: Volume) -> list[Notice]:
    share = float((mask.values(volume.array) >= WINDOW[1]).mean())
    if share < SATURATED_SHARE:
        return []
    text = (
        f"{share:.0%} of the nodule is denser than {WINDOW[1]:.0f} HU (calcium, metal or "
        "contrast), which the model cannot tell apart: its class is not reliable here."
    )
    return [Notice("saturated", text)]


def type_notices(prediction: Prediction, measured: Measurements) -> list[Notice]:
    """A class that the nodule's density speaks against."""
    if measured.nodule_type != "solid" or prediction.predicted_class != CLASS_NAMES[0]:
        return []
    text = (
        "A solid nodule is hardly ever AAH or AIS: it may be a vessel, a lymph node or a scar, for "
        "which the model has no class."
    )
    return [Notice("class_unlike_type", text)]


def class_notices(prediction: Prediction, uncertainty: Uncertainty) -> list[Notice]:
    """What the spread of the class probabilities gives to worry about."""
    top = float(prediction.class_probabilities.max())
    found = []
    if top < UNCERTAIN_TOP:
        text = f"No class is more probable than the others together (highest {top:.0%})."
        found.append(Notice("class_uncertain", text))
    spread = uncertainty.sd_class[prediction.predicted_class]
    if spread > SPREAD_LIMIT:
        text = (
            f"The model's members and orientations disagree on the class (SD {spread:.0%} on "
            f"{prediction.predicted_class})."
        )
        found.append(Notice("class_spread", text))
    return found


def stability_notices(stability: Stability) -> list[Notice]:
    """What moving the click gives to worry about."""
    if stability.light != "red":
        return []
    text = (
        f"The answer changes when the click moves by {stability.offset_mm:.0f} mm "
        f"({stability.same_class:.0%} keep the class, overlap down to {stability.dice_min:.2f}): "
        "check the outline before using it."
    )
    return [Notice("unstable_click", text)]
