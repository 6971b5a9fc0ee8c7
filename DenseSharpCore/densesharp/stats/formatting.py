"""Numbers as readers of a paper expect them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from densesharp.stats.estimates import Estimate, Interval

NOT_ESTIMABLE = "not estimable"


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, or that it is not estimable."""
    if value is None:
        return NOT_ESTIMABLE
    text = f"{value:.{digits}f}"
    # A rounded -0.0004 is 0, not -0.
    return text.removeprefix("-") if float(text) == 0 else text


def p_text(p: float | None) -> str:
    """A p-value: three decimals, and `< 0.001` below."""
    if p is None:
        return NOT_ESTIMABLE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def interval(ci: Interval | None, digits: int = 3) -> str:
    """`low to high`, or nothing."""
    return f"{number(ci[0], digits)} to {number(ci[1], digits)}" if ci else ""


def with_interval(estimate: Estimate, digits: int = 3) -> str:
    """`value (low to high)`, or the value alone, or that it is not estimable."""
    if estimate.value is None:
        return NOT_ESTIMABLE
    text = number(estimate.value, digits)
    return f"{text} ({interval(estimate.ci, digits)})" if estimate.ci else text


def bounded(estimate: Estimate, lowest: float = -1.0, highest: float = 1.0) -> Estimate:
    """The estimate with its interval cut to what the statistic can be.

    Intervals on the statistic's own scale go beyond where there are few readers or cases.

    Args:
        estimate: the statistic.
        lowest: smallest possible value.
        highest: largest possible value.
    """
    if estimate.ci is None:
        return estimate
    low, high = estimate.ci
    return replace(estimate, ci=(max(lowest, low), min(highest, high)))


def statistic_text(name: str, df: Sequence[float], statistic: float | None) -> str:
    """`F(1, 9.2) = 4.31`: a test with its degrees of freedom.

    Args:
        name: of the test, such as F or t.
        df: degrees of freedom.
        statistic: its value; None where there is none.
    """
    if statistic is None:
        return NOT_ESTIMABLE
    # The numerator's are a whole number; so many that t is z need no more than that.
    shown = ", ".join(
        "> 1000" if x > 1000 else f"{x:.0f}" if x == round(x) else f"{x:.1f}" for x in df
    )
    return f"{name}{f'({shown})' if shown else ''} = {number(statistic, 2)}"


def t_or_z(statistic: float | None, df: float | None) -> str:
    """A test by t if it has degrees of freedom, else by z."""
    return statistic_text("t" if df else "z", [df] if df else [], statistic)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    lines = [header, *rows]
    found = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return [found[0].replace("|  |", "| |", 1), "|" + "---|" * len(header), *found[1:]]


def text_table(header: list[str], rows: list[list[str]]) -> str:
    """A table in fixed-width characters: first column left, others right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    out = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)]
        out.append("  " + "  ".join(cells).rstrip())
    return "\n".join(out)
