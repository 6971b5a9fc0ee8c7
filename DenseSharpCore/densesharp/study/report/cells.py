"""Results as the report's tables and sentences show them, and tables of results."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from densesharp.stats import formatting
from densesharp.stats.estimates import Estimate, Interval
from densesharp.stats.formatting import (
    NOT_ESTIMABLE,
    interval,
    number,
    p_text,
    t_or_z,
    with_interval,
)
from densesharp.stats.model_vs_readers import NonInferiority
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


def shown(one: Estimate | None, digits: int = 3) -> str:
    """`value (low to high)` of an estimate."""
    return NOT_ESTIMABLE if one is None else with_interval(one, digits)


def bounded(one: Estimate | None, digits: int = 3, lowest: float = -1.0) -> str:
    """A coefficient or difference of at most 1; its interval is cut where the formula goes beyond.

    The caption says so: `CUT`, or `cut_note`.

    Args:
        one: the statistic; None where there is none.
        digits: behind the point.
        lowest: smallest possible value.
    """
    return shown(None if one is None else formatting.bounded(one, lowest), digits)


def cut_note(estimates: Iterable[Estimate | None], lowest: float = -1.0) -> str:
    """For the caption of a table: that intervals were cut, if any was."""
    known = [one for one in estimates if one is not None]
    if all(formatting.bounded(one, lowest).ci == one.ci for one in known):
        return ""
    return (
        f" Intervals are cut at {lowest:g} and 1: with so few readers or cases the formula goes "
        "beyond what can be."
    )


def with_reason(one: Estimate) -> str:
    """An estimate, and why it has no interval."""
    text = shown(one)
    if one.ci is None and one.reason:
        text += f" (no interval: {one.reason})" if one.value is not None else f": {one.reason}"
    return text


def area(one: Estimate | None) -> str:
    """An area under a curve, which lies between 0 and 1."""
    return bounded(one, lowest=0.0)


def one_sided(test: NonInferiority) -> str:
    """The p of a non-inferiority test, with what it is compared with."""
    return f"one-sided p {equals(test.p)}, level {test.level:g}"


DIFFERENCE: dict[str, Callable[[Estimate], str]] = {
    "Difference": bounded,
    "SE": lambda one: "—" if one.se is None else number(one.se),
    "Test": lambda one: "—" if one.statistic is None else t_or_z(one.statistic, one.df),
    "p": lambda one: "—" if one.p is None and one.ci is not None else p_text(one.p),
}
"""How tables show a difference with its standard error and its test."""


def equals(p: float | None) -> str:
    """`= 0.012`, `< 0.001`, or that it is not estimable."""
    text = p_text(p)
    return text if p is None or text.startswith("<") else f"= {text}"


def limits(ci: Interval | None) -> str:
    """An interval, or that there is none."""
    return interval(ci) if ci else NOT_ESTIMABLE
