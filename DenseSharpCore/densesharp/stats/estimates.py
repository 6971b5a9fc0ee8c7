"""Numbers that may be missing: every result says its value or why there is none.

A statistic that the data do not determine (one class only, no variation, a negative variance) is
an `Estimate` whose `value` is None and whose `reason` is a sentence. Nothing here is ever NaN.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from scipy import special

Interval: TypeAlias = tuple[float, float]
"""Lower and upper confidence limit."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A statistic with its uncertainty and test; absent parts are None.

    Attributes:
        value: the estimate, or None when it is not estimable.
        se: its standard error.
        ci: the confidence interval, 95 % unless `method` says otherwise.
        statistic: the test statistic (z, t, F or chi-square, as `method` says).
        df: degrees of freedom; for F these are the denominator's.
        p: two-sided p-value unless `method` says otherwise.
        method: how it was obtained, in a few words.
        reason: why a part is missing; None when nothing is missing that could be there.
    """

    value: float | None
    se: float | None = None
    ci: Interval | None = None
    statistic: float | None = None
    df: float | None = None
    p: float | None = None
    method: str | None = None
    reason: str | None = None

    @property
    def estimable(self) -> bool:
        """Whether there is a value."""
        return self.value is not None


def not_estimable(reason: str, method: str | None = None) -> Estimate:
    """An estimate without value, with the sentence that says why."""
    return Estimate(None, method=method, reason=reason)


def normal_estimate(
    value: float,
    variance: float,
    *,
    confidence: float = 0.95,
    null: float | None = 0.0,
    method: str | None = None,
) -> Estimate:
    """A value with variance, its Wald interval and z test against `null` (None: no test).

    A variance of zero or below gives the value alone, with the reason.

    Args:
        value: the statistic.
        variance: of it.
        confidence: of the interval.
        null: value to test against.
        method: how it was obtained, in a few words.
    """
    if not variance > 0:
        return Estimate(value, method=method, reason=_NO_VARIANCE)
    return _interval_and_test(value, variance, None, confidence, null, method)


def t_estimate(
    value: float,
    variance: float,
    df: float,
    *,
    confidence: float = 0.95,
    null: float | None = 0.0,
    method: str | None = None,
) -> Estimate:
    """A value with variance and degrees of freedom: t interval, t test against `null` or none.

    Args:
        value: the statistic.
        variance: of it.
        df: degrees of freedom of the variance.
        confidence: of the interval.
        null: value to test against.
        method: how it was obtained, in a few words.
    """
    if not variance > 0 or not df > 0:
        return Estimate(value, method=method, reason=_NO_VARIANCE)
    return _interval_and_test(value, variance, df, confidence, null, method)


def degrees_of_sum(df: float, own: float, total: float) -> float:
    """Degrees of freedom of a variance that is estimated in part: Hillis' (2007), made smaller.

    Hillis has df (total / own)^2, which is too many where df is small, as 1 / own is too large on
    average; here what is beyond counts (df - 2) / df, and with df below 3 nothing is squared.

    Args:
        df: degrees of freedom of the part that is estimated.
        own: that part.
        total: all; the rest is taken as known.
    """
    beyond = total / own - 1
    return df * (1 + beyond) if df < 3 else df * (1 + beyond * (df - 2) / df) ** 2


_NO_VARIANCE = "The variance estimate is not positive, so there is no interval and no test."


def _interval_and_test(
    value: float,
    variance: float,
    df: float | None,
    confidence: float,
    null: float | None,
    method: str | None,
) -> Estimate:
    # What scipy.stats itself calls; its laws take hundreds of times as long, often in a resample.
    se, upper = math.sqrt(variance), 0.5 + confidence / 2
    half = float(special.ndtri(upper) if df is None else special.stdtrit(df, upper)) * se
    ci = (value - half, value + half)
    if null is None:
        return Estimate(value, se, ci, df=df, method=method)
    statistic = (value - null) / se
    below = -abs(statistic)
    tail = special.ndtr(below) if df is None else special.stdtr(df, below)
    return Estimate(value, se, ci, statistic, df, float(2 * tail), method)


def rescaled(
    found: Estimate, value: float, slope: float, back: Callable[[float], float]
) -> Estimate:
    """A value whose interval was made on another scale.

    Args:
        found: on that scale.
        value: what it is here.
        slope: of `back` there.
        back: from there to here.
    """
    ci = None if found.ci is None else (back(found.ci[0]), back(found.ci[1]))
    return dataclasses.replace(
        found, value=value, se=None if found.se is None else found.se * slope, ci=ci
    )


def holm(p_values: list[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values (Holm 1979); missing ones stay missing.

    The adjusted value of the i-th smallest of m is max over j <= i of (m - j + 1) p_(j), at most 1.
    """
    order = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p))
        adjusted[index] = running
    return adjusted


_WITH = "written with"


def optional(written_with: str = "") -> Any:
    """An attribute of a record that JSON has only where there is a value.

    Args:
        written_with: another attribute: written, also as null, where that one is there or true.
    """
    return dataclasses.field(default=None, metadata={_WITH: written_with})


def json_name(record: type, attribute: str) -> str:
    """The key of an attribute in JSON: its name, or what the record's `JSON_NAMES` says.

    An attribute whose key is empty is not written.
    """
    names: Mapping[str, str] = getattr(record, "JSON_NAMES", {})
    return names.get(attribute, attribute)


def _is_written(record: Any, attribute: dataclasses.Field[Any]) -> bool:
    """Whether JSON has this attribute: an `optional` one only with a value."""
    if _WITH not in attribute.metadata:
        return True
    other = attribute.metadata[_WITH]
    return bool(getattr(record, other)) if other else getattr(record, attribute.name) is not None


def to_json(value: Any) -> Any:
    """Plain JSON data of results: dataclasses, mappings, sequences, numpy values, paths.

    Attributes of an `Estimate` that are None are left out, except `value` itself, and so are
    `optional` attributes of other records. A number that JSON cannot hold (infinity) becomes null.
    """
    if isinstance(value, Estimate):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {k: to_json(v) for k, v in parts.items() if v is not None or k == "value"}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            key: to_json(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if (key := json_name(type(value), f.name)) and _is_written(value, f)
        }
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_json(value.tolist())
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, np.generic):
        return to_json(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
