"""What must not change an analysis of several readers: order, scale, and readers counted twice."""

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from densesharp.stats.model_vs_readers import standalone
from densesharp.stats.mrmc import analyse
from densesharp.stats.tables import Readings
from densesharp.stats.ustatistics import u_statistics


@st.composite
def studies(draw):
    """Complete studies of two treatments with ratings on a coarse or a fine scale."""
    readers, cases = draw(st.integers(2, 5)), draw(st.integers(8, 24))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    truth = np.arange(cases) % 2 == 0
    ratings = truth + rng.normal(size=(2, readers, cases)) + 0.6 * rng.normal(size=cases)
    if draw(st.booleans()):
        ratings = np.round(1.5 * ratings)
    names = [tuple(f"{letter}{n:02d}" for n in range(size)) for letter, size in
             (("r", readers), ("c", cases))]  # fmt: skip
    return Readings(("a", "b"), *names, truth, ratings)


def numbers(readings):
    """Every number of the analysis, None where there is none."""
    result, u = analyse(readings), u_statistics(readings)
    pair = readings.treatments
    out = {}
    for name in ("rrrc", "frrc", "rrfc"):
        form = getattr(result, name)
        out[name] = [form.test.statistic, form.test.df2, form.test.p]
        out[f"{name} difference"] = [form.differences[pair].value, form.differences[pair].se]
        out[f"{name} means"] = [form.means[t].se for t in pair]
    out["components"] = list(dataclasses.astuple(result.components))
    out["u"] = [u.differences[pair].value, u.differences[pair].se, u.differences[pair].df]
    return out


def assert_equal(first, second, names=None):
    for name in names or first:
        for a, b in zip(first[name], second[name], strict=True):
            assert (a is None) == (b is None), name
            if a is not None:
                assert b == pytest.approx(a, rel=1e-6, abs=1e-10), name


@settings(max_examples=25)
@given(studies(), st.randoms())
def test_the_order_of_readers_and_cases_changes_nothing(study, random):
    r, k = list(range(len(study.readers))), list(range(len(study.cases)))
    random.shuffle(r)
    random.shuffle(k)
    moved = dataclasses.replace(
        study,
        readers=tuple(study.readers[i] for i in r),
        cases=tuple(study.cases[i] for i in k),
        truth=study.truth[k],
        ratings=study.ratings[:, r][:, :, k],
    )
    assert_equal(numbers(study), numbers(moved))


@settings(max_examples=25)
@given(studies())
def test_a_monotone_change_of_each_readers_scale_changes_nothing(study):
    scales = (np.exp, lambda x: 3 * x - 7, lambda x: x**3, np.arctan, np.sinh)
    ratings = study.ratings.copy()
    for j in range(len(study.readers)):
        ratings[:, j] = scales[j % len(scales)](ratings[:, j])
    assert_equal(numbers(study), numbers(dataclasses.replace(study, ratings=ratings)))


@settings(max_examples=25)
@given(studies())
def test_exchanged_treatments_turn_the_difference_round(study):
    turned = dataclasses.replace(study, ratings=study.ratings[::-1])
    a, b = numbers(study), numbers(turned)
    assert_equal(a, b, ("rrrc", "frrc", "rrfc", "components"))
    assert a["u"][0] == pytest.approx(-b["u"][0], abs=1e-12)


@settings(max_examples=25)
@given(studies())
def test_a_scale_and_a_truth_both_turned_round_change_nothing(study):
    turned = dataclasses.replace(study, ratings=-study.ratings, truth=~study.truth)
    assert_equal(numbers(study), numbers(turned))


@settings(max_examples=25)
@given(studies(), st.integers(2, 3))
def test_readers_counted_several_times_change_nothing_for_fixed_readers(study, times):
    """A mean over the same people: its value, variance and test with fixed readers stay."""
    r = len(study.readers)
    copies = dataclasses.replace(
        study,
        readers=tuple(f"{reader} {n}" for n in range(times) for reader in study.readers),
        ratings=np.tile(study.ratings, (1, times, 1)),
    )
    once, often = analyse(study), analyse(copies)
    # Without the clamp of Cov2 - Cov3, which breaks the exact equality.
    assume(once.components.cov2 > once.components.cov3)
    assume(often.components.cov2 > often.components.cov3)
    pair = study.treatments
    assert often.components.var_error == pytest.approx(once.components.var_error)
    assert often.components.cov1 == pytest.approx(once.components.cov1)
    for a, b in (
        (once.frrc.test.statistic, often.frrc.test.statistic),
        (once.frrc.test.p, often.frrc.test.p),
        (once.frrc.differences[pair].se, often.frrc.differences[pair].se),
        (once.rrfc.differences[pair].value, often.rrfc.differences[pair].value),
        (u_statistics(study).differences[pair].value, u_statistics(copies).differences[pair].value),
    ):
        assert (a is None) == (b is None)
        assert b == pytest.approx(a) if a is not None else b is None
    # Copies are no new readers: the mean square between them falls as the definition says.
    if once.mean_squares.tr > 1e-12:
        share = times * (r - 1) / (times * r - 1)
        assert often.mean_squares.tr == pytest.approx(share * once.mean_squares.tr)


@settings(max_examples=25)
@given(studies())
def test_a_model_that_is_a_reader_differs_from_that_reader_by_nothing(study):
    model = study.ratings[0, 0]
    found = standalone(model, study.select(treatments=["a"]))
    same = found.each_reader["r00"]
    assert same.value == 0
    assert same.p is None
    doubled = dataclasses.replace(
        study.select(treatments=["a"]),
        readers=tuple(f"{reader} {n}" for n in range(2) for reader in study.readers),
        ratings=np.tile(study.ratings[:1], (1, 2, 1)),
    )
    assert standalone(model, doubled).rrrc.value == pytest.approx(found.rrrc.value, abs=1e-12)
