"""Values of results.json as the report's tables and sentences show them."""

from __future__ import annotations

from typing import Any

from densesharp.study.output import NOT_ESTIMABLE, interval, number

Results = dict[str, Any]


def shown(one: Results | None, digits: int = 3) -> str:
    """`value (low to high)` of an estimate in results.json."""
    if not one or one.get("value") is None:
        return NOT_ESTIMABLE
    text = number(one["value"], digits)
    ci = one.get("ci")
    return f"{text} ({interval((ci[0], ci[1]), digits)})" if ci else text


def bounded(one: Results | None, digits: int = 3, lowest: float = -1.0) -> str:
    """A coefficient of at most 1; its interval is cut where the formula goes beyond."""
    if one and one.get("ci"):
        one = one | {"ci": [max(lowest, one["ci"][0]), min(1.0, one["ci"][1])]}
    return shown(one, digits)


def area(one: Results | None) -> str:
    """An area under a curve, which lies between 0 and 1."""
    return bounded(one, lowest=0.0)


def limits(ci: list[float] | None) -> str:
    """An interval of results.json."""
    return interval((ci[0], ci[1])) if ci else NOT_ESTIMABLE
