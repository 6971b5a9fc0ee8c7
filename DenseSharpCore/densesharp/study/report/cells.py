"""Values of results.json as the report's tables and sentences show them."""

from __future__ import annotations

from typing import Any

from densesharp.stats.formatting import NOT_ESTIMABLE, interval, number, p_text

Results = dict[str, Any]

CUT = " Intervals of kappa, AC, alpha and ICC are cut at -1 and 1."
"""For the captions of tables with such coefficients."""


def shown(one: Results | None, digits: int = 3) -> str:
    """`value (low to high)` of an estimate in results.json."""
    if not one or one.get("value") is None:
        return NOT_ESTIMABLE
    text = number(one["value"], digits)
    ci = one.get("ci")
    return f"{text} ({interval((ci[0], ci[1]), digits)})" if ci else text


def bounded(one: Results | None, digits: int = 3, lowest: float = -1.0) -> str:
    """A coefficient of at most 1; its interval is cut where the formula goes beyond.

    The caption says so: `CUT`.
    """
    if one and one.get("ci"):
        one = one | {"ci": [max(lowest, one["ci"][0]), min(1.0, one["ci"][1])]}
    return shown(one, digits)


def area(one: Results | None) -> str:
    """An area under a curve, which lies between 0 and 1."""
    return bounded(one, lowest=0.0)


def tested(test: Results | None) -> str:
    """`F(1, 9.2) = 4.31`: the test of an endpoint with its degrees of freedom."""
    if not test:
        return NOT_ESTIMABLE
    # The numerator's are a whole number.
    df = ", ".join(f"{x:.0f}" if x == round(x) else f"{x:.1f}" for x in test["df"])
    return f"{test['name']}{f'({df})' if df else ''} = {number(test['statistic'], 2)}"


def t_or_z(one: Results) -> str:
    """The test of an estimate: by t if it has degrees of freedom, else by z."""
    if one.get("statistic") is None:
        return NOT_ESTIMABLE
    df = [one["df"]] if one.get("df") else []
    return tested({"name": "t" if df else "z", "statistic": one["statistic"], "df": df})


def one_sided(tested: Results) -> str:
    """The p of a non-inferiority test, with what it is compared with."""
    return f"one-sided p {equals(tested['p'])}, level {tested['level']:g}"


def equals(p: float | None) -> str:
    """`= 0.012`, `< 0.001`, or that it is not estimable."""
    text = p_text(p)
    return text if p is None or text.startswith("<") else f"= {text}"


def limits(ci: list[float] | None) -> str:
    """An interval of results.json."""
    return interval((ci[0], ci[1])) if ci else NOT_ESTIMABLE
