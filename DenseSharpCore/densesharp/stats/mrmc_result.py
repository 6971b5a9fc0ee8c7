"""What a multi-reader analysis finds: tests, differences and means under each assumption."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from densesharp.stats.estimates import Estimate
from densesharp.stats.fom_table import Covariance
from densesharp.stats.logit_scale import printed

Pair = tuple[str, str]

ONE_READER = "There is only one reader, so how readers differ cannot be estimated."
ONE_TREATMENT = "There is only one treatment, so there is nothing to compare."
NO_INTERACTION = (
    "MS(T*R) is zero: the treatments differ by the same amount for every reader, and cases add no "
    "error, so there is no estimate of error to test against."
)
SAME_FIGURE = "All readers have the same figure of merit, and cases add no error."

ROUNDING = 1e-18
"""Squares of figure-of-merit units below this are rounding noise."""


@dataclass(frozen=True)
class Components:
    """Variance components as the Iowa program prints them; None where not estimable."""

    var_r: float | None
    var_tr: float | None
    cov1: float | None
    cov2: float | None
    cov3: float | None
    var_error: float | None


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of the two-way table of figures of merit."""

    t: float | None
    r: float | None
    tr: float | None


@dataclass(frozen=True)
class EqualityTest:
    """The test that all treatments are equal: F with df1 and df2, or chi-square with df1.

    Where all readers differ by the same amount, the F of `rrrc` has infinite degrees of freedom in
    the denominator: `df2` is None, and p is that of a chi-square df1 F with `df1`.
    """

    statistic: float | None
    df1: float | None
    df2: float | None
    p: float | None
    denominator: float | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Form:
    """Results under one assumption about what is random.

    Attributes:
        test: whether any treatments differ.
        differences: (first, second) -> first minus second.
        means: treatment -> the reader-averaged figure of merit.
        means_logit: the same with intervals on the logit scale, see `logit_scale`.
        differences_logit: differences with the intervals that those make.
    """

    test: EqualityTest
    differences: Mapping[Pair, Estimate]
    means: Mapping[str, Estimate]
    means_logit: Mapping[str, Estimate] = field(default_factory=dict)
    differences_logit: Mapping[Pair, Estimate] = field(default_factory=dict)

    def printed(self) -> dict[str, Estimate]:
        """The means with the intervals to print."""
        return {name: printed(one, self.means_logit.get(name)) for name, one in self.means.items()}


@dataclass(frozen=True)
class MrmcResult:
    """The whole analysis.

    Attributes:
        figure: name of the figure of merit.
        covariance: how the error covariance was estimated.
        values: treatment -> reader -> the figure of merit with its standard error.
        components: variance components.
        mean_squares: mean squares.
        rrrc: random readers, random cases.
        frrc: fixed readers, random cases.
        rrfc: random readers, fixed cases.
        reader_differences: (first, second) -> reader -> difference (fixed readers, random cases).
    """

    figure: str
    covariance: Covariance
    values: Mapping[str, Mapping[str, Estimate]]
    components: Components
    mean_squares: MeanSquares
    rrrc: Form
    frrc: Form
    rrfc: Form
    reader_differences: Mapping[Pair, Mapping[str, Estimate]]
