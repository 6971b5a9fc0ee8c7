"""Tables of a two-class question, and of the model alone against the readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from densesharp.stats.estimates import Estimate
from densesharp.stats.formatting import number, p_text
from densesharp.stats.model_vs_readers import StandaloneResult
from densesharp.stats.mrmc_document import FORM_TITLES, AreaDocument, FormSection
from densesharp.study.analysis.endpoints import figure_title
from densesharp.study.analysis.task_results import (
    Calibration,
    CompleteStandalone,
    ModelAlone,
    ModelComparison,
    ModelTask,
    Point,
    TaskResults,
)
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import (
    area,
    estimate_table,
    limits,
    one_sided,
    shown,
    t_or_z,
    who,
)


def area_table(name: str, task: TaskResults, conditions: Sequence[str]) -> TableBlock:
    """AUC of every reader and of the model."""
    rows = [
        [reader, *(area(task.reader_auc[c][reader].auc) for c in conditions)]
        for reader in task.auc.study.readers
    ]
    for form, title in ((task.auc.rrrc, "random readers"), (task.auc.frrc, "these readers")):
        rows.append([f"mean, {title}", *(area(form.means.get(c)) for c in conditions)])
    if task.model:
        rows.append(["model alone", area(task.model.auc), *[""] * (len(conditions) - 1)])
    caption = "Area under the ROC curve with 95 % interval (readers and model: DeLong), cut at 1."
    return TableBlock(f"auc_{name}", caption, ("Reader", *conditions), rows)


def forms_table(name: str, task: TaskResults) -> TableBlock:
    """The comparison of two conditions under all assumptions."""
    document, drawn, u = task.auc, task.bootstrap, task.auc.u_statistic
    rows = list(_form_rows(document, ""))
    if complete := document.complete_cases:
        rows += list(_form_rows(complete, f"; {complete.study.cases} complete cases"))[:2]
    if u:
        df = number(u.df, 1) if u.df else "—"
        cells = [number(u.difference), limits(u.ci), "—", df, p_text(u.p)]
        rows.append(["U-statistics, all random", *cells])
    if drawn:
        for who_varies, one in (
            ("these readers, random cases", drawn.cases),
            ("random readers and cases", drawn.readers_and_cases),
        ):
            title = f"bootstrap: {who_varies}"
            rows.append([title, number(one.value), limits(one.ci), "—", "—", "—"])
    first, second = document.study.treatments[:2]
    caption = f"Difference in AUC, {first} minus {second}, under several assumptions."
    if drawn:
        caption += " The bootstrap over readers is too narrow when there are few."
    parts = (document.rrrc, document.frrc, document.rrfc, u)
    reasons = {part.reason for part in parts if part and part.reason}
    caption += "".join(f" {reason}" for reason in sorted(reasons))
    header = ("Random", "Difference", "95 % interval", "F or χ²", "df", "p")
    return TableBlock(f"auc_difference_{name}", caption, header, rows)


def _form_rows(document: AreaDocument, where: str) -> Iterator[list[str]]:
    sections: tuple[FormSection, ...] = (document.rrrc, document.frrc, document.rrfc)
    for title, part in zip(FORM_TITLES.values(), sections, strict=True):
        df = number(part.df2, 1) if part.df2 else "—"
        difference, statistic = number(document.difference), number(part.statistic, 2)
        yield [title + where, difference, limits(part.ci), statistic, df, p_text(part.p)]


def components_table(name: str, document: AreaDocument) -> TableBlock:
    """Variance components."""
    found = document.components
    values = {
        "Var(R)": found.var_r, "Var(T×R)": found.var_tr, "Cov1": found.cov1, "Cov2": found.cov2,
        "Cov3": found.cov3, "Var(error)": found.var_error,
    }  # fmt: skip
    caption = "Variance components (jackknife), as needed to plan the next study."
    return estimate_table(
        f"components_{name}", caption, "Component", {"Value": lambda v: number(v, 6)},
        values.items(),
    )  # fmt: skip


def points_table(name: str, task: TaskResults) -> TableBlock | None:
    """Sensitivity, specificity and predictive values of the chosen classes."""
    rows = []
    for condition, readers in task.operating_points.items():
        for reader, point in readers.items():
            if point:
                rows.append([who(condition, reader), *_point_cells(point)])
        mean = task.average_points.get(condition)
        if mean and mean.sensitivity is not None and mean.specificity is not None:
            pair = [number(mean.sensitivity, 2), number(mean.specificity, 2)]
            rows.append([who(condition), *pair, "", ""])
    if not rows:
        return None
    caption = "Operating points of the chosen classes, 95 % Wilson intervals."
    header = ("Reader", "Sensitivity", "Specificity", "PPV", "NPV")
    return TableBlock(f"operating_points_{name}", caption, header, rows)


def _point_cells(point: Point) -> list[str]:
    return [shown(one, 2) for one in (point.sensitivity, point.specificity, point.ppv, point.npv)]


def standalone_table(name: str, model: ModelTask) -> TableBlock:
    """The model alone against the readers."""
    found, complete = model.against_readers, model.complete_cases
    sources = [(found, "")]
    if complete:
        sources.append((complete.result, f"; {complete.cases} cases that all read"))
    rows = []
    for source, where in sources:
        for form, one in (("rrrc", source.rrrc), ("frrc", source.frrc)):
            # With missing readings only the complete cases have a test.
            primary = model.primary and model.form == form and source is sources[-1][0]
            rows.append((FORM_TITLES[form] + where + (" (primary)" if primary else ""), one))
    rows.append(("random readers, cases taken as fixed", found.rrfc))
    rows += [(f"{reader} (DeLong; p by Holm)", one) for reader, one in found.each_reader.items()]
    caption = (
        f"Model alone minus readers ({model.condition}), difference in AUC; p two-sided, of no "
        "difference. The row with fixed cases says nothing about other cases and must not be used "
        "alone."
    )
    judged = sources[-1][0].non_inferiority
    if judged:
        caption += f" Non-inferiority by {judged.margin:g} (primary): {one_sided(judged)}."
    return estimate_table(f"model_{name}", caption, "Against", DIFFERENCE, rows)


DIFFERENCE: dict[str, Callable[[Estimate], str]] = {
    "Difference": shown,
    "Test": lambda one: t_or_z(one.statistic, one.df),
    "p": lambda one: p_text(one.p),
}
"""How tables show a difference with its test."""


def model_alone_table(alone: ModelAlone) -> TableBlock:
    """The model minus the readers by every figure of merit."""
    used = [_with_test(part) for part in alone.comparisons]
    caption = (
        f"Model alone minus readers ({alone.condition}): random readers and cases (1T-RRRC, "
        "Hillis 2007), and these readers with random cases. p two-sided, of no difference, not "
        "corrected for their number."
    )
    if any(part is one.complete_cases for part, one in zip(used, alone.comparisons, strict=True)):
        caption += " Readings are missing: these are the cases that all readers read."
    titles = [figure_title(part.figure, part.task) for part in alone.comparisons]
    columns: dict[str, Callable[[ModelComparison | CompleteStandalone], str]] = {
        "n": lambda part: str(part.cases),
        "Model": lambda part: number(part.result.model),
        "Readers": lambda part: number(_mean(part.result)),
        "Difference": lambda part: shown(part.result.rrrc),
        "p": lambda part: p_text(part.result.rrrc.p),
        "These readers": lambda part: shown(part.result.frrc),
    }
    rows = zip(titles, used, strict=True)
    return estimate_table("model_alone", caption, "Figure", columns, rows)


def _with_test(part: ModelComparison) -> ModelComparison | CompleteStandalone:
    """The comparison, of the complete cases where only those have a test."""
    return part.complete_cases if part.result.rrrc.p is None and part.complete_cases else part


def _mean(result: StandaloneResult) -> float | None:
    values = [value for value in result.readers.values() if value is not None]
    return sum(values) / len(values) if values else None


def calibration_table(name: str, sources: Mapping[str, Calibration]) -> TableBlock:
    """Brier, calibration errors and line."""
    caption = (
        "Calibration. Ideal: Brier and ECE 0, intercept 0, slope 1. Intervals ignore that readings "
        "of one case belong together."
    )
    columns: dict[str, Callable[[Calibration], str]] = {
        "n": lambda part: str(part.n),
        "Brier": lambda part: shown(part.brier),
        "ECE, 10 widths": lambda part: shown(part.ece),
        "ECE, 10 counts": lambda part: shown(part.ece_equal_count),
        "Intercept": lambda part: shown(part.intercept),
        "Slope": lambda part: shown(part.slope),
    }
    rows = [(who(source, "readers"), part) for source, part in sources.items()]
    return estimate_table(f"calibration_{name}", caption, "Source", columns, rows)
