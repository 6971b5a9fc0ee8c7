"""The table of the design: what was planned, and what the readers did."""

from collections.abc import Sequence

from densesharp.stats.formatting import NOT_ESTIMABLE, number
from densesharp.study.analysis.study_results import (
    ReaderRow,
    SampleSize,
    StudyDescription,
    Subgroup,
)
from densesharp.study.exported.washout import EarlySession, WashoutSummary
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import area, bounded

EVERYTHING = "every reader every case, under every condition"
_LOCKED = "after the reader's own answer was locked"
REVEALS: dict[str, dict[str, str]] = {
    "crossover": {
        "with_image": "with the image, in aided readings",
        "after_first_answer": f"{_LOCKED}, in aided readings",
    },
    "sequential": dict.fromkeys(("with_image", "after_first_answer"), _LOCKED),
}


def study_table(study: StudyDescription) -> TableBlock:
    """Design and numbers."""
    cases = ", ".join(f"{n} {name}" for name, n in study.cases_by_class.items())
    rows = [
        ["Design", str(study.kind or "not recorded")],
        ["Design fixed before reading", _design_fixed(study)],
        ["Truth fixed before reading", _truth_fixed(study)],
        ["Conditions", ", ".join(study.conditions)],
        ["Who read what", study.reading_design or EVERYTHING],
        ["Readers", reader_names(study.readers)],
        ["Cases analysed", f"{study.cases} ({cases})"],
        ["Readings missing", _missing(study)],
        ["Practice answers left out", str(study.practice_answers)],
    ]
    shown_when = REVEALS.get(study.kind or "", {}).get(study.reveal or "")
    if shown_when:
        rows.insert(5, ["The model was shown", shown_when])
    absent = study.absent_readers
    if absent:
        at = [row[0] for row in rows].index("Readers") + 1
        rows.insert(at, ["Readers without answers", reader_names(absent)])
    rows[3:3] = _washout(study)
    if study.sample_size:
        rows.append(["Sample size", sample_size_text(study.sample_size)])
    if study.model:
        rows.append(["Model", f"{study.model} (sha256 {str(study.model_sha256)[:16]}…)"])
    if study.trained_on is not None:
        rows.append(["Model trained on", study.trained_on or "not stated"])
    return TableBlock("design", "Design of the study.", ("", ""), rows)


def sample_size_text(found: SampleSize) -> str:
    """The plan in words, with the power that the design's readers and cases had by it."""
    random = "random" if found.form == "rrrc" else "these"
    aim, level = f"detect {found.effect:g}", f"two-sided level {found.alpha:g}"
    if found.margin is not None:
        kind = "equivalence within" if found.equivalence else "non-inferiority by"
        aim = f"show {kind} {found.margin:g} where the difference is {found.effect:g}"
        level = f"one-sided level {found.alpha / 2:g}"
    figure = f" in {found.figure.replace('_', ' ')}" if found.figure else ""
    cases = {"sensitivity": "cases with disease", "specificity": "cases without disease"}.get(
        found.figure or "", "cases"
    )
    who = f"; {found.who_reads}" if found.who_reads else ""
    text = (
        f"planned to {aim}{figure} with power {found.target:g} ({level}, {random} readers, random "
        f"cases{who}; variances of a pilot study of {found.pilot_cases} cases): {found.readers} "
        f"readers and {found.cases} {cases} have a power of {found.power:.2f}"
    )
    if found.cases_needed is None:
        return f"{text}; with so few readers no number of cases suffices"
    return f"{text}, {found.cases_needed} {cases} are needed"


def reader_names(readers: Sequence[ReaderRow]) -> str:
    """Readers with their groups."""
    return ", ".join(row.reader + (f" ({row.group})" if row.group else "") for row in readers)


def _design_fixed(study: StudyDescription) -> str:
    # Results of earlier versions did not look.
    if study.design_verified:
        return "yes: every answer names the design by its hash"
    return "not verified: nothing shows that the design is older than the readings"


def _truth_fixed(study: StudyDescription) -> str:
    if study.truth_state == "key_missing":
        return "not verified: the design holds its hash, but the study's key was not given"
    if not study.truth_frozen:
        return "no: the truth was not frozen with the design"
    if study.design_verified:
        return "yes: the design holds its hash"
    return "not verified: it is the one that the design names, but the design was not verified"


def _missing(study: StudyDescription) -> str:
    text = str(study.missing_readings)
    if study.planned_readings is not None:
        text += f" of {study.planned_readings} planned"
    by_reader = study.missing_by_reader
    if by_reader:
        text += f" ({', '.join(f'{reader} {count}' for reader, count in by_reader.items())})"
    if study.missing_repeats:
        text += f"; repeated readings: {study.missing_repeats}"
    return text


def _washout(study: StudyDescription) -> list[list[str]]:
    """The planned washout, and what the readers kept to."""
    found = study.washout or WashoutSummary({}, [])
    shortest = {reader: days for reader, days in found.shortest_days.items() if days is not None}
    if study.kind not in (None, "crossover") and not shortest and not found.early:
        return []
    planned = study.washout_days
    gaps = ", ".join(f"{reader} {number(days, 2)}" for reader, days in shortest.items())
    none = "only one session was read" if study.washout else "not recorded"
    rows = [
        ["Washout planned", "not recorded" if planned is None else f"{planned:g} days at least"],
        ["Shortest time between sessions", f"{gaps} days" if gaps else none],
    ]
    if study.washout and planned is not None:
        early = "; ".join(map(_early, found.early))
        rows.append(["Began before the washout was over", early or "nobody"])
    return rows


def _early(row: EarlySession) -> str:
    text = f"{row.reader}, session {row.session}"
    if row.days is not None:
        text += f" after {number(row.days, 2)} days"
    return f"{text}: {row.reason or 'no reason recorded'}"


def characteristics_table(study: StudyDescription, subgroups: Sequence[Subgroup]) -> TableBlock:
    """The analysed cases by pathology and by the properties that the design balances."""
    rows = [["all", str(study.cases), *(str(n) for n in study.cases_by_class.values())]]
    rows += [
        [f"{row.property}: {row.value}", f"{row.cases} ({100 * row.cases / study.cases:.0f} %)"]
        + [str(n) for n in row.cases_by_class.values()]
        for row in subgroups
    ]
    caption = "Characteristics of the analysed cases, by pathology and by property of the design."
    return TableBlock("cases", caption, ("Cases", "n", *study.class_names), rows)


def subgroup_table(
    name: str, subgroups: Sequence[Subgroup], conditions: Sequence[str]
) -> TableBlock:
    """Mean AUC of the readers in each subgroup of cases.

    Args:
        name: the endpoint's.
        subgroups: what was found in each.
        conditions: of the study, in the order of the columns.
    """
    rows = []
    for row in subgroups:
        found = row.auc.get(name)
        means = [area(found.means.get(c)) if found else NOT_ESTIMABLE for c in conditions]
        gap = [bounded(found.difference if found else None)]
        own = gap if any(part and part.difference for part in row.auc.values()) else []
        rows.append([f"{row.property}: {row.value}", str(row.cases), *means, *own])
    width = max(len(row) for row in rows)
    header = ["Cases", "n", *conditions, "aided minus unaided"][:width]
    rows = [[*row, *[NOT_ESTIMABLE] * (width - len(row))] for row in rows]
    caption = (
        "Mean AUC of the readers by subgroup of cases, random readers and cases. Descriptive: no "
        "test, and not corrected for their number. Intervals are cut at what can be."
    )
    return TableBlock(f"subgroups_{name}", caption, header, rows)
