"""The tables of the endpoints: their differences and their tests."""

from collections.abc import Callable, Sequence

from densesharp.stats.estimates import Interval
from densesharp.stats.formatting import NOT_ESTIMABLE, number, p_text, statistic_text, t_or_z
from densesharp.study.analysis.study_results import EndpointResult
from densesharp.study.report.blocks import TableBlock
from densesharp.study.report.cells import estimate_table, limits


def endpoint_table(endpoints: Sequence[EndpointResult]) -> TableBlock:
    """Primary and secondary comparisons."""
    pairs = {(row.first, row.second) for row in endpoints}
    first, second = next(iter(pairs)) if len(pairs) == 1 else ("first", "second")
    compared = f"{first} minus {second}" if len(pairs) == 1 else "every pair of conditions"
    columns: dict[str, Callable[[EndpointResult], str]] = {
        "Cases": lambda row: str(row.cases),
        first: lambda row: number(row.means[row.first]),
        second: lambda row: number(row.means[row.second]),
        "Difference": lambda row: number(row.difference),
        "95 % interval": lambda row: limits(possible(row)),
        "p": lambda row: p_text(row.p),
        "p (Holm)": lambda row: "—" if row.primary else p_text(row.p_holm),
    }
    rows = [(_name(row, len(pairs)), row) for row in endpoints]
    partial = sorted({row.cases for row in endpoints if row.complete_cases_only})
    caption = (
        f"Reader-averaged results, {compared}; random readers and random cases"
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
    if any(possible(row) != row.ci for row in endpoints):
        caption += (
            " Intervals are cut at what a difference can be: with so few readers the formula goes "
            "beyond."
        )
    return estimate_table("endpoints", caption, "Endpoint", columns, rows)


def possible(row: EndpointResult) -> Interval | None:
    """The interval, cut at what a difference of the figure can be: 2 for kappa, 1 for the rest."""
    width = 2.0 if "kappa" in row.figure else 1.0
    return None if row.ci is None else (max(-width, row.ci[0]), min(width, row.ci[1]))


def _name(row: EndpointResult, pairs: int) -> str:
    name = ("Primary: " if row.primary else "") + row.figure
    return name if pairs == 1 else f"{name}: {row.first} minus {row.second}"


def endpoint_tests_table(endpoints: Sequence[EndpointResult]) -> TableBlock:
    """The tests behind the endpoints, with their degrees of freedom."""
    rows, pairs = [], len({(row.first, row.second) for row in endpoints})
    for row in endpoints:
        name = _name(row, pairs)
        random = "readers and cases" if row.form == "rrrc" else "cases"
        test = row.test
        found = statistic_text(test.name, test.df, test.statistic) if test else NOT_ESTIMABLE
        rows.append([name, random, found, p_text(row.p)])
        one = row.non_inferiority
        if one:
            what = f"{name}, not worse by {one.margin:g}"
            found = t_or_z(one.t, one.df)
            p = f"{p_text(one.p)} (one-sided, level {one.level:g})"
            rows.append([what, random, found, p])
        if both := row.equivalence:
            what = f"{name}, equivalent within {both.margin:g}"
            p = f"{p_text(both.p)} (the greater of two, level {both.level:g} each)"
            rows.append([what, random, "two one-sided tests", p])
    caption = (
        "Tests of the endpoints: of no difference, two-sided; F has Hillis' degrees of freedom. "
        "Non-inferiority or equivalence is tested for the primary endpoint if the design has a "
        "margin."
    )
    return TableBlock("endpoint_tests", caption, ("Endpoint", "Random", "Test", "p"), rows)
