"""Results as the report's tables and sentences show them, and tables of results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from densesharp.stats.estimates import Estimate, Interval
from densesharp.stats.formatting import NOT_ESTIMABLE, interval, number, p_text, with_interval
from densesharp.stats.model_vs_readers import NonInferiority
from densesharp.study.analysis.study_results import EndpointTest
from densesharp.study.report.blocks import TableBlock

T = TypeVar("T")

CUT = " Intervals of kappa, AC, alpha and ICC are cut at -1 and 1."
"""For the captions of tables with such coefficients."""


def estimate_table(
    name: str,
    caption: str,
    first: str,
    columns: Mapping[str, Callable[[T], str]],
    rows: Iterable[tuple[str, T]],
) -> TableBlock:
    """A table with one row for each result.

    Args:
        name: of its CSV file.
        caption: what it shows.
        first: title of the first column.
        columns: title -> how the column shows a result.
        rows: label and result.
    """
    cells = [[label, *(cell(one) for cell in columns.values())] for label, one in rows]
    return TableBlock(name, caption, (first, *columns), cells)


def who(source: str, reader: str | None = None) -> str:
    """Whose result a row shows: a reader's under a condition, the mean's, or the model's."""
    if source == "model":
        return "model alone"
    return f"{reader}, {source}" if reader else f"mean reader, {source}"


def shown(one: Estimate | None, digits: int = 3) -> str:
    """`value (low to high)` of an estimate."""
    return NOT_ESTIMABLE if one is None else with_interval(one, digits)


def bounded(one: Estimate | None, digits: int = 3, lowest: float = -1.0) -> str:
    """A coefficient of at most 1; its interval is cut where the formula goes beyond.

    The caption says so: `CUT`.
    """
    if one is not None and one.ci is not None:
        one = replace(one, ci=(max(lowest, one.ci[0]), min(1.0, one.ci[1])))
    return shown(one, digits)


def area(one: Estimate | None) -> str:
    """An area under a curve, which lies between 0 and 1."""
    return bounded(one, lowest=0.0)


def tested(test: EndpointTest | None) -> str:
    """`F(1, 9.2) = 4.31`: the test of an endpoint with its degrees of freedom."""
    if test is None:
        return NOT_ESTIMABLE
    # The numerator's are a whole number.
    df = ", ".join(f"{x:.0f}" if x == round(x) else f"{x:.1f}" for x in test.df)
    return f"{test.name}{f'({df})' if df else ''} = {number(test.statistic, 2)}"


def t_or_z(statistic: float | None, df: float | None) -> str:
    """A test by t if it has degrees of freedom, else by z."""
    if statistic is None:
        return NOT_ESTIMABLE
    return tested(EndpointTest("t" if df else "z", statistic, [df] if df else []))


def one_sided(test: NonInferiority) -> str:
    """The p of a non-inferiority test, with what it is compared with."""
    return f"one-sided p {equals(test.p)}, level {test.level:g}"


def equals(p: float | None) -> str:
    """`= 0.012`, `< 0.001`, or that it is not estimable."""
    text = p_text(p)
    return text if p is None or text.startswith("<") else f"= {text}"


def limits(ci: Interval | None) -> str:
    """An interval, or that there is none."""
    return interval(ci) if ci else NOT_ESTIMABLE
