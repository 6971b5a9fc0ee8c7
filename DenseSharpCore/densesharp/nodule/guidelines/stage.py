"""Clinical T category and consolidation-to-tumor ratio, should the nodule be a lung cancer.

Sources: T by the size of the solid part on CT, Travis et al., J Thorac Oncol 2016;11:1204-1223
(IASLC, 8th edition; the 9th keeps these limits). CTR groups: the JCOG trials named below.
"""

from __future__ import annotations

from densesharp.nodule.guidelines.context import Hint
from densesharp.nodule.records import Measurements

_T_BY_SOLID_MM = ((5, "cT1mi"), (10, "cT1a"), (20, "cT1b"), (30, "cT1c"))


def stage_hint(measurements: Measurements) -> Hint:
    """Clinical T category by size alone."""
    invasive = solid_size_mm(measurements)
    kind = measurements.nodule_type
    return Hint(
        title="Clinical T by size",
        source="Travis et al., J Thorac Oncol 2016;11:1204-1223",
        applies=None,
        answer=f"{t_category(measurements)}, if it is a lung adenocarcinoma",
        basis=f"{kind} nodule, largest diameter {measurements.long_axis_mm:.1f} mm, "
        f"solid part {invasive:.1f} mm",
        limits=(
            "By size alone: no invasion of neighbors, no second nodule, no nodes considered.",
            "Tis and T1mi are pathology findings; CT can only suggest them.",
        ),
    )


def solid_size_mm(measurements: Measurements) -> float:
    """Largest diameter of the solid part; of a solid nodule, all of it."""
    if measurements.nodule_type == "solid":
        return measurements.long_axis_mm
    return measurements.solid.long_axis_mm


def t_category(measurements: Measurements) -> str:
    """The category by size: cTis, cT1mi, cT1a, cT1b, cT1c, or cT2 or more."""
    solid, total = solid_size_mm(measurements), measurements.long_axis_mm
    if measurements.nodule_type == "ground-glass":
        return "cTis" if total <= 30 else "cT1a"
    found = next((name for limit, name in _T_BY_SOLID_MM if solid <= limit), "cT2 or more")
    # Minimally invasive adenocarcinoma is at most 30 mm in all; a larger one counts as cT1a. A
    # solid nodule has no lepidic part that could make it minimally invasive.
    if found == "cT1mi" and (total > 30 or measurements.nodule_type == "solid"):
        return "cT1a"
    return found


def ctr_group(measurements: Measurements) -> Hint:
    """Which of the JCOG trials' groups the nodule's CTR and size fall into."""
    ctr, size = measurements.solid.ctr, measurements.long_axis_mm
    return Hint(
        title="Consolidation-to-tumor ratio",
        source="JCOG0201, JCOG0802, JCOG0804, JCOG1211",
        applies=None,
        answer=_trial_group(measurements),
        basis=f"CTR {ctr:.2f} at {measurements.solid.threshold_hu:.0f} HU, "
        f"largest diameter {size:.1f} mm",
        value=ctr,
        limits=(
            "For peripheral early lung cancer before resection.",
            "The trials measured by eye on a lung window, not by threshold.",
        ),
    )


def radiologically_non_invasive(measurements: Measurements) -> bool:
    """Largest diameter up to 20 mm and CTR up to 0.25, as in JCOG0201 and JCOG0804."""
    return measurements.long_axis_mm <= 20 and measurements.solid.ctr <= 0.25


def _trial_group(measurements: Measurements) -> str:
    ctr, size = measurements.solid.ctr, measurements.long_axis_mm
    if radiologically_non_invasive(measurements):
        return "CTR up to 0.25 and up to 20 mm: radiologically non-invasive (JCOG0201, JCOG0804)"
    if ctr <= 0.5 and size <= 30:
        return "CTR up to 0.5 and up to 30 mm: the group of JCOG1211"
    if size <= 20:
        return "CTR over 0.5 and up to 20 mm: the group of JCOG0802"
    return "in none of the trials' groups"
