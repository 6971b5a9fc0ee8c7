"""The tables of the report, made from results.json."""

from __future__ import annotations

from typing import Any

from densesharp.study.output import NOT_ESTIMABLE, interval, number, p_text
from densesharp.study.report.blocks import TableBlock

Results = dict[str, Any]


def shown(one: Results | None, digits: int = 3) -> str:
    """`value (low to high)` of an estimate in results.json."""
    if not one or one.get("value") is None:
        return NOT_ESTIMABLE
    text = number(one["value"], digits)
    ci = one.get("ci")
    return f"{text} ({interval((ci[0], ci[1]), digits)})" if ci else text


def bounded(one: Results | None, digits: int = 3, lowest: float = -1.0) -> str:
    """A coefficient of at most 1; its interval is cut where the formula goes beyond."""
    if one and one.get("ci"):
        one = one | {"ci": [max(lowest, one["ci"][0]), min(1.0, one["ci"][1])]}
    return shown(one, digits)


def area(one: Results | None) -> str:
    """An area under a curve, which lies between 0 and 1."""
    return bounded(one, lowest=0.0)


def limits(ci: list[float] | None) -> str:
    """An interval of results.json."""
    return interval((ci[0], ci[1])) if ci else NOT_ESTIMABLE


def study_table(study: Results) -> TableBlock:
    """Design and numbers."""
    readers = ", ".join(
        row["reader"] + (f" ({row['group']})" if row["group"] else "") for row in study["readers"]
    )
    cases = ", ".join(f"{n} {name}" for name, n in study["cases_by_class"].items())
    rows = [
        ["Design", str(study["kind"] or "not recorded")],
        ["Conditions", ", ".join(study["conditions"])],
        ["Readers", readers],
        ["Cases analysed", f"{study['cases']} ({cases})"],
        ["Readings missing", str(study["missing_readings"])],
        ["Practice answers left out", str(study["practice_answers"])],
    ]
    if study["kind"] == "crossover":
        rows.insert(1, ["Washout", f"{study['washout_days']:g} days at least"])
    if study["model"]:
        rows.append(["Model", f"{study['model']} (sha256 {study['model_sha256'][:16]}…)"])
    return TableBlock("design", "Design of the study.", ("", ""), rows)


def endpoint_table(endpoints: list[Results]) -> TableBlock:
    """Primary and secondary comparisons of two conditions."""
    first, second = endpoints[0]["first"], endpoints[0]["second"]
    rows = [
        [
            ("Primary: " if row["primary"] else "") + row["figure"],
            number(row["means"][first]),
            number(row["means"][second]),
            number(row["difference"]),
            limits(row["ci"]),
            p_text(row["p"]),
            "—" if row["primary"] else p_text(row["p_holm"]),
        ]
        for row in endpoints
    ]
    header = ("Endpoint", first, second, "Difference", "95 % interval", "p", "p (Holm)")
    partial = sorted({row["cases"] for row in endpoints if row["complete_cases_only"]})
    caption = (
        f"Reader-averaged results, {first} minus {second}; random readers and random cases unless "
        "the design says fixed readers. Holm's correction is over the secondary endpoints."
    )
    if partial:
        numbers = " or ".join(map(str, partial))
        caption += f" Readings are missing: these are the {numbers} cases that all readers read."
    return TableBlock("endpoints", caption, header, rows)


def area_table(name: str, task: Results, conditions: list[str]) -> TableBlock:
    """AUC of every reader and of the model."""
    rows = [
        [reader, *(area(task["reader_auc"][c][reader]["auc"]) for c in conditions)]
        for reader in task["auc"]["study"]["readers"]
    ]
    for form, title in (("rrrc", "mean, random readers"), ("frrc", "mean, these readers")):
        means = task["auc"][form]["means"]
        rows.append([title, *(area(means.get(c)) for c in conditions)])
    if task.get("model"):
        rows.append(["model alone", area(task["model"]["auc"]), *[""] * (len(conditions) - 1)])
    caption = "Area under the ROC curve with 95 % interval (readers and model: DeLong), cut at 1."
    return TableBlock(f"auc_{name}", caption, ("Reader", *conditions), rows)


def forms_table(name: str, task: Results) -> TableBlock:
    """The comparison of two conditions under all assumptions."""
    document = task["auc"]
    titles = {
        "rrrc": "random readers, random cases",
        "frrc": "these readers, random cases",
        "rrfc": "random readers, these cases",
    }
    rows = []
    forms = [(title, document, form) for form, title in titles.items()]
    complete = document.get("complete_cases")
    if complete:
        count = complete["study"]["cases_diseased"] + complete["study"]["cases_not_diseased"]
        forms += [(f"{titles[f]}; {count} complete cases", complete, f) for f in ("rrrc", "frrc")]
    for title, source, form in forms:
        part = source[form]
        df = part.get("ddf") or part.get("df2")
        statistic = part.get("f", part.get("chi2"))
        rows.append([
            title, number(source["difference"]), limits(part["ci"]), number(statistic, 2),
            number(df, 1) if df else "—", p_text(part["p"]),
        ])  # fmt: skip
    u = document["u_statistic"]
    rows.append([
        "U-statistics, all random", number(u["difference"]), limits(u["ci"]), "—",
        number(u["df"], 1) if u["df"] else "—", p_text(u["p"]),
    ])  # fmt: skip
    names = document["study"]["treatments"]
    caption = f"Difference in AUC, {names[0]} minus {names[1]}, under four assumptions."
    reasons = {part.get("reason") for part in (*(document[form] for form in titles), u)}
    caption += "".join(f" {reason}" for reason in sorted(filter(None, reasons)))
    header = ("Random", "Difference", "95 % interval", "F or χ²", "df", "p")
    return TableBlock(f"auc_difference_{name}", caption, header, rows)


def components_table(name: str, document: Results) -> TableBlock:
    """Variance components."""
    titles = {
        "var_r": "Var(R)", "var_tr": "Var(T×R)", "cov1": "Cov1", "cov2": "Cov2", "cov3": "Cov3",
        "var_error": "Var(error)",
    }  # fmt: skip
    rows = [[title, number(document["components"][key], 6)] for key, title in titles.items()]
    caption = "Variance components (jackknife), as needed to plan the next study."
    return TableBlock(f"components_{name}", caption, ("Component", "Value"), rows)


def points_table(name: str, task: Results) -> TableBlock | None:
    """Sensitivity, specificity and predictive values of the chosen classes."""
    rows = []
    for condition, readers in task["operating_points"].items():
        for reader, point in readers.items():
            if point:
                keys = ("sensitivity", "specificity", "ppv", "npv")
                label = "model alone" if condition == "model" else f"{reader}, {condition}"
                rows.append([label, *(shown(point[key], 2) for key in keys)])
    if not rows:
        return None
    caption = "Operating points of the chosen classes, 95 % Wilson intervals."
    header = ("Reader", "Sensitivity", "Specificity", "PPV", "NPV")
    return TableBlock(f"operating_points_{name}", caption, header, rows)


def standalone_table(name: str, model: Results) -> TableBlock:
    """The model alone against the readers."""
    found = model["against_readers"]
    rows = [
        ["all readers, random readers and cases (primary)", shown(found["rrrc"]),
         p_text(found["rrrc"].get("p"))],
        ["all readers, cases taken as fixed", shown(found["rrfc"]), p_text(found["rrfc"].get("p"))],
    ]  # fmt: skip
    for reader, one in found["each_reader"].items():
        rows.append([f"{reader} (DeLong; p by Holm)", shown(one), p_text(one.get("p"))])
    tested = found["non_inferiority"]
    if tested:
        text = f"not worse by {tested['margin']:g}, one-sided"
        rows.append([text, "", p_text(tested["p"])])
    caption = (
        f"Model alone minus readers ({model['condition']}), difference in AUC. The row with fixed "
        "cases says nothing about other cases and must not be used alone."
    )
    return TableBlock(f"model_{name}", caption, ("Against", "Difference", "p"), rows)


def calibration_table(name: str, task: Results) -> TableBlock:
    """Brier, calibration errors and line."""
    keys = ("brier", "ece", "ece_equal_count", "intercept", "slope")
    rows = [
        ["model alone" if source == "model" else f"readers, {source}", str(part["n"])]
        + [shown(part[key]) for key in keys]
        for source, part in task["calibration"].items()
    ]
    caption = (
        "Calibration. Ideal: Brier and ECE 0, intercept 0, slope 1. Intervals ignore that readings "
        "of one case belong together."
    )
    header = ("Source", "n", "Brier", "ECE, 10 widths", "ECE, 10 counts", "Intercept", "Slope")
    return TableBlock(f"calibration_{name}", caption, header, rows)


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
        "AAH-AIS called IAC or the reverse."
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
    caption = "Agreement between readers on the class, 95 % intervals."
    header = ("Coefficient", *conditions)
    differences = agreement.get("differences")
    if differences:
        caption += " Difference: aided minus unaided, bootstrap over cases."
        header += ("Difference",)
        for key, row in zip(titles, rows, strict=True):
            row.append(shown(differences[key]) if key in differences else "")
    return TableBlock("agreement_readers", caption, header, rows)


def repeats_table(repeats: Results) -> TableBlock:
    """Agreement of each reader with himself or herself."""
    rows = [[reader, bounded(one)] for reader, one in repeats.items()]
    caption = "Intra-reader agreement: quadratic kappa of first and repeated unaided reading."
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
