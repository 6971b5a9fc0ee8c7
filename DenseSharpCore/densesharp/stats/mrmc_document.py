"""The multi-reader analysis as `densesharp mrmc` and studies take it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from densesharp.errors import TableError
from densesharp.stats.binormal import BINORMAL_AUC, fit_binormal
from densesharp.stats.contaminated import CONTAMINATED_AUC, fit_contaminated
from densesharp.stats.crossed import Factor, averaged
from densesharp.stats.dbm import dbm, dbm_frrc_p
from densesharp.stats.estimates import Interval, holm
from densesharp.stats.figures_of_merit import AUC, MEAN_RATING, FigureOfMerit
from densesharp.stats.fom_table import Covariance, FomTable, fom_table
from densesharp.stats.logit_scale import beyond, turned
from densesharp.stats.mark_figures import REGIONS
from densesharp.stats.mean_ustatistics import mean_statistics
from densesharp.stats.model_vs_readers import non_inferiority
from densesharp.stats.mrmc import analyse_table
from densesharp.stats.mrmc_records import (
    AreaDocument,
    BinormalCurve,
    Comparison,
    ContaminatedCurve,
    DbmSection,
    FormEstimates,
    FormP,
    FrrcSection,
    Judged,
    Method,
    MrmcDocument,
    Numbers,
    ReaderDifferences,
    RrfcSection,
    RrrcSection,
    SingleReaders,
    UComparison,
    USection,
    VDifference,
)
from densesharp.stats.mrmc_result import ONE_TREATMENT, MrmcResult
from densesharp.stats.share_ustatistics import share_statistics
from densesharp.stats.study_design import Design
from densesharp.stats.tables import BoolArray, FloatArray, IntArray, Readings
from densesharp.stats.ustatistics import UStatistics, u_statistics

C = TypeVar("C")
D = TypeVar("D", bound=MrmcDocument)

FEW_PATIENTS = 40
"""Below, simulations find tests of clustered cases a little too ready to reject."""


def mrmc_document(
    readings: Readings,
    figure: FigureOfMerit = AUC,
    covariance: Covariance = "jackknife",
    confidence: float = 0.95,
    truth: IntArray | None = None,
    *,
    title: str | None = None,
    margin: float | None = None,
    compared: Factor | None = None,
) -> MrmcDocument:
    """Analyse readings of several readers under several treatments.

    Args:
        readings: the readings.
        figure: figure of merit.
        covariance: how the error covariance is estimated.
        confidence: of the intervals.
        truth: shape (K,): classes, for figures of merit that look at more than two.
        title: what the results call the figure, if not by its own name.
        margin: non-inferiority margin in units of the figure, above 0, for two treatments.
        compared: of treatments that cross two factors, the one to compare; see `crossed`.

    Returns:
        Everything that `densesharp mrmc` says.
    """
    kind = AreaDocument if figure is AUC else MrmcDocument
    found = _document(kind, readings, figure, covariance, confidence, truth, title, compared)
    return found if margin is None else replace(found, non_inferiority=_judged(found, margin))


def area_document(
    readings: Readings, covariance: Covariance = "jackknife", confidence: float = 0.95
) -> AreaDocument:
    """The same of areas under ROC curves, with U-statistics beside.

    Args:
        readings: the readings.
        covariance: how the error covariance is estimated.
        confidence: of the intervals.
    """
    return _document(AreaDocument, readings, AUC, covariance, confidence, None, None)


def _document(
    kind: type[D],
    readings: Readings,
    figure: FigureOfMerit,
    covariance: Covariance,
    confidence: float,
    truth: IntArray | None,
    title: str | None,
    compared: Factor | None = None,
) -> D:
    table = fom_table(readings, figure, covariance, truth)
    if compared:
        table = averaged(table, compared)
    result = analyse_table(table, figure.name, covariance, confidence=confidence)
    pairs = list(result.rrrc.differences)
    # More than two treatments have no one difference: `comparisons` has them all.
    only = pairs[0] if len(pairs) == 1 else None
    part = None if table.design else _complete_cases(readings, truth)
    options = (figure, covariance, confidence)
    return kind(
        values={t: {r: e.value for r, e in row.items()} for t, row in result.values.items()},
        mean_values={t: form.value for t, form in result.rrrc.means.items()},
        difference=result.rrrc.differences[only].value if only else None,
        components=result.components,
        mean_squares=result.mean_squares,
        rrrc=RrrcSection.of(result.rrrc, only),
        frrc=FrrcSection.of(result.frrc, only),
        rrfc=RrfcSection.of(result.rrfc, only),
        comparisons=_comparisons(result),
        readers=_reader_sections(result),
        u_statistic=None if compared else _u_statistic(readings, figure, truth, confidence),
        dbm=_dbm_section(table, confidence),
        method=Method(covariance, title or figure.name, confidence, _limits(figure)),
        study=replace(_numbers(readings, table.design), treatments=table.treatments),
        complete_cases=_document(kind, part[0], *options, part[1], None) if part else None,
        binormal=binormal_curves(readings, confidence) if figure is BINORMAL_AUC else None,
        contaminated=_curves(readings, partial(_contaminated, confidence))
        if figure is CONTAMINATED_AUC
        else None,
        notes=_notes(table, figure) or None,
        reason=table.reason or (None if pairs else ONE_TREATMENT),
    )


def _limits(figure: FigureOfMerit) -> Interval | None:
    return None if figure.limits == (0.0, 1.0) else figure.limits


def _notes(table: FomTable, figure: FigureOfMerit) -> list[str]:
    """What simulations found of such data, for who reads the intervals."""
    if table.covariance is None:
        return []
    notes = []
    patients = None if table.patients is None else len(np.unique(table.patients))
    if patients is not None and patients < FEW_PATIENTS:
        notes.append(
            f"There are {patients} patients only, with several cases each. With so few, tests at "
            "the 5 % level reject 5 to 7 % where nothing differs: 95 % intervals hold 93 to 95 %."
        )
    if figure.name == REGIONS and len(table.readers) < 4:
        notes.append(
            f"There are {len(table.readers)} readers only. With three, tests of areas of regions "
            "at the 5 % level reject about 7 % where nothing differs."
        )
    mean = float(np.nanmean(table.theta))
    if len(table.treatments) == 1 and figure.limits == (0.0, 1.0) and not 0.1 < mean < 0.9:
        notes.append(
            "The mean is near the end of its scale, where an interval as long to either side is "
            "somewhat short; take the one on the logit scale."
        )
    return notes


def binormal_curves(
    readings: Readings, confidence: float = 0.95
) -> dict[str, dict[str, BinormalCurve]]:
    """Treatment -> reader -> the curve that is fitted to the ratings, or why there is none."""
    return _curves(readings, partial(_binormal, confidence))


def _curves(
    readings: Readings, fitted: Callable[[FloatArray, BoolArray], C]
) -> dict[str, dict[str, C]]:
    """Treatment -> reader -> the curve fitted to what was read."""
    curves: dict[str, dict[str, C]] = {}
    for i, j in np.ndindex(*readings.ratings.shape[:2]):
        read = ~np.isnan(readings.ratings[i, j])
        curve = fitted(readings.ratings[i, j, read], readings.truth[read])
        curves.setdefault(readings.treatments[i], {})[readings.readers[j]] = curve
    return curves


_FPF = np.linspace(0, 1, 101)


def _binormal(confidence: float, ratings: FloatArray, truth: BoolArray) -> BinormalCurve:
    fit = fit_binormal(ratings, truth, confidence=confidence)
    tpf = fit.tpf(_FPF)
    height = None if tpf is None else tpf.tolist()
    return BinormalCurve(fit.a, fit.b, fit.auc, fit.fit, _FPF.tolist(), height, fit.reason)


def _contaminated(confidence: float, ratings: FloatArray, truth: BoolArray) -> ContaminatedCurve:
    fit = fit_contaminated(ratings, truth, confidence=confidence)
    tpf = fit.tpf(_FPF)
    height = None if tpf is None else tpf.tolist()
    return ContaminatedCurve(fit.mu, fit.alpha, fit.auc, fit.fit, _FPF.tolist(), height, fit.reason)


def _complete_cases(
    readings: Readings, truth: IntArray | None
) -> tuple[Readings, IntArray | None] | None:
    """The cases that every reader read under every treatment with their classes, if any."""
    whole: BoolArray = ~np.isnan(readings.ratings).any(axis=(0, 1))  # type: ignore[assignment]
    if not whole.any():
        return None
    return readings.of_cases(whole), None if truth is None else truth[whole]


def _comparisons(result: MrmcResult) -> list[Comparison]:
    forms = (result.rrrc, result.frrc, result.rrfc)
    pairs = list(result.rrrc.differences)
    found = [
        Comparison(
            *pair,
            forms[0].differences[pair],
            forms[1].differences[pair],
            forms[2].differences[pair],
            on_logit=FormEstimates(*(form.differences_logit[pair] for form in forms)),
        )
        for pair in pairs
    ]
    if len(found) < 2:
        return found
    adjusted = zip(*(holm([form.differences[p].p for p in pairs]) for form in forms), strict=True)
    return [replace(row, p_holm=FormP(*p)) for row, p in zip(found, adjusted, strict=True)]


def _judged(document: MrmcDocument, margin: float) -> list[Judged]:
    """Each of two treatments against the other, random readers and cases."""
    level = round((1 - document.method.confidence) / 2, 9)
    if len(document.comparisons) != 1:
        raise TableError("A margin compares two treatments; these readings do not have two.")
    pair, complete = document.comparisons[0], document.complete_cases
    one = complete.comparisons[0].rrrc if complete and pair.rrrc.p is None else pair.rrrc
    used = complete if complete and pair.rrrc.p is None else document
    limits = document.method.limits or (0.0, 1.0)
    found = []
    for first, second, way in (
        (pair.first, pair.second, one),
        (pair.second, pair.first, turned(one)),
    ):
        means = (used.rrrc.means[first], used.rrrc.means[second])
        test = non_inferiority(way, margin, level=level)
        found.append(Judged(first, second, test, beyond(means, way, limits, margin)))
    return found


def _reader_sections(result: MrmcResult) -> SingleReaders:
    found = result.reader_differences.items()
    return SingleReaders(
        result.values, [ReaderDifferences(*pair, readers) for pair, readers in found]
    )


def _u_statistic(
    readings: Readings, figure: FigureOfMerit, truth: IntArray | None, confidence: float
) -> USection | None:
    if figure is AUC:
        return _u_section(u_statistics(readings, confidence=confidence))
    if figure is MEAN_RATING:
        return _u_section(mean_statistics(readings, confidence=confidence))
    if figure.right is None:
        return None
    return _u_section(share_statistics(readings, figure, truth, confidence=confidence))


def _u_section(u: UStatistics) -> USection:
    if not u.differences:
        return USection(u.auc, u.auc_v, reason=ONE_TREATMENT)
    if len(u.differences) > 1:
        pairs = [UComparison(*pair, found) for pair, found in u.differences.items()]
        return USection(u.auc, u.auc_v, comparisons=pairs)
    ((pair, found),) = u.differences.items()
    biased = u.differences_v[pair]
    return USection(
        u.auc, u.auc_v, found.value, _square(found.se), found.se, found.df, found.p, found.ci,
        VDifference(_square(biased.se), **vars(biased)), reason=found.reason,
    )  # fmt: skip


def _square(se: float | None) -> float | None:
    return None if se is None else se**2


def _dbm_section(table: FomTable, confidence: float) -> DbmSection | None:
    found = dbm(table, confidence=confidence)
    return None if found is None else DbmSection(**vars(found), frrc_p=dbm_frrc_p(found, table))


def _numbers(readings: Readings, design: Design | None) -> Numbers:
    planned = design in ("factorial", None)
    diseased = int(readings.truth.sum())
    return Numbers(
        readings.treatments,
        readings.readers,
        diseased,
        len(readings.cases) - diseased,
        int(np.isnan(readings.ratings).sum()) if planned else 0,
        None if planned else design,
    )
