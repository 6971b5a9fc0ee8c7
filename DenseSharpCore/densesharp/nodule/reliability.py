"""When an answer can be trusted, when with caution, and when it must be refused: the rules.

Each rule gives a `Notice` with a stable code. The verdict is the worst severity among them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from densesharp.image.grid import cube_grid
from densesharp.image.masks import THRESHOLD, NoduleMask, distance_to, grow, label
from densesharp.image.volume import Notice, Volume
from densesharp.nodule.click_stability import LOST_DICE
from densesharp.nodule.inference import EVIDENCE_REACH
from densesharp.nodule.measure import SOLID_THRESHOLD_HU
from densesharp.nodule.patch import EDGE, WINDOW, to_network_units
from densesharp.nodule.records import (
    CLASS_NAMES,
    Measurements,
    Patch,
    Prediction,
    Stability,
    Uncertainty,
    Verdict,
)

SMALLEST_MM3 = 10.0
"""Below this volume the same group's later work refuses (10.1007/978-3-030-32226-7_73)."""

SATURATED_SHARE = 0.05
UNCERTAIN_TOP = 0.5
UNSEEN_TOP = 0.45
"""No class of 395 simulated nodules was less probable: what is, was never tested."""

SPREAD_LIMIT = 0.2

FILLED_HU, FILLED_SHARE = -700.0, 0.85
"""Denser than lung, ground-glass included, is so much of the cube where a click lies inside a large
mass and nothing is outlined."""

CORE_EDGE, CORE_SHARE, BESIDE_SHARE = 8, 0.95, 0.4
"""Near the edge of the mass it is so much of the 8 mm around the click, and of the cube."""

NEAR_FACE = 3
"""mm, and voxels, from a face of the cube that an outline keeps away from if it is complete."""

PIECE_SHARE = 0.5
"""Of the 2 mm around an outline that is dense if it is a piece of a large mass. Nodules on the
chest wall have up to 0.45."""

PIECE_VOXELS = 2000
"""Smaller outlines, of 16 mm and less, are not refused as such pieces, but doubted."""

NECK_SHARE, PART_SHARE = 0.7, 1 / 3
"""An outline is two parts if it is so much narrower between them than the smaller one, and that one
is at least so wide as the larger. One of 66 nodules of LIDC-IDRI is, whose outline is wrong."""

AGREEMENT_LIMIT = 0.926
"""Below this mean overlap of the turned runs' outlines with the one shown, an outline is doubted.

About the highest limit that doubts at most 7 % of good outlines of LIDC-IDRI nodules; what it does
on patients left out of its choice, and on vessels and walls: docs/explanation/verdict.md."""


NODULE_LIMIT = 0.88
"""Below this one it is doubted that there is a nodule: at most 5 % of the nodules, whether clicked
in the middle of what readers agree on (2 of 66) or of one reader's outline (3), and more than 90 %
of clicks on vessels and walls."""


def verdict_of(notices: Iterable[Notice]) -> Verdict:
    """The worst severity: `refused`, else `caution`, else `ok`."""
    severities = {notice.severity for notice in notices}
    if "refused" in severities:
        return "refused"
    return "caution" if "caution" in severities else "ok"


def nothing_found(patch: Patch) -> Notice:
    """The model outlines nothing at the seed, or sees nothing but dense tissue around it."""
    dense = patch.array > to_network_units(FILLED_HU)
    core = dense[(slice((EDGE - CORE_EDGE) // 2, (EDGE + CORE_EDGE) // 2),) * 3]
    near_edge = core.mean() >= CORE_SHARE and dense.mean() >= BESIDE_SHARE
    if near_edge or dense.mean() >= FILLED_SHARE:
        text = (
            f"Tissue denser than lung fills the {EDGE} mm cube around the click: a mass larger "
            "than the model was made for, or the chest wall or mediastinum. Outline it by hand."
        )
        return Notice("larger_than_cube", text, "refused")
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
        *_far_from_click(prediction, mask),
        *_touches_cube(prediction),
        *_two_parts(prediction),
        *_field_of_view(prediction, mask, volume),
        *_saturation(mask, volume),
        *_evidence(prediction),
    ]


def _evidence(prediction: Prediction) -> list[Notice]:
    """Evidence for the class must be denser at the nodule than in the patch as a whole.

    A fixed share would not do: the region around a small nodule is a small part of the patch, and
    what speaks for a pre-invasive class is largely what is absent around it. A note and no caution:
    of 395 simulated nodules the class was right for 70 % of the 37 noted, 69 % of the others.
    """
    region = float(grow(prediction.mask > 0, EVIDENCE_REACH).mean())
    if prediction.evidence_inside >= region:
        return []
    text = (
        f"Only {prediction.evidence_inside:.0%} of what decides the class lies at the nodule, less "
        "than its share of the picture: the class may rest on the surroundings."
    )
    return [Notice("evidence_off_mask", text, "info")]


def _size(mask: NoduleMask) -> list[Notice]:
    volume = float(mask.array.sum()) * mask.grid.voxel_volume
    if volume >= SMALLEST_MM3:
        return []
    text = (
        f"The outline holds only {volume:.1f} mm³; below {SMALLEST_MM3:.0f} mm³ the model's answer "
        "has no meaning."
    )
    return [Notice("mask_too_small", text, "refused")]


def _far_from_click(prediction: Prediction, mask: NoduleMask) -> list[Notice]:
    """Recentring must not slide from what was clicked to something beside it unsaid."""
    volume = float(mask.array.sum()) * mask.grid.voxel_volume
    radius = (3 * volume / (4 * np.pi)) ** (1 / 3)
    if prediction.shift_mm <= radius:
        return []
    text = (
        f"The middle of the outline lies {prediction.shift_mm:.0f} mm from the click, more than "
        "the nodule's own radius: check that it is what you clicked on."
    )
    return [Notice("far_from_click", text)]


def _dense(patch: Patch) -> NDArray[np.bool_]:
    """(k, j, i) where the cube shows soft tissue."""
    return np.asarray(patch.array > to_network_units(SOLID_THRESHOLD_HU))


def _touches_cube(prediction: Prediction) -> list[Notice]:
    mask = prediction.mask >= THRESHOLD
    faces = [(mask.take(0, axis).any(), mask.take(-1, axis).any()) for axis in range(3)]
    is_piece = _is_piece(prediction.patch, mask)
    if any(low and high for low, high in faces) or (is_piece and mask.sum() >= PIECE_VOXELS):
        text = (
            f"The nodule reaches beyond the {EDGE} mm cube that the model sees: it is larger than "
            "the model was made for, or a part of a larger mass or of the chest wall."
        )
        return [Notice("larger_than_cube", text, "refused")]
    if is_piece:
        text = (
            "Most of what surrounds the outline is dense: it may be a part of a mass larger than "
            f"the {EDGE} mm cube that the model sees, or of the chest wall."
        )
        return [Notice("larger_than_cube", text)]
    inner = slice(NEAR_FACE, -NEAR_FACE)
    if mask[inner, inner, inner].sum() < mask.sum():
        text = (
            f"The outline comes within {NEAR_FACE} mm of the edge of the {EDGE} mm cube that the "
            "model sees: the nodule may be larger. Check whether the outline is complete."
        )
        return [Notice("mask_touches_cube", text)]
    return []


def _is_piece(patch: Patch, mask: NDArray[np.bool_]) -> bool:
    """A piece of a large mass has as much dense tissue beyond its outline as lung."""
    rim = grow(mask, 2) & ~mask
    return bool(rim.any() and _dense(patch)[rim].mean() >= PIECE_SHARE)


def _two_parts(prediction: Prediction) -> list[Notice]:
    """Two nodules that touch, or a nodule and a vessel, may be outlined as one."""
    mask = np.pad(prediction.mask >= THRESHOLD, 1)
    depth = distance_to(~mask, cube_grid(np.zeros(3), len(mask)))
    widest = float(depth.max())
    for neck in np.arange(1, NECK_SHARE * widest, 0.5):
        parts = label(depth > neck)
        radii = sorted(float(depth[parts == n].max()) for n in range(1, int(parts.max()) + 1))
        if len(radii) > 1 and radii[-2] >= max(neck / NECK_SHARE, neck + 1, widest * PART_SHARE):
            text = (
                "The outline consists of two parts that a narrow neck joins: it may hold two "
                "nodules, or a nodule and a vessel. Check what belongs to it."
            )
            return [Notice("two_parts", text)]
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


def spread_notices(measured: Measurements, spread: Uncertainty) -> list[Notice]:
    """What turning the picture gives to worry about: is it a nodule, and is that its outline?"""
    if spread.outline_agreement is None:
        return []
    if 2 * spread.silent >= spread.samples:
        text = (
            f"{spread.silent} of {spread.samples} runs on the turned picture see no nodule here: "
            "it may be a vessel or the chest wall."
        )
        return [Notice("no_nodule", text, "refused")]
    found = []
    doubtful = spread.outline_agreement < NODULE_LIMIT
    if doubtful or spread.outline_agreement < AGREEMENT_LIMIT or spread.silent:
        text = (
            "The outline depends on how the picture is turned (overlap "
            f"{spread.outline_agreement:.3f}; usual for a nodule: {AGREEMENT_LIMIT} and more): "
        )
        if doubtful:
            text += "this may be a vessel, the chest wall or a scar rather than a nodule."
        else:
            text += "it may be wrong."
        found.append(Notice("perhaps_no_nodule" if doubtful else "outline_unsure", text))
    low, high = spread.volume_range_mm3 or (-math.inf, math.inf)
    if not low <= measured.volume_mm3 <= high:
        text = (
            f"The volume ({measured.volume_mm3:.0f} mm³) lies outside what the single runs give "
            f"({low:.0f} to {high:.0f} mm³): check the outline."
        )
        found.append(Notice("volume_outside_spread", text))
    return found


def class_notices(prediction: Prediction, uncertainty: Uncertainty) -> list[Notice]:
    """What the class probabilities and their spread give to worry about.

    That no class reaches one half is a note, down to the least seen in tests: the probability
    beside the class says so itself, and it is calibrated. Of 395 simulated nodules the class was
    right for 5 of the 7 noted and for 29 of the 52 whose class has 50 to 55 %: there is no step
    that would make a limit.
    """
    top = float(prediction.class_probabilities.max())
    found = []
    if top < UNCERTAIN_TOP:
        text = f"No class is more probable than the others together (highest {top:.0%})."
        seen = top >= UNSEEN_TOP
        found.append(Notice("class_uncertain", text, "info" if seen else "caution"))
    spread = uncertainty.sd_class[prediction.predicted_class]
    if spread is not None and spread > SPREAD_LIMIT:
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
    lost = stability.dice_min < LOST_DICE
    advice = (
        "check the outline before using it" if lost else "the outline stays, the class does not"
    )
    text = (
        f"The answer changes when the click moves by {stability.offset_mm:.0f} mm "
        f"({stability.same_class:.0%} keep the class, overlap down to {stability.dice_min:.2f}): "
        f"{advice}."
    )
    return [Notice("unstable_click", text)]
