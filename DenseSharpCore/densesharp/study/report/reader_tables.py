"""Tables of classes, agreement, outlines and times."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from densesharp.stats.estimates import Estimate
from densesharp.stats.formatting import NOT_ESTIMABLE, number, p_text
from densesharp.stats.formatting import bounded as possible
from densesharp.stats.icc import GENERALIZED
from densesharp.stats.multiclass import Confusion
from densesharp.stats.proportions import wilson
from densesharp.stats.reading_time import TimeSummary
from densesharp.study.analysis.class_results import (
    AgreementResults,
    AutomationBias,
    Changes,
    ClassResults,
    ProbabilityScores,
    ReaderAgreement,
    ReaderChange,
)
from densesharp.study.analysis.outline_results import OutlineComparison, OutlineResults, Ratios
from densesharp.study.analysis.study_results import who
from densesharp.study.analysis.time_results import SessionAccuracy, TimeResults
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import (
    CUT,
    bounded,
    cut_note,
    estimate_table,
    limits,
    shown,
    with_reason,
)
from densesharp.words import counted


def class_table(classes: ClassResults) -> TableBlock:
    """Accuracy, F1, MCC and kappa of the classes."""
    rows = []
    for source, part in classes.confusion.items():
        rows += [(who(source, reader), one) for reader, one in (part.readers or {}).items()]
        rows.append((who(source), _with_intervals(part.mean, source, classes)))
    caption = (
        "Three-class results. One step: calls one class away from pathology; two steps: "
        "AAH-AIS called IAC or the reverse. Means of accuracy and kappa: random readers and cases"
    )
    complete = classes.accuracy.complete_cases
    caption += f" of the {complete.study.cases} cases that all readers read." if complete else "."
    caption += " Single readers: each for exactly this reader." + CUT
    columns: dict[str, Callable[[Confusion], str]] = {
        "Accuracy": lambda one: bounded(one.accuracy, 2, 0),
        "Weighted F1": lambda one: shown(one.weighted_f1, 2),
        "Macro F1": lambda one: shown(one.macro_f1, 2),
        "MCC": lambda one: shown(one.mcc, 2),
        "Kappa (quadratic)": lambda one: bounded(one.kappa["quadratic"], 2),
        "One step": lambda one: number(one.one_step.value, 2),
        "Two steps": lambda one: number(one.two_steps.value, 2),
    }
    return estimate_table("classes", caption, "Who", columns, rows)


def _with_intervals(mean: Confusion, source: str, classes: ClassResults) -> Confusion:
    """The mean reader's matrix with the multi-reader analysis' means of accuracy and kappa."""
    accuracy, kappa = (
        (document.complete_cases or document).rrrc.printed().get(source)
        for document in (classes.accuracy, classes.quadratic_kappa)
    )
    if accuracy is None or kappa is None:
        return mean
    return replace(mean, accuracy=accuracy, kappa={**mean.kappa, "quadratic": kappa})


def probability_table(probabilities: Mapping[str, Mapping[str, ProbabilityScores]]) -> TableBlock:
    """How well three-class probabilities tell the classes apart, and their Brier score."""
    rows = [
        (who(source, reader), one)
        for source, readers in probabilities.items()
        for reader, one in readers.items()
    ]
    caption = (
        "Three-class probabilities (from the two ratings): Hand & Till's M, one-vs-rest AUC as the "
        "mean of the classes and weighted by prevalence, concordance of the ordered classes "
        "(Obuchowski 2005), Brier score summed over classes (0 to 2, lower is better)."
    )
    columns: dict[str, Callable[[ProbabilityScores], str]] = {
        "n": lambda one: str(one.n),
        "M": lambda one: shown(one.hand_till),
        "AUC, mean": lambda one: shown(one.one_vs_rest.macro),
        "AUC, weighted": lambda one: shown(one.one_vs_rest.weighted),
        "Concordance": lambda one: shown(one.concordance),
        "Brier": lambda one: shown(one.brier),
    }
    return estimate_table("class_probabilities", caption, "Who", columns, rows)


def change_table(changes: Changes) -> TableBlock:
    """Paired changes of accuracy per reader."""
    rows = [[reader, *_change_cells(row)] for reader, row in changes.readers.items()]
    pooled, clustered = changes.all_readers, changes.all_readers_obuchowski
    for name, value, one in (
        ("Durkalski", number(pooled.value), pooled),
        ("Obuchowski", shown(clustered), clustered),
    ):
        rows.append(
            [
                f"all, these readers only ({name})",
                "",
                "",
                "",
                value,
                "",
                f"{p_text(one.p)} (one test)",
                "",
            ]
        )
    caption = (
        "Right classes aided against unaided: discordant cases, difference in accuracy (Newcombe), "
        "McNemar with Holm's correction over the readers, and whether the use of the classes "
        "changed (Stuart-Maxwell). All readers: one test each, not corrected. Every row is about "
        "exactly these readers."
    )
    header = (
        "Reader", "n", "Right aided only", "Right unaided only", "Difference", "Tango interval",
        "p (Holm)", "p (Stuart-Maxwell)",
    )  # fmt: skip
    return TableBlock("changes", caption, header, rows)


def _change_cells(row: ReaderChange) -> list[str]:
    return [
        str(row.both_read), str(row.right_aided_only), str(row.right_unaided_only),
        shown(row.accuracy_difference), limits(row.accuracy_difference_tango.ci),
        p_text(row.p_holm), p_text(row.marginal_homogeneity.p),
    ]  # fmt: skip


def automation_table(found: AutomationBias) -> TableBlock:
    """Right answers that followed the model to its wrong one, reader by reader and in all."""
    rows = [
        (
            f"{reader}, {one.followed} of {one.right_before}",
            one.share or wilson(one.followed, one.right_before),
        )
        for reader, one in found.readers.items()
        if one.right_before
    ]
    rows += [
        ("all readers", found.followed),
        ("changed to a wrong class although the model was right", found.spontaneous),
        ("difference of these two shares", found.difference),
        ("accuracy where the model was wrong, aided minus unaided", found.accuracy_change),
    ]
    caption = (
        "Automation bias: right unaided answers to the "
        f"{counted(found.wrong_model_cases, 'case')} in which the model was wrong, and the share "
        "that became the model's wrong class. For readers and cases like these; single readers "
        "and the accuracy's change: for exactly these. "
        "Answers to hard cases change more often without any model, and models err in hard cases: "
        "the difference of the shares may come from that, the accuracy's change may not."
    ) + cut_note((found.difference, found.accuracy_change))
    columns: dict[str, Callable[[Estimate], str]] = {
        "Share or difference": lambda one: with_reason(possible(one)),
        "p": lambda one: "—" if one.p is None else p_text(one.p),
    }
    return estimate_table("automation_bias", caption, "Right answers", columns, rows)


TERMS = {
    "second_session": "second session",
    "aided_x_second_session": "aided × second session",
    "position_per_100": "100 cases later in the session",
    "period": "one session later",
    "aided_x_group": "aided × reader group",
    "sd_reader": "spread of readers (SD)",
    "sd_case": "spread of cases (SD)",
}


def effects_table(name: str, caption: str, effects: Mapping[str, Estimate]) -> TableBlock:
    """Coefficients of a regression.

    Args:
        name: of the file, without its ending.
        caption: above it.
        effects: by name.
    """
    # A spread has no test.
    columns: dict[str, Callable[[Estimate], str]] = {
        "Coefficient": shown,
        "SE": lambda one: "—" if one.se is None else number(one.se),
        "df": lambda one: "—" if one.df is None else number(one.df, 1),
        "p": lambda one: "—" if one.p is None else p_text(one.p),
    }
    rows = [(TERMS.get(term, term), one) for term, one in effects.items()]
    return estimate_table(name, caption, "Term", columns, rows)


COEFFICIENTS: dict[str, tuple[str, Callable[[ReaderAgreement], Estimate | None]]] = {
    "percent_agreement": ("Percent agreement", lambda one: one.percent_agreement),
    "fleiss": ("Fleiss' kappa", lambda one: one.fleiss),
    "fleiss_quadratic": ("Fleiss' kappa, quadratic", lambda one: one.fleiss_quadratic),
    "gwet_ac1": ("Gwet's AC1", lambda one: one.gwet_ac1),
    "gwet_ac2_quadratic": ("Gwet's AC2, quadratic", lambda one: one.gwet_ac2_quadratic),
    "krippendorff_ordinal": ("Krippendorff's alpha, ordinal", lambda one: one.krippendorff_ordinal),
    "icc_2_1": ("ICC(2,1) of class", lambda one: one.icc_2_1),
}


def agreement_table(agreement: AgreementResults) -> TableBlock:
    """Agreement between readers by condition."""
    conditions, differences = agreement.conditions, agreement.differences
    caption = (
        "Agreement between readers on the class, 95 % intervals, for exactly these readers." + CUT
    )
    header = ["Coefficient", *conditions]
    rows = [
        [title, *(bounded(of(p.readers), lowest=_lowest(key)) for p in conditions.values())]
        for key, (title, of) in COEFFICIENTS.items()
    ]
    if differences:
        caption += " Difference: aided minus unaided, bootstrap over cases."
        header.append("Difference")
        for key, row in zip(COEFFICIENTS, rows, strict=True):
            row.append(shown(differences[key]) if key in differences else "")
    of_random = [one.readers.icc_2_1 for one in conditions.values()]
    if any(one is not None and one.method == GENERALIZED for one in of_random):
        caption += (
            " ICC(2,1) is for readers like these (with four readers who use the classes "
            "differently it covers about 91 %, not 95 %)."
        )
    caption += _missing_ratings(agreement)
    return TableBlock("agreement_readers", caption, header, rows)


def _lowest(coefficient: str) -> float:
    """What a coefficient is at least: a share 0, one that chance corrects -1."""
    return 0.0 if coefficient == "percent_agreement" else -1.0


def _missing_ratings(agreement: AgreementResults) -> str:
    """Which coefficients use which cases, where not every reader rated every case."""
    counts = {
        condition: (part.cases, part.complete_cases)
        for condition, part in agreement.conditions.items()
        if part.complete_cases is not None
    }
    if all(cases == complete for cases, complete in counts.values()):
        return ""
    rated = ", ".join(f"{name} {complete} of {n}" for name, (n, complete) in counts.items())
    text = f" Ratings are missing: ICC uses the cases that all readers rated ({rated})"
    if agreement.differences_cases is not None:
        text += (
            ", the differences those that all rated under both conditions "
            f"({agreement.differences_cases})"
        )
    return text + ", the other coefficients all ratings."


def repeats_table(repeats: Mapping[str, Estimate]) -> TableBlock:
    """Agreement of each reader with himself or herself."""
    caption = "Intra-reader agreement: quadratic kappa of first and repeated unaided reading." + CUT
    return estimate_table(
        "repeats", caption, "Reader", {"Quadratic kappa": bounded}, repeats.items()
    )


MEASURES: dict[str, Callable[[OutlineComparison], float | None]] = {
    "Dice": lambda row: row.dice,
    "HD95 (mm)": lambda row: row.hd95_mm,
    "ASSD (mm)": lambda row: row.assd_mm,
    "NSD 1 mm": lambda row: row.nsd_1mm,
    "NSD 2 mm": lambda row: row.nsd_2mm,
    "Volume ratio": lambda row: row.volume_ratio,
}


def outline_table(outlines: OutlineResults) -> TableBlock:
    """Means of overlap and distance by kind of pair."""
    kinds: dict[str, list[OutlineComparison]] = {}
    for row in outlines.comparisons:
        label = row.kind + (f" ({row.second})" if row.kind == "model-consensus" else "")
        kinds.setdefault(label, []).append(row)
    caption = (
        f"Outlines ({outlines.condition}): mean over pairs. Distances and NSD from "
        f"{outlines.definition}."
        " Volume ratio: the first named over the second; between two readers, the first in the "
        "alphabet over the other."
    )
    rows = [
        [label, str(len(found)), *(_mean(map(measure, found)) for measure in MEASURES.values())]
        for label, found in kinds.items()
    ]
    return TableBlock("outlines_summary", caption, ("Pair", "n", *MEASURES), rows)


def _mean(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return number(sum(known) / len(known)) if known else "—"


def time_table(time: TimeResults) -> TableBlock:
    """Median reading times."""
    readers = next(iter(time.summary.values()))
    rows = [
        [reader, *(_quartiles(part[reader]) for part in time.summary.values())]
        for reader in readers
    ]
    caption = "Active reading time per case in seconds: median (quartiles)."
    return TableBlock("time_summary", caption, ("Reader", *time.summary), rows)


def _quartiles(one: TimeSummary) -> str:
    if one.median is None or one.quartiles is None:
        return NOT_ESTIMABLE
    low, high = one.quartiles
    return f"{one.median:.1f} ({low:.1f} to {high:.1f})"


def size_table(outlines: OutlineResults) -> TableBlock:
    """Volumes and diameters: agreement of model and readers."""
    volume, diameter = outlines.volume, outlines.diameter
    none = Ratios(None, None, None)
    ratio, limit = volume.ratio or none, diameter.limits or none
    rows = {
        "Bias": (ratio.bias, limit.bias),
        "Lower limit of agreement": (ratio.lower, limit.lower),
        "Upper limit of agreement": (ratio.upper, limit.upper),
        "Concordance of model and mean reader": (volume.concordance, diameter.concordance),
        "ICC(2,1) of the readers": (volume.readers_icc, diameter.readers_icc),
    }
    caption = (
        "Sizes of outlines, model against readers, 95 % intervals. Volumes on the log scale: bias "
        "and limits are ratios. Diameters in mm, model minus reader. Bias and limits are for "
        "readers like these, where that can be told."
    )
    columns: dict[str, Callable[[tuple[Estimate | None, Estimate | None]], str]] = {
        "Volume": lambda pair: shown(pair[0]),
        "Mean diameter": lambda pair: shown(pair[1]),
    }
    return estimate_table("sizes", caption, "", columns, rows.items())


SPREADS = {
    "case": "between cases",
    "reader": "between readers",
    "reader_x_aided": "of a reader's gain from the model",
    "case_x_aided": "of a case's gain from the model",
    "patient": "between patients",
    "patient_x_aided": "of a patient's gain from the model",
    "residual": "left over",
}


def spread_table(spreads: Mapping[str, Estimate]) -> TableBlock:
    """Random effects of the reading time model."""
    caption = (
        "Spread of reading times: standard deviations of the logarithm of seconds (restricted "
        "maximum likelihood). Profile intervals: those of readers cover about 92 % with four "
        "readers, not 95 %."
    )
    rows = [(SPREADS[name], one) for name, one in spreads.items()]
    return estimate_table("time_spread", caption, "Spread", {"Standard deviation": shown}, rows)


def session_table(accuracy: Sequence[SessionAccuracy]) -> TableBlock:
    """Accuracy by session and condition."""
    columns: dict[str, Callable[[SessionAccuracy], str]] = {
        "Condition": lambda row: row.condition,
        "Readings": lambda row: str(row.readings),
        "Accuracy": lambda row: number(row.accuracy),
    }
    rows = [(str(row.session), row) for row in accuracy]
    caption = "Three-class accuracy by session and condition."
    return estimate_table("sessions", caption, "Session", columns, rows)
