"""Tables of classes, agreement, outlines and times, made from results.json."""

from __future__ import annotations

from densesharp.stats.formatting import NOT_ESTIMABLE, number, p_text
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import CUT, Results, bounded, limits, shown


def class_table(classes: Results) -> TableBlock:
    """Accuracy, F1, MCC and kappa of the classes."""
    rows = []
    for who, part in classes["confusion"].items():
        for reader, one in (part.get("readers") or {}).items():
            rows.append([f"{reader}, {who}", *_class_cells(one)])
        label = "model alone" if who == "model" else f"mean reader, {who}"
        rows.append([label, *_class_cells(part["mean"])])
    caption = (
        "Three-class results. One step: calls one class away from pathology; two steps: "
        "AAH-AIS called IAC or the reverse." + CUT
    )
    header = (
        "Who", "Accuracy", "Weighted F1", "Macro F1", "MCC", "Kappa (quadratic)", "One step",
        "Two steps",
    )  # fmt: skip
    return TableBlock("classes", caption, header, rows)


def _class_cells(one: Results) -> list[str]:
    kappa = one["kappa"]["quadratic"]
    return [
        shown(one["accuracy"], 2),
        shown(one["weighted_f1"], 2),
        shown(one["macro_f1"], 2),
        shown(one["mcc"], 2),
        bounded(kappa, 2),
        number(one["one_step"]["value"], 2),
        number(one["two_steps"]["value"], 2),
    ]


def probability_table(probabilities: Results) -> TableBlock:
    """How well three-class probabilities tell the classes apart, and their Brier score."""
    rows = []
    for condition, readers in probabilities.items():
        for reader, one in readers.items():
            areas = one["one_vs_rest"]
            values = (
                one["hand_till"], areas["macro"], areas["weighted"], one["concordance"],
                one["brier"],
            )  # fmt: skip
            label = "model alone" if condition == "model" else f"{reader}, {condition}"
            rows.append([label, str(one["n"]), *(shown(value) for value in values)])
    caption = (
        "Three-class probabilities (from the two ratings): Hand & Till's M, one-vs-rest AUC as the "
        "mean of the classes and weighted by prevalence, concordance of the ordered classes "
        "(Obuchowski 2005), Brier score summed over classes (0 to 2, lower is better)."
    )
    header = ("Who", "n", "M", "AUC, mean", "AUC, weighted", "Concordance", "Brier")
    return TableBlock("class_probabilities", caption, header, rows)


def change_table(changes: Results) -> TableBlock:
    """Paired changes of accuracy per reader."""
    rows = []
    for reader, row in changes["readers"].items():
        moved = row["marginal_homogeneity"]["Stuart-Maxwell"]
        rows.append([
            reader, str(row["both_read"]), str(row["right_aided_only"]),
            str(row["right_unaided_only"]), shown(row["accuracy_difference"]),
            limits(row["accuracy_difference_tango"].get("ci")), p_text(row["p_holm"]),
            p_text(moved.get("p")),
        ])  # fmt: skip
    pooled = changes["all_readers"]
    last = [number(pooled["value"]), "", p_text(pooled.get("p")), ""]
    rows.append(["all (Durkalski)", "", "", "", *last])
    clustered = changes["all_readers_obuchowski"]
    last = [shown(clustered), "", p_text(clustered.get("p")), ""]
    rows.append(["all (Obuchowski)", "", "", "", *last])
    caption = (
        "Right classes aided against unaided: discordant cases, difference in accuracy (Newcombe), "
        "McNemar with Holm's correction, and whether the use of the classes changed "
        "(Stuart-Maxwell)."
    )
    header = (
        "Reader", "n", "Right aided only", "Right unaided only", "Difference", "Tango interval",
        "p (Holm)",        "p, classes' use",
    )  # fmt: skip
    return TableBlock("changes", caption, header, rows)


TERMS = {
    "second_session": "second session",
    "aided_x_second_session": "aided × second session",
    "position_per_100": "100 cases later in the session",
    "period": "one session later",
    "aided_x_group": "aided × reader group",
    "sd_reader": "spread of readers (SD)",
    "sd_case": "spread of cases (SD)",
}


def effects_table(name: str, caption: str, effects: Results) -> TableBlock:
    """Coefficients of a regression."""
    rows = [
        # A spread has no test.
        [TERMS.get(term, term), shown(one), "—" if "p" not in one else p_text(one["p"])]
        for term, one in effects.items()
    ]
    return TableBlock(name, caption, ("Term", "Coefficient", "p"), rows)


def agreement_table(agreement: Results) -> TableBlock:
    """Agreement between readers by condition."""
    titles = {
        "percent_agreement": "Percent agreement", "fleiss": "Fleiss' kappa",
        "fleiss_quadratic": "Fleiss' kappa, quadratic", "gwet_ac1": "Gwet's AC1",
        "gwet_ac2_quadratic": "Gwet's AC2, quadratic",
        "krippendorff_ordinal": "Krippendorff's alpha, ordinal", "icc_2_1": "ICC(2,1) of class",
    }  # fmt: skip
    conditions = agreement["conditions"]
    rows = [
        [title, *(bounded(part["readers"].get(key)) for part in conditions.values())]
        for key, title in titles.items()
    ]
    caption = "Agreement between readers on the class, 95 % intervals." + CUT
    header = ("Coefficient", *conditions)
    differences = agreement.get("differences")
    if differences:
        caption += " Difference: aided minus unaided, bootstrap over cases."
        header += ("Difference",)
        for key, row in zip(titles, rows, strict=True):
            row.append(shown(differences[key]) if key in differences else "")
    caption += _missing_ratings(agreement)
    return TableBlock("agreement_readers", caption, header, rows)


def _missing_ratings(agreement: Results) -> str:
    """Which coefficients use which cases, where not every reader rated every case."""
    counts = {
        condition: (part["cases"], part["complete_cases"])
        for condition, part in agreement["conditions"].items()
        if "complete_cases" in part
    }
    if all(cases == complete for cases, complete in counts.values()):
        return ""
    rated = ", ".join(f"{name} {complete} of {n}" for name, (n, complete) in counts.items())
    text = f" Ratings are missing: ICC uses the cases that all readers rated ({rated})"
    if "differences_cases" in agreement:
        text += (
            ", the differences those that all rated under both conditions "
            f"({agreement['differences_cases']})"
        )
    return text + ", the other coefficients all ratings."


def repeats_table(repeats: Results) -> TableBlock:
    """Agreement of each reader with himself or herself."""
    rows = [[reader, bounded(one)] for reader, one in repeats.items()]
    caption = "Intra-reader agreement: quadratic kappa of first and repeated unaided reading." + CUT
    return TableBlock("repeats", caption, ("Reader", "Quadratic kappa"), rows)


def outline_table(outlines: Results) -> TableBlock:
    """Means of overlap and distance by kind of pair."""
    kinds: dict[str, list[Results]] = {}
    for row in outlines["comparisons"]:
        label = row["kind"] + (f" ({row['second']})" if row["kind"] == "model-consensus" else "")
        kinds.setdefault(label, []).append(row)
    measures = {
        "dice": "Dice", "hd95_mm": "HD95 (mm)", "assd_mm": "ASSD (mm)", "nsd_1mm": "NSD 1 mm",
        "nsd_2mm": "NSD 2 mm", "volume_ratio": "Volume ratio",
    }  # fmt: skip
    rows = [
        [label, str(len(found)), *(_mean(found, measure) for measure in measures)]
        for label, found in kinds.items()
    ]
    definition = outlines["definition"]
    caption = (
        f"Outlines ({outlines['condition']}): mean over pairs. Distances and NSD from {definition}."
        " Volume ratio: the first named over the second; between two readers, the first in the "
        "alphabet over the other."
    )
    header = ("Pair", "n", *measures.values())
    return TableBlock("outlines_summary", caption, header, rows)


def _mean(rows: list[Results], measure: str) -> str:
    values = [row[measure] for row in rows if row.get(measure) is not None]
    return number(sum(values) / len(values)) if values else "—"


def time_table(time: Results) -> TableBlock:
    """Median reading times."""
    conditions = list(time["summary"])
    readers = list(next(iter(time["summary"].values())))
    rows = []
    for reader in readers:
        cells = [reader]
        for condition in conditions:
            one = time["summary"][condition][reader]
            if one["median"] is None:
                cells.append(NOT_ESTIMABLE)
                continue
            low, high = one["quartiles"]
            cells.append(f"{one['median']:.1f} ({low:.1f} to {high:.1f})")
        rows.append(cells)
    caption = "Active reading time per case in seconds: median (quartiles)."
    return TableBlock("time_summary", caption, ("Reader", *conditions), rows)


def size_table(outlines: Results) -> TableBlock:
    """Volumes and diameters: agreement of model and readers."""
    volume, diameter = outlines["volume"], outlines["diameter"]
    ratio, limits = volume.get("ratio") or {}, diameter.get("limits") or {}
    rows = [
        [title, shown(ratio.get(name)), shown(limits.get(name))]
        for name, title in (
            ("bias", "Bias"),
            ("lower", "Lower limit of agreement"),
            ("upper", "Upper limit of agreement"),
        )
    ]
    for key, title in (
        ("concordance", "Concordance of model and mean reader"),
        ("readers_icc", "ICC(2,1) of the readers"),
    ):
        rows.append([title, shown(volume.get(key)), shown(diameter.get(key))])
    caption = (
        "Sizes of outlines, model against readers, 95 % intervals. Volumes on the log scale: bias "
        "and limits are ratios. Diameters in mm, model minus reader."
    )
    return TableBlock("sizes", caption, ("", "Volume", "Mean diameter"), rows)


SPREADS = {
    "case": "between cases",
    "reader": "between readers",
    "reader_x_aided": "of a reader's gain from the model",
    "residual": "left over",
}


def spread_table(spreads: Results) -> TableBlock:
    """Random effects of the reading time model."""
    rows = [[SPREADS[name], shown(one)] for name, one in spreads.items()]
    caption = (
        "Spread of reading times: standard deviations of the logarithm of seconds (maximum "
        "likelihood, profile intervals)."
    )
    return TableBlock("time_spread", caption, ("Spread", "Standard deviation"), rows)


def session_table(accuracy: list[Results]) -> TableBlock:
    """Accuracy by session and condition."""
    rows = [
        [str(row["session"]), row["condition"], str(row["readings"]), number(row["accuracy"])]
        for row in accuracy
    ]
    caption = "Three-class accuracy by session and condition."
    header = ("Session", "Condition", "Readings", "Accuracy")
    return TableBlock("sessions", caption, header, rows)
