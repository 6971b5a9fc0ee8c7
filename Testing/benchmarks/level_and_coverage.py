"""Level and coverage of intervals and tests, by simulation: what docs quote.

    python Testing/benchmarks/level_and_coverage.py [NAME ...] [--sets 1000] [--seed 1]

Each line is one setting; figures are shares of the simulated data sets. Nominal are 0.05 for tests
(of a true null) and 0.95 for intervals.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from math import sqrt

import numpy as np
from scipy import special, stats

from densesharp.stats.area_interval import logit_interval, reader_area
from densesharp.stats.auc import auc_estimate, delong_test
from densesharp.stats.bland_altman import random_reader_limits
from densesharp.stats.calibration import calibration_line
from densesharp.stats.clusters import Clusters
from densesharp.stats.estimates import Estimate
from densesharp.stats.figures_of_merit import sensitivity
from densesharp.stats.gee import gee_logistic
from densesharp.stats.mixed_model import fit_mixed_model
from densesharp.stats.mrmc import analyse
from densesharp.stats.reader_gains import with_drawn_readers
from densesharp.stats.tables import Readings
from densesharp.study.analysis.automation_bias import share_difference, share_of_readings
from densesharp.study.analysis.endpoints import OnLogit, equivalence

Shares = dict[str, float]
Draw = Callable[[np.random.Generator], dict[str, bool | None]]


def shares(draw: Draw, sets: int, seed: int) -> Shares:
    """How often each thing was true in `sets` draws; None (not estimable) does not count."""
    rng = np.random.default_rng(seed)
    found: dict[str, list[bool]] = {}
    for _ in range(sets):
        for name, value in draw(rng).items():
            if value is not None:
                found.setdefault(name, []).append(bool(value))
    return {name: float(np.mean(values)) for name, values in found.items()}


def holds(estimate: Estimate, truth: float) -> bool | None:
    """Whether an interval holds the truth."""
    return None if estimate.ci is None else estimate.ci[0] <= truth <= estimate.ci[1]


def rejects(estimate: Estimate) -> bool | None:
    """Whether a test rejects at 5 %."""
    return None if estimate.p is None else estimate.p < 0.05


def time_model() -> Iterator[tuple[str, Draw]]:
    """Null of the reading-time model, as printed and as the mixed model alone has it."""
    for readers, cases, sd, apart in (
        (4, 60, 0.0, 0.05), (8, 60, 0.0, 0.05), (4, 60, 0.3, 0.05), (8, 60, 0.3, 0.05),
        (4, 60, 0.2, 0.2), (6, 60, 0.2, 0.2),
    ):  # fmt: skip
        case, reader, aided = np.indices((cases, readers, 2)).reshape(3, -1)
        factors = {"case": case, "reader": reader, "reader_x_aided": 2 * reader + aided}

        def draw(
            rng: np.random.Generator, sd: float = sd, size: tuple[int, int] = (readers, cases),
            at: tuple[np.ndarray, ...] = (case, reader, aided), apart: float = apart,
            factors: dict[str, np.ndarray] = factors,
        ) -> dict[str, bool | None]:  # fmt: skip
            case, reader, aided = at
            log = 0.3 * rng.normal(size=size[1])[case] + 0.3 * rng.normal(size=size[0])[reader]
            log += apart * rng.normal(size=(size[0], 2))[reader, aided] / sqrt(2)
            log += sd * rng.normal(size=(size[1], 2))[case, aided] / sqrt(2)
            log += 0.4 * rng.normal(size=len(case))
            effect, all_of_it = {"aided": aided * 1.0}, factors | {"case_x_aided": 2 * case + aided}
            fits = [fit_mixed_model(log, effect, chosen) for chosen in (factors, all_of_it)]
            printed = with_drawn_readers(fits[1], log, effect, all_of_it)
            names = "level without case x aided", "of the mixed model", "as printed"
            return {
                name: rejects(one.fixed["aided"])
                for name, one in zip(names, (*fits, printed), strict=True)
            }

        yield (
            f"{readers} readers, {cases} cases, SD of gains of cases {sd:g}, of readers {apart:g}",
            draw,
        )


def patients() -> Iterator[tuple[str, Draw]]:
    """40 patients with 3 nodules each; two tests of one reader, and four readers."""
    true = float(stats.norm.cdf(1.2 / sqrt(2 * (0.49 + 0.5))))
    for correlation in (0.5, 0.8):

        def draw(rng: np.random.Generator, rho: float = correlation) -> dict[str, bool | None]:
            patient = np.repeat(np.arange(40), 3)

            def shared(*shape: int) -> np.ndarray:
                own = rng.normal(size=(*shape, len(patient)))
                return sqrt(rho) * rng.normal(size=(*shape, 40))[..., patient] + sqrt(1 - rho) * own

            truth = shared() > 0.2
            ratings = 1.2 * truth + 0.7 * shared() + 0.5 * shared(2, 1)
            ratings = ratings + 0.5 * rng.normal(size=(2, 4, len(patient)))
            one, two = ratings[0, 0], ratings[1, 0]
            study = Readings(
                ("a", "b"), tuple("wxyz"), tuple(f"{k:03d}" for k in range(len(patient))), truth,
                ratings, patient,
            )  # fmt: skip
            return {
                "area, by case": holds(auc_estimate(one, truth), true),
                "by patient": holds(auc_estimate(one, truth, patient), true),
                "by patient, logit with t": holds(reader_area(one, truth, patient), true),
                "level of a pair, by case": rejects(delong_test(one, two, truth)),
                "of a pair, by patient": rejects(delong_test(one, two, truth, patient)),
                "RRRC of four readers, by patient": rejects(
                    analyse(study).rrrc.differences["a", "b"]
                ),
                "RRRC of sensitivity, by patient": rejects(
                    analyse(study, sensitivity(0.6)).rrrc.differences["a", "b"]
                ),
            }

        yield f"correlation {correlation:g} within patients", draw


def calibration() -> Iterator[tuple[str, Draw]]:
    """Calibration line of readers who use the scale differently."""

    def chances(rng: np.random.Generator, readers: int, cases: int) -> tuple[np.ndarray, ...]:
        latent = 1.5 * rng.normal(size=cases)
        truth = rng.random(cases) < special.expit(latent)
        slope = np.exp(0.25 * rng.normal(size=readers))[:, None]
        noisy = latent + 0.6 * rng.normal(size=(readers, cases))
        logit = 0.5 * rng.normal(size=readers)[:, None] + slope * noisy
        return np.round(special.expit(logit), 2), truth

    def line(found: tuple[np.ndarray, ...], *, clustered: bool) -> tuple[Estimate, Estimate]:
        chance, truth = found
        reader, case = np.indices(chance.shape).reshape(2, -1)
        by = Clusters(case, reader) if clustered else None
        return calibration_line(chance.ravel(), np.tile(truth, len(chance)), 0.005, by)

    many = np.random.default_rng(7)
    known = [line(chances(many, 200, 400), clustered=False) for _ in range(60)]
    true = [float(np.mean([one[i].value for one in known])) for i in range(2)]
    for readers, cases in ((4, 60), (6, 100)):

        def draw(
            rng: np.random.Generator, size: tuple[int, int] = (readers, cases)
        ) -> dict[str, bool | None]:
            found = chances(rng, *size)
            return {
                f"{what}, {name}": holds(line(found, clustered=clustered)[i], true[i])
                for i, what in enumerate(("intercept", "slope"))
                for name, clustered in (("pooled", False), ("readers and cases", True))
            }

        yield f"{readers} readers, {cases} cases", draw


def right_calls() -> Iterator[tuple[str, Draw]]:
    """Regression of right calls, no effect of the model on average."""
    for readers, cases, sd in ((4, 60, 0.0), (4, 60, 0.3), (6, 100, 0.3)):

        def draw(
            rng: np.random.Generator, size: tuple[int, int] = (readers, cases), sd: float = sd
        ) -> dict[str, bool | None]:
            case, reader, aided = np.indices((size[1], size[0], 2)).reshape(3, -1)
            logit = 0.6 + rng.normal(size=size[1])[case] + 0.4 * rng.normal(size=size[0])[reader]
            logit += sd / sqrt(2) * rng.normal(size=(size[0], 2))[reader, aided]
            correct = rng.random(len(case)) < special.expit(logit)
            shown = {"aided": aided * 1.0}
            return {
                "level, these readers only": rejects(gee_logistic(correct, shown, case)["aided"]),
                "readers like them": rejects(gee_logistic(correct, shown, case, reader)["aided"]),
            }

        yield f"{readers} readers, {cases} cases, SD of reader x aided {sd:g}", draw


def near_one() -> Iterator[tuple[str, Draw]]:
    """Intervals of one reader's area, with few cases of a class or near 1."""
    settings = ((0.8, 50, 50, 1.0), (0.95, 50, 50, 1.0), (0.8, 10, 90, 1.0), (0.95, 10, 90, 1.0),
                (0.95, 90, 10, 1.0), (0.9, 10, 40, 0.6), (0.85, 6, 30, 1.0),
                (0.95, 15, 60, 0.6), (0.8, 10, 90, 0.6))  # fmt: skip
    for area, diseased, others, b in settings:

        def draw(
            rng: np.random.Generator,
            area: float = area,
            size: tuple[int, int] = (diseased, others),
            b: float = b,
        ) -> dict[str, bool | None]:
            truth = np.arange(sum(size)) < size[0]
            ratings = rng.normal(size=len(truth))
            distance = sqrt(1 + b**-2) * stats.norm.ppf(area)
            ratings = np.where(truth, ratings / b + distance, ratings)
            wald = auc_estimate(ratings, truth)
            return {
                "Wald": holds(wald, area),
                "logit": holds(logit_interval(wald), area),
                "as printed": holds(reader_area(ratings, truth), area),
            }

        yield f"area {area:g}, {diseased} with and {others} without disease, b {b:g}", draw


def equal_gains() -> Iterator[tuple[str, Draw]]:
    """Sensitivity of few readers, often with equal differences of all: RRRC and its limit."""
    for readers in (2, 3):

        def draw(rng: np.random.Generator, readers: int = readers) -> dict[str, bool | None]:
            truth = np.arange(60) < 30
            case = rng.normal(size=60)
            ratings = case + 0.7 * rng.normal(size=(2, readers, 60)) > 0.3
            names = tuple(f"{k:02d}" for k in range(60))
            study = Readings(("a", "b"), names[:readers], names, truth, ratings * 1.0)
            found = analyse(study, sensitivity(1))
            limit = found.mean_squares.tr is not None and found.mean_squares.tr < 1e-18
            difference = found.rrrc.differences["a", "b"]
            return {
                "level of RRRC": rejects(difference) or False,
                "all differences equal": limit,
                "not estimable": difference.p is None,
            }

        yield f"{readers} readers, 30 diseased cases", draw


def limits() -> Iterator[tuple[str, Draw]]:
    """Limits of agreement of a measurement with readers who have a bias of their own."""
    for readers, cases in ((2, 60), (3, 60), (4, 60), (6, 60), (10, 60)):

        def draw(
            rng: np.random.Generator, size: tuple[int, int] = (readers, cases)
        ) -> dict[str, bool | None]:
            bias, case, noise = 0.5, 0.3, 1.0
            differences = bias * rng.normal(size=size[0])[:, None] + case * rng.normal(size=size[1])
            found = random_reader_limits(differences + noise * rng.normal(size=size))
            true = 1.959964 * sqrt(bias**2 + case**2 + noise**2)
            return {"bias": holds(found.bias, 0.0), "upper limit": holds(found.upper, true)}

        yield f"{readers} readers, {cases} cases, readers' own bias SD 0.5", draw


def followed() -> Iterator[tuple[str, Draw]]:
    """Automation bias: right answers change as often where the model is wrong as where it is right.

    Whether a reading changes depends on reader and case, whether it was right before on the case.
    """
    many = np.random.default_rng(7).normal(size=(2, 1_000_000))
    for readers, cases, wrong, spread in (
        (4, 60, 0.3, 0.5), (5, 90, 0.3, 0.5), (8, 100, 0.3, 0.5), (5, 90, 0.15, 0.5),
        (5, 90, 0.3, 1.0),
    ):  # fmt: skip
        true = float(special.expit(-1.5 + spread * many[0] + 0.7 * many[1]).mean())

        def draw(
            rng: np.random.Generator, size: tuple[int, int] = (readers, cases),
            wrong: float = wrong, spread: float = spread, true: float = true,
        ) -> dict[str, bool | None]:  # fmt: skip
            model_wrong = rng.random(size[1]) < wrong
            before = rng.random(size) < special.expit(0.8 + rng.normal(size=size[1]))
            logit = (
                -1.5 + spread * rng.normal(size=size[0])[:, None] + 0.7 * rng.normal(size=size[1])
            )
            changed = rng.random(size) < special.expit(logit)
            of = np.arange(size[1])
            parts = (changed, before & model_wrong), (changed, before & ~model_wrong)
            return {
                "level": rejects(share_difference(*parts, of)),
                "share where the model was wrong": holds(share_of_readings(*parts[0], of), true),
                "difference": holds(share_difference(*parts, of), 0.0),
            }

        setting = f"model wrong in {wrong:.0%}, SD of readers {spread:g}"
        yield f"{readers} readers, {cases} cases, {setting}", draw


def equivalent() -> Iterator[tuple[str, Draw]]:
    """Equivalence where the areas differ by the margin exactly, and where they are equal."""
    for readers, cases, apart in ((4, 100, 1.0), (8, 100, 1.0), (5, 200, 1.0), (5, 200, 0.0)):
        low, margin, spread = 1.2, 0.1, sqrt(2 * (0.49 + 0.25 + 0.25))
        area = float(stats.norm.cdf(low / spread))
        high = spread * float(stats.norm.ppf(area + apart * margin))

        def draw(
            rng: np.random.Generator, size: tuple[int, int] = (readers, cases),
            signal: tuple[float, float] = (high, low), margin: float = margin,
            apart: float = apart,
        ) -> dict[str, bool | None]:  # fmt: skip
            truth = np.arange(size[1]) % 2 == 0
            shared = 0.7 * rng.normal(size=size[1]) + 0.5 * rng.normal(size=(2, 1, size[1]))
            ratings = np.array(signal)[:, None, None] * truth + shared
            ratings = ratings + 0.5 * rng.normal(size=(2, *size))
            names = tuple(f"{k:03d}" for k in range(size[1]))
            study = Readings(("a", "b"), names[: size[0]], names, truth, ratings)
            form = analyse(study).rrrc
            found, means = form.differences["a", "b"], form.means
            both = OnLogit(means["a"], means["b"], (0.0, 1.0))
            return {
                "shown to be equivalent by t": equivalence(found, margin).shown,
                "by the logit scale": equivalence(found, margin, both).shown,
                "coverage of t": holds(found, apart * margin),
                "of the logit scale": holds(form.differences_logit["a", "b"], apart * margin),
            }

        yield f"{readers} readers, {cases} cases, areas {apart * margin:g} apart, margin 0.1", draw


ALL = {
    "time": time_model,
    "patients": patients, "calibration": calibration, "calls": right_calls, "area": near_one,
    "equal": equal_gains, "limits": limits, "followed": followed, "equivalent": equivalent,
}  # fmt: skip


def main(known: dict[str, Callable[[], Iterator[tuple[str, Draw]]]]) -> None:
    """Simulate what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*known, []], metavar="NAME", default=[])
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in args.names or known:
        sys.stdout.write(f"{name}: {known[name].__doc__}\n")
        for setting, draw in known[name]():
            found = shares(draw, args.sets, args.seed)
            text = "; ".join(f"{what} {share:.3f}" for what, share in found.items())
            sys.stdout.write(f"  {setting}: {text}\n")


if __name__ == "__main__":
    main(ALL)
