"""The tables of the endpoints: their differences and their tests."""

from __future__ import annotations

from collections.abc import Sequence

from densesharp.stats.formatting import number, p_text
from densesharp.study.analysis.study_results import Endpoint
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import limits, t_or_z, tested


def endpoint_table(endpoints: Sequence[Endpoint]) -> TableBlock:
    """Primary and secondary comparisons of two conditions."""
    first, second = endpoints[0].first, endpoints[0].second
    rows = [
        [
            ("Primary: " if row.primary else "") + row.figure,
            number(row.means[first]),
            number(row.means[second]),
            number(row.difference),
            limits(row.ci),
            p_text(row.p),
            "—" if row.primary else p_text(row.p_holm),
        ]
        for row in endpoints
    ]
    header = ("Endpoint", first, second, "Difference", "95 % interval", "p", "p (Holm)")
    partial = sorted({row.cases for row in endpoints if row.complete_cases_only})
    caption = (
        f"Reader-averaged results, {first} minus {second}; random readers and random cases"
        + (
            ", but the primary one for these readers, as the design says"
            if any(row.form == "frrc" for row in endpoints)
            else ""
        )
        + ". p: two-sided, of no difference; Holm's correction is over the secondary endpoints."
    )
    if partial:
        numbers = " or ".join(map(str, partial))
        caption += f" Readings are missing: these are the {numbers} cases that all readers read."
    return TableBlock("endpoints", caption, header, rows)


def endpoint_tests_table(endpoints: Sequence[Endpoint]) -> TableBlock:
    """The tests behind the endpoints, with their degrees of freedom."""
    rows = []
    for row in endpoints:
        name = ("Primary: " if row.primary else "") + row.figure
        random = "readers and cases" if row.form == "rrrc" else "cases"
        rows.append([name, random, tested(row.test), p_text(row.p)])
        one = row.non_inferiority
        if one:
            what = f"{name}, not worse by {one.margin:g}"
            test = t_or_z(one.t, one.df)
            p = f"{p_text(one.p)} (one-sided, level {one.level:g})"
            rows.append([what, random, test, p])
    caption = (
        "Tests of the endpoints: of no difference, two-sided; F has Hillis' degrees of freedom. "
        "Non-inferiority is tested for the primary endpoint if the design has a margin."
    )
    return TableBlock("endpoint_tests", caption, ("Endpoint", "Random", "Test", "p"), rows)
