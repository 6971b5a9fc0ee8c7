"""Results as a table: one row per nodule, for spreadsheets and statistics."""

from collections.abc import Iterable
from pathlib import Path

from densesharp.csv_files import write_csv
from densesharp.image.grid import ras_to_lps
from densesharp.nodule.records import CLASS_NAMES, NoduleResult
from densesharp.report.labels import name_of

_MEASURED = (
    "volume_mm3", "long_axis_mm", "short_axis_mm", "mean_diameter_mm", "fleischner_mean_mm",
    "lung_rads_mean_mm", "plane", "max_3d_diameter_mm", "mean_hu", "sd_hu", "min_hu", "max_hu",
    "mass_mg", "solid_threshold_hu", "solid_volume_mm3", "solid_long_axis_mm", "ctr",
    "nodule_type",
)  # fmt: skip

COLUMNS = (
    "id", "verdict", "x_ras", "y_ras", "z_ras", "predicted_class",
    *(f"p_{name}" for name in CLASS_NAMES), "p_invasive", "sd_invasive", "sd_iac", "entropy",
    "stability", *_MEASURED, "warnings", "trained_on",
    "name", "side", "level", "slice", "decision", "reader", "decided_at",
    "reader_long_axis_mm", "reader_short_axis_mm",
)  # fmt: skip


def write_table(target: str | Path, results: Iterable[NoduleResult]) -> None:
    """Write one row per nodule as CSV (UTF-8, comma, point as decimal sign).

    Raises:
        OutputError: the file cannot be written.
    """
    write_csv(target, COLUMNS, map(row_of, results))


def row_of(result: NoduleResult) -> dict[str, object]:
    """A nodule as a row; what is not known is empty."""
    x, y, z = ras_to_lps(result.center_lps).round(2)
    measured = result.measurements.to_json() if result.measurements else {}
    probabilities = result.class_probabilities or {}
    spread, stability = result.uncertainty, result.stability
    place, review, own = result.place, result.review, result.reader_axes
    row: dict[str, object | None] = {
        "id": result.id,
        "verdict": result.verdict,
        "x_ras": x,
        "y_ras": y,
        "z_ras": z,
        "predicted_class": result.predicted_class,
        "p_invasive": result.probability_invasive,
        "sd_invasive": spread.sd_invasive if spread else None,
        "sd_iac": spread.sd_iac if spread else None,
        "entropy": spread.entropy if spread else None,
        "stability": stability.light if stability else None,
        "warnings": " ".join(notice.code for notice in result.notices),
        "trained_on": result.trained_on,
        "name": name_of(result),
        "side": place.side if place else None,
        "level": place.level if place else None,
        "slice": place.slice if place else None,
        "decision": review.decision if review else None,
        "reader": review.reader if review else None,
        "decided_at": review.time if review else None,
        "reader_long_axis_mm": own.long_axis_mm if own else None,
        "reader_short_axis_mm": own.short_axis_mm if own else None,
        **{f"p_{name}": probabilities.get(name) for name in CLASS_NAMES},
        **{name: measured.get(name) for name in _MEASURED},
    }
    return {name: _short(value) for name, value in row.items()}


def _short(value: object | None) -> object:
    """Numbers with at most six decimals; empty for what is not known."""
    if value is None:
        return ""
    return round(value, 6) if isinstance(value, float) else value
