"""Level and coverage of single numbers that `mrmc`, `agree` and reports print.

    python Testing/benchmarks/level_of_kernels.py [NAME ...] [--sets 1000] [--seed 1]

Like `level_and_coverage.py`, whose lines these are. Each truth is that of many cases.
"""

from collections.abc import Iterator
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from level_and_coverage import Draw, holds, main, rejects
from level_of_studies import study
from scipy import special, stats

from densesharp.stats.area_interval import reader_area
from densesharp.stats.auc import auc_estimate
from densesharp.stats.binormal import fit_binormal
from densesharp.stats.bland_altman import concordance
from densesharp.stats.calibration import reliability_bins
from densesharp.stats.clusters import Clusters
from densesharp.stats.glmm import crossed_logistic
from densesharp.stats.icc import icc, icc_of_random_raters
from densesharp.stats.kappa import cohen_kappa, cross_table, kappa_of
from densesharp.stats.mixed_profile import profile_intervals
from densesharp.stats.multiclass import weighted_f1 as f1_of
from densesharp.stats.roe_metz import in_levels, roe_metz, simulate_readings
from densesharp.study.analysis import classes
from densesharp.study.exported.study_data import StudyData

Spread = tuple[float, ...]


def kappas() -> Iterator[tuple[str, Draw]]:
    """Cohen's kappa of two raters: by its formula, and as printed."""
    rows = (
        ("unweighted", (0.0,), 30, 0.95), ("unweighted", (1.0,), 30, 0.0),
        ("unweighted", (-0.4, 0.5), 80, 0.8), ("quadratic", (-0.4, 0.5), 30, 0.8),
        ("quadratic", (-0.4, 0.5), 80, 0.9), ("quadratic", (-0.84, -0.25, 0.25, 0.84), 30, 0.95),
    )  # fmt: skip
    for weights, cuts, cases, rho in rows:
        size = len(cuts) + 1

        def pair(
            rng: np.random.Generator, n: int, cuts: Spread = cuts, rho: float = rho
        ) -> list[np.ndarray]:
            true = rng.normal(size=n)
            seen = rho * true + np.sqrt(1 - rho**2) * rng.normal(size=n)
            return [np.digitize(one, cuts) for one in (true, seen)]

        many = cross_table(*pair(np.random.default_rng(1), 1_000_000), size)
        truth = cohen_kappa(many, weights).value

        def draw(
            rng: np.random.Generator, n: int = cases, pair=pair, size: int = size,
            weights=weights, truth: float = truth,
        ) -> dict[str, bool | None]:  # fmt: skip
            first, second = pair(rng, n)
            formula = cohen_kappa(cross_table(first, second, size), weights)
            return {
                "Wald": holds(formula, truth),
                "as printed": holds(kappa_of(first, second, size, weights), truth),
            }

        yield f"{weights}, {size} classes, {cases} cases, kappa {truth:.2f}", draw


def bins() -> Iterator[tuple[str, Draw]]:
    """Observed shares of reliability bins against the chances of the ratings that are in them."""

    def ratings(
        rng: np.random.Generator, readers: int, cases: int, apart: float
    ) -> tuple[np.ndarray, np.ndarray]:
        truth = np.digitize(rng.normal(size=cases), (-0.4, 0.5))
        score = truth + 0.47 * rng.normal(size=cases) + 0.47 * rng.normal(size=(readers, cases))
        score = score + apart * rng.normal(size=(readers, 1))
        return truth > 0, np.round(100 / (1 + np.exp(-2 * (score - 0.5)))).astype(int)

    for readers, cases, apart, counted in (
        (4, 80, 0.0, True), (4, 80, 0.0, False), (4, 200, 0.0, True), (1, 80, 0.0, True),
        (4, 80, 0.3, True),
    ):  # fmt: skip
        parts = [ratings(np.random.default_rng(k), 200, 2000, apart) for k in range(20)]
        shown = np.concatenate([found.ravel() for _, found in parts])
        true = np.concatenate([np.tile(truth, 200) for truth, _ in parts])
        chance = np.bincount(shown, true, 101) / np.maximum(np.bincount(shown, minlength=101), 1)

        def draw(
            rng: np.random.Generator, of=(readers, cases, apart), counted: bool = counted,
            chance: np.ndarray = chance,
        ) -> dict[str, bool | None]:  # fmt: skip
            truth, found = ratings(rng, *of)
            flat, (reader, case) = found.ravel(), np.indices(found.shape).reshape(2, -1)
            by = Clusters(case, reader)
            drawn = reliability_bins(
                flat / 100, np.tile(truth, of[0]), equal_count=counted, clusters=by
            )
            at = int(rng.integers(len(drawn)))
            start = sum(one.n for one in drawn[:at])
            inside = np.sort(flat)[start : start + drawn[at].n]
            return {"coverage": holds(drawn[at].observed, float(chance[inside].mean()))}

        kind = "count" if counted else "width"
        name = f"{readers} readers (own spread {apart:g}), {cases} cases, bins of equal {kind}"
        yield name, draw


def fits() -> Iterator[tuple[str, Draw]]:
    """The test of a binormal fit where the curve is right: how often there is one, and rejects."""
    for levels, cases in ((5, 50), (5, 100), (100, 50), (100, 100), (100, 200)):
        model = roe_metz("LH", [0.8])

        def draw(
            rng: np.random.Generator, levels: int = levels, cases: int = cases, model=model
        ) -> dict[str, bool | None]:
            drawn = in_levels(simulate_readings(model, 1, cases, cases, rng), levels)
            found = fit_binormal(drawn.ratings[0, 0], drawn.truth).fit
            return {"there is one": found.p is not None, "it rejects": rejects(found)}

        yield f"{levels} levels, {cases} + {cases} cases", draw


def areas() -> Iterator[tuple[str, Draw]]:
    """The area of one reader, and its test against 1/2 (in JSON only)."""
    for area, diseased, others, levels in (
        (0.5, 40, 40, 0), (0.5, 12, 60, 0), (0.5, 40, 40, 5), (0.85, 40, 40, 5), (0.85, 12, 60, 0),
    ):  # fmt: skip

        def scores(
            rng: np.random.Generator, n1: int, n0: int, area: float = area, levels: int = levels
        ) -> tuple[np.ndarray, np.ndarray]:
            truth = np.arange(n1 + n0) < n1
            found = rng.normal(size=n1 + n0) + np.sqrt(2) * stats.norm.ppf(area) * truth
            if levels:
                found = np.digitize(found, np.linspace(-1, 2, levels - 1)) * 1.0
            return found, truth

        true = auc_estimate(*scores(np.random.default_rng(1), 200_000, 200_000)).value

        def draw(
            rng: np.random.Generator, of=(diseased, others), scores=scores, true: float = true
        ) -> dict[str, bool | None]:
            found = scores(rng, *of)
            one = {"area": holds(reader_area(*found), true)}
            if abs(true - 0.5) < 0.01:
                one["level of the test against 1/2"] = rejects(reader_area(*found))
            return one

        scale = f"{levels} levels" if levels else "any score"
        yield f"area {true:.2f}, {diseased} with and {others} without disease, {scale}", draw


def weighted_f1() -> Iterator[tuple[str, Draw]]:
    """Mean weighted F1 of four readers: of a condition, and the difference of two who are alike."""
    for cases, wrong in ((40, None), (80, None), (150, None), (80, 0.03)):

        def drawn(rng: np.random.Generator, cases: int, wrong: float | None = wrong) -> StudyData:
            data = study(rng, "alike", cases)
            if wrong is None:
                return data
            shape = data.classes.shape
            seen = (data.truth + rng.integers(1, 3, size=shape)) % 3
            return replace(data, classes=np.where(rng.random(shape) < wrong, seen, data.truth))

        many = [drawn(np.random.default_rng(k), 2000) for k in range(20)]
        counts = np.array([
            [cross_table(one.truth, row, 3) for row in one.classes.reshape(-1, 2000)]
            for one in many
        ])  # fmt: skip
        true = float(f1_of(counts).mean())

        def draw(
            rng: np.random.Generator, cases: int = cases, drawn=drawn, true: float = true
        ) -> dict[str, bool | None]:
            data = drawn(rng, cases)
            with patch.object(classes, "REPLICATES", 200):
                found = classes._weighted_f1(data, data.classes)
            return {
                "of a condition": holds(found["aided"], true),
                "difference": holds(found["difference"], 0.0),
            }

        yield f"4 readers, {cases} cases, F1 {true:.2f}", draw


CASE, NOISE, MODEL = 0.6, 0.15, 0.12
"""Spread of logarithms of sizes, and of a reader's and the model's errors."""


def sizes() -> Iterator[tuple[str, Draw]]:
    """Sizes of outlines on the log scale: concordance of model and mean reader, ICC of readers."""
    for readers, cases, own in ((4, 60, 0.1), (2, 40, 0.1), (6, 30, 0.2)):

        def draw(
            rng: np.random.Generator, size: tuple[int, int] = (readers, cases), own: float = own
        ) -> dict[str, bool | None]:
            bias = own * rng.normal(size=size[0])
            true = CASE * rng.normal(size=size[1])
            seen = true + bias[:, None] + NOISE * rng.normal(size=size)
            model = true + MODEL * rng.normal(size=size[1])
            both = 2 * CASE**2 + MODEL**2 + NOISE**2 / size[0] + bias.mean() ** 2
            total = CASE**2 + own**2 + NOISE**2
            return {
                "concordance, these readers": holds(
                    concordance(model, seen.mean(0)), 2 * CASE**2 / both
                ),
                "ICC(2,1), McGraw & Wong": holds(icc(seen.T)["ICC(2,1)"], CASE**2 / total),
                "ICC(2,1), as printed": holds(
                    icc_of_random_raters(seen.T)["ICC(2,1)"], CASE**2 / total
                ),
            }

        yield f"{readers} readers, {cases} cases, SD of readers {own:g}", draw


def spreads() -> Iterator[tuple[str, Draw]]:
    """Profile intervals of the spreads of reading times."""
    for readers, cases in ((4, 40), (8, 40)):
        case, reader, aided = np.indices((cases, readers, 2)).reshape(3, -1)
        levels = {
            "case": case, "reader": reader, "reader_x_aided": 2 * reader + aided,
            "case_x_aided": 2 * case + aided,
        }  # fmt: skip
        true = {
            "case": 0.3, "reader": 0.3, "reader_x_aided": 0.15, "case_x_aided": 0.2,
            "residual": 0.4,
        }  # fmt: skip

        def draw(rng: np.random.Generator, levels=levels, true=true) -> dict[str, bool | None]:
            log = true["residual"] * rng.normal(size=len(levels["case"]))
            for name, of in levels.items():
                log += true[name] * rng.normal(size=of.max() + 1)[of]
            shown = {"aided": (levels["case_x_aided"] % 2) * 1.0}
            found = profile_intervals(log, shown, levels, coefficients=False)
            return {name: holds(found[name], value) for name, value in true.items()}

        yield f"{readers} readers, {cases} cases", draw


def mixed() -> Iterator[tuple[str, Draw]]:
    """The variational mixed model of right calls: no effect of the model for these readers."""
    for readers, cases, effect in ((4, 60, 0.0), (4, 60, 0.8), (8, 60, 0.0)):
        reader, case, aided = np.indices((readers, cases, 2)).reshape(3, -1)

        def draw(
            rng: np.random.Generator, effect: float = effect,
            at: tuple[np.ndarray, ...] = (reader, case, aided),
        ) -> dict[str, bool | None]:  # fmt: skip
            reader, case, aided = at
            logit = 0.6 + effect * aided + rng.normal(size=case.max() + 1)[case]
            logit += 0.4 * rng.normal(size=reader.max() + 1)[reader]
            right = rng.random(len(case)) < special.expit(logit)
            found = crossed_logistic(right, {"aided": aided * 1.0}, reader, case)
            shown = {"coverage of aided": holds(found["aided"], effect)}
            return shown | ({} if effect else {"level": rejects(found["aided"])})

        yield f"{readers} readers, {cases} cases, log odds ratio {effect:g}", draw


ALL = {
    "kappas": kappas, "bins": bins, "fits": fits, "areas": areas, "f1": weighted_f1,
    "sizes": sizes, "spreads": spreads, "mixed": mixed,
}  # fmt: skip

if __name__ == "__main__":
    main(ALL)
