"""Tables of the design, the endpoints and the ROC analysis, made from results.json."""

from __future__ import annotations

from densesharp.stats.formatting import number, p_text
from densesharp.study.analysis.endpoints import figure_title
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import Results, area, limits, one_sided, shown, t_or_z, tested

_LOCKED = "after the reader's own answer was locked"
REVEALS = {
    "crossover": {
        "with_image": "with the image, in aided readings",
        "after_first_answer": f"{_LOCKED}, in aided readings",
    },
    "sequential": dict.fromkeys(("with_image", "after_first_answer"), _LOCKED),
}


def study_table(study: Results) -> TableBlock:
    """Design and numbers."""
    cases = ", ".join(f"{n} {name}" for name, n in study["cases_by_class"].items())
    rows = [
        ["Design", str(study["kind"] or "not recorded")],
        ["Design fixed before reading", _design_fixed(study)],
        ["Truth fixed before reading", _truth_fixed(study)],
        ["Conditions", ", ".join(study["conditions"])],
        ["Readers", reader_names(study["readers"])],
        ["Cases analysed", f"{study['cases']} ({cases})"],
        ["Readings missing", _missing(study)],
        ["Practice answers left out", str(study["practice_answers"])],
    ]
    shown_when = REVEALS.get(study["kind"], {}).get(study["reveal"])
    if shown_when:
        rows.insert(4, ["The model was shown", shown_when])
    absent = study.get("absent_readers")
    if absent:
        at = [row[0] for row in rows].index("Readers") + 1
        rows.insert(at, ["Readers without answers", reader_names(absent)])
    rows[3:3] = _washout(study)
    if study["model"]:
        rows.append(["Model", f"{study['model']} (sha256 {study['model_sha256'][:16]}…)"])
    if study["trained_on"] is not None:
        rows.append(["Model trained on", study["trained_on"] or "not stated"])
    return TableBlock("design", "Design of the study.", ("", ""), rows)


def reader_names(readers: list[Results]) -> str:
    """Readers with their groups."""
    return ", ".join(
        row["reader"] + (f" ({row['group']})" if row["group"] else "") for row in readers
    )


def _design_fixed(study: Results) -> str:
    # Results of earlier versions did not look.
    if study.get("design_verified"):
        return "yes: every answer names the design by its hash"
    return "not verified: nothing shows that the design is older than the readings"


def _truth_fixed(study: Results) -> str:
    if not study.get("truth_frozen"):
        return "no: the truth was not frozen with the design"
    if study.get("design_verified"):
        return "yes: the design holds its hash"
    return "not verified: it is the one that the design names, but the design was not verified"


def _missing(study: Results) -> str:
    text = str(study["missing_readings"])
    if study.get("planned_readings") is not None:
        text += f" of {study['planned_readings']} planned"
    by_reader = study.get("missing_by_reader")
    if by_reader:
        text += f" ({', '.join(f'{reader} {count}' for reader, count in by_reader.items())})"
    if study.get("missing_repeats"):
        text += f"; repeated readings: {study['missing_repeats']}"
    return text


def _washout(study: Results) -> list[list[str]]:
    """The planned washout, and what the readers kept to."""
    found = study.get("washout") or {"shortest_days": {}, "early": []}
    shortest = {reader: days for reader, days in found["shortest_days"].items() if days is not None}
    if study["kind"] not in (None, "crossover") and not shortest and not found["early"]:
        return []
    planned = study["washout_days"]
    gaps = ", ".join(f"{reader} {number(days, 2)}" for reader, days in shortest.items())
    none = "only one session was read" if study.get("washout") else "not recorded"
    rows = [
        ["Washout planned", "not recorded" if planned is None else f"{planned:g} days at least"],
        ["Shortest time between sessions", f"{gaps} days" if gaps else none],
    ]
    if study.get("washout") and planned is not None:
        early = "; ".join(map(_early, found["early"]))
        rows.append(["Began before the washout was over", early or "nobody"])
    return rows


def _early(row: Results) -> str:
    text = f"{row['reader']}, session {row['session']}"
    if row["days"] is not None:
        text += f" after {number(row['days'], 2)} days"
    return f"{text}: {row['reason'] or 'no reason recorded'}"


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
        f"Reader-averaged results, {first} minus {second}; random readers and random cases"
        + (
            ", but the primary one for these readers, as the design says"
            if any(row["form"] == "frrc" for row in endpoints)
            else ""
        )
        + ". p: two-sided, of no difference; Holm's correction is over the secondary endpoints."
    )
    if partial:
        numbers = " or ".join(map(str, partial))
        caption += f" Readings are missing: these are the {numbers} cases that all readers read."
    return TableBlock("endpoints", caption, header, rows)


def endpoint_tests_table(endpoints: list[Results]) -> TableBlock:
    """The tests behind the endpoints, with their degrees of freedom."""
    rows = []
    for row in endpoints:
        name = ("Primary: " if row["primary"] else "") + row["figure"]
        random = "readers and cases" if row["form"] == "rrrc" else "cases"
        rows.append([name, random, tested(row.get("test")), p_text(row["p"])])
        one = row.get("non_inferiority")
        if one:
            what = f"{name}, not worse by {one['margin']:g}"
            test = t_or_z({"statistic": one["t"], "df": one["df"]})
            p = f"{p_text(one['p'])} (one-sided, level {one['level']:g})"
            rows.append([what, random, test, p])
    caption = (
        "Tests of the endpoints: of no difference, two-sided; F has Hillis' degrees of freedom. "
        "Non-inferiority is tested for the primary endpoint if the design has a margin."
    )
    return TableBlock("endpoint_tests", caption, ("Endpoint", "Random", "Test", "p"), rows)


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
    drawn = task.get("bootstrap") or {}
    for key, title in (
        ("cases", "bootstrap: these readers, random cases"),
        ("readers_and_cases", "bootstrap: random readers and cases"),
    ):
        one = drawn.get(key)
        if one:
            rows.append([title, number(one["value"]), limits(one.get("ci")), "—", "—", "—"])
    names = document["study"]["treatments"]
    caption = f"Difference in AUC, {names[0]} minus {names[1]}, under several assumptions."
    if drawn:
        caption += " The bootstrap over readers is too narrow when there are few."
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
        average = task["average_points"].get(condition)
        if average and average["sensitivity"] is not None and average["specificity"] is not None:
            pair = [number(average[key], 2) for key in ("sensitivity", "specificity")]
            rows.append([f"mean reader, {condition}", *pair, "", ""])
    if not rows:
        return None
    caption = "Operating points of the chosen classes, 95 % Wilson intervals."
    header = ("Reader", "Sensitivity", "Specificity", "PPV", "NPV")
    return TableBlock(f"operating_points_{name}", caption, header, rows)


def standalone_table(name: str, model: Results) -> TableBlock:
    """The model alone against the readers."""
    found, complete = model["against_readers"], model.get("complete_cases")
    titles = {"rrrc": "random readers, random cases", "frrc": "these readers, random cases"}
    sources = [(found, "")]
    if complete:
        sources.append((complete["result"], f"; {complete['cases']} cases that all read"))
    rows = []
    for source, where in sources:
        for form, title in titles.items():
            # With missing readings only the complete cases have a test.
            primary = model.get("primary") and model["form"] == form and source is sources[-1][0]
            mark = " (primary)" if primary else ""
            rows.append([title + where + mark, *_difference_cells(source[form])])
    rows.append(["random readers, cases taken as fixed", *_difference_cells(found["rrfc"])])
    for reader, one in found["each_reader"].items():
        rows.append([f"{reader} (DeLong; p by Holm)", *_difference_cells(one)])
    caption = (
        f"Model alone minus readers ({model['condition']}), difference in AUC; p two-sided, of no "
        "difference. The row with fixed cases says nothing about other cases and must not be used "
        "alone."
    )
    judged = sources[-1][0]["non_inferiority"]
    if judged:
        caption += f" Non-inferiority by {judged['margin']:g} (primary): {one_sided(judged)}."
    header = ("Against", "Difference", "Test", "p")
    return TableBlock(f"model_{name}", caption, header, rows)


def _difference_cells(one: Results) -> list[str]:
    return [shown(one), t_or_z(one), p_text(one.get("p"))]


def model_alone_table(alone: Results) -> TableBlock:
    """The model minus the readers by every figure of merit."""
    rows, partial = [], False
    for part in alone["comparisons"]:
        used, complete = part, part.get("complete_cases")
        if part["result"]["rrrc"].get("p") is None and complete:
            used = complete
        result = used["result"]
        values = [value for value in result["readers"].values() if value is not None]
        mean = sum(values) / len(values) if values else None
        rows.append([
            figure_title(part["figure"], part["task"]), str(used["cases"]),
            number(result["model"]), number(mean), shown(result["rrrc"]),
            p_text(result["rrrc"].get("p")), shown(result["frrc"]),
        ])  # fmt: skip
        partial |= used is complete
    caption = (
        f"Model alone minus readers ({alone['condition']}): random readers and cases (1T-RRRC, "
        "Hillis 2007), and these readers with random cases. p two-sided, of no difference, not "
        "corrected for their number."
    )
    if partial:
        caption += " Readings are missing: these are the cases that all readers read."
    header = ("Figure", "n", "Model", "Readers", "Difference", "p", "These readers")
    return TableBlock("model_alone", caption, header, rows)


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
