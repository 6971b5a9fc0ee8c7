"""Fleischner Society guidelines 2017 for incidental nodules.

Source: MacMahon et al., Radiology 2017;284:228-243 (10.1148/radiol.2017161659), table 1 and
recommendations 1-5. Decided from the mean diameter in whole mm, never from a volume: its volume
limits (100 and 250 mm3) are not the balls of 6 and 8 mm.
"""

from __future__ import annotations

from densesharp.nodule.guidelines.context import Context, Hint
from densesharp.nodule.records import Measurements

YOUNGEST = 35
SMALL_MM = 6
LARGE_MM = 8

LIMITS = (
    "Not for patients under 35, with a known cancer or immunosuppressed.",
    "Not for lung cancer screening: use Lung-RADS there.",
    "With several nodules, the most suspicious one decides.",
)


def fleischner_2017(measurements: Measurements, context: Context) -> Hint:
    """Recommended follow-up of an incidental nodule."""
    size = measurements.fleischner_mean_mm
    applies = _applies(context)
    answer = None
    if applies is not False:
        answer = _recommendation(measurements, context)
    asked = ["age", "known_cancer", "immunosuppressed", "screening", "nodules"]
    if measurements.nodule_type == "solid":
        asked.append("high_risk")
    return Hint(
        title="Fleischner 2017",
        source="MacMahon et al., Radiology 2017;284:228-243",
        applies=applies,
        answer=answer,
        basis=_basis(measurements, size),
        missing=context.missing(*asked),
        limits=LIMITS,
    )


def _applies(context: Context) -> bool | None:
    """Whether the guideline is meant for this patient; None when something decisive is unknown."""
    barred = (context.known_cancer, context.immunosuppressed, context.screening)
    if any(barred) or (context.age is not None and context.age < YOUNGEST):
        return False
    return None if context.age is None or None in barred else True


def _basis(measurements: Measurements, size: int) -> str:
    text = f"{measurements.nodule_type} nodule, mean diameter {size} mm"
    if measurements.nodule_type == "part-solid":
        text += f", solid part {measurements.solid.long_axis_mm:.0f} mm"
    return text


def _recommendation(measurements: Measurements, context: Context) -> str:
    """The cell of the table; where the number of nodules is unknown, that for a single one."""
    several = context.nodules is not None and context.nodules > 1
    size = measurements.fleischner_mean_mm
    if measurements.nodule_type == "solid":
        text = _solid(size, several, context.high_risk)
    elif several:
        text = _several_subsolid(size)
    else:
        text = _one_subsolid(measurements, size)
    return text if context.nodules is not None else f"{text} (as a single nodule)"


def _solid(size: int, several: bool, high_risk: bool | None) -> str:
    if size < SMALL_MM:
        low, high = "no routine follow-up", "optional CT at 12 months"
    elif several:
        low = "CT at 3-6 months, then consider CT at 18-24 months"
        high = "CT at 3-6 months, then at 18-24 months"
    elif size <= LARGE_MM:
        low = "CT at 6-12 months, then consider CT at 18-24 months"
        high = "CT at 6-12 months, then CT at 18-24 months"
    else:
        return "Consider CT at 3 months, PET/CT or tissue sampling"
    if high_risk is None:
        return f"Low risk: {low}; high risk: {high}"
    chosen = high if high_risk else low
    return chosen[0].upper() + chosen[1:]


def _several_subsolid(size: int) -> str:
    if size < SMALL_MM:
        return "CT at 3-6 months; if stable, consider CT at 2 and 4 years"
    return "CT at 3-6 months; then the most suspicious nodule decides"


def _one_subsolid(measurements: Measurements, size: int) -> str:
    if size < SMALL_MM:
        return "No routine follow-up"
    if measurements.nodule_type == "ground-glass":
        return "CT at 6-12 months to confirm persistence, then CT every 2 years until 5 years"
    text = "CT at 3-6 months to confirm persistence; "
    if measurements.solid.long_axis_mm < SMALL_MM:
        return text + "if unchanged and the solid part stays under 6 mm, CT every year for 5 years"
    if measurements.solid.long_axis_mm <= LARGE_MM:
        return text + "a persistent solid part of 6 mm or more is highly suspicious"
    return text + "a solid part over 8 mm is highly suspicious: PET/CT, biopsy or resection"
