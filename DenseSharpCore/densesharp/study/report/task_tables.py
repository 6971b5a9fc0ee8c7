"""Tables of a two-class question, and of the model alone against the readers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from densesharp.stats import formatting
from densesharp.stats.estimates import Estimate
from densesharp.stats.formatting import number, p_text, statistic_text
from densesharp.stats.model_vs_readers import StandaloneResult
from densesharp.stats.mrmc_records import FORM_TITLES, AreaDocument, BinormalCurve, FormSection
from densesharp.study.analysis.endpoints import figure_title
from densesharp.study.analysis.study_results import who
from densesharp.study.analysis.task_results import (
    Calibration,
    CompleteStandalone,
    ModelAlone,
    ModelComparison,
    ModelTask,
    TaskResults,
)
from densesharp.study.exported.study_data import AIDED, UNAIDED
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import (
    DIFFERENCE,
    area,
    bounded,
    cut_note,
    estimate_table,
    one_sided,
    shown,
)


def area_table(name: str, task: TaskResults, conditions: Sequence[str]) -> TableBlock:
    """AUC of every reader and of the model, and each reader's difference of two conditions.

    Args:
        name: of the file, without its ending.
        task: the question's results.
        conditions: in their order.
    """
    pair = compared(conditions)
    used, where = with_tests(task.auc)
    own = _reader_differences(used, pair) if pair else {}
    rows = []
    for reader in task.auc.study.readers:
        own_areas = [task.reader_auc[c][reader] for c in conditions]
        areas = [shown(replace(one.auc, ci=one.logit_interval)) for one in own_areas]
        rows.append([reader, *areas, *([bounded(own.get(reader))] if pair else [])])
    means: list[Estimate | None] = []
    for form, title in (("rrrc", "random readers"), ("frrc", "these readers")):
        section: FormSection = getattr(used, form)
        found = [section.printed().get(c) for c in conditions]
        difference = [bounded(getattr(used.of(*pair), form))] if pair else []
        rows.append([f"mean, {title}", *map(area, found), *difference])
        means += found
    header = ["Reader", *conditions, *([f"{pair[0]} minus {pair[1]}"] if pair else [])]
    caption = "Area under the ROC curve, 95 % interval on the logit scale."
    if pair:
        caption += " Differences of single readers have these readers and random cases."
    if where:
        caption += (
            f" Readings are missing: means and differences are of the {where} cases that all "
            "readers read."
        )
    if task.model:
        rows = [[*row, ""] for row in rows]
        model = shown(replace(task.model.auc, ci=task.model.logit_interval))
        rows.append(["model", *[""] * (len(header) - 1), model])
        header.append("Model alone")
    return TableBlock(f"auc_{name}", caption + cut_note(means, 0), header, rows)


def compared(conditions: Sequence[str]) -> tuple[str, str] | None:
    """The two conditions that a report compares: aided and unaided, or the only two."""
    if AIDED in conditions and UNAIDED in conditions:
        return AIDED, UNAIDED
    return (conditions[0], conditions[1]) if len(conditions) == 2 else None


def with_tests(document: AreaDocument) -> tuple[AreaDocument, int]:
    """The analysis that has tests, and its cases where those are the ones that all readers read.

    With missing readings only the complete cases have a test, and their number is more than 0.
    """
    complete = document.complete_cases
    if complete and document.rrrc.p is None:
        return complete, complete.study.cases
    return document, 0


def _reader_differences(document: AreaDocument, pair: tuple[str, str]) -> Mapping[str, Estimate]:
    rows = document.readers.differences
    return next(row.readers for row in rows if (row.first, row.second) == pair)


def forms_table(name: str, task: TaskResults, pair: tuple[str, str]) -> TableBlock:
    """The comparison of two conditions under all assumptions, each with its own test.

    Args:
        name: of the file, without its ending.
        task: the question's results.
        pair: the two conditions.
    """
    document, drawn = task.auc, task.bootstrap
    rows = _forms(document, pair, "")
    if complete := document.complete_cases:
        rows += _forms(complete, pair, f"; {complete.study.cases} complete cases")[:2]
    if document.u_statistic:
        rows.append(("U-statistics, all random", document.u_statistic.of(*pair)))
    if drawn:
        rows.append(("bootstrap: these readers, random cases", drawn.cases))
        rows.append(("bootstrap: random readers and cases", drawn.readers_and_cases))
    caption = (
        f"Difference in AUC, {pair[0]} minus {pair[1]}, under several assumptions. The row with "
        "these cases says nothing about other cases and must never be used alone."
    )
    if missing := task.missing:
        rows += [
            (f"worst case: {missing.filled} missing, all against {pair[0]}", missing.worst),
            (f"best case: {missing.filled} missing, all for {pair[0]}", missing.best),
        ]
        caption += (
            " Worst and best case (random readers and cases) take every missing reading as wrong, "
            "or right, by the ends of the ratings given: no guess about them lies outside."
        )
    if drawn:
        caption += " The bootstrap over readers is too narrow when there are few."
    caption += cut_note(one for _, one in rows)
    reasons = {one.reason for _, one in rows if one.reason}
    caption += "".join(f" {reason}" for reason in sorted(reasons))
    return estimate_table(f"auc_difference_{name}", caption, "Random", DIFFERENCE, rows)


def _forms(document: AreaDocument, pair: tuple[str, str], where: str) -> list[tuple[str, Estimate]]:
    found = document.of(*pair)
    return [(title + where, getattr(found, form)) for form, title in FORM_TITLES.items()]


def pairs_table(name: str, document: AreaDocument) -> TableBlock:
    """Three or more conditions: the test that all are equal, and every pair with its own test."""
    used, where = with_tests(document)
    sections: tuple[FormSection, ...] = (used.rrrc, used.frrc, used.rrfc)
    rows = [
        [f"all equal; {title}", "", "", statistic_text(*part.test()), p_text(part.p), ""]
        for title, part in zip(FORM_TITLES.values(), sections, strict=True)
    ]
    for row in used.comparisons:
        cells = [cell(row.rrrc) for cell in DIFFERENCE.values()]
        adjusted = p_text(row.p_holm.rrrc if row.p_holm else None)
        rows.append([f"{row.first} minus {row.second}", *cells, adjusted])
    caption = (
        f"All {len(used.study.treatments)} conditions: the tests that their AUCs are equal, and "
        "every pair with random readers and random cases; Holm's correction is over the pairs."
    )
    if where:
        caption += f" Readings are missing: these are the {where} cases that all readers read."
    caption += cut_note(row.rrrc for row in used.comparisons)
    header = ("Compared", *DIFFERENCE, "p (Holm)")
    return TableBlock(f"auc_pairs_{name}", caption, header, rows)


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


def binormal_table(name: str, curves: Mapping[str, Mapping[str, BinormalCurve]]) -> TableBlock:
    """The smooth curves of the readers' ratings."""
    rows = [
        (who(condition, reader), curve)
        for condition, readers in curves.items()
        for reader, curve in readers.items()
    ]
    caption = (
        "Binormal curves fitted to each reader's ratings (maximum likelihood): a is the distance "
        "of the two classes in SDs of the positive cases, b the SD of the negative over that of "
        "the positive; a small p of the fit speaks against this shape."
    )
    caption += "".join(
        f" {reason}" for reason in sorted({one.fit.reason for _, one in rows if one.fit.reason})
    )
    columns: dict[str, Callable[[BinormalCurve], str]] = {
        "a": lambda one: shown(one.a, 2),
        "b": lambda one: shown(one.b, 2),
        "Area": lambda one: area(one.auc),
        "p of the fit": lambda one: p_text(one.fit.p),
    }
    return estimate_table(f"binormal_{name}", caption, "Reader", columns, rows)


def points_table(name: str, task: TaskResults) -> TableBlock | None:
    """Sensitivity, specificity and predictive values of the chosen classes."""
    rows = []
    for condition, readers in task.operating_points.items():
        for reader, point in readers.items():
            if point:
                found = (point.sensitivity, point.specificity, point.ppv, point.npv)
                rows.append([who(condition, reader), *(shown(one, 2) for one in found)])
        mean = task.average_points.get(condition)
        if mean and mean.sensitivity is not None and mean.specificity is not None:
            pair = [number(mean.sensitivity, 2), number(mean.specificity, 2)]
            rows.append([who(condition), *pair, "", ""])
    if not rows:
        return None
    caption = (
        "Operating points of the chosen classes, 95 % Wilson intervals, each for exactly this "
        "reader."
    )
    header = ("Reader", "Sensitivity", "Specificity", "PPV", "NPV")
    return TableBlock(f"operating_points_{name}", caption, header, rows)


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
    caption += cut_note(one for _, one in rows)
    return estimate_table(f"model_{name}", caption, "Against", DIFFERENCE, rows)


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
        "Difference": lambda part: _within(part, part.result.rrrc),
        "p": lambda part: p_text(part.result.rrrc.p),
        "These readers": lambda part: _within(part, part.result.frrc),
    }
    rows = zip(titles, used, strict=True)
    return estimate_table("model_alone", caption, "Figure", columns, rows)


def _within(part: ModelComparison | CompleteStandalone, one: Estimate) -> str:
    """A difference cut at what it can be, which for kappa is 2."""
    width = 2.0 if "kappa" in part.result.figure else 1.0
    return shown(formatting.bounded(one, -width, width))


def _with_test(part: ModelComparison) -> ModelComparison | CompleteStandalone:
    """The comparison, of the complete cases where only those have a test."""
    return part.complete_cases if part.result.rrrc.p is None and part.complete_cases else part


def _mean(result: StandaloneResult) -> float | None:
    values = [value for value in result.readers.values() if value is not None]
    return sum(values) / len(values) if values else None


def calibration_table(name: str, sources: Mapping[str, Calibration]) -> TableBlock:
    """Brier, calibration errors and line."""
    caption = (
        "Calibration. Ideal: Brier and ECE 0, intercept 0, slope 1. Intervals of several readers "
        "are for readers and cases like these."
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
