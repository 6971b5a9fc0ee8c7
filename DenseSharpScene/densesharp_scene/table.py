"""The table of nodules, as rows of text and as a table node."""

from collections.abc import Sequence
from typing import Any

import vtk

from densesharp.image.grid import ras_to_lps

from .nodule import Nodule

COLUMNS = (
    "Nodule", "Class", "P(invasive)", "P(IAC)", "Mean diameter mm", "Long axis mm",
    "Volume mm3", "CTR", "Type", "Verdict", "Decision", "By", "R", "A", "S",
)  # fmt: skip


def table_row(nodule: Nodule) -> tuple[str, ...]:
    """One nodule as text in the order of `COLUMNS`; what is not estimable is left empty."""
    result = nodule.result.shown()
    measured = result.measurements
    center = ras_to_lps(result.center_lps)
    sizes = ("", "", "", "", "")
    if measured is not None:
        sizes = (
            f"{measured.mean_diameter_mm:.1f}",
            f"{measured.long_axis_mm:.1f}",
            f"{measured.volume_mm3:.0f}",
            f"{measured.solid.ctr:.2f}",
            measured.nodule_type,
        )
    return (
        nodule.name,
        result.predicted_class or "",
        _probability(result.probability_invasive),
        _probability(result.probability_iac),
        *sizes,
        result.verdict,
        nodule.review.decision,
        nodule.review.reader,
        *(f"{value:.1f}" for value in center),
    )


def create_table(scene: Any, volume_node: Any) -> Any:
    """An empty table for the nodules of one CT."""
    return scene.AddNewNodeByClass("vtkMRMLTableNode", f"{volume_node.GetName()} nodules table")


def write_table(node: Any, nodules: Sequence[Nodule]) -> None:
    """Replace what a table node holds by the rows of `nodules`."""
    rows = [table_row(nodule) for nodule in nodules]
    was_modifying = node.StartModify()
    node.RemoveAllColumns()
    for number, title in enumerate(COLUMNS):
        column = vtk.vtkStringArray()
        column.SetName(title)
        for row in rows:
            column.InsertNextValue(row[number])
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.EndModify(was_modifying)


def _probability(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
