"""Limits fitted to readers, on answers whose limits can be worked out by hand."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "Testing/benchmarks")
    return import_module("fitted_limits")


def test_limits_are_the_tightest_that_keep_their_share(limits: ModuleType) -> None:
    agreement = np.linspace(0.5, 0.995, 100)
    good = np.arange(100) >= 40  # 7 % of 60 good ones are 4: the fifth is not doubted
    assert limits.doubt(good, agreement) == agreement[44]
    assert (agreement[good] < limits.doubt(good, agreement)).sum() == 4
    needed = np.arange(1.0, 58.0)  # 52 of 57 are the fewest that make 90 %
    assert limits.spread(needed) == 52


def test_a_limit_is_counted_on_patients_that_did_not_choose_it(limits: ModuleType) -> None:
    folds = np.repeat(np.arange(5), 20)
    constant = np.where(folds == 4, 9.0, 1.0)  # the last fold's readers differ more
    found = limits._covered(folds, constant)
    assert found["by_fold"] == [9, 9, 9, 9, 1]
    assert found["covered_left_out"] == 80
    agreement = np.where(folds == 4, 0.9, 0.95)
    found = limits._doubted(folds, agreement, np.ones(100, dtype=bool))
    assert found["by_fold"] == [0.9, 0.9, 0.9, 0.9, 0.95]
    assert found["doubted_left_out"] == [0, 20]


def test_the_regression_gives_the_weights_that_made_the_types(limits: ModuleType) -> None:
    weights = np.array([[-6.0, -1.0, -0.5, 1.0], [-2.0, -0.5, 0.0, 0.5], [0, 0, 0, 0]])
    rng = np.random.default_rng(0)
    known = np.column_stack([np.ones(60_000), rng.uniform(-8, 2, (60_000, 2)), np.ones(60_000)])
    known[:, 3] = rng.uniform(1, 3, 60_000)
    chances = np.exp(known @ weights.T)
    chances /= chances.sum(axis=1, keepdims=True)
    types = (rng.random((60_000, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    found = limits.regression(known, types)
    # Types weighted alike: the constants are those of equally frequent types.
    counts = np.log(np.bincount(types))
    fair = weights[:, 0] - counts + counts[2] + [limits.RAISED, limits.RAISED, 0]
    assert found[:, 1:] == pytest.approx(weights[:, 1:], abs=0.1)
    assert found[:, 0] == pytest.approx(fair, abs=0.3)
