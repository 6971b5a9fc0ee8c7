"""The summary of the report: the primary endpoint in words, and what to know before reading on."""

from collections.abc import Iterator

from densesharp.stats.formatting import interval, number
from densesharp.study.analysis.endpoints import documents, figure_title
from densesharp.study.analysis.study_results import (
    EndpointResult,
    Equivalence,
    StudyDescription,
    StudyResults,
)
from densesharp.study.report import design_tables, endpoint_tables
from densesharp.study.report.blocks import Block, Bullets, Heading, Paragraph
from densesharp.study.report.cells import equals, one_sided


def summary(results: StudyResults) -> Iterator[Block]:
    """What the report begins with."""
    yield Heading("Summary")
    endpoints = results.endpoints
    primary = [row for row in endpoints if row.primary]
    study = results.study
    verified = bool(study.design_verified)
    if study.interim:
        yield Paragraph(interim_sentence(study), strong=True)
    if study.teaching:
        yield Paragraph(
            "A teaching set: readers were told the class after each case. The results describe "
            "readers who were learning; they are no trial and have no primary endpoint.",
            strong=True,
        )
    elif primary:
        yield Paragraph(primary_sentence(primary[0], verified=verified))
    elif results.endpoint:
        yield Paragraph("The design's primary endpoint cannot be computed from these readings.")
    else:
        yield Paragraph(
            "No primary endpoint was named before the study, so every comparison is exploratory."
        )
    if washout := washout_sentence(study):
        yield Paragraph(washout)
    if verified and not study.truth_frozen:
        yield Paragraph(truth_sentence(study))
    if study.patients is not None:
        yield Paragraph(
            f"The {study.cases} cases are of {study.patients} patients. Intervals and tests take "
            "patients as what was drawn: areas after Obuchowski 1997, all else by adding up what "
            "the cases of a patient contribute or by drawing patients; the time model has random "
            "effects of patients. U-statistics and binormal curves take cases."
        )
    if study.unknown_patients:
        yield Paragraph(
            f"{len(study.unknown_patients)} cases share their image with another case "
            f"({', '.join(study.unknown_patients[:6])}"
            f"{', …' if len(study.unknown_patients) > 6 else ''}), but no patients are named: all "
            "intervals and tests take them as independent and are too narrow.",
            strong=True,
        )
    if study.order_reveals_truth:
        yield Paragraph(
            "The study's order was drawn without a secret key: whoever had the study's folder "
            "could compute the truth from it."
        )
    if endpoints:
        yield endpoint_tables.endpoint_table(endpoints)
        yield endpoint_tables.endpoint_tests_table(endpoints)
    if notes := interval_notes(results):
        yield Bullets(notes)


def interval_notes(results: StudyResults) -> list[str]:
    """What simulations found of intervals in such data, each with the figures it is about."""
    figures: dict[str, list[str]] = {}
    found = documents(results)
    for figure, task, document in found:
        for note in document.notes or ():
            figures.setdefault(note, []).append(figure_title(figure, task))
    return [
        note if len(names) == len(found) else f"{'; '.join(names)}: {note}"
        for note, names in figures.items()
    ]


def washout_sentence(study: StudyDescription) -> str:
    """What became of the planned washout, for the summary; nothing where none is on record."""
    found = study.washout
    known = {r: d for r, d in found.shortest_days.items() if d is not None} if found else {}
    if found is None or not known:
        return ""
    reader = min(known, key=lambda name: known[name])
    text = f"Washout: the shortest time between sessions was {known[reader]:.2f} days ({reader})"
    if study.washout_days is not None:
        text += f", at least {study.washout_days:g} were planned"
    early = sorted({row.reader for row in found.early})
    return text + (f"; began earlier: {', '.join(early)}." if early else ".")


def truth_sentence(study: StudyDescription) -> str:
    """Why nothing shows that the truth is older than the readings."""
    if study.truth_state == "key_missing":
        return (
            "The study's key was not given to the analysis: nothing shows that this is the truth "
            "that was frozen with the design."
        )
    return (
        "The truth was not frozen with the design: nothing shows that it is older than the "
        "readings."
    )


def interim_sentence(study: StudyDescription) -> str:
    """That and where an unfinished study has gaps."""
    text = (
        f"Interim report of an unfinished study: {study.missing_readings} of "
        f"{study.planned_readings} planned readings are missing"
    )
    if study.missing_repeats:
        text += f", and {study.missing_repeats} repeated readings"
    text += ". The statistics are those of the readers who have read"
    if study.absent_readers:
        names = design_tables.reader_names(study.absent_readers)
        text += f"; without any answer: {names}"
    return text + "."


def primary_sentence(row: EndpointResult, *, verified: bool = False) -> str:
    """The primary result in words.

    Args:
        row: the endpoint.
        verified: whether the design is known to be older than the readings.
    """
    readers = "random readers" if row.form == "rrrc" else "these readers"
    what = f"{row.figure} ({readers}, random cases)"
    named = (
        "named before the first read"
        if verified
        else "which was not verified to be named before the readings"
    )
    start = f"Primary endpoint, {named}: {what}."
    if row.difference is None or row.p is None:
        return f"{start} It is not estimable: {row.reason}"
    limits = interval(endpoint_tables.possible(row))
    if row.complete_cases_only:
        start += f" Readings are missing, so the {row.cases} cases that all read are compared."
    text = (
        f"{start} {row.first.capitalize()} {number(row.means[row.first])}, "
        f"{row.second} {number(row.means[row.second])}, difference "
        f"{number(row.difference)} (95 % interval {limits}), p of the difference "
        f"{equals(row.p)}."
    )
    if row.equivalence is not None:
        return text + _equivalence_sentence(row, row.equivalence)
    if row.margin is not None:
        verdict = "lies above" if row.not_inferior else "does not lie above"
        subject = "the model" if row.first == "model" else f"{row.first} reading"
        found = row.non_inferiority
        tested = f" ({one_sided(found)})" if found else ""
        text += (
            f" The interval {verdict} the non-inferiority margin of -{row.margin:g}{tested}: "
            f"{subject} is {'' if row.not_inferior else 'not '}shown to be "
            "not inferior."
        )
    return text


def _equivalence_sentence(row: EndpointResult, found: Equivalence) -> str:
    no = "" if found.shown else "not "
    subject = (
        "the model and the readers"
        if row.first == "model"
        else f"{row.first} and {row.second} reading"
    )
    named = "The interval"
    if found.ci is not None and found.ci != row.ci:
        named += f" from the logit scale ({interval(found.ci)})"
    return (
        f" {named} {'lies' if found.shown else 'does not lie'} within the equivalence margin "
        f"of ±{found.margin:g} (two one-sided tests, the greater p {equals(found.p)}, level "
        f"{found.level:g} each): {subject} are {no}shown to be equivalent."
    )
