"""One table and one picture of a whole cohort, from the records of its cases."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from densesharp.csv_files import write_csv
from densesharp.errors import OutputError
from densesharp.files import atomic_path, write_text
from densesharp.nodule.records import CLASS_NAMES, NoduleResult
from densesharp.report.labels import DISCLAIMER
from densesharp.report.nodule_table import COLUMNS, row_of
from densesharp.serve.case_list import CohortCase, CohortRun, read_record
from densesharp.words import counted

TABLE, FAILURES, SUMMARY, PICTURE = "cohort.csv", "failures.csv", "summary.json", "summary.png"
_COLOURS = ("#4c9be8", "#f2b134", "#d1495b")


@dataclass(frozen=True)
class CohortSummary:
    """What summary.json holds: counts of cases, nodules, verdicts, classes and types.

    Classes and types are those of nodules that were not refused.
    """

    cases: int
    failed_cases: int
    nodules: int
    failed_nodules: int
    verdict: dict[str, int]
    predicted_class: dict[str, int]
    nodule_type: dict[str, int]
    model_sha256: str
    notice: str


def merge(cases: Sequence[CohortCase], settings: CohortRun, out: Path) -> CohortSummary | None:
    """Write table, failures, summary and picture once every case has a record.

    Files: `cohort.csv` (a row per nodule), `failures.csv` (case, nodule, reason), `summary.json`
    and `summary.png`.

    Args:
        cases: the whole list, not a shard.
        settings: those of the run.
        out: folder of the run.

    Returns:
        The summary; None while cases are still missing.

    Raises:
        OutputError: the folder cannot be written to.
    """
    rows: list[dict[str, object]] = []
    failures: list[dict[str, str]] = []
    for case in cases:
        record = read_record(case, settings, out)
        if record is None:
            return None
        if record["status"] == "failed":
            failures.append({"case": case.id, "nodule": "", "reason": record["reason"]})
            continue
        failures += [{"case": case.id, **failure} for failure in record["failures"]]
        for entry in record["result"]["nodules"]:
            rows.append({"case": case.id, **row_of(NoduleResult.from_json(entry))})
    summary = _summary(rows, failures, len(cases), settings)
    write_csv(out / TABLE, ("case", *COLUMNS), rows)
    write_csv(out / FAILURES, ("case", "nodule", "reason"), failures)
    _draw(out / PICTURE, rows, summary)
    write_text(out / SUMMARY, json.dumps(asdict(summary), indent=2) + "\n")
    return summary


def remove_merged(out: Path) -> bool:
    """Remove what `merge` wrote, before records change that it no longer belongs to.

    Raises:
        OutputError: the folder cannot be written to.
    """
    merged = [out / name for name in (TABLE, FAILURES, SUMMARY, PICTURE)]
    found = [path for path in merged if path.exists()]
    try:
        for path in found:
            path.unlink(missing_ok=True)  # another part of the list may have been faster
    except OSError as error:
        message = f"'{path}' is out of date and cannot be removed ({error.strerror}): remove it."
        raise OutputError(message) from error
    return bool(found)


def _summary(
    rows: Sequence[dict[str, object]],
    failures: Sequence[dict[str, str]],
    cases: int,
    settings: CohortRun,
) -> CohortSummary:
    answered = [row for row in rows if row["verdict"] != "refused"]

    def counts(column: str, among: Sequence[dict[str, object]]) -> dict[str, int]:
        return dict(sorted(Counter(str(row[column]) for row in among if row[column]).items()))

    return CohortSummary(
        cases=cases,
        failed_cases=sum(not failure["nodule"] for failure in failures),
        nodules=len(rows),
        failed_nodules=sum(bool(failure["nodule"]) for failure in failures),
        verdict=counts("verdict", rows),
        predicted_class=counts("predicted_class", answered),
        nodule_type=counts("nodule_type", answered),
        model_sha256=settings.model_sha256,
        notice=DISCLAIMER,
    )


def _draw(path: Path, rows: Sequence[dict[str, object]], summary: CohortSummary) -> None:
    """Classes, verdicts and sizes side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    classes, verdicts, sizes = figure.subplots(1, 3)
    found = [summary.predicted_class.get(name, 0) for name in CLASS_NAMES]
    classes.bar_label(classes.bar(CLASS_NAMES, found, color=_COLOURS), padding=2)
    classes.set(title="Predicted class")
    names = ("ok", "caution", "refused")
    found = [summary.verdict.get(name, 0) for name in names]
    bars = verdicts.bar(names, found, color=("#5aa469", "#f2b134", "#d1495b"))
    verdicts.bar_label(bars, padding=2)
    verdicts.set(title="Verdict")
    diameters = [
        [float(str(row["mean_diameter_mm"])) for row in rows
         if row["predicted_class"] == name and row["verdict"] != "refused"]
        for name in CLASS_NAMES
    ]  # fmt: skip
    largest = max((value for part in diameters for value in part), default=0.0)
    # Bars of whole millimetres, at most about twenty of them.
    width = max(1, math.ceil(largest / 20))
    edges = np.arange(0, max(largest, 10) + 2 * width, width)
    sizes.hist(diameters, bins=edges, stacked=True, color=_COLOURS, label=CLASS_NAMES)
    sizes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center")
    sizes.set(title="Mean diameter", xlabel="mm")
    for axes in (classes, verdicts, sizes):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylabel("nodules")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylim(0, max(1.0, 1.18 * axes.get_ylim()[1]))
    figure.suptitle(
        f"{counted(summary.nodules, 'nodule')} in {counted(summary.cases, 'CT')}, "
        f"{counted(summary.failed_cases, 'CT')} failed. {DISCLAIMER}",
        fontsize=10,
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
