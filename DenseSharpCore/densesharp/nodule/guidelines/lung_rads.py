"""Lung-RADS 2022, the categories of nodules found in lung cancer screening.

Source: Christensen et al., CHEST 2024;165:738-753 (ACR, November 2022); sizes as in version 1.1,
AHRQ NBK568579. Decided from the mean diameter with one decimal.
"""

from __future__ import annotations

from densesharp.nodule.guidelines.context import Context, Hint
from densesharp.nodule.records import Measurements
from densesharp.nodule.records.measurements import tenth

MANAGEMENT = {
    "2": "low-dose CT in 12 months",
    "3": "low-dose CT in 6 months",
    "4A": "low-dose CT in 3 months; PET/CT may be considered for a solid part of 8 mm or more",
    "4B": "diagnostic CT, PET/CT, tissue sampling or referral",
}

LARGE_GLASS_MM = 30

LIMITS = (
    "For lung cancer screening only.",
    "Categories 0, 1, 4X and S, benign calcification, juxtapleural nodules, cysts and airway "
    "nodules are for the reader to judge.",
    "The solid part is measured by its largest diameter, which is at least its mean diameter: the "
    "category is never too low for that.",
)


def lung_rads_2022(measurements: Measurements, context: Context) -> Hint:
    """Lung-RADS category and its management.

    Without a comparison the nodule is classified as on a baseline CT, and the answer says so.
    """
    answer = None
    if context.screening is not False:
        found = category(measurements, context)
        if found is None:
            answer = "A stable nodule keeps or steps down its earlier category"
        else:
            answer = f"Category {found}: {MANAGEMENT[found]}"
            answer += "" if context.comparison else " (as on a baseline CT)"
            if found == "3" and _glass_growing(measurements, context):
                answer += " (category 2 if it grew only slowly)"
    return Hint(
        title="Lung-RADS 2022",
        source="Christensen et al., CHEST 2024;165:738-753",
        applies=context.screening,
        answer=answer,
        basis=_basis(measurements),
        missing=context.missing("screening", "comparison"),
        limits=LIMITS,
    )


def category(measurements: Measurements, context: Context) -> str | None:
    """2, 3, 4A or 4B; None for a stable solid or part-solid nodule (its history decides)."""
    comparison = context.comparison or "baseline"
    size = measurements.lung_rads_mean_mm
    if measurements.nodule_type == "ground-glass":
        return "3" if size >= LARGE_GLASS_MM and comparison != "stable" else "2"
    if comparison == "stable":
        return None
    if measurements.nodule_type == "solid":
        return _solid(size, comparison)
    return _part_solid(size, tenth(measurements.solid.long_axis_mm), comparison)


def _glass_growing(measurements: Measurements, context: Context) -> bool:
    return measurements.nodule_type == "ground-glass" and context.comparison == "growing"


def _solid(size: float, comparison: str) -> str:
    limits = {
        "baseline": ((6, "2"), (8, "3"), (15, "4A")),
        "new": ((4, "2"), (6, "3"), (8, "4A")),
        "growing": ((8, "4A"),),
    }[comparison]
    return next((name for limit, name in limits if size < limit), "4B")


def _part_solid(size: float, solid: float, comparison: str) -> str:
    if comparison in ("new", "growing"):
        if comparison == "new" and size < 6:
            return "3"
        return "4A" if solid < 4 else "4B"
    if size < 6:
        return "2"
    limits = ((6, "3"), (8, "4A"))
    return next((name for limit, name in limits if solid < limit), "4B")


def _basis(measurements: Measurements) -> str:
    text = f"{measurements.nodule_type} nodule, mean diameter {measurements.lung_rads_mean_mm} mm"
    if measurements.nodule_type == "part-solid":
        text += f", solid part {measurements.solid.long_axis_mm:.1f} mm"
    return text
