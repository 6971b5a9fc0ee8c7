"""Fresh random studies against the papers' formulas, summed by plain loops.

One reader, treatments with cases of their own, and patients with several cases: what no table of
reference values has.
"""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats

from densesharp.stats.auc import delong_test
from densesharp.stats.mrmc import analyse
from densesharp.stats.tables import Readings

EXACT = {"rel": 1e-9, "abs": 1e-12}


def drawn(seed: int, readers: int, nodules: int = 1) -> Readings:
    """A study of any size, with ties or without, its classes mixed within patients."""
    rng = np.random.default_rng(seed)
    patients = int(rng.integers(12, 30))
    patient = np.sort(np.r_[np.arange(patients), rng.integers(patients, size=(nodules - 1) * 15)])
    cases = len(patient)
    truth = rng.normal(size=patients)[patient] + rng.normal(size=cases) > rng.normal() / 3
    truth[:4], truth[-6:] = True, False
    ratings = truth + rng.normal(size=patients)[patient] + rng.normal(size=(2, readers, cases))
    if seed % 2:
        ratings = np.round(2 * ratings) / 2
    names = (
        ("a", "b"),
        tuple(f"r{j}" for j in range(readers)),
        tuple(f"{k:03d}" for k in range(cases)),
    )
    return Readings(*names, truth, ratings, patient if nodules > 1 else None)


def wins(x: float, y: float) -> float:
    """The kernel of the area."""
    return 1.0 if x > y else 0.5 if x == y else 0.0


def placed(ratings, truth):
    """Area, and each case's mean kernel with the cases of the other class."""
    diseased, others = np.flatnonzero(truth), np.flatnonzero(~truth)
    v = np.zeros(len(truth))
    for i, j in product(diseased, others):
        won = wins(ratings[i], ratings[j])
        v[i] += won / len(others)
        v[j] += won / len(diseased)
    return float(np.mean(v[diseased])), v


def obuchowski_covariance(study: Readings) -> tuple[np.ndarray, np.ndarray]:
    """Areas (t, r) and their covariance (t, r, t, r) by Obuchowski 1997, one patient after another.

    Without patients every case is one, and this is DeLong's.
    """
    t, r, cases = study.ratings.shape
    of = np.arange(cases) if study.patients is None else study.patients
    areas, sums = np.zeros((t, r)), {}
    n1, n0 = int(study.truth.sum()), int((~study.truth).sum())
    for i, j in np.ndindex(t, r):
        areas[i, j], v = placed(study.ratings[i, j], study.truth)
        sums[i, j] = {
            one: (
                sum(v[k] - areas[i, j] for k in np.flatnonzero((of == one) & study.truth)),
                sum(v[k] - areas[i, j] for k in np.flatnonzero((of == one) & ~study.truth)),
            )
            for one in np.unique(of)
        }
    i10, i01 = len(set(of[study.truth])), len(set(of[~study.truth]))
    everyone = len(set(of))
    covariance = np.zeros((t, r, t, r))
    for first, second in product(sums, sums):
        a, b = sums[first], sums[second]
        total = 0.0
        for one in a:
            total += i10 / (i10 - 1) * a[one][0] * b[one][0] / n1**2
            total += i01 / (i01 - 1) * a[one][1] * b[one][1] / n0**2
            mixed = a[one][0] * b[one][1] + a[one][1] * b[one][0]
            total += everyone / (everyone - 1) * mixed / (n1 * n0)
        covariance[(*first, *second)] = total
    return areas, covariance


def obuchowski_rockette(areas, covariance, most_df):
    """Difference, its SE and p with random readers and cases, and with these readers."""
    t, r = areas.shape
    same = [covariance[i, j, i, j] for i, j in np.ndindex(t, r)]
    cov1 = [
        covariance[i, j, k, j] for i, k in product(range(t), repeat=2) if i != k for j in range(r)
    ]
    cov2 = [
        covariance[i, j, i, m] for i in range(t) for j, m in product(range(r), repeat=2) if j != m
    ]
    cov3 = [covariance[i, j, k, m] for i, k in product(range(t), repeat=2) if i != k
            for j, m in product(range(r), repeat=2) if j != m]  # fmt: skip
    excess = max(0.0, np.mean(cov2) - np.mean(cov3)) if r > 1 else 0.0
    difference = areas[0].mean() - areas[1].mean()
    fixed = np.sqrt(2 / r * (np.mean(same) - np.mean(cov1) + (r - 1) * excess))
    if r == 1:
        return difference, None, (fixed, 2 * stats.norm.sf(abs(difference) / fixed))
    gaps = areas[0] - areas[1]
    ms_tr = sum((gap - difference) ** 2 for gap in gaps) / 2 / (r - 1)
    d = ms_tr + r * excess
    df = min(most_df, (r - 1) * (d / ms_tr) ** 2)
    se = np.sqrt(2 * d / r)
    return difference, (se, df, 2 * stats.t.sf(abs(difference) / se, df)), (
        fixed, 2 * stats.norm.sf(abs(difference) / fixed),
    )  # fmt: skip


def compare(found, wanted) -> None:
    difference, random, fixed = wanted
    these = found.frrc.differences["a", "b"]
    assert these.value == pytest.approx(difference, **EXACT)
    assert (these.se, these.p) == pytest.approx(fixed, **EXACT)
    like_them = found.rrrc.differences["a", "b"]
    if random is None:
        assert like_them.p is None
        return
    assert (like_them.se, like_them.df, like_them.p) == pytest.approx(random, **EXACT)


@pytest.mark.parametrize("seed", range(40))
def test_one_reader(seed):
    study = drawn(seed, 1)
    wanted = obuchowski_rockette(*obuchowski_covariance(study), np.inf)
    compare(analyse(study, covariance="delong"), wanted)
    pair = delong_test(study.ratings[0, 0], study.ratings[1, 0], study.truth)
    assert (pair.se, pair.p) == pytest.approx(wanted[2], **EXACT)


@pytest.mark.parametrize("seed", range(40))
def test_patients_of_several_cases(seed):
    """One reader, and two to four readers."""
    for readers in (1, 2 + seed % 3):
        study = drawn(100 + seed, readers, nodules=3)
        patients = len(set(study.patients))
        wanted = obuchowski_rockette(*obuchowski_covariance(study), patients - 1)
        compare(analyse(study, covariance="delong"), wanted)


@pytest.mark.parametrize("seed", range(40))
def test_treatments_with_cases_of_their_own(seed):
    """Unpaired: the two areas have no covariance; one reader, and two to four."""
    for readers in (1, 2 + seed % 3):
        whole = drawn(200 + seed, readers)
        own = np.cumsum(whole.truth) % 2 == 0
        own[~whole.truth] = np.arange((~whole.truth).sum()) % 3 > 0
        ratings = whole.ratings.copy()
        ratings[0][:, ~own], ratings[1][:, own] = np.nan, np.nan
        areas, covariance = np.zeros((2, readers)), np.zeros((2, readers, 2, readers))
        for i, cases in enumerate((own, ~own)):
            part = replace(
                whole,
                cases=tuple(np.array(whole.cases)[cases]),
                truth=whole.truth[cases],
                ratings=whole.ratings[:, :, cases],
            )
            found = obuchowski_covariance(part)
            areas[i], covariance[i, :, i, :] = found[0][i], found[1][i, :, i, :]
        wanted = obuchowski_rockette(areas, covariance, np.inf)
        compare(analyse(replace(whole, ratings=ratings), covariance="delong"), wanted)
