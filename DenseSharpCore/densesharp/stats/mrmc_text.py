"""A multi-reader analysis as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from densesharp.stats.estimates import Estimate
from densesharp.stats.formatting import (
    NOT_ESTIMABLE,
    bounded,
    interval,
    number,
    p_text,
    statistic_text,
    t_or_z,
    text_table,
)
from densesharp.stats.mrmc_records import FORM_TITLES, FormSection, MrmcDocument
from densesharp.words import counted


def mrmc_text(document: MrmcDocument) -> str:
    """The document as text."""
    study, means = document.study, document.mean_values
    rows = [
        [r, *(number(document.values[t][r], 4) for t in study.treatments)] for r in study.readers
    ]
    rows.append(["mean", *(number(means[t], 4) for t in study.treatments)])
    parts = [
        f"{document.method.figure}: {counted(len(study.readers), 'reader')}, "
        f"{counted(study.cases_diseased, 'case')} with and "
        f"{study.cases_not_diseased} without disease, "
        f"{counted(study.missing_readings, 'reading')} missing",
        text_table(["reader", *study.treatments], rows),
    ]
    if len(study.treatments) == 1:
        parts.append(_mean_text(document))
    elif len(study.treatments) == 2:
        parts.append(_difference_text(document))
    else:
        parts += [_equality_text(document), _pairs_text(document)]
    parts += _margin_text(document)
    parts += _curves_text(document)
    if study.design:
        parts.insert(1, f"Design: {study.design}")
    parts += [f"Note: {note}" for note in document.notes or ()]
    if document.reason:
        parts.append(f"Note: {document.reason}")
    return "\n\n".join(parts) + "\n"


def _percent(document: MrmcDocument) -> str:
    return f"{100 * document.method.confidence:g} % interval"


def _forms(document: MrmcDocument) -> Iterator[tuple[str, str, FormSection]]:
    for form, title in FORM_TITLES.items():
        yield form, title, getattr(document, form)


def _limits(document: MrmcDocument, one: Estimate, *, mean: bool = False) -> str:
    """The interval of a difference, or of a mean, cut to what is possible."""
    if not one.ci:
        return NOT_ESTIMABLE
    low, high = document.method.limits or (0.0, 1.0)
    return interval(bounded(one, *((low, high) if mean else (low - high, high - low))).ci, 4)


def _mean_text(document: MrmcDocument) -> str:
    """The mean of one treatment with its intervals."""
    rows = [
        [title, _limits(document, one, mean=True), _inside((section.means_logit or {}).get(name))]
        for _, title, section in _forms(document)
        for name, one in section.means.items()
    ]
    header = ["", _percent(document), "on the logit scale"]
    return "Mean of the readers\n" + text_table(header, rows)


def _inside(one: Estimate | None) -> str:
    """An interval that never goes beyond what is possible."""
    return interval(one.ci, 4) if one and one.ci else NOT_ESTIMABLE


def _difference_text(document: MrmcDocument) -> str:
    """Two treatments."""
    (pair,) = document.comparisons
    rows = []
    for form, title in FORM_TITLES.items():
        one = getattr(pair, form)
        rows.append([title, _limits(document, one), p_text(one.p)])
    u = document.u_statistic
    if u and u.p is not None:
        one = u.of(pair.first, pair.second)
        rows.append(["U-statistic, all random", _limits(document, one), p_text(one.p)])
    head = f"{pair.first} minus {pair.second}: {number(document.difference, 4)}"
    if u and u.difference is not None and document.difference is None:
        head = (
            f"{pair.first} minus {pair.second}, readers weighted by their pairs: "
            f"{number(u.difference, 4)}"
        )
    complete = document.complete_cases
    if complete and complete.comparisons[0].rrrc.ci:
        one = complete.comparisons[0].rrrc
        title = f"{FORM_TITLES['rrrc']}; the {complete.study.cases} complete cases"
        rows.append([title, _limits(document, one), p_text(one.p)])
    return head + "\n" + text_table(["", _percent(document), "p"], rows)


def _equality_text(document: MrmcDocument) -> str:
    """The tests that three or more treatments are all equal."""
    rows = [
        [title, statistic_text(*section.test()), p_text(section.p)]
        for _, title, section in _forms(document)
    ]
    head = f"All {len(document.study.treatments)} treatments equal"
    return head + "\n" + text_table(["", "test", "p"], rows)


def _pairs_text(document: MrmcDocument) -> str:
    """Every pair of treatments, each with its own p, and Holm's over the pairs."""
    used, where = document, ""
    complete = document.complete_cases
    if complete and all(row.rrrc.p is None for row in document.comparisons):
        used, where = complete, f"; the {complete.study.cases} complete cases"
    rows = []
    for row in used.comparisons:
        adjusted = row.p_holm.rrrc if row.p_holm else None
        name, one = f"{row.first} minus {row.second}", row.rrrc
        rows.append(
            [name, number(one.value, 4), _limits(document, one), p_text(one.p), p_text(adjusted)]
        )
    header = ["", "difference", _percent(document), "p", "p (Holm)"]
    return f"Pairs, {FORM_TITLES['rrrc']}{where}\n" + text_table(header, rows)


def _margin_text(document: MrmcDocument) -> Iterator[str]:
    for one in document.non_inferiority or ():
        test = one.test
        said = f"{one.first} not worse than {one.second} by {test.margin:g}"
        if test.p is None:
            yield f"{said}: {NOT_ESTIMABLE}. {test.reason}"
        else:
            found = t_or_z(test.t, test.df)
            verdict = "shown" if one.shown else "not shown"
            logit = "" if one.p_logit is None else f"; by the logit scale {p_text(one.p_logit)}"
            p = f"one-sided p {p_text(test.p)}{logit}"
            yield f"{said}: {verdict} ({found}, {p}, level {test.level:g})"
    judged = document.non_inferiority or ()
    if judged and all(one.shown for one in judged):
        yield f"Both one-sided tests: the two are equivalent within {judged[0].test.margin:g}."


def _curves_text(document: MrmcDocument) -> Iterator[str]:
    """Fitted curves with the test of their fit, then why any are missing."""
    for title, names, curves in (
        ("Binormal curves", ("a", "b"), document.binormal),
        ("Contaminated binormal curves", ("mu", "alpha"), document.contaminated),
    ):
        rows, notes = [], []
        for treatment, readers in (curves or {}).items():
            for reader, curve in readers.items():
                numbers = [number(getattr(curve, name).value, 3) for name in names]
                area = f"{number(curve.auc.value, 4)} ({_limits(document, curve.auc, mean=True)})"
                rows.append([treatment, reader, *numbers, area, p_text(curve.fit.p)])
                if curve.reason:
                    notes.append(f"{treatment}, {reader}: {curve.reason}")
        header = ["treatment", "reader", *names, f"area ({_percent(document)})", "p of the fit"]
        if rows:
            yield "\n".join([title, text_table(header, rows), *notes])
